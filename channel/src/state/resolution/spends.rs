//! What the spend of a tracked output means: who took it, which preimage it shows, and which output comes after it.

use bitcoin::{OutPoint, Transaction, TxIn};

use super::revoked;
use super::{HtlcTerms, OutputSpend, Resolution, Role, TrackedOutput};
use crate::action::{Action, Event};
use crate::error::{ChainError, ChannelError};
use crate::ids::PaymentPreimage;
use crate::params::Side;
use crate::script;
use crate::state::established::Established;
use crate::state::spend::SpendKind;

impl Resolution {
    /// `transaction` spends a tracked output and is in the block of this height.
    pub(in crate::state) fn output_spent(
        &mut self,
        common: &mut Established,
        outpoint: OutPoint,
        transaction: &Transaction,
        block_height: u32,
    ) -> Result<Vec<Action>, ChannelError> {
        let position = self
            .position(outpoint)
            .ok_or(ChainError::NotTracked { outpoint })?;
        let txid = transaction.compute_txid();
        let (index, input) = (0u32..)
            .zip(&transaction.input)
            .find(|(_, input)| input.previous_output == outpoint)
            .ok_or(ChainError::NotASpend { txid })?;
        let known = self.outputs.get(position).and_then(|output| output.spent);
        if known.is_some_and(|spent| spent.txid == txid && spent.block_height == block_height) {
            return Ok(Vec::new());
        }
        // Where one is known, a reorg was not told of: another transaction stands there now.
        self.output_reorged(outpoint)?;
        let Some(output) = self.outputs.get_mut(position) else {
            return Err(ChainError::NotTracked { outpoint }.into());
        };
        let by = taken_by(self.spend.kind, &output.role, input);
        output.spent = Some(OutputSpend {
            txid,
            block_height,
            by,
        });
        let mut actions = vec![Action::Tell(Event::OutputsChanged)];
        if let Role::Htlc(terms) = output.role {
            actions.extend(learn(common, &terms, input));
            let vout = index;
            let next = self.second_stage(common, by, transaction, vout);
            self.outputs.extend(next.map(|value| TrackedOutput {
                outpoint: OutPoint { txid, vout },
                value,
                role: Role::SecondStage(terms),
                confirmed_at: block_height,
                spent: None,
            }));
        }
        Ok(actions)
    }

    /// A reorg took the spend of a tracked output away, and with it every output that came of it.
    pub(in crate::state) fn output_reorged(
        &mut self,
        outpoint: OutPoint,
    ) -> Result<bool, ChannelError> {
        let position = self
            .position(outpoint)
            .ok_or(ChainError::NotTracked { outpoint })?;
        let spent = self
            .outputs
            .get_mut(position)
            .and_then(|output| output.spent.take());
        let Some(spent) = spent else {
            return Ok(false);
        };
        // Several HTLCs may be settled by one transaction (BOLT 5): only what came of this input goes.
        let made = match self.spent_at(position) {
            Some(terms) => terms,
            None => return Ok(true),
        };
        self.outputs.retain(|output| {
            output.outpoint.txid != spent.txid || output.role != Role::SecondStage(made)
        });
        Ok(true)
    }

    fn spent_at(&self, position: usize) -> Option<HtlcTerms> {
        match self.outputs.get(position)?.role {
            Role::Htlc(terms) => Some(terms),
            Role::ToLocal | Role::ToRemote | Role::SecondStage(_) | Role::Forgotten => None,
        }
    }

    fn position(&self, outpoint: OutPoint) -> Option<usize> {
        self.outputs
            .iter()
            .position(|output| output.outpoint == outpoint)
    }

    /// What the broadcaster's second-stage transaction pays into its delayed output: a signature of `SIGHASH_SINGLE` binds
    /// the HTLC's input to the output of the same index (BOLT 5, "Generation of HTLC Transactions").
    fn second_stage(
        &self,
        common: &Established,
        by: Side,
        transaction: &Transaction,
        vout: u32,
    ) -> Option<bitcoin::Amount> {
        let params = &common.params;
        let redeemscript = match (self.spend.kind, by) {
            (SpendKind::Holder { .. }, Side::Holder) => {
                let commitment = self.spend.kind.commitment(common)?;
                script::broadcaster_redeemscript(params, Side::Holder, commitment.keys())
            }
            (SpendKind::Revoked { number }, Side::Counterparty) => {
                revoked::of_number(common, number)?.delayed_redeemscript(params)
            }
            (
                SpendKind::Holder { .. }
                | SpendKind::Revoked { .. }
                | SpendKind::Mutual
                | SpendKind::Counterparty { .. }
                | SpendKind::Future { .. }
                | SpendKind::Unknown,
                _,
            ) => return None,
        };
        let output = transaction.output.get(usize::try_from(vout).ok()?)?;
        (output.script_pubkey == redeemscript.to_p2wsh()).then_some(output.value)
    }
}

/// Which side's path a witness takes (BOLT 3, the scripts' own comments).
fn taken_by(kind: SpendKind, role: &Role, input: &TxIn) -> Side {
    let is_revocation = || {
        // `<revocation_sig> 1 <script>` or `<revocation_sig> <revocationpubkey> <script>`; every other path of these
        // scripts has an empty item there, or more items.
        input.witness.len() == 3 && input.witness.nth(1).is_some_and(|item| !item.is_empty())
    };
    match (kind, role) {
        (SpendKind::Revoked { .. }, Role::ToLocal | Role::SecondStage(_)) => {
            match is_revocation() {
                true => Side::Holder,
                false => Side::Counterparty,
            }
        }
        (SpendKind::Revoked { .. }, Role::Htlc(_) | Role::Forgotten) => match is_key(input) {
            true => Side::Holder,
            false => Side::Counterparty,
        },
        // With a preimage the receiver took it, else the offerer took it back.
        (_, Role::Htlc(terms)) => match preimage_of(terms, input) {
            Some(_) => terms.offered_by.other(),
            None => terms.offered_by,
        },
        (_, Role::ToLocal | Role::ToRemote | Role::SecondStage(_) | Role::Forgotten) => {
            Side::Holder
        }
    }
}

/// Whether the second of three items is a public key: the revocation path of an HTLC's output. A preimage has 32 bytes.
fn is_key(input: &TxIn) -> bool {
    let item = input.witness.nth(1);
    input.witness.len() == 3 && item.is_some_and(|item| item.len() == 33)
}

/// BOLT 5, "HTLC Output Handling": a preimage in a witness, wherever it stands, is known by its hash.
fn preimage_of(terms: &HtlcTerms, input: &TxIn) -> Option<PaymentPreimage> {
    input.witness.iter().find_map(|item| {
        let preimage = PaymentPreimage(item.try_into().ok()?);
        (preimage.payment_hash() == terms.payment_hash).then_some(preimage)
    })
}

/// The preimage of an HTLC of this node's counts at once, however shallow the transaction is.
fn learn(common: &mut Established, terms: &HtlcTerms, input: &TxIn) -> Option<Action> {
    if terms.offered_by != Side::Holder {
        return None;
    }
    let preimage = preimage_of(terms, input)?;
    let id = terms.id;
    common
        .commitments
        .learn_shown_preimage(id, preimage)
        .then_some(Action::Tell(Event::HtlcFulfilled { id, preimage }))
}

/// Preimages of this node's HTLCs that a transaction shows, confirmed or not, whichever output it spends.
pub(in crate::state) fn shown(
    common: &Established,
    transaction: &Transaction,
) -> Vec<(crate::ids::HtlcId, PaymentPreimage)> {
    let offered = common
        .commitments
        .htlcs()
        .iter()
        .filter(|htlc| htlc.offered_by == Side::Holder && htlc.preimage.is_none());
    offered
        .filter_map(|htlc| {
            let terms = HtlcTerms::from(htlc);
            let inputs = transaction.input.iter();
            let preimage = inputs
                .filter_map(|input| preimage_of(&terms, input))
                .next()?;
            Some((htlc.id, preimage))
        })
        .collect()
}

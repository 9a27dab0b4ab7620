//! How this node takes what is its own of a spent channel, reckoned from the outputs that are unspent now.

use bitcoin::hashes::Hash;
use bitcoin::{Amount, OutPoint, ScriptBuf, WPubkeyHash};

use super::revoked;
use super::{HtlcTerms, Resolution, Role, TrackedOutput};
use crate::ids::{HtlcId, PaymentPreimage};
use crate::params::Side;
use crate::state::established::Established;
use crate::state::spend::SpendKind;
use crate::tx::after_timelock;
use crate::tx::claim;
use crate::tx::commitment::{CommitmentTx, HtlcOutput};
use crate::tx::htlc::HtlcTx;
use crate::tx::spend::SpendableOutput;

/// The feerate at which an output must at least be worth its claim: what every mempool takes at its emptiest.
const LEAST_FEERATE_PER_KW: u32 = 253;

/// Why an output is this node's to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// Its balance in its own commitment, or the output of its own second stage, after the delay.
    Delayed,
    /// Its balance in the counterparty's commitment.
    Balance,
    /// An HTLC that it offered, after its expiry.
    Timeout(HtlcTerms),
    /// An HTLC that it was offered, with the preimage.
    Success(HtlcTerms),
    /// The balance of a revoked commitment, or the output of one of its second stages: the cheater's only after a delay.
    Penalty,
    /// An HTLC's output of a revoked commitment, which the cheater may move to a second stage at any moment.
    HtlcPenalty,
}

/// By what transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSpend {
    /// Any that spends this output.
    Output(Box<SpendableOutput>),
    /// HTLC-timeout or HTLC-success of this node's own commitment, which the counterparty has signed.
    SecondStage {
        /// The transaction, without what pays its fee.
        stage: Box<HtlcTx>,
        /// What claims it, where it is an HTLC-success.
        preimage: Option<PaymentPreimage>,
    },
}

/// An output that is this node's to take, now or later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it is.
    pub kind: ClaimKind,
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it holds.
    pub value: Amount,
    /// The lowest height of a block that can hold the claim.
    pub spendable_at: u32,
    /// The height from which somebody else may take the output, and by which the claim should be in a block.
    pub deadline: Option<u32>,
    /// How it is taken.
    pub spend: ClaimSpend,
}

impl Claim {
    /// Whether it is worth a transaction of its own when blocks are empty.
    pub fn is_worthwhile(&self) -> bool {
        match &self.spend {
            // The smallest script that a wallet is paid by.
            ClaimSpend::Output(output) => {
                let wallet = ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([0; 20]));
                let outputs = vec![(**output).clone()];
                claim::create_claim_transaction(outputs, wallet, LEAST_FEERATE_PER_KW).is_ok()
            }
            ClaimSpend::SecondStage { stage, .. } => {
                let weight = stage.max_weight().saturating_add(SECOND_STAGE_EXTRA_WEIGHT);
                let fee = crate::fees::fee_for_weight(LEAST_FEERATE_PER_KW, weight);
                stage.output_value() > fee
            }
        }
    }
}

/// A wallet's input and change, which pay for a second stage, and the later spend of its delayed output.
const SECOND_STAGE_EXTRA_WEIGHT: u64 = 272 + 124 + 600;

impl Resolution {
    /// Everything unspent that this node may take, now or later.
    pub(in crate::state) fn claims(&self, common: &Established) -> Vec<Claim> {
        let commitment = self.spend.kind.commitment(common);
        let unspent = self.outputs.iter().filter(|output| output.spent.is_none());
        unspent
            .filter_map(|output| match self.spend.kind {
                SpendKind::Holder { .. } => of_holder(common, commitment.as_ref()?, output),
                SpendKind::Counterparty { .. } => {
                    of_counterparty(common, commitment.as_ref()?, output)
                }
                SpendKind::Revoked { number } => of_revoked(common, number, output),
                SpendKind::Future { .. } | SpendKind::Unknown => balance(common, output),
                SpendKind::Mutual => None,
            })
            .collect()
    }
}

fn simple(
    output: &TrackedOutput,
    kind: ClaimKind,
    deadline: Option<u32>,
    spend: SpendableOutput,
) -> Claim {
    Claim {
        kind,
        outpoint: output.outpoint,
        value: output.value,
        spendable_at: spend.spendable_at(output.confirmed_at),
        deadline,
        spend: ClaimSpend::Output(Box::new(spend)),
    }
}

fn of_holder(
    common: &Established,
    commitment: &CommitmentTx,
    output: &TrackedOutput,
) -> Option<Claim> {
    let params = &common.params;
    let terms = match output.role {
        Role::ToLocal | Role::SecondStage(_) => {
            let (at, value) = (output.outpoint, output.value);
            let spend = after_timelock::delayed(params, commitment, at, value);
            return Some(simple(output, ClaimKind::Delayed, None, spend));
        }
        Role::Htlc(terms) => terms,
        Role::ToRemote | Role::Forgotten => return None,
    };
    let preimage = preimage(common, terms.offered_by, terms.id);
    let htlc = located(commitment, output)?;
    let stage = HtlcTx::new(params, commitment, htlc).ok()?;
    // BOLT 3: with anchors the script demands one block; an HTLC-timeout's lock time is the expiry.
    let after_one = output.confirmed_at.saturating_add(1);
    let (kind, spendable_at, deadline, preimage) = match terms.offered_by {
        Side::Holder => {
            let expired = terms.cltv_expiry.saturating_add(1);
            let kind = ClaimKind::Timeout(terms);
            (kind, expired.max(after_one), None, None)
        }
        Side::Counterparty => {
            let kind = ClaimKind::Success(terms);
            (kind, after_one, Some(terms.cltv_expiry), Some(preimage?))
        }
    };
    Some(Claim {
        kind,
        outpoint: output.outpoint,
        value: output.value,
        spendable_at,
        deadline,
        spend: ClaimSpend::SecondStage {
            stage: Box::new(stage),
            preimage,
        },
    })
}

fn of_counterparty(
    common: &Established,
    commitment: &CommitmentTx,
    output: &TrackedOutput,
) -> Option<Claim> {
    let params = &common.params;
    let terms = match output.role {
        Role::Htlc(terms) => terms,
        Role::ToRemote => return balance(common, output),
        Role::ToLocal | Role::SecondStage(_) | Role::Forgotten => return None,
    };
    let htlc = located(commitment, output)?;
    match terms.offered_by {
        Side::Holder => {
            let spend = claim::by_timeout(params, commitment, &htlc).ok()?;
            Some(simple(output, ClaimKind::Timeout(terms), None, spend))
        }
        Side::Counterparty => {
            let preimage = preimage(common, terms.offered_by, terms.id)?;
            let spend = claim::by_preimage(params, commitment, &htlc, &preimage).ok()?;
            let deadline = Some(terms.cltv_expiry);
            Some(simple(output, ClaimKind::Success(terms), deadline, spend))
        }
    }
}

/// BOLT 5, "Revoked Transaction Close Handling": every output of the commitment and of its second stages.
fn of_revoked(common: &Established, number: u64, output: &TrackedOutput) -> Option<Claim> {
    let params = &common.params;
    let revoked = revoked::of_number(common, number)?;
    let (at, value) = (output.outpoint, output.value);
    let (kind, spend) = match output.role {
        Role::ToRemote => return balance(common, output),
        Role::ToLocal | Role::SecondStage(_) => {
            (ClaimKind::Penalty, revoked.delayed(params, at, value))
        }
        Role::Htlc(terms) => {
            let format = params.channel_type.format;
            let redeemscript = revoked::redeemscript(format, &revoked.keys, &terms);
            let spend = revoked.htlc(redeemscript, at, value);
            (ClaimKind::HtlcPenalty, spend)
        }
        Role::Forgotten => return None,
    };
    // The delay that this node demanded of the counterparty's outputs is the time there is.
    let delay = u32::from(params.holder.to_self_delay);
    let deadline = output.confirmed_at.saturating_add(delay);
    Some(simple(output, kind, Some(deadline), spend))
}

fn balance(common: &Established, output: &TrackedOutput) -> Option<Claim> {
    match output.role {
        Role::ToRemote => {
            let spend = after_timelock::to_remote(&common.params, output.outpoint, output.value);
            Some(simple(output, ClaimKind::Balance, None, spend))
        }
        Role::ToLocal | Role::Htlc(_) | Role::SecondStage(_) | Role::Forgotten => None,
    }
}

fn preimage(common: &Established, offered_by: Side, id: HtlcId) -> Option<PaymentPreimage> {
    let mut htlcs = common.commitments.htlcs().iter();
    htlcs
        .find(|htlc| htlc.offered_by == offered_by && htlc.id == id)
        .and_then(|htlc| htlc.preimage)
}

fn located(commitment: &CommitmentTx, output: &TrackedOutput) -> Option<HtlcOutput> {
    let vout = output.outpoint.vout;
    let mut outputs = commitment.htlc_outputs().iter();
    outputs.find(|htlc| htlc.vout == vout).copied()
}

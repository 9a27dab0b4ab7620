//! The outputs of a revoked commitment. Its content is forgotten, but its secret gives all its keys, and with them each
//! output shows what it is (BOLT 5, "Revoked Transaction Close Handling").

use bitcoin::secp256k1::SecretKey;
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut};
use secp256k1::SECP256K1;

use super::{HtlcTerms, Resolution, Role, TrackedOutput};
use crate::keys::TxKeys;
use crate::params::{ChannelParams, CommitmentFormat, Side};
use crate::script;
use crate::state::established::Established;
use crate::state::spend::SpendKind;
use crate::tx::penalty::Revoked;

/// Number and keys of a revoked commitment, from the secret that the counterparty revealed.
pub(super) fn of_number(common: &Established, number: u64) -> Option<Revoked> {
    let secret = common.commitments.secrets().get(number)?;
    let point = SecretKey::from_slice(&secret).ok()?.public_key(SECP256K1);
    let keys = TxKeys::new(&common.params, Side::Counterparty, &point);
    Some(Revoked { number, keys })
}

/// Every output that is this node's to take, with the HTLCs that the state still knows.
pub(super) fn outputs(
    common: &Established,
    number: u64,
    tx: &Transaction,
    confirmed_at: u32,
) -> Vec<TrackedOutput> {
    let Some(revoked) = of_number(common, number) else {
        return Vec::new();
    };
    let known: Vec<HtlcTerms> = common
        .commitments
        .htlcs()
        .iter()
        .map(HtlcTerms::from)
        .collect();
    let mut unused = known;
    let txid = tx.compute_txid();
    let mut outputs = Vec::with_capacity(tx.output.len());
    for (vout, output) in (0u32..).zip(&tx.output) {
        if let Some(role) = role(&common.params, &revoked, output, &mut unused) {
            outputs.push(TrackedOutput {
                outpoint: OutPoint { txid, vout },
                value: output.value,
                role,
                confirmed_at,
                spent: None,
            });
        }
    }
    outputs
}

/// `None` for anchors: whoever pays a fee with them is welcome to it.
fn role(
    params: &ChannelParams,
    revoked: &Revoked,
    output: &TxOut,
    unused: &mut Vec<HtlcTerms>,
) -> Option<Role> {
    let format = params.channel_type.format;
    let own = &params.holder.keys;
    let is = |script: ScriptBuf| output.script_pubkey == script;
    if is(revoked.delayed_redeemscript(params).to_p2wsh()) {
        return Some(Role::ToLocal);
    }
    if is(script::to_remote_script_pubkey(
        format,
        &own.payment_basepoint,
    )) {
        return Some(Role::ToRemote);
    }
    let anchors = [&own.funding, &params.counterparty.keys.funding];
    let is_anchor = |key| is(script::anchor_redeemscript(key).to_p2wsh());
    if format == CommitmentFormat::Anchors && anchors.into_iter().any(is_anchor) {
        return None;
    }
    Some(match take(format, revoked, output, unused) {
        Some(terms) => Role::Htlc(terms),
        None => Role::Forgotten,
    })
}

/// The first of `unused` that this output is of. Each HTLC has one output: two of one hash and expiry have one each.
fn take(
    format: CommitmentFormat,
    revoked: &Revoked,
    output: &TxOut,
    unused: &mut Vec<HtlcTerms>,
) -> Option<HtlcTerms> {
    let fits = |terms: &HtlcTerms| {
        redeemscript(format, &revoked.keys, terms).to_p2wsh() == output.script_pubkey
    };
    let position = unused.iter().position(fits)?;
    Some(unused.remove(position))
}

/// The witness script of an HTLC's output in a commitment of the counterparty's.
pub(super) fn redeemscript(
    format: CommitmentFormat,
    keys: &TxKeys,
    terms: &HtlcTerms,
) -> ScriptBuf {
    match terms.offered_by {
        Side::Counterparty => script::offered_htlc_redeemscript(format, keys, &terms.payment_hash),
        Side::Holder => {
            script::received_htlc_redeemscript(format, keys, &terms.payment_hash, terms.cltv_expiry)
        }
    }
}

impl Resolution {
    /// Those of `past` that a forgotten output is of. What the ledger remembers is a claim to be checked: only terms whose
    /// script is the output's count.
    pub(in crate::state) fn fitting(
        &self,
        common: &Established,
        past: impl IntoIterator<Item = HtlcTerms>,
    ) -> Vec<HtlcTerms> {
        let mut copy = self.clone();
        let mut past: Vec<HtlcTerms> = past.into_iter().collect();
        copy.name_forgotten(common, &mut past)
    }

    /// Tells forgotten outputs what they are.
    pub(in crate::state) fn recall(&mut self, common: &Established, past: &[HtlcTerms]) {
        let mut past = past.to_vec();
        self.name_forgotten(common, &mut past);
    }

    fn name_forgotten(
        &mut self,
        common: &Established,
        past: &mut Vec<HtlcTerms>,
    ) -> Vec<HtlcTerms> {
        let SpendKind::Revoked { number } = self.spend.kind else {
            return Vec::new();
        };
        let Some(revoked) = of_number(common, number) else {
            return Vec::new();
        };
        let format = common.params.channel_type.format;
        let taken: Vec<(Side, crate::ids::HtlcId)> = self
            .outputs
            .iter()
            .filter_map(|output| match output.role {
                Role::Htlc(terms) | Role::SecondStage(terms) => Some((terms.offered_by, terms.id)),
                Role::ToLocal | Role::ToRemote | Role::Forgotten => None,
            })
            .collect();
        past.retain(|terms| !taken.contains(&(terms.offered_by, terms.id)));
        let transaction = &self.spend.transaction;
        let mut named = Vec::new();
        for output in &mut self.outputs {
            if output.role != Role::Forgotten {
                continue;
            }
            let vout = usize::try_from(output.outpoint.vout).ok();
            let on_chain = vout.and_then(|vout| transaction.output.get(vout));
            if let Some(terms) = on_chain.and_then(|found| take(format, &revoked, found, past)) {
                output.role = Role::Htlc(terms);
                named.push(terms);
            }
        }
        named
    }
}

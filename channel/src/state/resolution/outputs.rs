//! Which outputs a spend of the funding output has, and which of them concern this node.

use super::revoked;
use super::{HtlcTerms, Resolution, Role, TrackedOutput};
use crate::params::Side;
use crate::state::established::Established;
use crate::state::spend::{Spend, SpendKind};
use crate::tx::after_timelock::find_to_remote_output;
use crate::tx::commitment::{CommitmentHtlc, CommitmentTx};

impl Resolution {
    /// Begins to track the outputs of `spend`.
    pub(in crate::state) fn new(common: &Established, spend: Spend) -> Self {
        let at = spend.block_height;
        let outputs = match spend.kind {
            // BOLT 5, "Mutual Close Handling": it pays each side's own script, and nothing is left to do.
            SpendKind::Mutual => Vec::new(),
            SpendKind::Holder { .. } | SpendKind::Counterparty { .. } => spend
                .kind
                .commitment(common)
                .as_ref()
                .map_or_else(Vec::new, |commitment| known(commitment, at)),
            SpendKind::Revoked { number } => {
                revoked::outputs(common, number, &spend.transaction, at)
            }
            SpendKind::Future { .. } | SpendKind::Unknown => only_to_remote(common, &spend),
        };
        Self { spend, outputs }
    }
}

/// The outputs of a commitment that can be built again.
fn known(commitment: &CommitmentTx, confirmed_at: u32) -> Vec<TrackedOutput> {
    let balance = match commitment.broadcaster() {
        Side::Holder => commitment
            .to_broadcaster_vout()
            .map(|vout| (vout, Role::ToLocal)),
        Side::Counterparty => commitment
            .to_countersignatory_vout()
            .map(|vout| (vout, Role::ToRemote)),
    };
    let broadcaster = commitment.broadcaster();
    let htlcs = commitment
        .htlc_outputs()
        .iter()
        .map(|output| (output.vout, Role::Htlc(terms(broadcaster, &output.htlc))));
    balance
        .into_iter()
        .chain(htlcs)
        .filter_map(|(vout, role)| {
            let index = usize::try_from(vout).ok()?;
            Some(TrackedOutput {
                outpoint: commitment.outpoint(vout),
                value: commitment.tx().output.get(index)?.value,
                role,
                confirmed_at,
                spent: None,
            })
        })
        .collect()
}

fn terms(broadcaster: Side, htlc: &CommitmentHtlc) -> HtlcTerms {
    let offered_by = match htlc.offered_by_broadcaster {
        true => broadcaster,
        false => broadcaster.other(),
    };
    HtlcTerms {
        offered_by,
        id: htlc.id,
        payment_hash: htlc.payment_hash,
        cltv_expiry: htlc.cltv_expiry,
    }
}

/// Of a transaction whose state this node does not know only its own balance is its to take (BOLT 2, "Message
/// Retransmission", after a loss of data).
fn only_to_remote(common: &Established, spend: &Spend) -> Vec<TrackedOutput> {
    let found = find_to_remote_output(&common.params, &spend.transaction);
    found
        .map(|output| TrackedOutput {
            outpoint: output.outpoint(),
            value: output.output().value,
            role: Role::ToRemote,
            confirmed_at: spend.block_height,
            spent: None,
        })
        .into_iter()
        .collect()
}

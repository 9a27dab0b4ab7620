//! What becomes of a channel that ends on the chain, as people and programs are shown it.

use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{
    Cause, Channel, Claim, ClaimKind, Closing, Role, SpendKind, TrackedOutput,
};

use crate::api;

/// The close of a channel; none while it lives, and once nothing on the chain can change any more.
pub(super) fn closing(machine: &Channel) -> Option<api::ChannelClosing> {
    let state = machine.close()?;
    let (cause, reason) = cause(state);
    let claims = machine.claims();
    let resolution = state.resolution();
    Some(api::ChannelClosing {
        cause: cause.to_owned(),
        reason,
        spent_by: state.spend().map(|spend| spent_by(spend.kind).to_owned()),
        block_height: state.spend().map(|spend| spend.block_height),
        outputs: resolution.map_or_else(Vec::new, |resolution| {
            let outputs = resolution.outputs().iter();
            outputs.map(|output| shown(output, &claims)).collect()
        }),
    })
}

fn cause(state: &Closing) -> (&'static str, Option<String>) {
    match state.cause() {
        Cause::Mutual { .. } => ("mutual", None),
        Cause::Alone { reason } => ("alone", Some(reason.clone())),
        Cause::Seen => ("seen", None),
        Cause::DataLost => ("data_lost", None),
    }
}

fn spent_by(kind: SpendKind) -> &'static str {
    match kind {
        SpendKind::Mutual => "mutual",
        SpendKind::Holder { .. } => "local_commitment",
        SpendKind::Counterparty { .. } => "remote_commitment",
        SpendKind::Revoked { .. } => "revoked_commitment",
        SpendKind::Future { .. } => "future_commitment",
        SpendKind::Unknown => "unknown",
    }
}

fn shown(output: &TrackedOutput, claims: &[Claim]) -> api::ClosingOutput {
    let claim = claims
        .iter()
        .find(|claim| claim.outpoint == output.outpoint);
    let side = |side| match side {
        Side::Holder => "local".to_owned(),
        Side::Counterparty => "remote".to_owned(),
    };
    api::ClosingOutput {
        output: output.outpoint.to_string(),
        amount_sat: output.value.to_sat(),
        kind: role(&output.role).to_owned(),
        claim: claim.map(|claim| claim_kind(claim.kind).to_owned()),
        spendable_height: claim.map(|claim| claim.spendable_at),
        deadline_height: claim.and_then(|claim| claim.deadline),
        spent_txid: output.spent.map(|spent| spent.txid),
        spent_height: output.spent.map(|spent| spent.block_height),
        taken_by: output.spent.map(|spent| side(spent.by)),
    }
}

fn role(role: &Role) -> &'static str {
    match role {
        Role::ToLocal => "to_local",
        Role::ToRemote => "to_remote",
        Role::Htlc(terms) => match terms.offered_by {
            Side::Holder => "outgoing_htlc",
            Side::Counterparty => "incoming_htlc",
        },
        Role::SecondStage(_) => "second_stage",
        Role::Forgotten => "forgotten_htlc",
    }
}

fn claim_kind(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Delayed => "delayed",
        ClaimKind::Balance => "balance",
        ClaimKind::Timeout(_) => "timeout",
        ClaimKind::Success(_) => "success",
        ClaimKind::Penalty | ClaimKind::HtlcPenalty => "penalty",
    }
}

//! From the ledger's records to what people and programs are shown.

use lightning::types::features::InitFeatures;
use zarnitsa_channel::htlc::{Htlc, HtlcState, Resolution};
use zarnitsa_channel::ids::{ChannelId, PaymentHash};
use zarnitsa_channel::limits::Limits;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;
use zarnitsa_peer::supports_attribution_data;
use zarnitsa_service::records;

use crate::api;
use crate::payment_view::failure;

mod closing;

/// A channel as it stands. `connected` is the one thing that the ledger does not know.
pub fn channel(
    record: &records::ChannelRecord,
    machine: Option<&Channel>,
    limits: &Limits,
    connected: bool,
) -> api::ChannelSummary {
    let zero = zarnitsa_channel::amount::Msat::ZERO;
    api::ChannelSummary {
        channel_id: record.channel_id,
        short_channel_id: short_channel_id(record.short_channel_id),
        peer: record.peer,
        state: channel_state(&record.state, connected),
        opener: match record.opener {
            Side::Holder => api::Opener::Local,
            Side::Counterparty => api::Opener::Remote,
        },
        announced: record.announced,
        capacity_sat: record.capacity_sat.to_sat(),
        local_msat: record.local_msat,
        remote_msat: record.remote_msat,
        spendable_msat: machine.map_or(zero, |machine| machine.spendable_msat(limits)),
        receivable_msat: machine.map_or(zero, |machine| machine.receivable_msat(limits)),
        commitment_number: record.commitment_number,
        peer_commitment_number: record.counterparty_commitment_number,
        opening_txid: record.funding.txid,
        opening_output: record.funding.vout,
        closing_txid: record.closing_txid,
        htlcs: machine
            .filter(|machine| !matches!(machine, Channel::Closed(_)))
            .map(|machine| machine.htlcs().map(htlc).collect())
            .unwrap_or_default(),
        closing: machine.and_then(closing::closing),
    }
}

/// What a channel that closes still has to claim on the chain, in sat.
pub fn pending_close_sat(record: &records::ChannelRecord, machine: Option<&Channel>) -> u64 {
    let Some(machine) = machine.filter(|machine| machine.spend().is_some()) else {
        return record.local_msat.to_sat_floor().to_sat();
    };
    let claims = machine.claims();
    claims
        .iter()
        .map(|claim| claim.value.to_sat())
        .fold(0, u64::saturating_add)
}

fn htlc(htlc: &Htlc) -> api::ChannelHtlc {
    api::ChannelHtlc {
        id: htlc.id.0,
        direction: match htlc.offered_by {
            Side::Holder => api::HtlcDirection::Outgoing,
            Side::Counterparty => api::HtlcDirection::Incoming,
        },
        amount_msat: htlc.amount,
        payment_hash: htlc.payment_hash,
        cltv_expiry: htlc.cltv_expiry,
        state: htlc_state(htlc).to_owned(),
    }
}

fn htlc_state(htlc: &Htlc) -> &'static str {
    match &htlc.state {
        HtlcState::Adding(_) => "adding",
        HtlcState::Live => "committed",
        HtlcState::Removing {
            resolution: Resolution::Fulfilled(_),
            ..
        } => "fulfilling",
        HtlcState::Removing { .. } => "failing",
    }
}

/// A usable channel whose peer is away is offline.
fn channel_state(name: &str, connected: bool) -> api::ChannelState {
    use api::ChannelState as S;
    match name {
        "opening" => S::Opening,
        "awaiting_confirmations" => S::AwaitingConfirmations,
        "awaiting_peer_ready" => S::AwaitingPeerReady,
        "normal" if !connected => S::Offline,
        "normal" => S::Normal,
        "shutting_down" => S::ShuttingDown,
        "closing" => S::Closing,
        "closed" => S::Closed,
        _ => S::Failed,
    }
}

/// BOLT 7: three bytes block height, three bytes transaction index, two bytes output index, written `1x2x3`.
pub(crate) fn short_channel_id(id: u64) -> Option<String> {
    (id != 0).then(|| format!("{}x{}x{}", id >> 40, (id >> 16) & 0x00ff_ffff, id & 0xffff))
}

/// One step of a channel.
pub fn history_entry(index: u64, entry: &records::HistoryEntry) -> api::ChannelHistoryEntry {
    api::ChannelHistoryEntry {
        index,
        kind: history_kind(entry.kind).to_owned(),
        ledger_height: entry.height,
        tx_hash: entry.tx_hash,
        commitment_number: entry.commitment_number,
        peer_commitment_number: entry.counterparty_commitment_number,
        local_msat: entry.local_msat,
        remote_msat: entry.remote_msat,
        txid: entry.txid,
        note: Some(entry.note.clone()).filter(|note| !note.is_empty()),
    }
}

/// An invoice. `now` is Unix time: an open invoice past its expiry is shown as expired.
pub fn invoice(record: &records::Invoice, now: u64) -> api::Invoice {
    use api::InvoiceStatus as S;
    let status = match record.status {
        records::InvoiceStatus::Open if now >= record.expires_at() => S::Expired,
        records::InvoiceStatus::Open => S::Open,
        records::InvoiceStatus::Accepted => S::Accepted,
        records::InvoiceStatus::Paid => S::Paid,
        records::InvoiceStatus::Expired => S::Expired,
        records::InvoiceStatus::Cancelled => S::Cancelled,
    };
    let zero = zarnitsa_channel::amount::Msat::ZERO;
    api::Invoice {
        invoice: record.invoice.clone(),
        payment_hash: record.payment_hash,
        amount_msat: Some(record.amount_msat).filter(|amount| *amount != zero),
        status,
        description: record.description.clone(),
        created_at: record.created_at,
        expires_at: record.expires_at(),
        received_msat: Some(record.received_msat).filter(|amount| *amount != zero),
        hold: record.hold,
        keysend: record.keysend,
    }
}

fn payment_status(status: records::PaymentStatus) -> api::PaymentStatus {
    match status {
        records::PaymentStatus::Pending => api::PaymentStatus::Pending,
        records::PaymentStatus::Succeeded => api::PaymentStatus::Succeeded,
        records::PaymentStatus::Failed => api::PaymentStatus::Failed,
    }
}

/// A payment that passed through this node. What it earned is earned when it has succeeded.
pub fn forward(record: &records::Forward) -> api::Forward {
    api::Forward {
        payment_hash: record.payment_hash,
        incoming_channel_id: record.incoming.channel_id,
        incoming_htlc_id: record.incoming.id.0,
        outgoing_channel_id: record.outgoing.channel_id,
        outgoing_htlc_id: record.outgoing.id.0,
        amount_msat: record.outgoing_msat,
        fee_msat: record.fee(),
        status: payment_status(record.status),
        failure: record.failure.as_ref().map(failure),
    }
}

fn history_kind(kind: records::HistoryKind) -> &'static str {
    use records::HistoryKind as K;
    match kind {
        K::Opening => "opening",
        K::Ready => "ready",
        K::HtlcAdd => "htlc_add",
        K::HtlcFulfill => "htlc_fulfill",
        K::HtlcFail => "htlc_fail",
        K::Fee => "fee",
        K::Commitment => "commitment",
        K::Revocation => "revocation",
        K::Reestablish => "reestablish",
        K::Closing => "closing",
        K::Chain => "chain",
    }
}

/// An entry of the ledger's event log. Clients count events from 1, the log counts from 0.
pub fn event(index: u64, event: &records::Event) -> api::Event {
    let kind = event.kind.as_str();
    let subject = event.subject;
    let is_channel = kind.starts_with("channel");
    let is_payment = ["payment", "invoice", "forward"]
        .iter()
        .any(|subject| kind.starts_with(subject));
    api::Event {
        number: index + 1,
        kind: kind.to_owned(),
        ledger_height: event.height,
        tx_hash: Some(event.tx_hash),
        channel_id: subject.filter(|_| is_channel).map(ChannelId),
        payment_hash: subject.filter(|_| is_payment).map(PaymentHash),
        data: serde_json::Map::new(),
    }
}

/// BOLT 9 names of what a peer offers, required or not.
pub fn features(features: &InitFeatures) -> Vec<String> {
    let known = [
        (
            features.supports_static_remote_key(),
            "option_static_remotekey",
        ),
        (
            features.supports_anchors_zero_fee_htlc_tx(),
            "option_anchors",
        ),
        (
            features.supports_upfront_shutdown_script(),
            "option_upfront_shutdown_script",
        ),
        (features.supports_variable_length_onion(), "var_onion_optin"),
        (features.supports_payment_secret(), "payment_secret"),
        (features.supports_basic_mpp(), "basic_mpp"),
        (features.supports_channel_type(), "option_channel_type"),
        (features.supports_scid_privacy(), "option_scid_alias"),
        (features.supports_zero_conf(), "option_zeroconf"),
        (
            features.supports_shutdown_anysegwit(),
            "option_shutdown_anysegwit",
        ),
        (
            supports_attribution_data(features),
            "option_attribution_data",
        ),
    ];
    known
        .into_iter()
        .filter(|(offered, _)| *offered)
        .map(|(_, name)| name.to_owned())
        .collect()
}

//! A payment as people and programs are shown it, with the ways of its parts.

use zarnitsa_channel::amount::Msat;
use zarnitsa_peer::onion::FailureCode;
use zarnitsa_service::records::{self, HtlcRecord, HtlcState};

use crate::api;
use crate::view::short_channel_id;

/// A payment. `created_at` is the time of its block, `htlcs` are all that were added for it.
pub(crate) fn payment(
    record: &records::Payment,
    htlcs: &[HtlcRecord],
    created_at: u64,
) -> api::Payment {
    use api::PaymentStatus as S;
    let parts: Vec<_> = htlcs.iter().map(|htlc| part(record, htlc)).collect();
    let shown = parts
        .iter()
        .find(|part| part.status != S::Failed)
        .or_else(|| parts.last());
    api::Payment {
        payment_hash: record.payment_hash,
        direction: api::PaymentDirection::Sent,
        preimage: record.preimage.map(|preimage| hex::encode(preimage.0)),
        amount_msat: record.amount_msat,
        fee_msat: record.fee_msat,
        status: match record.status {
            records::PaymentStatus::Pending => S::Pending,
            records::PaymentStatus::Succeeded => S::Succeeded,
            records::PaymentStatus::Failed => S::Failed,
        },
        route: shown.map(|part| part.route.clone()).unwrap_or_default(),
        failure: match record.status {
            records::PaymentStatus::Failed => record.failure.as_ref().map(failure),
            records::PaymentStatus::Pending | records::PaymentStatus::Succeeded => None,
        },
        parts,
        invoice: Some(record.invoice.clone()).filter(|invoice| !invoice.is_empty()),
        description: description(&record.invoice),
        created_at,
    }
}

fn part(payment: &records::Payment, htlc: &HtlcRecord) -> api::PaymentPart {
    use api::PaymentStatus as S;
    let delivered = htlc.route.as_ref().and_then(records::Route::delivered);
    let delivered = delivered.unwrap_or(htlc.amount_msat);
    api::PaymentPart {
        channel_id: htlc.channel_id,
        htlc_id: htlc.id.0,
        amount_msat: delivered,
        fee_msat: difference(htlc.amount_msat, delivered),
        status: match htlc.state {
            HtlcState::Fulfilled => S::Succeeded,
            HtlcState::Failed => S::Failed,
            HtlcState::Added | HtlcState::Committed if htlc.removed => S::Failed,
            HtlcState::Added | HtlcState::Committed => S::Pending,
        },
        route: route(payment, htlc),
        failure: htlc.failure.as_ref().map(failure),
    }
}

fn route(payment: &records::Payment, htlc: &HtlcRecord) -> Vec<api::RouteHop> {
    let Some(route) = &htlc.route else {
        return vec![api::RouteHop {
            node_id: payment.payee,
            short_channel_id: None,
            amount_msat: htlc.amount_msat,
            fee_msat: Msat::ZERO,
            cltv_expiry: htlc.cltv_expiry,
        }];
    };
    // What a node passes on is what arrives at the one after it; the payee passes nothing on and keeps no fee.
    let passed_on = route.hops.iter().skip(1).map(|hop| hop.amount_msat);
    let last = route.delivered();
    route
        .hops
        .iter()
        .zip(passed_on.chain(last))
        .map(|(hop, passed_on)| api::RouteHop {
            node_id: hop.node_id,
            short_channel_id: short_channel_id(hop.short_channel_id),
            amount_msat: hop.amount_msat,
            fee_msat: difference(hop.amount_msat, passed_on),
            cltv_expiry: hop.cltv_expiry,
        })
        .collect()
}

fn difference(more: Msat, less: Msat) -> Msat {
    more.checked_sub(less).unwrap_or(Msat::ZERO)
}

fn description(invoice: &str) -> String {
    use lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescriptionRef};
    match invoice.parse::<Bolt11Invoice>() {
        Ok(invoice) => match invoice.description() {
            Bolt11InvoiceDescriptionRef::Direct(text) => text.to_string(),
            Bolt11InvoiceDescriptionRef::Hash(hash) => hash.0.to_string(),
        },
        Err(_) => String::new(),
    }
}

/// This node's own failures begin with their code and a colon; a peer's have BOLT 4's number.
pub(crate) fn failure(failure: &records::Failure) -> api::PaymentFailure {
    let own = failure
        .reason
        .split_once(": ")
        .filter(|_| failure.code == 0);
    let (code, message) = match own {
        Some((code, message)) => (code.to_owned(), message.to_owned()),
        None => (
            FailureCode(failure.code).name().to_owned(),
            failure.reason.clone(),
        ),
    };
    api::PaymentFailure {
        code,
        message,
        node_id: failure.culprit,
    }
}

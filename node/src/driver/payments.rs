//! Payments of this node: from the operator's order to an HTLC, or to a failure at once.
//!
//! A payment never waits in memory: it has an HTLC in the ledger, or it is over.

use lightning_invoice::Bolt11Invoice;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::htlc::Htlc;
use zarnitsa_channel::ids::PaymentHash;
use zarnitsa_channel::params::Side;
use zarnitsa_service::records::{Failure, Payment, PaymentStatus};
use zarnitsa_service::transactions::PaymentResult;
use zarnitsa_service::{Attachment, LedgerCall};

use crate::wire;

use super::step::Step;
use super::Driver;

/// Why a payment could not begin.
#[derive(Debug, thiserror::Error)]
enum NotBegun {
    #[error("route_not_found: no usable channel to the payee has {0} to spend")]
    NoRoute(zarnitsa_channel::amount::Msat),
    #[error(
        "chain_unavailable: bitcoind has not yet told the height, from which an HTLC's time counts"
    )]
    NoHeight,
    #[error("invoice_invalid: {0}")]
    Invoice(String),
    #[error("onion: {0}")]
    Onion(String),
    #[error("channel_refused: {0}")]
    Refused(#[from] zarnitsa_channel::error::ChannelError),
    #[error("interrupted: the node stopped before the payment was sent")]
    Interrupted,
}

impl Driver {
    /// The operator's order is on disk.
    pub(super) fn begin_payment(&mut self, hash: &PaymentHash) {
        let Some(payment) = self.shared.payment(hash) else {
            return;
        };
        if payment.status != PaymentStatus::Pending || self.has_htlc(hash) {
            return;
        }
        if let Err(reason) = self.offer(&payment) {
            self.fail_payment(&payment, &reason);
        }
    }

    fn has_htlc(&self, hash: &PaymentHash) -> bool {
        let pays = |htlc: &Htlc| htlc.offered_by == Side::Holder && htlc.payment_hash == *hash;
        self.channels
            .values()
            .any(|live| live.machine.htlcs().any(pays))
    }

    fn offer(&mut self, payment: &Payment) -> Result<(), NotBegun> {
        if !self.watching {
            return Err(NotBegun::NoHeight);
        }
        let invoice: Bolt11Invoice = payment
            .invoice
            .parse()
            .map_err(|e| NotBegun::Invoice(format!("{e}")))?;
        let id = self
            .channel_to(&payment.payee, payment.amount_msat)
            .ok_or(NotBegun::NoRoute(payment.amount_msat))?;
        let onion = self
            .shared
            .direct_onion(payment, &invoice, self.block_height)
            .map_err(|error| NotBegun::Onion(error.to_string()))?;
        let step = Step {
            command: zarnitsa_channel::command::Command::Local(LocalCommand::AddHtlc {
                amount: payment.amount_msat,
                payment_hash: payment.payment_hash,
                cltv_expiry: onion.cltv_expiry,
            }),
            attachment: Attachment {
                onion: wire::onion_bytes(&onion.packet),
                ..Attachment::default()
            },
        };
        Ok(self.advance(id, step)?)
    }

    fn fail_payment(&self, payment: &Payment, reason: &NotBegun) {
        tracing::info!(hash = %payment.payment_hash, %reason, "a payment failed before it began");
        let result = PaymentResult {
            payment_hash: payment.payment_hash,
            attempt: payment.attempt,
            failure: Failure {
                code: 0,
                culprit: None,
                reason: reason.to_string(),
            },
        };
        let _queued = self.shared.submit(LedgerCall::PaymentResult(result)); // whoever waits is woken by the block
    }

    /// After a start: an order without an HTLC was not begun, and is not begun behind the operator's back.
    pub(super) fn end_interrupted_payments(&mut self) {
        for payment in self.shared.pending_payments() {
            if !self.has_htlc(&payment.payment_hash) {
                self.fail_payment(&payment, &NotBegun::Interrupted);
            }
        }
    }
}

//! The user's role. All that a user does goes through here: each order becomes a ledger transaction signed with the
//! operator's key, and the answer is read from the ledger.

use std::future::Future;
use std::time::Duration;

use bitcoin::{Amount, FeeRate};
use exonum::crypto::Hash;
use lightning_invoice::{Bolt11Invoice, Currency};
use tokio::time::timeout;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::PaymentHash;
use zarnitsa_service::records::{
    CloseChannelRequest, OpenChannelRequest, Payment, PaymentStatus, RequestStatus,
};
use zarnitsa_service::transactions::PaymentOrder;
use zarnitsa_service::LedgerCall;

use crate::api::{self, AmountOrAll, ApiError, ErrorCode};
use crate::notify::Subject;
use crate::shared::Shared;
use crate::{payment_view, time};

pub(crate) mod asks;
mod batch;
mod invoices;
mod offers;

/// How long an opening or a close may take until its transaction is handed to the network.
const ORDER_TIMEOUT: Duration = Duration::from_secs(60);
/// Unless the caller says otherwise.
const PAYMENT_TIMEOUT_SECONDS: u32 = 60;
/// The fee that may be paid unless the caller says otherwise: one percent, and at least 5 sat.
const MAX_FEE_DIVISOR: u64 = 100;
const MAX_FEE_AT_LEAST: Msat = Msat::new(5_000);

impl Shared {
    /// Opens a channel: returns when the opening transaction is with the Bitcoin network.
    pub(crate) async fn open_channel(
        &self,
        request: api::OpenChannel,
    ) -> Result<api::ChannelOpened, ApiError> {
        let amount_sat = match request.amount {
            AmountOrAll::Amount(Amount::ZERO) => {
                return Err(ApiError::bad_request("the amount must not be zero"));
            }
            AmountOrAll::Amount(amount) => amount,
            AmountOrAll::All => Amount::ZERO,
        };
        let order = OpenChannelRequest {
            peer: request.peer.node_id,
            address: request.peer.address.unwrap_or_default(),
            amount_sat,
            push_msat: request.push_msat.unwrap_or(Msat::ZERO),
            feerate_per_kw: feerate_per_kw(request.fee_rate_sat_vb)?,
            announce: request.announce,
            nonce: rand::random(),
            zero_conf: request.zero_conf,
        };
        let hash = self.order(LedgerCall::OpenChannel(order)).await?;
        let id = self.await_request(hash).await?;
        let channel = self
            .channel(&id)
            .ok_or_else(|| ApiError::not_found("channel", id))?;
        Ok(api::ChannelOpened::from_funding(channel.params().funding))
    }

    /// Closes a channel: returns when a transaction that spends it is with the Bitcoin network.
    pub(crate) async fn close_channel(
        &self,
        request: api::CloseChannel,
    ) -> Result<api::ChannelClosed, ApiError> {
        let id = request.channel_id;
        self.channel(&id)
            .ok_or_else(|| ApiError::not_found("channel", id))?;
        let order = CloseChannelRequest {
            channel_id: id,
            force: request.force,
            feerate_per_kw: feerate_per_kw(request.fee_rate_sat_vb)?,
            nonce: rand::random(),
        };
        let hash = self.order(LedgerCall::CloseChannel(order)).await?;
        self.await_request(hash).await?;
        let closing_txid = self
            .wait_until(id.0, ORDER_TIMEOUT, || {
                let record = self.channel_record(&id)?;
                record.closing_txid.map(Ok)
            })
            .await?;
        Ok(api::ChannelClosed { closing_txid })
    }

    /// Pays a BOLT 11 invoice or a BOLT 12 offer, and waits for the outcome.
    pub(crate) async fn pay(&self, request: api::Pay) -> Result<api::Payment, ApiError> {
        let text = request.invoice.trim().trim_start_matches("lightning:");
        if text.to_ascii_lowercase().starts_with("lno1") {
            return self.pay_offer(text, &request).await;
        }
        let invoice: Bolt11Invoice = text.parse().map_err(|error| {
            ApiError::bad_request(format_args!("not a BOLT 11 invoice: {error}"))
        })?;
        let amount = self.amount_to_pay(&invoice, request.amount_msat)?;
        let payment_hash = PaymentHash(*invoice.payment_hash().as_ref());
        let order = PaymentOrder {
            payment_hash,
            payee: invoice.get_payee_pub_key(),
            amount_msat: amount,
            max_fee_msat: request
                .max_fee_msat
                .unwrap_or_else(|| default_max_fee(amount)),
            invoice: invoice.to_string(),
            session_nonce: rand::random(),
            timeout_seconds: request.timeout_seconds.unwrap_or(PAYMENT_TIMEOUT_SECONDS),
        };
        self.send_payment(order).await
    }

    /// Pays a node that asked for nothing, and waits for the outcome. The preimage is derived by the signer: the payee
    /// finds it in its onion, and the ledger has it once the payee has released it.
    pub(crate) async fn keysend(&self, request: api::Keysend) -> Result<api::Payment, ApiError> {
        let (amount, payee) = (request.amount_msat, request.node_id);
        if amount == Msat::ZERO {
            return Err(ApiError::bad_request("the amount must not be zero"));
        }
        if payee == self.signer.node_id() {
            return Err(ApiError::bad_request("the payee is this node itself"));
        }
        let session_nonce = rand::random();
        let order = PaymentOrder {
            payment_hash: self.signer.keysend_preimage(&session_nonce).payment_hash(),
            payee,
            amount_msat: amount,
            max_fee_msat: request
                .max_fee_msat
                .unwrap_or_else(|| default_max_fee(amount)),
            invoice: String::new(),
            session_nonce,
            timeout_seconds: request.timeout_seconds.unwrap_or(PAYMENT_TIMEOUT_SECONDS),
        };
        self.send_payment(order).await
    }

    /// The same up to the order: for an operator whose key is elsewhere.
    pub(crate) fn draft_keysend(&self) -> api::KeysendDraft {
        let session_nonce: [u8; 32] = rand::random();
        api::KeysendDraft {
            payment_hash: self.signer.keysend_preimage(&session_nonce).payment_hash(),
            session_nonce: hex::encode(session_nonce),
        }
    }

    async fn send_payment(&self, order: PaymentOrder) -> Result<api::Payment, ApiError> {
        let payment_hash = order.payment_hash;
        let limit = Duration::from_secs(order.timeout_seconds.into());
        self.order(LedgerCall::Payment(order)).await?;
        let record = self
            .wait_until(payment_hash.0, limit, || {
                let record = self.payment(&payment_hash)?;
                (record.status != PaymentStatus::Pending).then_some(Ok(record))
            })
            .await?;
        Ok(self.payment_shown(&record))
    }

    /// A payment with the ways of its HTLCs.
    pub(crate) fn payment_shown(&self, record: &Payment) -> api::Payment {
        let htlcs: Vec<_> = record
            .htlcs
            .iter()
            .filter_map(|htlc| self.htlc(&htlc.key()))
            .collect();
        payment_view::payment(record, &htlcs, self.block_time(record.created_height))
    }

    fn amount_to_pay(
        &self,
        invoice: &Bolt11Invoice,
        given: Option<Msat>,
    ) -> Result<Msat, ApiError> {
        if Currency::from(self.network()) != invoice.currency() {
            return Err(ApiError::bad_request("the invoice is for another network"));
        }
        if invoice.would_expire(Duration::from_secs(time::unix())) {
            return Err(ApiError::bad_request("the invoice has expired"));
        }
        if invoice.get_payee_pub_key() == self.signer.node_id() {
            return Err(ApiError::bad_request("the invoice is this node's own"));
        }
        match (invoice.amount_milli_satoshis().map(Msat::new), given) {
            (Some(asked), None) => Ok(asked),
            (Some(asked), Some(given)) if asked == given => Ok(asked),
            (Some(_), Some(_)) => Err(ApiError::bad_request("the invoice says another amount")),
            (None, Some(given)) if given > Msat::ZERO => Ok(given),
            (None, _) => Err(ApiError::bad_request(
                "the invoice names no amount: give one",
            )),
        }
    }

    /// Signs an order with the operator's key and waits until it is on disk.
    pub(crate) async fn order(&self, call: LedgerCall) -> Result<Hash, ApiError> {
        self.check_not_older()?;
        let transaction = zarnitsa_service::transaction(&self.operator, call);
        let committed = self
            .ledger
            .submit(transaction)
            .await
            .map_err(|error| ApiError::new(ErrorCode::Stopping, error))?;
        match committed.result {
            Ok(()) => Ok(committed.tx_hash),
            Err(error) => Err(ApiError::new(ErrorCode::Refused, error.description())),
        }
    }

    async fn await_request(
        &self,
        hash: Hash,
    ) -> Result<zarnitsa_channel::ids::ChannelId, ApiError> {
        let subject = hash.as_bytes();
        self.wait_until(subject, ORDER_TIMEOUT, || {
            let request = zarnitsa_service::read::request(&*self.ledger.snapshot(), &hash)?;
            match request.status {
                RequestStatus::Pending => None,
                RequestStatus::Done => request.channel_id.map(Ok),
                RequestStatus::Failed => {
                    Some(Err(ApiError::new(ErrorCode::Refused, request.reason)))
                }
            }
        })
        .await
    }

    /// Looks at the ledger again and again, each time that `subject` changed, until there is an answer.
    async fn wait_until<T>(
        &self,
        subject: Subject,
        limit: Duration,
        mut look: impl FnMut() -> Option<Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let mut changes = self.notifier.watch(subject);
        let answer = async {
            loop {
                if let Some(answer) = look() {
                    return answer;
                }
                // The sender is in the notifier's hands as long as somebody watches.
                if changes.changed().await.is_err() {
                    changes = self.notifier.watch(subject);
                }
            }
        };
        self.unless_stopping(timeout(limit, answer))
            .await?
            .unwrap_or_else(|_| {
                let seconds = limit.as_secs();
                Err(ApiError::new(
                    ErrorCode::Timeout,
                    format_args!("no outcome within {seconds} s"),
                ))
            })
    }

    async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Result<T, ApiError> {
        tokio::select! {
            done = work => Ok(done),
            () = self.stopping.cancelled() => {
                Err(ApiError::new(ErrorCode::Stopping, "the node is stopping"))
            }
        }
    }
}

/// Satoshis for a virtual byte, as people say it, in the unit of commitments; 0 leaves it to the node.
fn feerate_per_kw(sat_vb: Option<u64>) -> Result<u32, ApiError> {
    let Some(sat_vb) = sat_vb else { return Ok(0) };
    FeeRate::from_sat_per_vb(sat_vb)
        .and_then(|rate| u32::try_from(rate.to_sat_per_kwu()).ok())
        .filter(|rate| *rate > 0)
        .ok_or_else(|| ApiError::bad_request(format_args!("{sat_vb} sat/vB is no fee rate")))
}

fn default_max_fee(amount: Msat) -> Msat {
    Msat::new(amount.to_msat() / MAX_FEE_DIVISOR).max(MAX_FEE_AT_LEAST)
}

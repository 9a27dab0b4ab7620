//! The operator's orders, as the ledger has them: whoever signed them and however they came, they are read from the
//! blocks.

use exonum::crypto::Hash;
use exonum::merkledb::BinaryValue;
use exonum::messages::{AnyTx, Verified};
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_ledger::CommittedBlock;
use zarnitsa_service::records::{
    CloseChannelRequest, OpenChannelRequest, RequestArguments, RequestStatus,
};

use zarnitsa_channel::ids::{ChannelId, PaymentHash};
use zarnitsa_service::transactions::{InvoiceChange, InvoiceStep, PaymentOrder};
use zarnitsa_service::{read, INSTANCE_ID};

use crate::shared::Shared;

use super::step::Step;
use super::{Driver, Event};

/// Why an order of before the start has failed.
const STOPPED: &str = "the node stopped during the opening";

/// Above this many invoices under claim, those that the ledger has as paid are dropped from memory.
const MAX_CLAIMING: usize = 256;

impl Driver {
    pub(super) fn block_committed(&mut self, block: &CommittedBlock) {
        self.announce_what_waits();
        for transaction in &block.transactions {
            match method(&transaction.message) {
                Some(ASK_STEP) => self.ask_judged(transaction),
                Some(OPEN_ASKED) => self.asks_ordered(transaction),
                Some(_) | None => {}
            }
            if transaction.result.is_err() {
                continue;
            }
            match order(&transaction.message, transaction.tx_hash, &self.shared) {
                Some(Order::Payment(order)) => self.begin_payment(&order),
                Some(Order::Request(RequestArguments::OpenChannel(order))) => {
                    self.reach_peer(transaction.tx_hash, order);
                }
                Some(Order::Request(RequestArguments::OpenBatch(order))) => {
                    self.reach_peers(transaction.tx_hash, order);
                }
                Some(Order::Request(RequestArguments::CloseChannel(order))) => {
                    self.close(transaction.tx_hash, &order);
                }
                Some(Order::Request(RequestArguments::AskChannel(order))) => {
                    self.begin_asking(transaction.tx_hash, order);
                }
                Some(Order::EndHold(hash)) => self.end_hold(&hash),
                Some(Order::Policy) => {
                    self.shared.reload_policy();
                    self.tell_all_terms();
                    self.publish_all_terms();
                }
                None => {}
            }
        }
        self.wake();
        if self.claiming.len() > MAX_CLAIMING {
            let shared = self.shared.clone();
            self.claiming
                .retain(|hash| shared.invoice(hash).is_some_and(|i| i.status.is_payable()));
        }
    }

    /// Whoever waits for something that the block changed looks again.
    fn wake(&mut self) {
        let snapshot = self.shared.ledger.snapshot();
        for (number, event) in read::events(&*snapshot, self.next_event, usize::MAX) {
            if let Some(subject) = &event.subject {
                self.shared.notifier.wake(subject);
            }
            if let (true, Some(subject)) = (event.kind.is_of_ask(), &event.subject) {
                self.ask_changed(subject);
            }
            self.next_event = number + 1;
        }
    }

    /// After a start: orders that were not carried out are, or are given up where they need what only memory held.
    pub(super) fn resume_requests(&mut self) {
        for (hash, request) in self.shared.pending_requests() {
            debug_assert_eq!(request.status, RequestStatus::Pending);
            match request.arguments {
                RequestArguments::OpenChannel(_) => {
                    self.resume_opening(hash, request.channel_id);
                }
                RequestArguments::OpenBatch(order) => {
                    self.resume_batch(hash, &order, &request.channels);
                }
                RequestArguments::CloseChannel(order) => self.close(hash, &order),
                RequestArguments::AskChannel(order) => {
                    self.resume_asking(hash, &order, request.channel_id, request.created_height);
                }
            }
        }
    }

    /// After a start: how far the ordered opening has come, by its channel.
    fn resume_opening(&self, request: Hash, channel: Option<ChannelId>) {
        let record = channel.and_then(|id| Some((id, self.shared.channel_record(&id)?)));
        let state = record.as_ref().map(|(_, record)| record.state.as_str());
        match (state, channel) {
            // It was given up a moment ago, and its order with it.
            (Some("opening"), _) => {}
            (Some("failed") | None, _) | (_, None) => self.shared.request_failed(request, STOPPED),
            // Both have signed: the opening transaction has left, or leaves with this start.
            (Some(_), Some(id)) => self.shared.request_done(request, &id),
        }
    }

    /// Connects where that is needed; what follows comes back as an event, for the driver never waits.
    fn reach_peer(&self, request: Hash, order: OpenChannelRequest) {
        if let Some(connection) = self.shared.peers.connection(&order.peer) {
            let _ = self.to_self.send(Event::PeerReached {
                request,
                order,
                connection,
            });
            return;
        }
        let (shared, to_self) = (self.shared.clone(), self.to_self.clone());
        tokio::spawn(async move {
            match shared.reach(order.peer, &order.address).await {
                Ok(connection) => {
                    let _ = to_self.send(Event::PeerReached {
                        request,
                        order,
                        connection,
                    });
                }
                Err(error) => shared.request_failed(request, &error.to_string()),
            }
        });
    }

    fn close(&mut self, request: Hash, order: &CloseChannelRequest) {
        let id = order.channel_id;
        let closed = if order.force {
            let reason = "the operator ordered it".to_owned();
            self.advance(id, Step::local(LocalCommand::ForceClose { reason }))
                .map_err(|error| error.to_string())
        } else {
            self.begin_closing(id, order.feerate_per_kw)
        };
        match closed {
            Ok(()) => self.shared.request_done(request, &id),
            Err(reason) => self.shared.request_failed(request, &reason),
        }
    }

    fn begin_closing(&mut self, id: ChannelId, feerate_per_kw: u32) -> Result<(), String> {
        if feerate_per_kw != 0 {
            self.closing_feerates.insert(id, feerate_per_kw);
        }
        let step = self
            .closing_shutdown(id)
            .ok_or("the channel is over, or its wallet gave no address to close to: see the log")?;
        self.advance(id, step).map_err(|error| error.to_string())
    }
}

/// What the operator may order.
enum Order {
    Payment(Box<PaymentOrder>),
    Request(RequestArguments),
    /// An invoice that was held is settled or given back.
    EndHold(PaymentHash),
    Policy,
}

/// Methods of the service that are the operator's.
const INVOICE: u32 = 10;
const PAYMENT: u32 = 11;
const POLICY: u32 = 13;
const OPEN_CHANNEL: u32 = 14;
const CLOSE_CHANNEL: u32 = 15;
const CHANNEL_POLICY: u32 = 17;
const OPEN_BATCH: u32 = 18;
const ASK_CHANNEL: u32 = 20;
/// And of those that are the node's.
const ASK_STEP: u32 = 21;
const OPEN_ASKED: u32 = 23;

fn method(message: &Verified<AnyTx>) -> Option<u32> {
    let info = &message.payload().call_info;
    (info.instance_id == INSTANCE_ID).then_some(info.method_id)
}

fn order(message: &Verified<AnyTx>, hash: Hash, shared: &Shared) -> Option<Order> {
    let call = message.payload();
    if call.call_info.instance_id != INSTANCE_ID {
        return None;
    }
    match call.call_info.method_id {
        PAYMENT => {
            let order = PaymentOrder::from_bytes(call.arguments.as_slice().into()).ok()?;
            Some(Order::Payment(Box::new(order)))
        }
        INVOICE => {
            let step = InvoiceStep::from_bytes(call.arguments.as_slice().into()).ok()?;
            match step.change {
                InvoiceChange::Settled { .. } | InvoiceChange::Cancelled { .. } => {
                    Some(Order::EndHold(step.payment_hash))
                }
                InvoiceChange::Created(_)
                | InvoiceChange::Expired { .. }
                | InvoiceChange::Held { .. } => None,
            }
        }
        OPEN_CHANNEL | CLOSE_CHANNEL | OPEN_BATCH | ASK_CHANNEL | OPEN_ASKED => {
            let request = read::request(&*shared.ledger.snapshot(), &hash)?;
            Some(Order::Request(request.arguments))
        }
        POLICY | CHANNEL_POLICY => Some(Order::Policy),
        _ => None,
    }
}

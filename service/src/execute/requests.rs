//! The operator's orders, and what became of them.

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use exonum::crypto::Hash;
use zarnitsa_channel::amount::Msat;

use super::{Ledger, Outcome};
use crate::errors::{ChannelError, OperatorError};
use crate::read::hash_of;
use crate::records::{
    AskChannelRequest, CloseChannelRequest, EventKind, OpenBatchRequest, OpenChannelRequest,
    Request, RequestArguments, RequestStatus,
};
use crate::transactions::RequestResult;

/// The opening transaction of so many channels is still relayed.
const MAX_BATCH: usize = 100;

impl Ledger<'_> {
    /// Notes the order to open a channel.
    pub(crate) fn open_channel(mut self, argument: OpenChannelRequest) -> Outcome {
        let config = self.read.config().get();
        if config.is_some_and(|config| config.node_id == argument.peer) {
            return Err(OperatorError::OwnNode.into());
        }
        // All that the wallet holds is not known here: the opening is checked against the order when it comes.
        let all = argument.amount_sat == Amount::ZERO;
        let capacity = Msat::from_sat(argument.amount_sat);
        if !all && capacity.is_none_or(|capacity| argument.push_msat > capacity) {
            return Err(OperatorError::BadAmount.into());
        }
        self.order(RequestArguments::OpenChannel(argument));
        Ok(())
    }

    /// Notes the order to close a channel.
    pub(crate) fn close_channel(mut self, argument: CloseChannelRequest) -> Outcome {
        let channel = hash_of(&argument.channel_id.0);
        if !self.read.channels().contains(&channel) {
            return Err(ChannelError::UnknownChannel.into());
        }
        self.order(RequestArguments::CloseChannel(argument));
        Ok(())
    }

    /// Notes the order to open several channels at once.
    pub(crate) fn open_batch(mut self, argument: OpenBatchRequest) -> Outcome {
        let orders = &argument.channels;
        let own = self.read.config().get().map(|config| config.node_id);
        if orders.iter().any(|order| Some(order.peer) == own) {
            return Err(OperatorError::OwnNode.into());
        }
        // BOLT 2, open_channel: what is usable unconfirmed cannot wait for the others' signatures.
        let each = orders.iter().enumerate().all(|(index, order)| {
            let others = orders.get(..index).unwrap_or_default();
            let capacity = Msat::from_sat(order.amount_sat);
            order.amount_sat > Amount::ZERO
                && capacity.is_some_and(|capacity| order.push_msat <= capacity)
                && !order.zero_conf
                && others.iter().all(|other| other.peer != order.peer)
        });
        if !each || !(1..=MAX_BATCH).contains(&orders.len()) {
            return Err(OperatorError::BadBatch.into());
        }
        self.order(RequestArguments::OpenBatch(argument));
        Ok(())
    }

    /// Notes the order to ask a hub for a channel.
    pub(crate) fn ask_channel(mut self, argument: AskChannelRequest) -> Outcome {
        let config = self.read.config().get();
        if config.is_some_and(|config| config.node_id == argument.hub) {
            return Err(OperatorError::OwnNode.into());
        }
        if argument.amount_sat == Amount::ZERO {
            return Err(OperatorError::BadAmount.into());
        }
        if self.asked_of(&argument.hub).is_some() {
            return Err(OperatorError::AlreadyAsked.into());
        }
        self.order(RequestArguments::AskChannel(argument));
        Ok(())
    }

    /// The order by which this hub was asked for a channel, while it is pending.
    pub(super) fn asked_of(&self, hub: &PublicKey) -> Option<(Hash, Request)> {
        self.read.pending_requests().iter().find_map(|hash| {
            let request = self.read.requests().get(&hash)?;
            let asks =
                matches!(&request.arguments, RequestArguments::AskChannel(ask) if ask.hub == *hub);
            asks.then_some((hash, request))
        })
    }

    pub(super) fn order(&mut self, arguments: RequestArguments) {
        let channel_id = match &arguments {
            RequestArguments::OpenChannel(_)
            | RequestArguments::OpenBatch(_)
            | RequestArguments::AskChannel(_) => None,
            RequestArguments::CloseChannel(close) => Some(close.channel_id),
        };
        let request = Request {
            arguments,
            status: RequestStatus::Pending,
            channel_id,
            reason: String::new(),
            created_height: self.height,
            updated_height: self.height,
            channels: Vec::new(),
        };
        let tx_hash = self.tx_hash;
        self.schema.requests().put(&tx_hash, request);
        self.schema.pending_requests().insert(&tx_hash);
        self.log(EventKind::RequestPending, Some(tx_hash.as_bytes()));
    }

    /// Notes what became of an order.
    pub(crate) fn request_result(mut self, argument: RequestResult) -> Outcome {
        let mut request = self
            .read
            .requests()
            .get(&argument.request)
            .ok_or(OperatorError::UnknownRequest)?;
        let event = match argument.status {
            RequestStatus::Pending => return Err(OperatorError::BadResult.into()),
            RequestStatus::Done => EventKind::RequestDone,
            RequestStatus::Failed => EventKind::RequestFailed,
        };
        match request.status {
            RequestStatus::Pending => {}
            RequestStatus::Done | RequestStatus::Failed => {
                return Err(OperatorError::RequestOver.into())
            }
        }
        request.status = argument.status;
        request.reason = argument.reason;
        request.channel_id = argument.channel_id.or(request.channel_id);
        request.updated_height = self.height;
        if let RequestArguments::OpenBatch(order) = &request.arguments {
            self.asks_wait_again(&argument.request, order, &request.reason);
        }
        self.schema.requests().put(&argument.request, request);
        self.schema.pending_requests().remove(&argument.request);
        self.log(event, Some(argument.request.as_bytes()));
        Ok(())
    }
}

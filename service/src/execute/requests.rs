//! The operator's orders, and what became of them.

use bitcoin::Amount;
use zarnitsa_channel::amount::Msat;

use super::{Ledger, Outcome};
use crate::errors::{ChannelError, OperatorError};
use crate::read::hash_of;
use crate::records::{
    CloseChannelRequest, EventKind, OpenChannelRequest, Request, RequestArguments, RequestStatus,
};
use crate::transactions::RequestResult;

impl Ledger<'_> {
    /// Notes the order to open a channel.
    pub(crate) fn open_channel(mut self, argument: OpenChannelRequest) -> Outcome {
        let config = self.schema.config.get();
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
        if !self.schema.channels.contains(&channel) {
            return Err(ChannelError::UnknownChannel.into());
        }
        self.order(RequestArguments::CloseChannel(argument));
        Ok(())
    }

    fn order(&mut self, arguments: RequestArguments) {
        let channel_id = match &arguments {
            RequestArguments::OpenChannel(_) => None,
            RequestArguments::CloseChannel(close) => Some(close.channel_id),
        };
        let request = Request {
            arguments,
            status: RequestStatus::Pending,
            channel_id,
            reason: String::new(),
            created_height: self.height,
            updated_height: self.height,
        };
        let tx_hash = self.tx_hash;
        self.schema.requests.put(&tx_hash, request);
        self.schema.pending_requests.insert(&tx_hash);
        self.log(EventKind::RequestPending, Some(tx_hash.as_bytes()));
    }

    /// Notes what became of an order.
    pub(crate) fn request_result(mut self, argument: RequestResult) -> Outcome {
        let mut request = self
            .schema
            .requests
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
        self.schema.requests.put(&argument.request, request);
        self.schema.pending_requests.remove(&argument.request);
        self.log(event, Some(argument.request.as_bytes()));
        Ok(())
    }
}

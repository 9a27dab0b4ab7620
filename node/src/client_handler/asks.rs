//! Channels that hubs are asked for, and what the operator says of those that peers ask for.

use bitcoin::Amount;
use exonum::crypto::Hash;
use zarnitsa_service::records::{
    AcceptFrom, Ask, AskChannelRequest, AskPolicy, AskStatus, Policy, Request, RequestArguments,
    RequestStatus,
};
use zarnitsa_service::transactions::AskDecision;
use zarnitsa_service::{read, LedgerCall};

use crate::api::{self, ApiError, AskDirection, AskFrom, AskState};
use crate::shared::Shared;

/// The most that a list holds.
const MOST: usize = 1_000;
/// What a peer hears where the operator gives no reason.
const NO_REASON: &str = "the operator does not want it";

impl Shared {
    /// Asks a hub for a channel: returns when the order is on disk. What becomes of it takes as long as the hub takes.
    pub(crate) async fn ask_channel(
        &self,
        request: api::AskChannel,
    ) -> Result<api::ChannelAsk, ApiError> {
        let amount = Amount::from_sat(request.amount_sat);
        if amount == Amount::ZERO || amount > Amount::MAX_MONEY {
            return Err(ApiError::bad_request("the amount is out of range"));
        }
        let order = AskChannelRequest {
            hub: request.peer.node_id,
            address: request.peer.address.unwrap_or_default(),
            amount_sat: amount,
            nonce: rand::random(),
        };
        let hash = self.order(LedgerCall::AskChannel(order)).await?;
        let request = read::request(&*self.ledger.snapshot(), &hash);
        request
            .and_then(|request| self.outgoing(hash, &request))
            .ok_or_else(|| ApiError::not_found("ask", hash))
    }

    /// Those of this node and those of peers, the newest first.
    pub(crate) fn asks(&self) -> Vec<api::ChannelAsk> {
        let snapshot = self.ledger.snapshot();
        let of_peers = read::asks(&*snapshot, 0, MOST);
        let mut all: Vec<_> = of_peers
            .iter()
            .map(|ask| (ask.created_height, incoming(ask)))
            .collect();
        let own = read::requests(&*snapshot);
        all.extend(
            own.iter()
                .filter_map(|(hash, one)| Some((one.created_height, self.outgoing(*hash, one)?))),
        );
        all.sort_by_key(|(height, ask)| (std::cmp::Reverse(*height), ask.ask_id));
        all.truncate(MOST);
        all.into_iter().map(|(_, ask)| ask).collect()
    }

    pub(crate) async fn approve_ask(&self, id: Hash) -> Result<api::ChannelAsk, ApiError> {
        self.decide(id, true, String::new()).await
    }

    pub(crate) async fn refuse_ask(
        &self,
        request: api::RefuseAsk,
    ) -> Result<api::ChannelAsk, ApiError> {
        let reason = request.reason.unwrap_or_else(|| NO_REASON.to_owned());
        if reason.len() > 200 {
            return Err(ApiError::bad_request("a reason has 200 bytes at most"));
        }
        self.decide(request.ask_id, false, reason).await
    }

    async fn decide(
        &self,
        ask: Hash,
        approve: bool,
        reason: String,
    ) -> Result<api::ChannelAsk, ApiError> {
        let known = |shared: &Self| read::ask(&*shared.ledger.snapshot(), &ask);
        known(self).ok_or_else(|| ApiError::not_found("ask", ask))?;
        let decision = AskDecision {
            ask,
            approve,
            reason,
            nonce: rand::random(),
        };
        self.order(LedgerCall::AskDecision(decision)).await?;
        let ask = known(self).ok_or_else(|| ApiError::not_found("ask", ask))?;
        Ok(incoming(&ask))
    }

    fn outgoing(&self, hash: Hash, request: &Request) -> Option<api::ChannelAsk> {
        let RequestArguments::AskChannel(order) = &request.arguments else {
            return None;
        };
        let status = match request.status {
            RequestStatus::Pending if request.channel_id.is_some() => AskState::Opening,
            RequestStatus::Pending => AskState::Asked,
            RequestStatus::Done => AskState::Opened,
            RequestStatus::Failed => AskState::Refused,
        };
        Some(api::ChannelAsk {
            ask_id: hash,
            direction: AskDirection::Outgoing,
            peer: order.hub,
            amount_sat: order.amount_sat.to_sat(),
            status,
            channel_id: request.channel_id,
            reason: said(&request.reason),
            created_at: self.block_time(request.created_height),
        })
    }
}

fn incoming(ask: &Ask) -> api::ChannelAsk {
    api::ChannelAsk {
        ask_id: ask.key(),
        direction: AskDirection::Incoming,
        peer: ask.peer,
        amount_sat: ask.amount_sat.to_sat(),
        status: match ask.status {
            AskStatus::Asked => AskState::Asked,
            AskStatus::Approved => AskState::Approved,
            AskStatus::Opening => AskState::Opening,
            AskStatus::Opened => AskState::Opened,
            AskStatus::Refused => AskState::Refused,
        },
        channel_id: ask.channel_id,
        reason: said(&ask.reason),
        created_at: ask.received_at,
    }
}

fn said(reason: &str) -> Option<String> {
    (!reason.is_empty()).then(|| reason.to_owned())
}

/// What the request says of asks, in place of what the policy says.
pub(crate) fn set_asks(policy: &mut Policy, change: &api::SetAskPolicy) {
    let asks = &mut policy.asks;
    let sat = |new: Option<u64>, now: Amount| new.map_or(now, Amount::from_sat);
    *asks = AskPolicy {
        from: change.from.map_or(asks.from, |from| match from {
            AskFrom::Anyone => AcceptFrom::Anyone,
            AskFrom::Listed => AcceptFrom::Listed,
            AskFrom::Nobody => AcceptFrom::Nobody,
        }),
        approve: change.approve.unwrap_or(asks.approve),
        min_sat: sat(change.min_sat, asks.min_sat),
        max_sat: sat(change.max_sat, asks.max_sat),
        max_open: change.max_open.unwrap_or(asks.max_open),
        wait_seconds: change.wait_seconds.unwrap_or(asks.wait_seconds),
        max_batch: change.max_batch.unwrap_or(asks.max_batch),
        expiry_seconds: change.expiry_seconds.unwrap_or(asks.expiry_seconds),
    };
}

/// The policy of asks as it is shown.
pub(crate) fn ask_policy_view(asks: &AskPolicy) -> api::AskPolicy {
    api::AskPolicy {
        from: match asks.from {
            AcceptFrom::Anyone => AskFrom::Anyone,
            AcceptFrom::Listed => AskFrom::Listed,
            AcceptFrom::Nobody => AskFrom::Nobody,
        },
        approve: asks.approve,
        min_sat: asks.min_sat.to_sat(),
        max_sat: asks.max_sat.to_sat(),
        max_open: asks.max_open,
        wait_seconds: asks.wait_seconds,
        max_batch: asks.max_batch,
        expiry_seconds: asks.expiry_seconds,
    }
}

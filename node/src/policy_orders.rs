//! `policy show` and `policy set`: the operator's order becomes a ledger transaction, and the answer is the ledger's.

use bitcoin::secp256k1::PublicKey;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_service::records::{AcceptFrom, ChannelPolicy, PeerPolicy, Policy};
use zarnitsa_service::transactions::{ChannelPolicyChange, PolicyChange};
use zarnitsa_service::LedgerCall;

use crate::api::{self, ApiError};
use crate::client_handler::asks::{ask_policy_view, set_asks};
use crate::shared::Shared;

impl Shared {
    /// Sets what the request names, for the node, a channel or a peer.
    pub(crate) async fn set_policy(
        &self,
        request: api::SetPolicy,
    ) -> Result<api::Policy, ApiError> {
        let call = match (request.channel_id, request.peer) {
            (Some(_), Some(_)) => {
                let both = "a policy is for a channel or for a peer, not for both";
                return Err(ApiError::bad_request(both));
            }
            (Some(id), None) => self.channel_policy_change(id, &request)?,
            (None, peer) => {
                let mut policy = self.policy();
                match peer {
                    Some(peer) => set_for_peer(&mut policy, peer, &request)?,
                    None => set_for_all(&mut policy, &request)?,
                }
                LedgerCall::Policy(Box::new(PolicyChange {
                    policy,
                    nonce: rand::random(),
                }))
            }
        };
        self.order(call).await?;
        // The driver reads it too, when it hears of the block; the answer must not be older.
        self.reload_policy();
        Ok(self.policy_view())
    }

    /// What is not said stays as it is for the channel now.
    fn channel_policy_change(
        &self,
        id: ChannelId,
        request: &api::SetPolicy,
    ) -> Result<LedgerCall, ApiError> {
        if is_of_peers(request) || is_of_node(request) {
            let wrong = "a channel has its own fees, delta and sizes of HTLCs, and nothing else";
            return Err(ApiError::bad_request(wrong));
        }
        let rules = self.rules();
        let (now, policy) = (rules.channels.get(&id), &rules.policy);
        let own = |of: fn(&ChannelPolicy) -> Msat| now.map_or(Msat::ZERO, of);
        let policy = ChannelPolicy {
            channel_id: id,
            base_fee_msat: request
                .base_fee_msat
                .unwrap_or_else(|| now.map_or(policy.base_fee_msat, |now| now.base_fee_msat)),
            fee_ppm: request
                .fee_ppm
                .unwrap_or_else(|| now.map_or(policy.fee_ppm, |now| now.fee_ppm)),
            cltv_delta: request
                .cltv_delta
                .unwrap_or_else(|| now.map_or(policy.cltv_delta, |now| now.cltv_delta)),
            htlc_minimum_msat: request
                .htlc_minimum_msat
                .unwrap_or_else(|| own(|now| now.htlc_minimum_msat)),
            htlc_maximum_msat: request
                .htlc_maximum_msat
                .unwrap_or_else(|| own(|now| now.htlc_maximum_msat)),
        };
        Ok(LedgerCall::ChannelPolicy(ChannelPolicyChange {
            channel_id: id,
            policy: Some(policy),
            nonce: rand::random(),
        }))
    }

    /// The policy as it is shown.
    pub(crate) fn policy_view(&self) -> api::Policy {
        let rules = self.rules();
        let policy = &rules.policy;
        api::Policy {
            base_fee_msat: policy.base_fee_msat,
            fee_ppm: policy.fee_ppm,
            cltv_delta: policy.cltv_delta,
            min_channel_sat: policy.min_channel_sat.to_sat(),
            max_channel_sat: policy.max_channel_sat.to_sat(),
            max_channels: policy.max_channels,
            max_channels_per_peer: policy.max_channels_per_peer,
            minimum_depth: policy.minimum_depth,
            accept_channels: policy.accept_from != AcceptFrom::Nobody,
            forward: policy.forward,
            accept_keysend: policy.accept_keysend,
            channels: rules.channels.values().map(channel_view).collect(),
            peers: policy.peers.iter().map(peer_view).collect(),
            asks: ask_policy_view(&policy.asks),
            listed: policy.accepted_peers.clone(),
        }
    }
}

fn is_of_node(request: &api::SetPolicy) -> bool {
    request.accept_channels.is_some()
        || request.forward.is_some()
        || request.accept_keysend.is_some()
        || request.max_channels.is_some()
        || request.max_channels_per_peer.is_some()
        || request.asks.is_some()
}

fn is_of_peers(request: &api::SetPolicy) -> bool {
    request.minimum_depth.is_some() || request.zero_conf.is_some() || request.listed.is_some()
}

fn is_of_channels(request: &api::SetPolicy) -> bool {
    request.htlc_minimum_msat.is_some() || request.htlc_maximum_msat.is_some()
}

fn set_for_all(policy: &mut Policy, request: &api::SetPolicy) -> Result<(), ApiError> {
    if is_of_channels(request) {
        let wrong = "the sizes of HTLCs are set for one channel";
        return Err(ApiError::bad_request(wrong));
    }
    if request.listed.is_some() {
        return Err(ApiError::bad_request("it is a peer that is listed"));
    }
    if let Some(change) = &request.asks {
        set_asks(policy, change);
    }
    policy.base_fee_msat = request.base_fee_msat.unwrap_or(policy.base_fee_msat);
    policy.fee_ppm = request.fee_ppm.unwrap_or(policy.fee_ppm);
    policy.cltv_delta = request.cltv_delta.unwrap_or(policy.cltv_delta);
    policy.minimum_depth = request.minimum_depth.unwrap_or(policy.minimum_depth);
    policy.accept_zero_conf = request.zero_conf.unwrap_or(policy.accept_zero_conf);
    policy.forward = request.forward.unwrap_or(policy.forward);
    policy.accept_keysend = request.accept_keysend.unwrap_or(policy.accept_keysend);
    policy.max_channels = request.max_channels.unwrap_or(policy.max_channels);
    policy.max_channels_per_peer = request
        .max_channels_per_peer
        .unwrap_or(policy.max_channels_per_peer);
    policy.accept_from = match request.accept_channels {
        Some(true) => AcceptFrom::Anyone,
        Some(false) => AcceptFrom::Nobody,
        None => policy.accept_from,
    };
    Ok(())
}

fn set_for_peer(
    policy: &mut Policy,
    peer: PublicKey,
    request: &api::SetPolicy,
) -> Result<(), ApiError> {
    let fees = request.base_fee_msat.is_some()
        || request.fee_ppm.is_some()
        || request.cltv_delta.is_some();
    if fees || is_of_node(request) || is_of_channels(request) {
        let wrong = "a peer has its own depth and zero-conf and is listed or not, and nothing else";
        return Err(ApiError::bad_request(wrong));
    }
    if let Some(listed) = request.listed {
        policy.accepted_peers.retain(|other| *other != peer);
        if listed {
            policy.accepted_peers.push(peer);
        }
    }
    if request.minimum_depth.is_none() && request.zero_conf.is_none() {
        return Ok(());
    }
    let now = policy.peer(&peer);
    let own = PeerPolicy {
        peer,
        minimum_depth: request
            .minimum_depth
            .unwrap_or_else(|| policy.minimum_depth_for(&peer)),
        accept_zero_conf: request
            .zero_conf
            .unwrap_or_else(|| now.map_or(policy.accept_zero_conf, |now| now.accept_zero_conf)),
    };
    policy.peers.retain(|other| other.peer != peer);
    policy.peers.push(own);
    Ok(())
}

fn channel_view(own: &ChannelPolicy) -> api::ChannelPolicy {
    api::ChannelPolicy {
        channel_id: own.channel_id,
        base_fee_msat: own.base_fee_msat,
        fee_ppm: own.fee_ppm,
        cltv_delta: own.cltv_delta,
        htlc_minimum_msat: own.htlc_minimum_msat,
        htlc_maximum_msat: own.htlc_maximum_msat,
    }
}

fn peer_view(own: &PeerPolicy) -> api::PeerPolicy {
    api::PeerPolicy {
        node_id: own.peer,
        minimum_depth: own.minimum_depth,
        zero_conf: own.accept_zero_conf,
    }
}

//! Whose ledger this is, and what its operator wants.

use bitcoin::secp256k1::PublicKey as NodeId;
use bitcoin::Amount;
use exonum::crypto::PublicKey;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::limits::Limits;

use super::AskPolicy;
use crate::proto;
use crate::wire::Wire;

/// Whose ledger this is. Written once.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Config")]
pub struct Config {
    /// May command: open, close, pay, make invoices, set the policy.
    pub operator_key: PublicKey,
    /// May report: messages of peers, events of the chain.
    pub node_key: PublicKey,
    /// Lightning node id.
    #[protobuf_convert(with = "Wire")]
    pub node_id: NodeId,
    /// `bitcoin`, `testnet4`, `signet` or `regtest`.
    pub network: String,
}

/// What the service begins with.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Genesis")]
pub struct Genesis {
    /// Whose ledger this is.
    pub config: Config,
    /// The first policy.
    pub policy: Policy,
}

/// Which peers may open channels to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFrom {
    /// All.
    Anyone,
    /// Those of `accepted_peers`.
    Listed,
    /// None.
    Nobody,
}

/// What the operator wants of channels and payments.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::Policy")]
pub struct Policy {
    /// Which peers may open channels to this node.
    #[protobuf_convert(with = "Wire")]
    pub accept_from: AcceptFrom,
    /// Those that may where it is `Listed`.
    #[protobuf_convert(with = "Wire")]
    pub accepted_peers: Vec<NodeId>,
    /// The smallest channel that a peer may open.
    #[protobuf_convert(with = "Wire")]
    pub min_channel_sat: Amount,
    /// The largest channel that a peer may open.
    #[protobuf_convert(with = "Wire")]
    pub max_channel_sat: Amount,
    /// How many channels may live at once.
    pub max_channels: u32,
    /// How many channels one peer may have at once.
    pub max_channels_per_peer: u32,
    /// Confirmations that this node asks for.
    pub minimum_depth: u32,
    /// Blocks that the other side must wait for its own coins after a unilateral close.
    pub to_self_delay: u16,
    /// The smallest HTLC that this node accepts.
    #[protobuf_convert(with = "Wire")]
    pub htlc_minimum_msat: Msat,
    /// How many HTLCs this node accepts at once.
    pub max_accepted_htlcs: u16,
    /// How much of the capacity may be in HTLCs offered to this node, in percent.
    pub max_in_flight_percent: u32,
    /// The longest delay that this node accepts for its own coins, in blocks.
    pub max_to_self_delay: u16,
    /// The lowest feerate of commitments, in satoshis per 1,000 weight units.
    pub min_feerate_per_kw: u32,
    /// The highest feerate of commitments.
    pub max_feerate_per_kw: u32,
    /// The most that may be in HTLCs too small for an output.
    #[protobuf_convert(with = "Wire")]
    pub max_dust_exposure_msat: Msat,
    /// Forwarding: what each HTLC pays.
    #[protobuf_convert(with = "Wire")]
    pub base_fee_msat: Msat,
    /// Forwarding: what each HTLC pays of its amount, in millionths.
    pub fee_ppm: u32,
    /// Forwarding: blocks between the expiries of the HTLC in and the HTLC out.
    pub cltv_delta: u16,
    /// The highest dust limit of the other side.
    #[protobuf_convert(with = "Wire")]
    pub max_dust_limit_sat: Amount,
    /// The highest reserve that the other side may demand, in percent of the capacity.
    pub max_reserve_percent: u32,
    /// The least that the other side must let this node have in flight.
    #[protobuf_convert(with = "Wire")]
    pub min_in_flight_msat: Msat,
    /// The highest least HTLC of the other side.
    #[protobuf_convert(with = "Wire")]
    pub max_htlc_minimum_msat: Msat,
    /// The fewest HTLCs that the other side must accept.
    pub min_accepted_htlcs: u16,
    /// The most confirmations that an acceptor may ask for.
    pub max_minimum_depth: u32,
    /// Whether a peer may open a channel that is usable unconfirmed.
    pub accept_zero_conf: bool,
    /// The lowest feerate of a closing transaction that a peer proposes.
    pub min_closing_feerate_per_kw: u32,
    /// Whether payments of others are forwarded.
    pub forward: bool,
    /// Whether payments without an invoice are taken.
    pub accept_keysend: bool,
    /// What holds for single peers in place of the above.
    pub peers: Vec<PeerPolicy>,
    /// Peers that ask for channels.
    pub asks: AskPolicy,
}

/// What the operator wants of one peer's channels.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert)]
#[protobuf_convert(source = "proto::PeerPolicy")]
pub struct PeerPolicy {
    /// Whose.
    #[protobuf_convert(with = "Wire")]
    pub peer: NodeId,
    /// Confirmations that this node asks for.
    pub minimum_depth: u32,
    /// It may open channels that are usable unconfirmed.
    pub accept_zero_conf: bool,
}

impl Policy {
    /// What a user's node begins with: it opens channels, accepts none and forwards nothing.
    pub fn user() -> Self {
        Self {
            accept_from: AcceptFrom::Nobody,
            forward: false,
            asks: AskPolicy::user(),
            ..Self::hub()
        }
    }

    /// What a hub begins with.
    pub fn hub() -> Self {
        Self {
            accept_from: AcceptFrom::Anyone,
            accepted_peers: Vec::new(),
            min_channel_sat: Amount::from_sat(20_000),
            // BOLT 2, open_channel: 2^24 satoshis are the least that needs option_support_large_channel.
            max_channel_sat: Amount::from_sat(16_777_215),
            max_channels: 1_000,
            max_channels_per_peer: 10,
            minimum_depth: 3,
            to_self_delay: 144,
            htlc_minimum_msat: Msat::new(1),
            max_accepted_htlcs: 483,
            max_in_flight_percent: 100,
            max_to_self_delay: 2_016,
            // BOLT 3: below 253 the fee of a commitment is below the relay minimum of 1 satoshi per virtual byte.
            min_feerate_per_kw: 253,
            max_feerate_per_kw: 250_000,
            max_dust_exposure_msat: Msat::new(50_000_000),
            base_fee_msat: Msat::new(1_000),
            fee_ppm: 100,
            cltv_delta: 80,
            max_dust_limit_sat: Amount::from_sat(1_000),
            max_reserve_percent: 10,
            min_in_flight_msat: Msat::new(1_000_000),
            max_htlc_minimum_msat: Msat::new(1_000_000),
            min_accepted_htlcs: 5,
            max_minimum_depth: 144,
            accept_zero_conf: false,
            min_closing_feerate_per_kw: 253,
            forward: true,
            accept_keysend: true,
            peers: Vec::new(),
            asks: AskPolicy::hub(),
        }
    }

    /// Whether a peer is one of those that `from` means.
    pub fn is_among(&self, from: AcceptFrom, peer: &NodeId) -> bool {
        match from {
            AcceptFrom::Anyone => true,
            AcceptFrom::Listed => self.accepted_peers.contains(peer),
            AcceptFrom::Nobody => false,
        }
    }

    /// What holds for this peer alone.
    pub fn peer(&self, peer: &NodeId) -> Option<&PeerPolicy> {
        self.peers.iter().find(|policy| policy.peer == *peer)
    }

    /// Confirmations that this node asks for when this peer opens a channel.
    pub fn minimum_depth_for(&self, peer: &NodeId) -> u32 {
        self.peer(peer)
            .map_or(self.minimum_depth, |policy| policy.minimum_depth)
    }

    /// What the policy allows with this peer: [`limits`](Self::limits), but for what the peer has of its own.
    pub fn limits_for(&self, peer: &NodeId) -> Limits {
        let mut limits = self.limits();
        if let Some(policy) = self.peer(peer) {
            limits.allow_zero_conf = policy.accept_zero_conf;
        }
        limits
    }

    /// What the policy allows, as the channel machine asks for it.
    pub fn limits(&self) -> Limits {
        Limits {
            min_feerate_per_kw: self.min_feerate_per_kw,
            max_feerate_per_kw: self.max_feerate_per_kw,
            max_dust_exposure: self.max_dust_exposure_msat,
            max_to_self_delay: self.max_to_self_delay,
            max_dust_limit: self.max_dust_limit_sat,
            min_capacity: self.min_channel_sat,
            max_capacity: self.max_channel_sat,
            // `check` lets nothing above 100 into the ledger.
            max_reserve_percent: u8::try_from(self.max_reserve_percent).unwrap_or(100),
            min_htlc_value_in_flight: self.min_in_flight_msat,
            max_htlc_minimum: self.max_htlc_minimum_msat,
            min_accepted_htlcs: self.min_accepted_htlcs,
            max_minimum_depth: self.max_minimum_depth,
            allow_zero_conf: self.accept_zero_conf,
            min_closing_feerate_per_kw: self.min_closing_feerate_per_kw,
        }
    }

    /// Whether its parts make sense together. Said for people.
    ///
    /// # Errors
    ///
    /// What does not.
    pub fn check(&self) -> Result<(), &'static str> {
        let rules = [
            (
                self.min_channel_sat <= self.max_channel_sat,
                "the smallest channel is larger than the largest",
            ),
            (
                self.min_feerate_per_kw <= self.max_feerate_per_kw,
                "the lowest feerate is above the highest",
            ),
            (
                self.min_feerate_per_kw >= 253,
                "a feerate below 253 per kw is not relayed",
            ),
            (
                // BOLT 2, open_channel: more would make a commitment transaction too large to be mined.
                (1..=483).contains(&self.max_accepted_htlcs),
                "the number of HTLCs must be between 1 and 483",
            ),
            (
                (1..=100).contains(&self.max_in_flight_percent),
                "the percentage in flight must be between 1 and 100",
            ),
            (
                self.max_reserve_percent <= 100,
                "a reserve is at most 100 percent of the channel",
            ),
            (
                self.to_self_delay > 0,
                "a delay of 0 blocks protects nothing",
            ),
            (
                self.fee_ppm <= 1_000_000,
                "a fee above 1,000,000 ppm is more than the amount itself",
            ),
            (
                self.accepted_peers.len() <= 10_000,
                "more than 10,000 listed peers",
            ),
            (
                self.peers.len() <= 10_000,
                "more than 10,000 peers with a policy of their own",
            ),
        ];
        first_broken(rules)?;
        self.asks.check()?;
        check_terms(self.base_fee_msat, self.cltv_delta)
    }
}

/// BOLT 2, "cltv_expiry_delta Selection", reckons 34 blocks; the onion reader of this and of many other nodes asks for 48.
const MIN_CLTV_DELTA: u16 = 48;

fn check_terms(base_fee: Msat, cltv_delta: u16) -> Result<(), &'static str> {
    first_broken([
        (
            // BOLT 7, channel_update: fee_base_msat has four bytes.
            u32::try_from(base_fee.to_msat()).is_ok(),
            "a fixed fee above 4,294,967,295 msat cannot be announced",
        ),
        (
            cltv_delta >= MIN_CLTV_DELTA,
            "fewer than 48 blocks between the HTLCs in and out are not safe",
        ),
    ])
}

pub(super) fn first_broken<const N: usize>(
    rules: [(bool, &'static str); N],
) -> Result<(), &'static str> {
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, broken)) => Err(broken),
        None => Ok(()),
    }
}

/// What a channel forwards for, in place of what the policy says.
#[derive(Clone, Debug, PartialEq, Eq, ProtobufConvert, BinaryValue, ObjectHash)]
#[protobuf_convert(source = "proto::ChannelPolicy")]
pub struct ChannelPolicy {
    /// Which channel.
    #[protobuf_convert(with = "Wire")]
    pub channel_id: ChannelId,
    /// What each HTLC pays.
    #[protobuf_convert(with = "Wire")]
    pub base_fee_msat: Msat,
    /// What each HTLC pays of its amount, in millionths.
    pub fee_ppm: u32,
    /// Blocks between the expiries of the HTLC in and the HTLC out.
    pub cltv_delta: u16,
    /// The smallest HTLC; zero: what the channel itself allows.
    #[protobuf_convert(with = "Wire")]
    pub htlc_minimum_msat: Msat,
    /// The largest HTLC; zero: what the channel itself allows.
    #[protobuf_convert(with = "Wire")]
    pub htlc_maximum_msat: Msat,
}

impl ChannelPolicy {
    /// Whether its parts make sense together. Said for people.
    ///
    /// # Errors
    ///
    /// What does not.
    pub fn check(&self) -> Result<(), &'static str> {
        let no_maximum = self.htlc_maximum_msat == Msat::ZERO;
        first_broken([
            (
                self.fee_ppm <= 1_000_000,
                "a fee above 1,000,000 ppm is more than the amount itself",
            ),
            (
                no_maximum || self.htlc_minimum_msat <= self.htlc_maximum_msat,
                "the smallest HTLC is larger than the largest",
            ),
        ])?;
        check_terms(self.base_fee_msat, self.cltv_delta)
    }
}

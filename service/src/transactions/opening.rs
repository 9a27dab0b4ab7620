//! A channel's first ledger transaction: all that both sides said until its funding output is known.

use anyhow::{bail, Result};
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Transaction};
use exonum::crypto::Hash;
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::KeysId;
use zarnitsa_channel::message::{AcceptChannel, OpenChannel};
use zarnitsa_channel::params::{ChannelPublicKeys, ChannelType, SideParams};

use crate::proto::{self, Opening_oneof_role as RolePb};
use crate::wire::{present, Wire};

/// A channel begins.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct Opening {
    /// Node id of the peer.
    pub peer: PublicKey,
    /// From this and the seed the signer derives the channel's keys. Public.
    pub keys_id: KeysId,
    /// What the opener said.
    pub open_channel: OpenChannel,
    /// What the acceptor said.
    pub accept_channel: AcceptChannel,
    /// The funding output.
    pub funding: OutPoint,
    /// Who this node is in it.
    pub role: Role,
}

/// Who this node is in an opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// This node opens the channel.
    Opener {
        /// Signed by the wallet, broadcast once the peer has signed commitment 0.
        opening_transaction: Box<Transaction>,
        /// The operator's order: hash of its ledger transaction.
        request: Hash,
    },
    /// The peer opens the channel.
    Acceptor {
        /// funding_created's, of commitment 0 of this node.
        signature: Signature,
    },
}

impl ProtobufConvert for Opening {
    type ProtoStruct = proto::Opening;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::Opening::new();
        pb.set_peer(self.peer.to_pb());
        pb.set_keys_id(self.keys_id.to_pb());
        pb.set_open_channel(open_channel_to_pb(&self.open_channel));
        pb.set_accept_channel(accept_channel_to_pb(&self.accept_channel));
        pb.set_funding(self.funding.to_pb());
        match &self.role {
            Role::Opener {
                opening_transaction,
                request,
            } => {
                let mut opener = proto::OpenedByHolder::new();
                opener.set_opening_transaction(opening_transaction.to_pb());
                opener.set_request(request.to_pb());
                pb.set_opener(opener);
            }
            Role::Acceptor { signature } => {
                let mut acceptor = proto::OpenedByCounterparty::new();
                acceptor.set_signature(signature.to_pb());
                pb.set_acceptor(acceptor);
            }
        }
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        Ok(Self {
            peer: Wire::from_pb(pb.take_peer())?,
            keys_id: Wire::from_pb(pb.take_keys_id())?,
            open_channel: open_channel_from_pb(present(pb.open_channel, "open_channel")?)?,
            accept_channel: accept_channel_from_pb(present(pb.accept_channel, "accept_channel")?)?,
            funding: Wire::from_pb(present(pb.funding, "funding")?)?,
            role: match pb.role {
                Some(RolePb::opener(mut opener)) => Role::Opener {
                    opening_transaction: Box::new(Wire::from_pb(
                        opener.take_opening_transaction(),
                    )?),
                    request: <Hash as ProtobufConvert>::from_pb(present(
                        opener.request,
                        "request",
                    )?)?,
                },
                Some(RolePb::acceptor(mut acceptor)) => Role::Acceptor {
                    signature: Wire::from_pb(acceptor.take_signature())?,
                },
                None => bail!("opening: no role, or one that is not known"),
            },
        })
    }
}

fn open_channel_to_pb(message: &OpenChannel) -> proto::OpenChannelMessage {
    let mut pb = proto::OpenChannelMessage::new();
    pb.set_temporary_channel_id(message.temporary_channel_id.to_pb());
    pb.set_funding_sat(message.funding_amount.to_pb());
    pb.set_push_msat(message.push.to_pb());
    pb.set_feerate_per_kw(message.feerate_per_kw);
    pb.set_announce(message.announce);
    pb.set_channel_type(message.channel_type.to_pb());
    pb.set_side(message.side.to_pb());
    pb.set_first_per_commitment_point(message.first_per_commitment_point.to_pb());
    pb
}

fn open_channel_from_pb(mut pb: proto::OpenChannelMessage) -> Result<OpenChannel> {
    Ok(OpenChannel {
        temporary_channel_id: Wire::from_pb(pb.take_temporary_channel_id())?,
        funding_amount: Wire::from_pb(pb.get_funding_sat())?,
        push: Wire::from_pb(pb.get_push_msat())?,
        feerate_per_kw: pb.get_feerate_per_kw(),
        announce: pb.get_announce(),
        first_per_commitment_point: Wire::from_pb(pb.take_first_per_commitment_point())?,
        channel_type: Wire::from_pb(present(pb.channel_type, "channel_type")?)?,
        side: Wire::from_pb(present(pb.side, "side")?)?,
    })
}

fn accept_channel_to_pb(message: &AcceptChannel) -> proto::AcceptChannelMessage {
    let mut pb = proto::AcceptChannelMessage::new();
    pb.set_temporary_channel_id(message.temporary_channel_id.to_pb());
    pb.set_minimum_depth(message.minimum_depth);
    pb.set_channel_type(message.channel_type.to_pb());
    pb.set_side(message.side.to_pb());
    pb.set_first_per_commitment_point(message.first_per_commitment_point.to_pb());
    pb
}

fn accept_channel_from_pb(mut pb: proto::AcceptChannelMessage) -> Result<AcceptChannel> {
    Ok(AcceptChannel {
        temporary_channel_id: Wire::from_pb(pb.take_temporary_channel_id())?,
        minimum_depth: pb.get_minimum_depth(),
        first_per_commitment_point: Wire::from_pb(pb.take_first_per_commitment_point())?,
        channel_type: Wire::from_pb(present(pb.channel_type, "channel_type")?)?,
        side: Wire::from_pb(present(pb.side, "side")?)?,
    })
}

impl Wire for ChannelType {
    type Pb = proto::ChannelType;

    fn to_pb(&self) -> Self::Pb {
        let mut pb = proto::ChannelType::new();
        pb.set_format(self.format.to_pb());
        pb.set_scid_alias(self.scid_alias);
        pb.set_zero_conf(self.zero_conf);
        pb
    }

    fn from_pb(pb: Self::Pb) -> Result<Self> {
        Ok(Self {
            format: Wire::from_pb(pb.get_format())?,
            scid_alias: pb.get_scid_alias(),
            zero_conf: pb.get_zero_conf(),
        })
    }
}

impl Wire for ChannelPublicKeys {
    type Pb = proto::ChannelPublicKeys;

    fn to_pb(&self) -> Self::Pb {
        let mut pb = proto::ChannelPublicKeys::new();
        pb.set_funding(self.funding.to_pb());
        pb.set_revocation_basepoint(self.revocation_basepoint.to_pb());
        pb.set_payment_basepoint(self.payment_basepoint.to_pb());
        pb.set_delayed_payment_basepoint(self.delayed_payment_basepoint.to_pb());
        pb.set_htlc_basepoint(self.htlc_basepoint.to_pb());
        pb
    }

    fn from_pb(mut pb: Self::Pb) -> Result<Self> {
        Ok(Self {
            funding: Wire::from_pb(pb.take_funding())?,
            revocation_basepoint: Wire::from_pb(pb.take_revocation_basepoint())?,
            payment_basepoint: Wire::from_pb(pb.take_payment_basepoint())?,
            delayed_payment_basepoint: Wire::from_pb(pb.take_delayed_payment_basepoint())?,
            htlc_basepoint: Wire::from_pb(pb.take_htlc_basepoint())?,
        })
    }
}

impl Wire for SideParams {
    type Pb = proto::SideParams;

    fn to_pb(&self) -> Self::Pb {
        let mut pb = proto::SideParams::new();
        pb.set_keys(self.keys.to_pb());
        pb.set_dust_limit_sat(self.dust_limit.to_pb());
        // BOLT 2 lets a peer say any u64 here, and many say the largest.
        pb.set_max_htlc_value_in_flight_msat(self.max_htlc_value_in_flight.to_msat());
        pb.set_channel_reserve_sat(self.channel_reserve.to_pb());
        pb.set_htlc_minimum_msat(self.htlc_minimum.to_msat());
        pb.set_max_accepted_htlcs(u32::from(self.max_accepted_htlcs));
        pb.set_to_self_delay(u32::from(self.to_self_delay));
        pb.set_upfront_shutdown_script(self.upfront_shutdown_script.to_pb());
        pb
    }

    fn from_pb(mut pb: Self::Pb) -> Result<Self> {
        Ok(Self {
            dust_limit: Wire::from_pb(pb.get_dust_limit_sat())?,
            max_htlc_value_in_flight: Msat::new(pb.get_max_htlc_value_in_flight_msat()),
            channel_reserve: Wire::from_pb(pb.get_channel_reserve_sat())?,
            htlc_minimum: Msat::new(pb.get_htlc_minimum_msat()),
            max_accepted_htlcs: ProtobufConvert::from_pb(pb.get_max_accepted_htlcs())?,
            to_self_delay: ProtobufConvert::from_pb(pb.get_to_self_delay())?,
            upfront_shutdown_script: Wire::from_pb(pb.take_upfront_shutdown_script())?,
            keys: Wire::from_pb(present(pb.keys, "keys")?)?,
        })
    }
}

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
use zarnitsa_channel::message::{AcceptChannel, FundingCreated, OpenChannel};
use zarnitsa_channel::opening::{
    AcceptorOpening, HolderPoints, OpenerOpening, Opening as Transcript,
};
use zarnitsa_channel::params::{ChannelPublicKeys, ChannelType, SideParams};

use crate::proto::{self, Opening_oneof_role as Pb};
use crate::wire::{present, Wire};

/// A channel begins.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct Opening {
    /// All that was said until funding_created.
    pub transcript: Transcript,
    /// The operator's order, the hash of its ledger transaction: where this node opens the channel.
    pub request: Option<Hash>,
}

impl ProtobufConvert for Opening {
    type ProtoStruct = proto::Opening;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = proto::Opening::new();
        pb.set_peer(self.transcript.peer().to_pb());
        pb.set_open_channel(open_channel_to_pb(self.transcript.open()));
        pb.set_accept_channel(accept_channel_to_pb(self.transcript.accept()));
        pb.set_funding(self.transcript.funding().to_pb());
        let (keys_id, points) = match &self.transcript {
            Transcript::Opener(opening) => {
                let mut opener = proto::OpenedByHolder::new();
                opener.set_opening_transaction(opening.transaction.to_pb());
                opener.set_request(Wire::to_pb(&self.request));
                pb.set_opener(opener);
                (opening.keys_id, opening.points)
            }
            Transcript::Acceptor(opening) => {
                let mut acceptor = proto::OpenedByCounterparty::new();
                acceptor.set_signature(opening.created.signature.to_pb());
                pb.set_acceptor(acceptor);
                (opening.keys_id, opening.points)
            }
        };
        pb.set_keys_id(keys_id.to_pb());
        pb.set_second_per_commitment_point(points.second.to_pb());
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        let said = Said {
            peer: Wire::from_pb(pb.take_peer())?,
            keys_id: Wire::from_pb(pb.take_keys_id())?,
            open: open_channel_from_pb(present(pb.open_channel, "open_channel")?)?,
            accept: accept_channel_from_pb(present(pb.accept_channel, "accept_channel")?)?,
            funding: Wire::from_pb(present(pb.funding, "funding")?)?,
            second: Wire::from_pb(pb.second_per_commitment_point)?,
        };
        match pb.role {
            Some(Pb::opener(mut opener)) => Ok(Self {
                request: Wire::from_pb(opener.take_request())?,
                transcript: said.by_holder(Wire::from_pb(opener.take_opening_transaction())?),
            }),
            Some(Pb::acceptor(mut acceptor)) => Ok(Self {
                request: None,
                transcript: said.by_counterparty(Wire::from_pb(acceptor.take_signature())?),
            }),
            None => bail!("opening: no role, or one that is not known"),
        }
    }
}

/// What a transcript has, whoever opens the channel.
struct Said {
    peer: PublicKey,
    keys_id: KeysId,
    open: OpenChannel,
    accept: AcceptChannel,
    funding: OutPoint,
    second: PublicKey,
}

impl Said {
    fn by_holder(self, transaction: Transaction) -> Transcript {
        Transcript::Opener(Box::new(OpenerOpening {
            peer: self.peer,
            keys_id: self.keys_id,
            points: HolderPoints {
                first: self.open.first_per_commitment_point,
                second: self.second,
            },
            open: self.open,
            accept: self.accept,
            funding: self.funding,
            transaction,
        }))
    }

    fn by_counterparty(self, signature: Signature) -> Transcript {
        Transcript::Acceptor(Box::new(AcceptorOpening {
            peer: self.peer,
            keys_id: self.keys_id,
            points: HolderPoints {
                first: self.accept.first_per_commitment_point,
                second: self.second,
            },
            created: FundingCreated {
                temporary_channel_id: self.open.temporary_channel_id,
                funding: self.funding,
                signature,
            },
            open: self.open,
            accept: self.accept,
        }))
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

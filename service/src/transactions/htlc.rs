//! HTLCs: added and resolved.

use anyhow::{bail, Result};
use exonum_derive::{BinaryValue, ObjectHash};
use exonum_proto::ProtobufConvert;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{ChannelId, HtlcId};
use zarnitsa_channel::message::{PeerMessage, UpdateAddHtlc};
use zarnitsa_channel::params::Side;

use super::step::{peer, Step};
use crate::proto::{self, HtlcAdd_oneof_step as AddPb, HtlcResolve_oneof_resolution as ResolvePb};
use crate::records::{Failure, HtlcOnion, HtlcRef, Route};
use crate::wire::{bounded, present, Wire, MAX_MESSAGE};

/// BOLT 4: the length of an onion packet in update_add_htlc.
pub const ONION_LEN: usize = 1_366;

/// BOLT 2: the length of attribution data in update_fulfill_htlc and update_fail_htlc.
const ATTRIBUTION_LEN: usize = 920;

/// For what an HTLC of ours is: the HTLC in that it forwards, or the way to the payee of a payment of this node's.
pub type Causes = (Option<HtlcRef>, Option<Route>);

/// update_add_htlc, and what the channel machine has no use for: the onion and the cause.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct HtlcAdd {
    step: Step,
    onion: HtlcOnion,
    causes: Causes,
}

impl HtlcAdd {
    /// Only for commands that add an HTLC.
    pub(crate) fn new(step: Step, onion: HtlcOnion, causes: Causes) -> Self {
        Self {
            step,
            onion,
            causes,
        }
    }

    /// The command and its channel.
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// The command and its channel, the onion, and for what an HTLC of ours is.
    pub fn into_parts(self) -> (Step, HtlcOnion, Causes) {
        (self.step, self.onion, self.causes)
    }
}

impl ProtobufConvert for HtlcAdd {
    type ProtoStruct = proto::HtlcAdd;

    fn to_pb(&self) -> Self::ProtoStruct {
        let (incoming, route) = &self.causes;
        let mut pb = add_to_pb(&self.step.command, incoming.as_ref())
            .expect("call.rs gives each command to the method that carries it");
        pb.set_channel_id(self.step.channel_id.to_pb());
        pb.set_step_number(self.step.number);
        pb.set_onion(self.onion.packet.clone());
        pb.set_path_key(self.onion.path_key.to_pb());
        if let (Some(AddPb::offered(offered)), Some(route)) = (&mut pb.step, route) {
            offered.set_route(route.to_pb());
        }
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        let onion = HtlcOnion {
            packet: pb.take_onion(),
            path_key: Wire::from_pb(pb.take_path_key())?,
        };
        if onion.packet.len() != ONION_LEN {
            bail!(
                "onion: {} bytes where {ONION_LEN} were expected",
                onion.packet.len()
            );
        }
        let channel_id = ChannelId::from_pb(pb.take_channel_id())?;
        let amount = Wire::from_pb(pb.get_amount_msat())?;
        let payment_hash = Wire::from_pb(pb.take_payment_hash())?;
        let cltv_expiry = pb.get_cltv_expiry();
        let number = pb.get_step_number();
        let mut causes = (None, None);
        let ours = Command::Local(LocalCommand::AddHtlc {
            amount,
            payment_hash,
            cltv_expiry,
        });
        let command = match pb.step {
            Some(AddPb::offered(mut offered)) => {
                causes.1 = Wire::from_pb(offered.take_route())?;
                ours
            }
            Some(AddPb::forwarded(forwarded)) => {
                let cause = present(forwarded.incoming, "the HTLC in")?;
                causes.0 = Some(HtlcRef::from_pb(cause)?);
                ours
            }
            Some(AddPb::received(received)) => peer(PeerMessage::UpdateAddHtlc(UpdateAddHtlc {
                id: Wire::from_pb(received.get_id())?,
                amount,
                payment_hash,
                cltv_expiry,
            })),
            None => bail!("htlc_add: no step, or one that is not known"),
        };
        let step = Step {
            channel_id,
            number,
            command,
        };
        Ok(Self {
            step,
            onion,
            causes,
        })
    }
}

fn add_to_pb(command: &Command, incoming: Option<&HtlcRef>) -> Option<proto::HtlcAdd> {
    let mut pb = proto::HtlcAdd::new();
    match command {
        Command::Local(LocalCommand::AddHtlc {
            amount,
            payment_hash,
            cltv_expiry,
        }) => {
            pb.set_amount_msat(amount.to_pb());
            pb.set_payment_hash(payment_hash.to_pb());
            pb.set_cltv_expiry(*cltv_expiry);
            match incoming {
                Some(incoming) => {
                    let mut forwarded = proto::HtlcForwarded::new();
                    forwarded.set_incoming(incoming.to_pb());
                    pb.set_forwarded(forwarded);
                }
                None => pb.set_offered(proto::HtlcOffered::new()),
            }
        }
        Command::Peer {
            message: PeerMessage::UpdateAddHtlc(message),
            ..
        } => {
            let mut received = proto::HtlcReceived::new();
            received.set_id(message.id.to_pb());
            pb.set_amount_msat(message.amount.to_pb());
            pb.set_payment_hash(message.payment_hash.to_pb());
            pb.set_cltv_expiry(message.cltv_expiry);
            pb.set_received(received);
        }
        _ => return None,
    }
    Some(pb)
}

/// update_fulfill_htlc, update_fail_htlc or update_fail_malformed_htlc, and what the failure says.
#[derive(Clone, Debug, PartialEq, Eq, BinaryValue, ObjectHash)]
pub struct HtlcResolve {
    step: Step,
    failure: Option<Failure>,
    attribution: Vec<u8>,
}

impl HtlcResolve {
    /// Only for commands that resolve an HTLC.
    pub(crate) fn new(step: Step, failure: Option<Failure>, attribution: Vec<u8>) -> Self {
        Self {
            step,
            failure,
            attribution,
        }
    }

    /// The command and its channel.
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// The command and its channel, what the failure says where this node can decode it, and the attribution data that
    /// travels beside it or beside the preimage.
    pub fn into_parts(self) -> (Step, Option<Failure>, Vec<u8>) {
        (self.step, self.failure, self.attribution)
    }
}

impl ProtobufConvert for HtlcResolve {
    type ProtoStruct = proto::HtlcResolve;

    fn to_pb(&self) -> Self::ProtoStruct {
        let mut pb = match &self.step.command {
            Command::Local(command) => local_resolve_to_pb(command),
            Command::Peer { message, .. } => peer_resolve_to_pb(message),
            Command::Chain(_) => None,
        }
        .expect("call.rs gives each command to the method that carries it");
        pb.set_channel_id(self.step.channel_id.to_pb());
        pb.set_step_number(self.step.number);
        if let Some(failure) = &self.failure {
            pb.set_failure(failure.to_pb());
        }
        pb.set_attribution(self.attribution.clone());
        pb
    }

    fn from_pb(mut pb: Self::ProtoStruct) -> Result<Self> {
        let channel_id = ChannelId::from_pb(pb.take_channel_id())?;
        let failure = Wire::from_pb(pb.take_failure())?;
        let attribution = pb.take_attribution();
        if !matches!(attribution.len(), 0 | ATTRIBUTION_LEN) {
            bail!("attribution data: {} bytes", attribution.len());
        }
        let number = pb.get_step_number();
        let command = match Side::from_pb(pb.get_by())? {
            Side::Holder => Command::Local(local_resolve_from_pb(pb)?),
            Side::Counterparty => peer(peer_resolve_from_pb(pb)?),
        };
        let step = Step {
            channel_id,
            number,
            command,
        };
        Ok(Self {
            step,
            failure,
            attribution,
        })
    }
}

fn malformed_to_pb(sha256_of_onion: &[u8; 32], failure_code: u16) -> ResolvePb {
    let mut pb = proto::MalformedOnion::new();
    pb.set_sha256_of_onion(sha256_of_onion.to_vec());
    pb.set_failure_code(u32::from(failure_code));
    ResolvePb::malformed(pb)
}

fn local_resolve_to_pb(command: &LocalCommand) -> Option<proto::HtlcResolve> {
    let (id, resolution) = match command {
        LocalCommand::FulfillHtlc { id, preimage } => (id, ResolvePb::preimage(preimage.to_pb())),
        LocalCommand::FailHtlc { id, reason } => (id, ResolvePb::failure_onion(reason.clone())),
        LocalCommand::FailMalformedHtlc {
            id,
            sha256_of_onion,
            failure_code,
        } => (id, malformed_to_pb(sha256_of_onion, *failure_code)),
        LocalCommand::WithdrawHtlcs => {
            let withdrawn = ResolvePb::withdrawn(proto::HtlcsWithdrawn::new());
            (&HtlcId(0), withdrawn)
        }
        _ => return None,
    };
    let mut pb = proto::HtlcResolve::new();
    pb.set_by(Side::Holder.to_pb());
    pb.set_id(id.to_pb());
    pb.resolution = Some(resolution);
    Some(pb)
}

fn local_resolve_from_pb(pb: proto::HtlcResolve) -> Result<LocalCommand> {
    let id = Wire::from_pb(pb.get_id())?;
    Ok(match pb.resolution {
        Some(ResolvePb::preimage(preimage)) => LocalCommand::FulfillHtlc {
            id,
            preimage: Wire::from_pb(preimage)?,
        },
        Some(ResolvePb::failure_onion(onion)) => LocalCommand::FailHtlc {
            id,
            reason: bounded(onion, "failure onion", MAX_MESSAGE)?,
        },
        Some(ResolvePb::malformed(mut malformed)) => LocalCommand::FailMalformedHtlc {
            id,
            sha256_of_onion: Wire::from_pb(malformed.take_sha256_of_onion())?,
            failure_code: ProtobufConvert::from_pb(malformed.get_failure_code())?,
        },
        Some(ResolvePb::withdrawn(_)) => LocalCommand::WithdrawHtlcs,
        None => bail!("htlc_resolve: no resolution, or one that is not known"),
    })
}

fn peer_resolve_to_pb(message: &PeerMessage) -> Option<proto::HtlcResolve> {
    let (id, resolution) = match message {
        PeerMessage::UpdateFulfillHtlc { id, preimage } => {
            (id, ResolvePb::preimage(preimage.to_pb()))
        }
        PeerMessage::UpdateFailHtlc { id, reason } => {
            (id, ResolvePb::failure_onion(reason.clone()))
        }
        PeerMessage::UpdateFailMalformedHtlc {
            id,
            sha256_of_onion,
            failure_code,
        } => (id, malformed_to_pb(sha256_of_onion, *failure_code)),
        _ => return None,
    };
    let mut pb = proto::HtlcResolve::new();
    pb.set_by(Side::Counterparty.to_pb());
    pb.set_id(id.to_pb());
    pb.resolution = Some(resolution);
    Some(pb)
}

fn peer_resolve_from_pb(pb: proto::HtlcResolve) -> Result<PeerMessage> {
    let id = Wire::from_pb(pb.get_id())?;
    Ok(match pb.resolution {
        Some(ResolvePb::preimage(preimage)) => PeerMessage::UpdateFulfillHtlc {
            id,
            preimage: Wire::from_pb(preimage)?,
        },
        Some(ResolvePb::failure_onion(onion)) => PeerMessage::UpdateFailHtlc {
            id,
            reason: bounded(onion, "failure onion", MAX_MESSAGE)?,
        },
        Some(ResolvePb::malformed(mut malformed)) => PeerMessage::UpdateFailMalformedHtlc {
            id,
            sha256_of_onion: Wire::from_pb(malformed.take_sha256_of_onion())?,
            failure_code: ProtobufConvert::from_pb(malformed.get_failure_code())?,
        },
        Some(ResolvePb::withdrawn(_)) => bail!("htlc_resolve: only this node withdraws its HTLCs"),
        None => bail!("htlc_resolve: no resolution, or one that is not known"),
    })
}

//! A command for a channel: what most methods' arguments are made of.

use zarnitsa_channel::command::Command;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::PeerMessage;

/// A command for a channel, and the channel. Which method carries a command is a matter of the command alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The channel.
    pub channel_id: ChannelId,
    /// How many steps the channel has made before this one, its opening included. It makes each step another
    /// transaction: without it a second commitment_signed would have the first one's bytes, and never be executed.
    pub number: u64,
    /// What moves it.
    pub command: Command,
}

/// A message of the channel's peer that needs no point of ours.
pub(super) fn peer(message: PeerMessage) -> Command {
    Command::Peer {
        message,
        next_holder_point: None,
    }
}

/// An argument that is a step and nothing else. Its module has `to_pb(&Command) -> Option<proto>`, none where the
/// method does not carry the command, and `from_pb(proto) -> Result<Command>`.
macro_rules! step_argument {
    ($(#[$doc:meta])* $name:ident in $module:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, exonum_derive::BinaryValue, exonum_derive::ObjectHash)]
        pub struct $name(crate::transactions::Step);

        impl $name {
            /// Only for commands that this method carries.
            pub(crate) fn new(step: crate::transactions::Step) -> Self {
                Self(step)
            }

            /// The command and its channel.
            pub fn step(&self) -> &crate::transactions::Step {
                &self.0
            }

            /// The command and its channel.
            pub fn into_step(self) -> crate::transactions::Step {
                self.0
            }
        }

        impl exonum_proto::ProtobufConvert for $name {
            type ProtoStruct = crate::proto::$name;

            fn to_pb(&self) -> Self::ProtoStruct {
                let mut pb = $module::to_pb(&self.0.command)
                    .expect("call.rs gives each command to the method that carries it");
                pb.set_channel_id(crate::wire::Wire::to_pb(&self.0.channel_id));
                pb.set_step_number(self.0.number);
                pb
            }

            fn from_pb(mut pb: Self::ProtoStruct) -> anyhow::Result<Self> {
                Ok(Self(crate::transactions::Step {
                    channel_id: crate::wire::Wire::from_pb(pb.take_channel_id())?,
                    number: pb.get_step_number(),
                    command: $module::from_pb(pb)?,
                }))
            }
        }
    };
}

pub(crate) use step_argument;

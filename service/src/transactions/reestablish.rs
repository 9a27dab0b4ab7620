//! channel_reestablish.

use super::step::step_argument;

step_argument! {
    /// The peer's channel_reestablish, where it changes the channel.
    Reestablish in convert
}

mod convert {
    use anyhow::Result;
    use zarnitsa_channel::command::Command;
    use zarnitsa_channel::message::{ChannelReestablish, PeerMessage};

    use crate::proto;
    use crate::wire::Wire;

    pub(super) fn to_pb(command: &Command) -> Option<proto::Reestablish> {
        let Command::Peer {
            message: PeerMessage::ChannelReestablish(message),
            next_holder_point,
        } = command
        else {
            return None;
        };
        let mut pb = proto::Reestablish::new();
        pb.set_next_commitment_number(message.next_commitment_number);
        pb.set_next_revocation_number(message.next_revocation_number);
        pb.set_your_last_per_commitment_secret(message.your_last_per_commitment_secret.to_pb());
        pb.set_my_current_per_commitment_point(message.my_current_per_commitment_point.to_pb());
        pb.set_claimed_holder_point(next_holder_point.to_pb());
        Some(pb)
    }

    pub(super) fn from_pb(mut pb: proto::Reestablish) -> Result<Command> {
        let message = ChannelReestablish {
            next_commitment_number: pb.get_next_commitment_number(),
            next_revocation_number: pb.get_next_revocation_number(),
            your_last_per_commitment_secret: Wire::from_pb(
                pb.take_your_last_per_commitment_secret(),
            )?,
            my_current_per_commitment_point: Wire::from_pb(
                pb.take_my_current_per_commitment_point(),
            )?,
        };
        Ok(Command::Peer {
            message: PeerMessage::ChannelReestablish(message),
            next_holder_point: Wire::from_pb(pb.take_claimed_holder_point())?,
        })
    }
}

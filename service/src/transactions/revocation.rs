//! revoke_and_ack.

use super::step::step_argument;

step_argument! {
    /// The peer's revoke_and_ack. Ours needs no transaction: what it reveals is decided by the state.
    Revocation in convert
}

mod convert {
    use anyhow::Result;
    use zarnitsa_channel::command::Command;
    use zarnitsa_channel::message::PeerMessage;

    use crate::proto;
    use crate::transactions::step::peer;
    use crate::wire::Wire;

    pub(super) fn to_pb(command: &Command) -> Option<proto::Revocation> {
        let Command::Peer {
            message:
                PeerMessage::RevokeAndAck {
                    per_commitment_secret,
                    next_per_commitment_point,
                },
            ..
        } = command
        else {
            return None;
        };
        let mut pb = proto::Revocation::new();
        pb.set_per_commitment_secret(per_commitment_secret.to_pb());
        pb.set_next_per_commitment_point(next_per_commitment_point.to_pb());
        Some(pb)
    }

    pub(super) fn from_pb(mut pb: proto::Revocation) -> Result<Command> {
        let message = PeerMessage::RevokeAndAck {
            per_commitment_secret: Wire::from_pb(pb.take_per_commitment_secret())?,
            next_per_commitment_point: Wire::from_pb(pb.take_next_per_commitment_point())?,
        };
        Ok(peer(message))
    }
}

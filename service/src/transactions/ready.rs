//! funding_signed and channel_ready.

use super::step::step_argument;

step_argument! {
    /// What the peer says before payments may begin: funding_signed or channel_ready.
    Ready in convert
}

mod convert {
    use anyhow::{bail, Result};
    use zarnitsa_channel::command::Command;
    use zarnitsa_channel::message::PeerMessage;

    use crate::proto::{self, Ready_oneof_step as Pb};
    use crate::transactions::step::peer;
    use crate::wire::Wire;

    pub(super) fn to_pb(command: &Command) -> Option<proto::Ready> {
        let Command::Peer { message, .. } = command else {
            return None;
        };
        let mut pb = proto::Ready::new();
        match message {
            PeerMessage::FundingSigned { signature } => {
                let mut signed = proto::FundingSigned::new();
                signed.set_signature(signature.to_pb());
                pb.set_funding_signed(signed);
            }
            PeerMessage::ChannelReady {
                next_per_commitment_point,
                alias,
            } => {
                let mut ready = proto::ChannelReady::new();
                ready.set_next_per_commitment_point(next_per_commitment_point.to_pb());
                ready.set_alias(alias.unwrap_or_default());
                pb.set_channel_ready(ready);
            }
            _ => return None,
        }
        Some(pb)
    }

    pub(super) fn from_pb(pb: proto::Ready) -> Result<Command> {
        let message = match pb.step {
            Some(Pb::funding_signed(mut signed)) => PeerMessage::FundingSigned {
                signature: Wire::from_pb(signed.take_signature())?,
            },
            Some(Pb::channel_ready(mut ready)) => PeerMessage::ChannelReady {
                next_per_commitment_point: Wire::from_pb(ready.take_next_per_commitment_point())?,
                alias: Some(ready.get_alias()).filter(|alias| *alias != 0),
            },
            None => bail!("ready: no step, or one that is not known"),
        };
        Ok(peer(message))
    }
}

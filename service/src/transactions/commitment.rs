//! commitment_signed.

use super::step::step_argument;

step_argument! {
    /// commitment_signed, sent by this node or received from the peer.
    Commitment in convert
}

mod convert {
    use anyhow::{bail, Result};
    use zarnitsa_channel::command::{Command, LocalCommand};
    use zarnitsa_channel::message::PeerMessage;

    use crate::proto::{self, Commitment_oneof_step as Pb};
    use crate::wire::Wire;

    /// BOLT 2, commitment_signed: one signature for each HTLC output, and no side takes more than 483 HTLCs.
    const MAX_HTLC_SIGNATURES: usize = 2 * 483;

    pub(super) fn to_pb(command: &Command) -> Option<proto::Commitment> {
        let mut pb = proto::Commitment::new();
        match command {
            Command::Local(LocalCommand::Commit) => pb.set_sent(proto::CommitmentSent::new()),
            Command::Peer {
                message:
                    PeerMessage::CommitmentSigned {
                        signature,
                        htlc_signatures,
                    },
                next_holder_point,
            } => {
                let mut received = proto::CommitmentReceived::new();
                received.set_signature(signature.to_pb());
                received.set_htlc_signatures(htlc_signatures.to_pb().into());
                received.set_next_holder_point(next_holder_point.to_pb());
                pb.set_received(received);
            }
            _ => return None,
        }
        Some(pb)
    }

    pub(super) fn from_pb(pb: proto::Commitment) -> Result<Command> {
        let command = match pb.step {
            Some(Pb::sent(_)) => Command::Local(LocalCommand::Commit),
            Some(Pb::received(mut received)) => {
                if received.get_htlc_signatures().len() > MAX_HTLC_SIGNATURES {
                    bail!("more HTLC signatures than a commitment can have HTLC outputs");
                }
                Command::Peer {
                    message: PeerMessage::CommitmentSigned {
                        signature: Wire::from_pb(received.take_signature())?,
                        htlc_signatures: Wire::from_pb(received.take_htlc_signatures().into_vec())?,
                    },
                    next_holder_point: Wire::from_pb(received.take_next_holder_point())?,
                }
            }
            None => bail!("commitment: no step, or one that is not known"),
        };
        Ok(command)
    }
}

//! Steps towards a channel's end.

use super::step::step_argument;

step_argument! {
    /// shutdown, closing_signed, and the ends that are not cooperative.
    Closing in convert
}

mod convert {
    use anyhow::{bail, Result};
    use bitcoin::Amount;
    use zarnitsa_channel::command::{Command, LocalCommand};
    use zarnitsa_channel::message::{ClosingSigned, PeerMessage};

    use crate::proto::{self, Closing_oneof_step as Pb};
    use crate::transactions::step::peer;
    use crate::wire::{bounded, present, Wire, MAX_MESSAGE};

    pub(super) fn to_pb(command: &Command) -> Option<proto::Closing> {
        let mut pb = proto::Closing::new();
        pb.step = Some(command_to_pb(command)?);
        Some(pb)
    }

    pub(super) fn from_pb(pb: proto::Closing) -> Result<Command> {
        let Some(step) = pb.step else {
            bail!("closing: no step, or one that is not known");
        };
        command_from_pb(step)
    }

    fn command_to_pb(command: &Command) -> Option<Pb> {
        match command {
            Command::Local(LocalCommand::Shutdown { script }) => {
                let mut shutdown = proto::Shutdown::new();
                shutdown.set_script(script.to_pb());
                Some(Pb::shutdown_sent(shutdown))
            }
            Command::Local(LocalCommand::ProposeClosing { fee, fee_range }) => {
                let mut proposed = proto::ClosingProposed::new();
                proposed.set_fee_sat(fee.to_pb());
                proposed.set_fee_range(range_to_pb(fee_range));
                Some(Pb::proposed(proposed))
            }
            Command::Local(LocalCommand::ForceClose { reason }) => {
                Some(Pb::force_close(reason_to_pb(reason)))
            }
            Command::Local(LocalCommand::LoseData { reason }) => {
                Some(Pb::data_lost(reason_to_pb(reason)))
            }
            Command::Local(LocalCommand::Abandon { reason }) => {
                Some(Pb::abandon(reason_to_pb(reason)))
            }
            Command::Peer {
                message,
                next_holder_point: None,
            } => message_to_pb(message),
            _ => None,
        }
    }

    fn message_to_pb(message: &PeerMessage) -> Option<Pb> {
        match message {
            PeerMessage::Shutdown { script } => {
                let mut shutdown = proto::Shutdown::new();
                shutdown.set_script(script.to_pb());
                Some(Pb::shutdown_received(shutdown))
            }
            PeerMessage::ClosingSigned(message) => {
                let mut received = proto::ClosingReceived::new();
                received.set_fee_sat(message.fee.to_pb());
                received.set_signature(message.signature.to_pb());
                if let Some(fee_range) = &message.fee_range {
                    received.set_fee_range(range_to_pb(fee_range));
                }
                Some(Pb::received(received))
            }
            PeerMessage::Error { text } => Some(Pb::peer_error(reason_to_pb(text))),
            _ => None,
        }
    }

    fn command_from_pb(pb: Pb) -> Result<Command> {
        Ok(match pb {
            Pb::shutdown_sent(mut shutdown) => Command::Local(LocalCommand::Shutdown {
                script: Wire::from_pb(shutdown.take_script())?,
            }),
            Pb::shutdown_received(mut shutdown) => peer(PeerMessage::Shutdown {
                script: Wire::from_pb(shutdown.take_script())?,
            }),
            Pb::proposed(proposed) => Command::Local(LocalCommand::ProposeClosing {
                fee: Wire::from_pb(proposed.get_fee_sat())?,
                fee_range: range_from_pb(&present(proposed.fee_range, "fee_range")?)?,
            }),
            Pb::received(mut received) => {
                let signature = Wire::from_pb(received.take_signature())?;
                let fee_range = received.fee_range.into_option();
                peer(PeerMessage::ClosingSigned(ClosingSigned {
                    fee: Wire::from_pb(received.fee_sat)?,
                    signature,
                    fee_range: fee_range.as_ref().map(range_from_pb).transpose()?,
                }))
            }
            Pb::force_close(reason) => Command::Local(LocalCommand::ForceClose {
                reason: reason_from_pb(reason)?,
            }),
            Pb::data_lost(reason) => Command::Local(LocalCommand::LoseData {
                reason: reason_from_pb(reason)?,
            }),
            Pb::abandon(reason) => Command::Local(LocalCommand::Abandon {
                reason: reason_from_pb(reason)?,
            }),
            Pb::peer_error(reason) => peer(PeerMessage::Error {
                text: reason_from_pb(reason)?,
            }),
        })
    }

    fn range_to_pb((least, most): &(Amount, Amount)) -> proto::FeeRange {
        let mut pb = proto::FeeRange::new();
        pb.set_least_sat(least.to_pb());
        pb.set_most_sat(most.to_pb());
        pb
    }

    fn range_from_pb(pb: &proto::FeeRange) -> Result<(Amount, Amount)> {
        Ok((
            Wire::from_pb(pb.get_least_sat())?,
            Wire::from_pb(pb.get_most_sat())?,
        ))
    }

    fn reason_to_pb(text: &str) -> proto::Reason {
        let mut pb = proto::Reason::new();
        pb.set_text(text.to_owned());
        pb
    }

    fn reason_from_pb(mut pb: proto::Reason) -> Result<String> {
        bounded(pb.take_text(), "reason", MAX_MESSAGE)
    }
}

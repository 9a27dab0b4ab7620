//! A channel in the driver's hands.

use exonum::crypto::Hash;
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::state::Channel;
use zarnitsa_peer::Connection;

use crate::wire::Complete;

/// How far the two sides have come on the present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// The peer is not connected.
    Offline,
    /// BOLT 2, message retransmission: nothing of the channel may be said before both have said channel_reestablish.
    Reestablishing(Connection),
    /// In step.
    Ready(Connection),
    /// The peer was refused something and is hung up on. What it had said behind that may still come, and would be taken
    /// without what went before it.
    HangingUp(Connection),
}

/// What becomes of a peer's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    /// It goes to the machine.
    Taken,
    /// It is passed over.
    Ignored,
    /// channel_reestablish had to come first.
    TooEarly,
}

impl Session {
    /// Before channel_reestablish nothing but it, or an error, may come; after it, it may not come again.
    pub(super) fn hears(self, connection: Connection, message: &PeerMessage) -> Hearing {
        let reestablishes = matches!(message, PeerMessage::ChannelReestablish(_));
        match self {
            Self::Ready(of) if of == connection && reestablishes => Hearing::Ignored,
            Self::Ready(of) if of == connection => Hearing::Taken,
            Self::Reestablishing(of) if of == connection => {
                if reestablishes || matches!(message, PeerMessage::Error { .. }) {
                    Hearing::Taken
                } else {
                    Hearing::TooEarly
                }
            }
            // An error is the last word of a channel, on whatever connection that still is one.
            Self::HangingUp(of) if of == connection => {
                if matches!(message, PeerMessage::Error { .. }) {
                    Hearing::Taken
                } else {
                    Hearing::Ignored
                }
            }
            // A straggler of a connection that is gone.
            _ => Hearing::Ignored,
        }
    }
}

/// The channel's newest state, which may be a few steps ahead of the disk, and its session, which never is on it.
#[derive(Debug)]
pub(super) struct Live {
    pub machine: Channel,
    pub session: Session,
    /// The operator's order that opened it. The ledger has it too, but a channel may fail before the ledger has the channel.
    pub request: Option<Hash>,
    /// How many steps the ledger has of the channel, with those that are on their way there: the number of the next one.
    pub steps: u64,
    /// How often the ledger refused what the machine had accepted.
    pub diverged: u32,
    /// How often the peer was warned of a feerate while HTLCs were under way.
    pub warned_of_fee: u32,
}

impl Live {
    pub(super) fn offline(machine: Channel, steps: u64, request: Option<Hash>) -> Self {
        Self {
            machine,
            session: Session::Offline,
            request,
            steps,
            diverged: 0,
            warned_of_fee: 0,
        }
    }

    /// To whom its messages go.
    pub(super) fn target(&self) -> Complete {
        let params = self.machine.params();
        Complete {
            node_id: params.peer,
            channel_id: params.channel_id,
        }
    }

    /// The connection for its messages.
    pub(super) fn connection(&self) -> Option<Connection> {
        match self.session {
            Session::Offline => None,
            Session::Reestablishing(connection)
            | Session::Ready(connection)
            | Session::HangingUp(connection) => Some(connection),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.session, Session::Ready(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(number: u64) -> Connection {
        let key = bitcoin::secp256k1::SecretKey::from_slice(&[7; 32]).unwrap();
        Connection {
            node_id: key.public_key(bitcoin::secp256k1::SECP256K1),
            number,
        }
    }

    fn revocation() -> PeerMessage {
        let key = bitcoin::secp256k1::SecretKey::from_slice(&[8; 32]).unwrap();
        PeerMessage::RevokeAndAck {
            per_commitment_secret: [9; 32],
            next_per_commitment_point: key.public_key(bitcoin::secp256k1::SECP256K1),
        }
    }

    #[test]
    fn message_behind_a_refused_one_is_ignored() {
        let here = connection(1);
        assert_eq!(
            Session::Ready(here).hears(here, &revocation()),
            Hearing::Taken
        );
        let hanging_up = Session::HangingUp(here);
        assert_eq!(hanging_up.hears(here, &revocation()), Hearing::Ignored);
        let text = "farewell".to_owned();
        let error = PeerMessage::Error { text };
        assert_eq!(hanging_up.hears(here, &error), Hearing::Taken);
    }

    #[test]
    fn message_before_the_reestablish_or_of_another_connection_is_not_taken() {
        let (here, other) = (connection(1), connection(2));
        let early = Session::Reestablishing(here).hears(here, &revocation());
        assert_eq!(early, Hearing::TooEarly);
        for session in [
            Session::Offline,
            Session::Reestablishing(here),
            Session::Ready(here),
            Session::HangingUp(here),
        ] {
            let straggler = session.hears(other, &revocation());
            assert_eq!(straggler, Hearing::Ignored, "{session:?}");
        }
    }
}

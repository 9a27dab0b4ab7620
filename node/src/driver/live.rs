//! A channel in the driver's hands.

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
}

/// The channel's newest state, which may be a few steps ahead of the disk, and its session, which never is on it.
#[derive(Debug)]
pub(super) struct Live {
    pub machine: Channel,
    pub session: Session,
    /// How many ledger transactions the channel has had: the number that the next one must name.
    pub steps: u64,
    /// How often the ledger refused what the machine had accepted.
    pub diverged: u32,
}

impl Live {
    pub(super) fn offline(machine: Channel, steps: u64) -> Self {
        Self {
            machine,
            session: Session::Offline,
            steps,
            diverged: 0,
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
            Session::Reestablishing(connection) | Session::Ready(connection) => Some(connection),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.session, Session::Ready(_))
    }
}

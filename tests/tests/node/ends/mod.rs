//! Every way in which a channel ends on chain, by real nodes on a real bitcoind that relays nothing non-standard, with every kind
//! of HTLC in the commitment at once. Each prints a table of what confirmed, and compares what both nodes' ledgers say with the
//! coins that they have in the end.
//!
//! | file | subject |
//! |---|---|
//! | `stage` | two nodes, and the wire between them that can be cut |
//! | `htlcs` | payments that stand, and what is to become of each |
//! | `moment` | the moment at which the channel is closed: in step, one ahead, one behind |
//! | `resolve` | blocks until all is claimed |
//! | `report` | the table, and what it must say |
//! | `standing` | commitments that are not revoked |
//! | `revoked` | commitments that are |
//! | `deadlines` | why a node closes by itself |
//! | `behind` | a node that has lost states |
//! | `replaced` | closes that a reorg replaces by others |

mod behind;
mod deadlines;
mod htlcs;
mod moment;
mod replaced;
mod report;
mod resolve;
mod revoked;
mod stage;
mod standing;

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// Who opened the channel, and calls the other.
    User,
    Hub,
}

impl By {
    pub const BOTH: [Self; 2] = [Self::User, Self::Hub];

    pub fn other(self) -> Self {
        match self {
            Self::User => Self::Hub,
            Self::Hub => Self::User,
        }
    }
}

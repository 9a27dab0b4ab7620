//! What the harness and the program `ldk-peer` say to each other: one JSON object a line, over its standard input and output.
//!
//! An answer bears its order's number, for orders are carried out side by side and some of them wait.

use serde::{Deserialize, Serialize};

/// The first line that the program reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Where it stores everything.
    pub folder: String,
    /// Its name in its node_announcement.
    pub alias: String,
    /// Where it listens for peers.
    pub listen: String,
    /// bitcoind's RPC server.
    pub rpc_host: String,
    /// Its port.
    pub rpc_port: u16,
    /// A user of it that outlives bitcoind's restarts.
    pub rpc_user: String,
    /// The user's password.
    pub rpc_password: String,
    /// Whether it logs what a search for a fault needs.
    pub verbose: bool,
}

/// One order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Which answer is its own.
    pub number: u64,
    /// What to do.
    pub order: Order,
}

/// What comes of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    /// The order's.
    pub number: u64,
    /// The answer, or ldk-node's error.
    pub result: Result<serde_json::Value, String>,
}

/// What ldk-node is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Who it is; the first answer says that it is up.
    NodeId,
    /// A new address of its wallet.
    Address,
    /// Looks at the chain now, not at its own next time; the height of the block that it then has.
    Sync,
    /// [`Balances`]
    Balances,
    /// Connects to a peer, and again whenever it starts.
    Connect {
        /// Who.
        node_id: String,
        /// Where.
        address: String,
    },
    /// Drops the connection.
    Disconnect {
        /// Whose.
        node_id: String,
    },
    /// Ids of the peers that are connected.
    Peers,
    /// Opens a channel.
    Open {
        /// With whom.
        node_id: String,
        /// Where that is.
        address: String,
        /// How much.
        sat: u64,
        /// How much of it is the peer's.
        push_msat: u64,
        /// Whether the world may know it.
        announce: bool,
    },
    /// A list of [`Channel`]
    Channels,
    /// Closes a channel, with its peer or without.
    Close {
        /// Which.
        channel_id: String,
        /// Without.
        force: bool,
    },
    /// An invoice for this much; `None` leaves it to the payer.
    Invoice {
        /// How much.
        msat: Option<u64>,
    },
    /// An invoice whose payment is only accepted: [`Order::Claim`] or [`Order::Fail`] decides.
    HoldInvoice {
        /// How much.
        msat: u64,
        /// Hash of a preimage that the harness keeps.
        hash: String,
    },
    /// Takes what was accepted.
    Claim {
        /// Its hash.
        hash: String,
        /// How much it is.
        msat: u64,
        /// The preimage.
        preimage: String,
    },
    /// Gives back what was accepted.
    Fail {
        /// Its hash.
        hash: String,
    },
    /// Pays, and waits for the [`Outcome`].
    Pay {
        /// A BOLT 11 string.
        invoice: String,
        /// How much, where the invoice leaves it open.
        msat: Option<u64>,
    },
    /// A BOLT 12 offer for this much; `None` leaves it to the payer.
    Offer {
        /// How much.
        msat: Option<u64>,
    },
    /// Asks for an invoice and pays it, and waits for the [`Outcome`].
    PayOffer {
        /// A BOLT 12 string.
        offer: String,
        /// How much, where the offer leaves it open.
        msat: Option<u64>,
    },
    /// Pays without an invoice, and waits for the [`Outcome`].
    Keysend {
        /// Whom.
        node_id: String,
        /// How much.
        msat: u64,
    },
    /// A list of [`Payment`]
    Payments,
    /// A list of [`Happened`], since it started.
    Events,
    /// How many channels its network graph holds, and how many of them with both sides' policy.
    Graph,
    /// Ends in an orderly way. No answer.
    Stop,
}

/// One of its channels.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// Its id, in hex.
    pub channel_id: String,
    /// The peer.
    pub peer: String,
    /// Whether both sides have said channel_ready.
    pub ready: bool,
    /// Whether it can be used now.
    pub usable: bool,
    /// Whether it is announced.
    pub announced: bool,
    /// Whether ldk-node opened it.
    pub outbound: bool,
    /// Fee rate of its commitments, in sat per 1000 weight units.
    pub feerate_per_kw: u32,
    /// What it can send, without the reserve.
    pub outbound_msat: u64,
    /// What it can receive, without the reserve.
    pub inbound_msat: u64,
    /// Its reserve, in sat.
    pub reserve_sat: u64,
    /// Confirmations so far.
    pub confirmations: u32,
    /// Its number in the chain or an alias of it, whichever the peer knows.
    pub short_channel_id: Option<u64>,
}

/// One of its payments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payment {
    /// Its hash.
    pub hash: String,
    /// Whether it is received.
    pub inbound: bool,
    /// `pending`, `succeeded` or `failed`.
    pub status: String,
    /// How much.
    pub msat: u64,
    /// What it cost beside.
    pub fee_msat: u64,
}

/// What came of a payment that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Paid.
    Paid {
        /// The proof of payment, in hex.
        preimage: String,
        /// What it cost beside.
        fee_msat: u64,
    },
    /// Not paid.
    Failed {
        /// LDK's name of the reason.
        reason: String,
    },
}

/// What it holds, in sat.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Balances {
    /// Coins of its wallet.
    pub onchain: u64,
    /// Coins in channels, those that are closing too.
    pub lightning: u64,
    /// Coins of closed channels that are on their way to the wallet.
    pub sweeping: u64,
}

/// An event of ldk-node's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Happened {
    /// LDK's name of it.
    pub kind: String,
    /// Its payment's hash or its channel's id, in hex.
    pub subject: String,
    /// In LDK's words.
    pub text: String,
}

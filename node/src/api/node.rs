//! The node itself: who it is, what it has.

use std::fmt;
use std::str::FromStr;

use bitcoin::secp256k1::PublicKey;
use exonum::crypto::{Hash, PublicKey as LedgerKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zarnitsa_channel::amount::Msat;

/// How a node treats others: policy, not protocol.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Opens channels to hubs and pays.
    #[default]
    User,
    /// Accepts channels and forwards between them.
    Hub,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Hub => "hub",
        })
    }
}

/// The Bitcoin network that a node lives on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// A chain of one's own, for tests.
    #[default]
    Regtest,
    /// The default signet.
    Signet,
    /// The public test network.
    Testnet4,
    /// The real one.
    Bitcoin,
}

impl Network {
    /// The name, also of the network's folder in the data folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regtest => "regtest",
            Self::Signet => "signet",
            Self::Testnet4 => "testnet4",
            Self::Bitcoin => "bitcoin",
        }
    }

    /// The same in rust-bitcoin's words.
    pub const fn kind(self) -> bitcoin::Network {
        match self {
            Self::Regtest => bitcoin::Network::Regtest,
            Self::Signet => bitcoin::Network::Signet,
            Self::Testnet4 => bitcoin::Network::Testnet4,
            Self::Bitcoin => bitcoin::Network::Bitcoin,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as clap::ValueEnum>::from_str(text, false)
    }
}

/// `zarnitsa info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeInfo {
    /// The node's Lightning identity.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
    /// The name that it gives itself.
    pub alias: String,
    /// `node_id@host:port`, what others connect to.
    pub uri: String,
    /// Its role.
    pub role: Role,
    /// Its network.
    pub network: Network,
    /// The chain's height as far as the node has looked at it.
    pub block_height: u32,
    /// Height of the newest durable ledger block.
    pub ledger_height: u64,
    /// That block's hash.
    #[schemars(with = "String")]
    pub ledger_hash: Hash,
    /// The state hash in that block.
    #[schemars(with = "String")]
    pub state_hash: Hash,
    /// The key that signs the ledger's blocks; light clients pin it.
    #[schemars(with = "String")]
    pub validator_key: LedgerKey,
    /// The program's version.
    pub version: String,
    /// Whether Bitcoin Core answered when it was last asked.
    pub chain_available: bool,
    /// Why the node does nothing of channels, and what to do about it; null where all is well.
    #[serde(default)]
    pub alarm: Option<String>,
}

/// `zarnitsa balance`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// Confirmed coins of the on-chain wallet.
    pub onchain_sat: u64,
    /// Coins of the on-chain wallet that are not confirmed yet.
    pub onchain_unconfirmed_sat: u64,
    /// What is kept on chain, or should be, to pay for closing the channels at the worst time.
    pub onchain_reserve_sat: u64,
    /// Our side of all channels that are not closed.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub channels_local_msat: Msat,
    /// The peers' side of them.
    #[serde(with = "super::msat")]
    #[schemars(with = "String")]
    pub channels_remote_msat: Msat,
    /// What closed channels still owe the on-chain wallet.
    pub pending_close_sat: u64,
}

/// `/api/system/v1/health`, open to anybody who may connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// The node serves requests and writes its ledger.
    pub ok: bool,
    /// The ledger takes transactions.
    pub ledger: bool,
    /// Bitcoin Core answers, and its blocks are the network's newest as far as can be told.
    pub chain: bool,
    /// The Lightning port is open.
    pub peers: bool,
}

/// Whose ledger it is, as the ledger's first block says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerOwner {
    /// May command: open, close, pay, make invoices, set the policy.
    #[schemars(with = "String")]
    pub operator_key: LedgerKey,
    /// May report: messages of peers, events of the chain.
    #[schemars(with = "String")]
    pub node_key: LedgerKey,
    /// The node's Lightning identity.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
    /// Its network.
    pub network: String,
}

/// What the token that came with the request allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionAccess {
    /// To read, and to hand in what the operator's key signed.
    Read,
    /// To command too.
    Command,
}

/// `/session`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// What its token allows.
    pub access: SessionAccess,
}

/// The newest lines of the log, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogTail {
    /// As they were written.
    pub lines: Vec<String>,
}

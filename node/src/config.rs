//! Settings: flags, then `ZARNITSA_*` variables, then the TOML file, then defaults by network.
//!
//! A setting's variable is its path in capitals: `bitcoind.rpc_url` is `ZARNITSA_BITCOIND_RPC_URL`.

mod layers;
mod secret;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Network, Role};

pub use layers::{ConfigError, Layers};
pub use secret::Secret;

/// Every setting of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The Bitcoin network.
    pub network: Network,
    /// `user` opens channels and pays; `hub` accepts channels and forwards between them.
    pub role: Role,
    /// The name that the node gives itself, 32 bytes at most (BOLT 7).
    pub alias: String,
    /// Where each network has a folder of its own.
    pub data_dir: PathBuf,
    /// The HTTP server: API and web UI.
    pub http: HttpConfig,
    /// Lightning's network side.
    pub lightning: LightningConfig,
    /// Bitcoin Core.
    pub bitcoind: BitcoindConfig,
    /// On-chain fee rates.
    pub fees: FeesConfig,
    /// What the node charges and demands when its ledger begins; changed later by `zarnitsa policy set`.
    pub policy: PolicyConfig,
    /// The watchtower that punishes while this node is away.
    pub watchtower: WatchtowerConfig,
    /// The seed file.
    pub seed: SeedConfig,
    /// The log.
    pub log: LogConfig,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port; loopback unless a reverse proxy with TLS stands on another machine.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Names beside loopback and `listen` that a Host header may carry, `host` or `host:port`.
    pub allowed_hosts: Vec<String>,
    /// Origins beside the node's own that may send requests, `https://host`.
    pub allowed_origins: Vec<String>,
    /// The largest request body, in bytes.
    pub body_limit_bytes: usize,
    /// How many event streams may be open at once.
    pub max_event_streams: usize,
}

/// `[lightning]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LightningConfig {
    /// Where peers connect.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// `host:port` under which the world reaches the node; the first stands in its URI.
    pub announce: Vec<String>,
    /// The most peers at once.
    pub max_peers: usize,
}

/// `[bitcoind]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BitcoindConfig {
    /// Bitcoin Core's RPC address, `http://host:port`.
    pub rpc_url: String,
    /// Its cookie file; Bitcoin Core's own place if neither this nor a user is set.
    pub cookie_file: Option<PathBuf>,
    /// RPC user, instead of the cookie file.
    pub user: Option<String>,
    /// RPC password, with `user`.
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// ZMQ address of `zmqpubhashblock`, `tcp://host:port`; without it the node asks now and then.
    pub zmq: Option<String>,
    /// How often to ask for new blocks, in milliseconds.
    pub poll_ms: u64,
}

/// `[fees]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeesConfig {
    /// Never less than this, in sat/vB.
    pub floor_sat_vb: u64,
    /// Never more than this, in sat/vB.
    pub ceiling_sat_vb: u64,
}

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// The fixed part of the forwarding fee, in msat.
    pub base_fee_msat: u64,
    /// Its proportional part, in millionths.
    pub fee_ppm: u32,
    /// Blocks that the node wants between an incoming and an outgoing HTLC.
    pub cltv_delta: u16,
    /// The smallest channel that the node accepts or opens.
    pub min_channel_sat: u64,
    /// The largest.
    pub max_channel_sat: u64,
    /// Confirmations that a peer's opening transaction needs.
    pub minimum_depth: u32,
    /// Blocks that a peer waits for its own coins once it has closed a channel alone: the node's time to punish.
    pub to_self_delay: u16,
    /// Whether peers may open channels to the node.
    pub accept_channels: bool,
    /// Whether peers may ask for channels that the node opens and pays for.
    pub accept_asks: bool,
    /// Whether payments of others are forwarded.
    pub forward: bool,
    /// Whether payments without an invoice are taken.
    pub accept_keysend: bool,
}

/// `[watchtower]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchtowerConfig {
    /// Where `zarnitsa watch` serves, `http://host:port`; without it there is no tower.
    pub url: Option<String>,
    /// A copy of the tower's `watch.token`.
    pub token_file: Option<PathBuf>,
}

/// `[seed]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeedConfig {
    /// The file whose first line is the seed's passphrase, for a start without a person. The variable
    /// `ZARNITSA_PASSPHRASE` holds the passphrase itself and goes before the file.
    pub passphrase_file: Option<PathBuf>,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or by part: `info,zarnitsa_peer=debug`.
    pub level: String,
    /// One JSON object a line, on stderr and in node.log.
    pub json: bool,
    /// node.log moves to node.log.1 when it is larger, in bytes.
    pub max_bytes: u64,
}

impl Config {
    /// What holds for a network and a role where nobody says otherwise.
    pub fn defaults(network: Network, role: Role) -> Self {
        Self {
            network,
            role,
            alias: format!("zarnitsa-{role}"),
            data_dir: default_data_dir(),
            http: HttpConfig {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9780)),
                allowed_hosts: Vec::new(),
                allowed_origins: Vec::new(),
                body_limit_bytes: 1 << 20,
                max_event_streams: 64,
            },
            lightning: LightningConfig {
                listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9735)),
                announce: Vec::new(),
                // A hub's users, each with a connection of its own, and strangers beside them.
                max_peers: match role {
                    Role::Hub => 1_500,
                    Role::User => 256,
                },
            },
            bitcoind: BitcoindConfig::defaults(network),
            fees: FeesConfig {
                floor_sat_vb: 1,
                ceiling_sat_vb: 500,
            },
            policy: PolicyConfig::defaults(network, role),
            watchtower: WatchtowerConfig {
                url: None,
                token_file: None,
            },
            seed: SeedConfig {
                passphrase_file: None,
            },
            log: LogConfig {
                level: "info".into(),
                json: false,
                max_bytes: 64 << 20,
            },
        }
    }

    /// The folder of the node's network.
    pub fn network_dir(&self) -> PathBuf {
        self.data_dir.join(self.network.name())
    }

    /// Bitcoin Core's cookie file: the configured one, or the place where Bitcoin Core puts it.
    pub fn cookie_file(&self) -> PathBuf {
        let folder = match self.network {
            Network::Bitcoin => "",
            other => other.name(),
        };
        self.bitcoind
            .cookie_file
            .clone()
            .unwrap_or_else(|| home().join(".bitcoin").join(folder).join(".cookie"))
    }

    /// `host:port` for the node's URI: announced, or where it listens (loopback for "any").
    pub fn lightning_address(&self) -> String {
        if let Some(first) = self.lightning.announce.first() {
            return first.clone();
        }
        let mut listen = self.lightning.listen;
        if listen.ip().is_unspecified() {
            listen.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        listen.to_string()
    }
}

impl BitcoindConfig {
    fn defaults(network: Network) -> Self {
        let port = match network {
            Network::Regtest => 18443,
            Network::Signet => 38332,
            Network::Testnet4 => 48332,
            Network::Bitcoin => 8332,
        };
        Self {
            rpc_url: format!("http://127.0.0.1:{port}"),
            cookie_file: None,
            user: None,
            password: None,
            zmq: None,
            poll_ms: if network == Network::Regtest {
                250
            } else {
                5_000
            },
        }
    }
}

impl PolicyConfig {
    fn defaults(network: Network, role: Role) -> Self {
        Self {
            base_fee_msat: 1_000,
            fee_ppm: 100,
            cltv_delta: 80,
            min_channel_sat: 20_000,
            max_channel_sat: 16_777_215,
            minimum_depth: if network == Network::Regtest { 1 } else { 3 },
            to_self_delay: 144,
            accept_channels: role == Role::Hub,
            accept_asks: role == Role::Hub,
            forward: role == Role::Hub,
            accept_keysend: true,
        }
    }
}

/// `~/.zarnitsa`
pub fn default_data_dir() -> PathBuf {
    home().join(".zarnitsa")
}

/// The person's own folder.
pub fn home() -> PathBuf {
    std::env::var_os("HOME").map_or_else(|| Path::new(".").into(), PathBuf::from)
}

#[cfg(test)]
mod tests;

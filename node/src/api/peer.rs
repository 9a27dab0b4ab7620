//! Peers: the other nodes that this one talks to.

use std::fmt;
use std::str::FromStr;

use bitcoin::secp256k1::PublicKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `pubkey` or `pubkey@host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// The node's identity.
    pub node_id: PublicKey,
    /// `host:port`, if it was given.
    pub address: Option<String>,
}

/// Why a text is not a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePeerError {
    /// The part before the `@`.
    #[error("{0:?} is not a node id: 66 hex digits of a compressed public key")]
    NodeId(String),
    /// The part behind the `@`.
    #[error("{0:?} is not an address: write host:port")]
    Address(String),
}

impl FromStr for PeerAddress {
    type Err = ParsePeerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, address) = match text.split_once('@') {
            Some((id, address)) => (id, Some(address)),
            None => (text, None),
        };
        // Only the compressed form: an uncompressed key parses too but is nobody's node id.
        let node_id = (id.len() == 66)
            .then(|| id.parse().ok())
            .flatten()
            .ok_or_else(|| ParsePeerError::NodeId(id.into()))?;
        if let Some(address) = address {
            let port = address
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty());
            if !port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port != 0)) {
                return Err(ParsePeerError::Address(address.into()));
            }
        }
        Ok(Self {
            node_id,
            address: address.map(String::from),
        })
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node_id)?;
        match &self.address {
            Some(address) => write!(f, "@{address}"),
            None => Ok(()),
        }
    }
}

/// `zarnitsa peer connect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerConnect {
    /// `pubkey@host:port`.
    #[serde(with = "super::display")]
    #[schemars(with = "String")]
    pub peer: PeerAddress,
}

/// `zarnitsa peer disconnect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerDisconnect {
    /// Whom.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
}

/// The peer that a command was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerNamed {
    /// Its identity.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Peer {
    /// Its identity.
    #[schemars(with = "String")]
    pub node_id: PublicKey,
    /// `host:port`, where it is known.
    pub address: Option<String>,
    /// Whether it is connected now.
    pub connected: bool,
    /// Whether it called us.
    pub inbound: bool,
    /// Names of the features that it offers (BOLT 9).
    pub features: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619";

    #[test]
    fn peer_with_and_without_address_is_read() {
        for text in [
            ID.to_string(),
            format!("{ID}@127.0.0.1:9735"),
            format!("{ID}@[::1]:9735"),
        ] {
            assert_eq!(text.parse::<PeerAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn peer_that_is_malformed_is_refused() {
        let bad = [
            "",
            "02ee",
            &format!("{ID}@"),
            &format!("{ID}@host"),
            &format!("{ID}@:1"),
            &format!("{ID}@h:0"),
        ];
        for text in bad {
            assert!(text.parse::<PeerAddress>().is_err(), "{text}");
        }
    }
}

//! Addresses of the peers that this node calls: a file that may be lost, for it can be told again.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use bitcoin::secp256k1::PublicKey;
use zarnitsa_peer::PeerAddress;

use crate::shared::Shared;

impl Shared {
    fn known_peers_path(&self) -> PathBuf {
        self.config.network_dir().join("peers.json")
    }

    fn known_peers(&self) -> BTreeMap<PublicKey, String> {
        let text = fs::read_to_string(self.known_peers_path()).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn write_known_peers(&self, peers: &BTreeMap<PublicKey, String>) {
        let path = self.known_peers_path();
        let draft = path.with_extension("new");
        let written = serde_json::to_vec_pretty(peers)
            .map_err(std::io::Error::from)
            .and_then(|text| fs::write(&draft, text))
            .and_then(|()| fs::rename(&draft, &path));
        if let Err(error) = written {
            tracing::warn!(%error, "the peers' addresses are not remembered");
        }
    }

    pub(crate) fn remember_peer(&self, peer: PublicKey, address: &str) {
        let mut peers = self.known_peers();
        if peers.get(&peer).map(String::as_str) != Some(address) {
            peers.insert(peer, address.to_owned());
            self.write_known_peers(&peers);
        }
    }

    pub(crate) fn forget_peer(&self, peer: PublicKey) {
        self.peers.disconnect(peer);
        let mut peers = self.known_peers();
        if peers.remove(&peer).is_some() {
            self.write_known_peers(&peers);
        }
    }

    /// After a start: calls those that this node called before.
    pub(crate) fn call_known_peers(&self) {
        for (peer, address) in self.known_peers() {
            match address.parse::<PeerAddress>() {
                Ok(address) => self.peers.keep_connected(peer, vec![address]),
                Err(error) => tracing::warn!(%peer, %error, "an address cannot be read"),
            }
        }
    }
}

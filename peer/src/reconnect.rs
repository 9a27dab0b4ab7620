//! Peers that are called again whenever their connection is lost.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use rand::Rng;
use tokio::time::{sleep, Instant};
use tokio_util::sync::CancellationToken;

use crate::address::PeerAddress;
use crate::network::PeerNetwork;

/// How long to wait between calls: doubled after each failure up to a bound, and shortened at random by up to
/// half, so that two nodes that lost each other do not keep calling at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never more than this.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(300),
        }
    }
}

/// A connection that lasted this long counts as a success: the next wait is the first one again.
const LASTING: Duration = Duration::from_secs(10);

impl Backoff {
    /// The wait after `failures` failures in a row.
    fn delay(&self, failures: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        let bounded = doubled.min(self.most);
        bounded.mul_f64(rand::thread_rng().gen_range(0.5..=1.0))
    }
}

/// The peers that are kept connected.
#[derive(Default)]
pub(crate) struct KeptPeers {
    peers: Mutex<HashMap<PublicKey, Kept>>,
}

struct Kept {
    addresses: Vec<PeerAddress>,
    stop: CancellationToken,
}

impl KeptPeers {
    fn lock(&self) -> MutexGuard<'_, HashMap<PublicKey, Kept>> {
        // Each change is one insert or remove, so a panic elsewhere leaves the map whole.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the peer and gives the token that ends its task. `None`: the same addresses are being called already.
    pub(crate) fn keep(
        &self,
        node_id: PublicKey,
        addresses: &[PeerAddress],
        parent: &CancellationToken,
    ) -> Option<CancellationToken> {
        let mut peers = self.lock();
        if let Some(kept) = peers.get(&node_id) {
            if kept.addresses == addresses {
                return None;
            }
            kept.stop.cancel();
        }
        let stop = parent.child_token();
        peers.insert(
            node_id,
            Kept {
                addresses: addresses.to_vec(),
                stop: stop.clone(),
            },
        );
        Some(stop)
    }

    pub(crate) fn forget(&self, node_id: &PublicKey) {
        if let Some(kept) = self.lock().remove(node_id) {
            kept.stop.cancel();
        }
    }

    pub(crate) fn addresses(&self) -> Vec<(PublicKey, Vec<PeerAddress>)> {
        let peers = self.lock();
        peers
            .iter()
            .map(|(node_id, kept)| (*node_id, kept.addresses.clone()))
            .collect()
    }
}

/// Calls the peer whenever it is not connected, until `stop`.
pub(crate) async fn keep_connected(
    network: PeerNetwork,
    node_id: PublicKey,
    addresses: Vec<PeerAddress>,
    backoff: Backoff,
    stop: CancellationToken,
) {
    let calling = async {
        let mut failures = 0_u32;
        loop {
            if call_each(&network, node_id, &addresses).await {
                let since = Instant::now();
                network.wait_until(&node_id, false).await;
                if since.elapsed() >= LASTING {
                    failures = 0;
                }
            }
            failures = failures.saturating_add(1);
            let wait = backoff.delay(failures);
            tokio::select! {
                () = sleep(wait) => {}
                () = network.wait_until(&node_id, true) => {}
            }
        }
    };
    tokio::select! {
        () = calling => {}
        () = stop.cancelled() => {}
    }
}

/// True once the peer is connected, by one of the addresses or by its own call.
async fn call_each(network: &PeerNetwork, node_id: PublicKey, addresses: &[PeerAddress]) -> bool {
    for address in addresses {
        match network.connect(node_id, address).await {
            Ok(_) => return true,
            Err(error) => tracing::debug!(peer = %node_id, %address, %error, "cannot reach peer"),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn backoff_delay_doubles_up_to_its_bound() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
        };
        for (failures, longest) in [(1, 1), (2, 2), (5, 16), (7, 60), (u32::MAX, 60)] {
            let delay = backoff.delay(failures);
            let longest = Duration::from_secs(longest);
            assert!(
                delay <= longest && delay >= longest / 2,
                "{failures}: {delay:?}"
            );
        }
    }
}

//! Who may connect: slots for inbound connections, and a deadline for the handshake.
//!
//! A stranger costs a slot. Where slots run out, an old unfinished handshake makes way first (an honest peer
//! finishes within a second), then the oldest peer that nobody vouches for.

use std::collections::{HashMap, HashSet};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::SocketAddress;

/// Peers that have finished their handshake, by the address they called from.
pub(crate) type Finished = HashMap<SocketAddress, PublicKey>;

/// Caps on what calls us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotLimits {
    pub(crate) inbound: usize,
    pub(crate) handshaking: usize,
    pub(crate) handshake_timeout: Duration,
}

struct Slot {
    /// A second handle of the socket: shutting it down ends the connection whatever state it is in.
    socket: TcpStream,
    remote: SocketAddress,
    opened: Instant,
    node_id: Option<PublicKey>,
}

#[derive(Default)]
struct State {
    slots: HashMap<u64, Slot>,
    last: u64,
    protected: HashSet<PublicKey>,
}

/// The inbound connections.
pub(crate) struct Connections {
    limits: SlotLimits,
    state: Mutex<State>,
}

impl Connections {
    pub(crate) fn new(limits: SlotLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before the lock is let go, so a panic elsewhere leaves the slots whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for a new inbound connection, or `None` where it is to be dropped. `finished` is asked only when slots run out.
    pub(crate) fn admit(
        &self,
        socket: TcpStream,
        remote: SocketAddr,
        finished: impl FnOnce() -> Finished,
    ) -> Option<u64> {
        if self.is_full() {
            let finished = finished(); // asks LDK, so not under our lock
            self.lock().mark(&finished);
        }
        let mut state = self.lock();
        if state.handshaking() >= self.limits.handshaking {
            state.evict_oldest(|slot, _| slot.node_id.is_none());
        }
        if state.slots.len() >= self.limits.inbound
            && !state.evict_oldest(|slot, _| slot.node_id.is_none())
            && !state.evict_oldest(|slot, protected| {
                slot.node_id.is_none_or(|id| !protected.contains(&id))
            })
        {
            return None;
        }
        state.last += 1;
        let number = state.last;
        state.slots.insert(
            number,
            Slot {
                socket,
                remote: wire_address(remote),
                opened: Instant::now(),
                node_id: None,
            },
        );
        Some(number)
    }

    /// The connection ended.
    pub(crate) fn release(&self, number: u64) {
        self.lock().slots.remove(&number);
    }

    /// Closes connections whose handshake takes too long.
    pub(crate) fn sweep(&self, finished: &Finished) {
        let mut state = self.lock();
        state.mark(finished);
        let timeout = self.limits.handshake_timeout;
        for slot in state.slots.values() {
            if slot.node_id.is_none() && slot.opened.elapsed() >= timeout {
                slot.close();
            }
        }
    }

    /// Whether the peer's connection may be closed to make room for a stranger's.
    pub(crate) fn protect(&self, node_id: PublicKey, protect: bool) {
        let mut state = self.lock();
        if protect {
            state.protected.insert(node_id);
        } else {
            state.protected.remove(&node_id);
        }
    }

    /// Closes them all.
    pub(crate) fn close_all(&self) {
        for (_, slot) in self.lock().slots.drain() {
            slot.close();
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().slots.len()
    }

    fn is_full(&self) -> bool {
        let state = self.lock();
        state.slots.len() >= self.limits.inbound || state.handshaking() >= self.limits.handshaking
    }
}

impl State {
    fn handshaking(&self) -> usize {
        self.slots
            .values()
            .filter(|slot| slot.node_id.is_none())
            .count()
    }

    fn mark(&mut self, finished: &Finished) {
        for slot in self.slots.values_mut() {
            if slot.node_id.is_none() {
                slot.node_id = finished.get(&slot.remote).copied();
            }
        }
    }

    /// Closes the oldest connection that `may_go`. False where none may.
    fn evict_oldest(&mut self, may_go: impl Fn(&Slot, &HashSet<PublicKey>) -> bool) -> bool {
        let oldest = self
            .slots
            .iter()
            .filter(|(_, slot)| may_go(slot, &self.protected))
            .map(|(number, _)| *number)
            .min();
        let Some(slot) = oldest.and_then(|number| self.slots.remove(&number)) else {
            return false;
        };
        slot.close();
        true
    }
}

impl Slot {
    fn close(&self) {
        // It fails only where the other end closed first.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// An address as LDK's peer list gives it.
fn wire_address(address: SocketAddr) -> SocketAddress {
    match address {
        SocketAddr::V4(v4) => SocketAddress::TcpIpV4 {
            addr: v4.ip().octets(),
            port: v4.port(),
        },
        SocketAddr::V6(v6) => SocketAddress::TcpIpV6 {
            addr: v6.ip().octets(),
            port: v6.port(),
        },
    }
}

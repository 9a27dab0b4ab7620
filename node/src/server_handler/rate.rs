//! How fast peers may open channels. Each opening is written into the ledger for good, and an opener can take it back at
//! once: without a bound a stranger fills the disk. Kept in memory: a start gives everybody a new beginning.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bitcoin::secp256k1::PublicKey;

/// What one peer may open at once, and how long it waits for each one more.
const OF_PEER: Pace = Pace {
    burst: 10,
    interval: Duration::from_secs(10 * 60),
};
/// The same for all peers together that the node does not know.
const OF_STRANGERS: Pace = Pace {
    burst: 60,
    interval: Duration::from_secs(60),
};

#[derive(Clone, Copy, Debug)]
struct Pace {
    burst: u32,
    interval: Duration,
}

impl Pace {
    /// `free_at`: when all of the burst is there again. Gives the same after one more opening, or how long that one has
    /// to wait.
    fn after_one(self, free_at: Option<Instant>, now: Instant) -> Result<Instant, Duration> {
        let used = free_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let used = used.saturating_add(self.interval);
        let too_much = used.saturating_sub(self.interval.saturating_mul(self.burst));
        if too_much.is_zero() {
            Ok(now + used)
        } else {
            Err(too_much)
        }
    }
}

/// Why an opening has to wait. Its text goes to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooFast {
    /// One peer opens too many.
    #[error("you open too many channels in a short time: wait {} seconds", .0.as_secs().max(1))]
    Peer(Duration),
    /// All together do.
    #[error("too many channels are opened in a short time: wait {} seconds", .0.as_secs().max(1))]
    Strangers(Duration),
}

/// The openings of the last hours. It holds a few bytes for each peer that opened one.
#[derive(Debug, Default)]
pub struct OpeningRate {
    peers: HashMap<PublicKey, Instant>,
    strangers: Option<Instant>,
}

impl OpeningRate {
    /// Whether `peer` may open a channel now.
    ///
    /// # Errors
    ///
    /// [`TooFast`] where it has to wait.
    pub fn check(&self, peer: &PublicKey, is_known: bool, now: Instant) -> Result<(), TooFast> {
        self.next(peer, is_known, now).map(|_| ())
    }

    /// Counts an opening of `peer`, if it may open one now.
    ///
    /// # Errors
    ///
    /// [`TooFast`] where it has to wait; then nothing is counted.
    pub fn take(&mut self, peer: PublicKey, is_known: bool, now: Instant) -> Result<(), TooFast> {
        let (of_peer, strangers) = self.next(&peer, is_known, now)?;
        self.strangers = strangers;
        self.peers.retain(|_, free_at| *free_at > now);
        self.peers.insert(peer, of_peer);
        Ok(())
    }

    fn next(
        &self,
        peer: &PublicKey,
        is_known: bool,
        now: Instant,
    ) -> Result<(Instant, Option<Instant>), TooFast> {
        let of_peer = self.peers.get(peer).copied();
        let of_peer = OF_PEER.after_one(of_peer, now).map_err(TooFast::Peer)?;
        if is_known {
            return Ok((of_peer, self.strangers));
        }
        let strangers = OF_STRANGERS.after_one(self.strangers, now);
        Ok((of_peer, Some(strangers.map_err(TooFast::Strangers)?)))
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::secp256k1::{Secp256k1, SecretKey};

    use super::*;

    fn peer(number: u8) -> PublicKey {
        let secret = SecretKey::from_slice(&[number; 32]).unwrap();
        secret.public_key(&Secp256k1::new())
    }

    /// Seconds after some beginning.
    struct Clock(Instant);

    impl Clock {
        fn at(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }
    }

    #[test]
    fn peer_that_opens_without_pause_has_to_wait() {
        let (clock, mut rate) = (Clock(Instant::now()), OpeningRate::default());
        for _ in 0..10 {
            rate.take(peer(1), true, clock.at(0)).unwrap();
        }
        let wait = TooFast::Peer(Duration::from_secs(600));
        assert_eq!(rate.take(peer(1), true, clock.at(0)), Err(wait));
        assert_eq!(rate.check(&peer(1), true, clock.at(0)), Err(wait));
        assert!(rate.take(peer(1), true, clock.at(599)).is_err());
        rate.take(peer(1), true, clock.at(600)).unwrap();
        assert!(rate.take(peer(1), true, clock.at(601)).is_err());
        rate.take(peer(2), true, clock.at(0)).unwrap();
    }

    #[test]
    fn strangers_together_have_to_wait_and_known_peers_do_not() {
        let (clock, mut rate) = (Clock(Instant::now()), OpeningRate::default());
        for number in 1..=60 {
            rate.take(peer(number), false, clock.at(0)).unwrap();
        }
        let wait = TooFast::Strangers(Duration::from_secs(60));
        assert_eq!(rate.take(peer(61), false, clock.at(0)), Err(wait));
        rate.take(peer(61), true, clock.at(0)).unwrap();
        rate.take(peer(62), false, clock.at(60)).unwrap();
        assert!(rate.take(peer(63), false, clock.at(60)).is_err());
    }

    #[test]
    fn peers_that_are_long_gone_are_forgotten() {
        let (clock, mut rate) = (Clock(Instant::now()), OpeningRate::default());
        for number in 1..=50 {
            rate.take(peer(number), false, clock.at(0)).unwrap();
        }
        rate.take(peer(1), false, clock.at(601)).unwrap();
        assert_eq!(rate.peers.len(), 1);
    }
}

//! Whether blocks still come. A bitcoind that answers and stands still is as bad as none: deadlines pass unseen.
//!
//! Two witnesses that need not agree with it are asked: the clock, and the headers that bitcoind has from its peers.

use std::fmt;

use bitcoin::Network;

use crate::source::BlockRef;

/// Seconds in which a block follows its header at the latest.
const BLOCK_PATIENCE: u64 = 10 * 60;
/// Seconds without a block that chance does not explain: eighteen times the mean, and an hour for the miner's clock.
const CHAIN_PATIENCE: u64 = 4 * 60 * 60;

/// Why the newest block is not believed to be the network's newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// The source has known a longer chain by its headers for a while, and gets none of its blocks.
    Blocks {
        /// The newest block.
        height: u32,
        /// The newest header.
        headers: u32,
    },
    /// There has been no block for hours.
    Chain {
        /// The newest block.
        height: u32,
    },
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks { height, headers } => write!(
                f,
                "bitcoind knows {headers} headers, but has no block after {height}: it does not get them from its peers"
            ),
            Self::Chain { height } => write!(
                f,
                "there has been no block after {height} for hours: is bitcoind connected to the network?"
            ),
        }
    }
}

/// What is seen of the source at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    /// Unix time.
    pub(crate) now: u64,
    pub(crate) tip: BlockRef,
    /// The tip's own time.
    pub(crate) tip_time: u32,
    /// The newest header's height.
    pub(crate) headers: u32,
}

/// Remembers since when blocks have been missing.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    /// The tip, and the time at which it was first seen below the headers.
    missing: Option<(BlockRef, u64)>,
}

impl Watchdog {
    /// Takes a look. Blocks on regtest come when somebody wants one.
    pub(crate) fn look(&mut self, network: Network, sight: Sight) -> Option<Stall> {
        let Sight { now, tip, .. } = sight;
        let height = tip.height;
        if sight.headers > height {
            let since = match self.missing {
                Some((block, since)) if block == tip => since,
                _ => now,
            };
            self.missing = Some((tip, since));
            if now.saturating_sub(since) >= BLOCK_PATIENCE {
                let headers = sight.headers;
                return Some(Stall::Blocks { height, headers });
            }
        } else {
            self.missing = None;
        }
        let age = now.saturating_sub(sight.tip_time.into());
        let is_old = network != Network::Regtest && age >= CHAIN_PATIENCE;
        is_old.then_some(Stall::Chain { height })
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use bitcoin::BlockHash;

    use super::*;

    const START: u64 = 1_800_000_000;

    fn sight(after: u64, height: u32, headers: u32) -> Sight {
        Sight {
            now: START + after,
            tip: BlockRef {
                height,
                hash: BlockHash::all_zeros(),
            },
            tip_time: u32::try_from(START).expect("before 2106"),
            headers,
        }
    }

    #[test]
    fn header_whose_block_does_not_come_is_a_stall_after_ten_minutes() {
        let mut watchdog = Watchdog::default();
        let mut look =
            |after, height, headers| watchdog.look(Network::Bitcoin, sight(after, height, headers));
        assert_eq!(look(0, 100, 101), None);
        assert_eq!(look(BLOCK_PATIENCE - 1, 100, 101), None);
        let stall = Stall::Blocks {
            height: 100,
            headers: 101,
        };
        assert_eq!(look(BLOCK_PATIENCE, 100, 101), Some(stall));
        assert_eq!(look(BLOCK_PATIENCE + 1, 101, 101), None);
    }

    #[test]
    fn source_that_is_syncing_is_no_stall_while_blocks_come() {
        let mut watchdog = Watchdog::default();
        for block in 0..100 {
            let sight = sight(u64::from(block) * 60, block, 1_000);
            assert_eq!(watchdog.look(Network::Bitcoin, sight), None);
        }
    }

    #[test]
    fn block_that_is_hours_old_is_a_stall_but_on_regtest() {
        let mut watchdog = Watchdog::default();
        let early = sight(CHAIN_PATIENCE - 1, 100, 100);
        let late = sight(CHAIN_PATIENCE, 100, 100);
        assert_eq!(watchdog.look(Network::Bitcoin, early), None);
        let stall = Some(Stall::Chain { height: 100 });
        assert_eq!(watchdog.look(Network::Bitcoin, late), stall);
        assert_eq!(watchdog.look(Network::Signet, late), stall);
        assert_eq!(watchdog.look(Network::Regtest, late), None);
    }
}

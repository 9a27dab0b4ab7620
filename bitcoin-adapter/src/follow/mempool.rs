//! What enters and leaves the mempool.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::{Transaction, Txid};

use crate::error::ChainError;
use crate::source::ChainSource;

/// Transactions fetched at one look: a full mempool of a public network is read bit by bit, and blocks do not wait for it.
const AT_ONCE: usize = 2_000;
/// Time between two looks, for each thousand transactions that must be listed.
const PAUSE_PER_THOUSAND: Duration = Duration::from_millis(100);
/// The shortest time between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// Changes since the last look.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) entered: Vec<Arc<Transaction>>,
    pub(crate) left: Vec<Txid>,
}

/// The ids that were in the mempool at the last look.
#[derive(Debug, Default)]
pub(crate) struct Mempool {
    known: HashSet<Txid>,
    next_look: Option<Instant>,
}

impl Mempool {
    /// Ids known to be there.
    pub(crate) fn known(&self) -> &HashSet<Txid> {
        &self.known
    }

    /// Whether a look is due. After a look that was cut short, the next is due at once.
    pub(crate) fn is_due(&self) -> bool {
        self.next_look.is_none_or(|time| Instant::now() >= time)
    }

    /// Makes the next look due at once.
    pub(crate) fn look_soon(&mut self) {
        self.next_look = None;
    }

    /// Makes the next look tell everything again.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
        self.next_look = None;
    }

    /// Looks.
    ///
    /// # Errors
    /// A question that could not be asked; the next look tells what this one would have told.
    pub(crate) fn look(&mut self, source: &dyn ChainSource) -> Result<Changes, ChainError> {
        let listed: HashSet<Txid> = source.mempool()?.into_iter().collect();
        let mut changes = Changes {
            left: self.known.difference(&listed).copied().collect(),
            ..Changes::default()
        };
        let news: Vec<Txid> = listed.difference(&self.known).copied().collect();
        for txid in news.iter().take(AT_ONCE) {
            // It may have left again by now.
            changes
                .entered
                .extend(source.mempool_transaction(txid)?.map(Arc::new));
        }
        let thousands = u32::try_from(listed.len() / 1000).unwrap_or(u32::MAX);
        self.next_look = (news.len() <= AT_ONCE).then(|| {
            Instant::now()
                + PAUSE_PER_THOUSAND
                    .saturating_mul(thousands)
                    .max(SHORTEST_PAUSE)
        });
        for txid in &changes.left {
            self.known.remove(txid);
        }
        self.known.extend(news.into_iter().take(AT_ONCE));
        Ok(changes)
    }
}

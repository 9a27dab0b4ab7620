//! Transactions that are to reach the chain, until they are there or something else has taken their place.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bitcoin::{Block, Transaction, Txid};

use crate::error::ChainError;
use crate::source::{Accepted, BlockRef, ChainSource};

/// Confirmations after which a transaction, or what replaced it, is final: no reorg deeper than this is expected.
const FINAL_DEPTH: u32 = 6;

/// Pause before a rejected transaction is offered again, unless a block comes first.
const PAUSE: Duration = Duration::from_secs(30);

/// Why the network does not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Its feerate is below what the mempool takes at this moment. A higher fee, or patience, helps.
    #[error("the fee is below what the mempool takes: {message}")]
    BelowMinFee {
        /// The source's own words.
        message: String,
    },
    /// A transaction in the mempool spends the same inputs, and this one does not pay enough to replace it.
    #[error("it conflicts with a transaction in the mempool: {message}")]
    Conflict {
        /// The source's own words.
        message: String,
    },
    /// It pays more than the source lets anybody pay by mistake.
    #[error("the fee is absurdly high: {message}")]
    FeeTooHigh {
        /// The source's own words.
        message: String,
    },
    /// It was forbidden: the source was not even asked.
    #[error("it must never be broadcast any more")]
    Forbidden,
    /// It breaks a rule of consensus or policy, and always will.
    #[error("it is not valid: {message}")]
    Invalid {
        /// The source's own words.
        message: String,
    },
    /// An input does not exist (yet), or a confirmed transaction has spent it.
    #[error("an input is missing or spent: {message}")]
    MissingInputs {
        /// The source's own words.
        message: String,
    },
    /// A timelock has not passed, or a coinbase has not matured.
    #[error("it may not be confirmed yet: {message}")]
    NotFinal {
        /// The source's own words.
        message: String,
    },
}

impl Rejection {
    /// Reads bitcoind's reject reason. Some of them say that the transaction is already where it should be.
    pub(crate) fn read(message: String) -> Result<Self, Accepted> {
        let is = |reasons: &[&str]| reasons.iter().any(|reason| message.contains(reason));
        if is(&["txn-already-known"]) {
            return Err(Accepted::InChain);
        }
        if is(&["txn-already-in-mempool"]) {
            return Err(Accepted::InMempool);
        }
        Ok(
            if is(&[
                "min relay fee not met",
                "mempool min fee not met",
                "mempool full",
                "min-fee-not-met",
            ]) {
                Self::BelowMinFee { message }
            } else if is(&["missingorspent", "Missing inputs", "missing-inputs"]) {
                Self::MissingInputs { message }
            } else if is(&[
                "insufficient fee",
                "conflict",
                "replacement",
                "too-long-mempool-chain",
                "mempool-limits",
                "too-large-cluster",
            ]) {
                Self::Conflict { message }
            } else if is(&[
                "non-final",
                "non-BIP68-final",
                "premature-spend-of-coinbase",
            ]) {
                Self::NotFinal { message }
            } else if is(&[
                "Fee exceeds maximum",
                "max-fee-exceeded",
                "absurdly-high-fee",
            ]) {
                Self::FeeTooHigh { message }
            } else {
                Self::Invalid { message }
            },
        )
    }

    /// Whether a higher fee would help. It does not where limits of chains and of replacements stand in the way.
    pub fn wants_higher_fee(&self) -> bool {
        match self {
            Self::BelowMinFee { .. } => true,
            Self::Conflict { message } => message.contains("insufficient fee"),
            Self::MissingInputs { .. }
            | Self::NotFinal { .. }
            | Self::FeeTooHigh { .. }
            | Self::Forbidden
            | Self::Invalid { .. } => false,
        }
    }

    /// Whether the same transaction may be taken later.
    pub fn may_pass_later(&self) -> bool {
        match self {
            Self::BelowMinFee { .. }
            | Self::Conflict { .. }
            | Self::MissingInputs { .. }
            | Self::NotFinal { .. } => true,
            Self::FeeTooHigh { .. } | Self::Forbidden | Self::Invalid { .. } => false,
        }
    }
}

/// What became of a first attempt that was not rejected.
#[derive(Debug)]
pub enum BroadcastOutcome {
    /// The source has it, in the mempool or in the chain.
    Accepted(Accepted),
    /// The source could not be asked. It is offered again as soon as the source is back.
    Waiting(ChainError),
}

/// What becomes of a transaction afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BroadcastEvent {
    /// A block holds it. Six blocks later it is let go of.
    Confirmed {
        /// The transaction.
        txid: Txid,
        /// Its block.
        block: BlockRef,
    },
    /// The source does not take it, for another reason than last time. Unless the reason is a passing one, it is let go of.
    Rejected {
        /// The transaction.
        txid: Txid,
        /// Why.
        rejection: Rejection,
    },
    /// A block holds another transaction that spends one of its inputs. Six blocks later it is let go of.
    Replaced {
        /// The transaction.
        txid: Txid,
        /// The one in its place.
        by: Txid,
        /// The block of that one.
        block: BlockRef,
    },
}

/// Where the chain has settled a transaction's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settled {
    block: BlockRef,
    by: Txid,
}

#[derive(Debug)]
struct Pending {
    /// Order of arrival: parents come before children.
    number: u64,
    transaction: Transaction,
    settled: Option<Settled>,
    rejected: Option<Rejection>,
    /// Whether it was in the chain when it was offered last: in a block from before it was pursued.
    in_chain: bool,
    /// The height from which on an input has been missing.
    missing_since: Option<u32>,
    /// After a rejection, and where it is in the chain, it is offered again at this time or after the next block, whichever
    /// comes first.
    not_before: Option<Instant>,
}

impl Pending {
    fn lacks_inputs(&self) -> bool {
        matches!(self.rejected, Some(Rejection::MissingInputs { .. }))
    }
}

/// All transactions that are being pursued. Shared by those who add to it and the follower that drives it.
#[derive(Debug, Default)]
pub(crate) struct Broadcasts {
    pending: Mutex<BTreeMap<Txid, Pending>>,
    /// What whoever asks for it does not get to the source.
    forbidden: Mutex<HashSet<Txid>>,
}

impl Broadcasts {
    /// Pursues a transaction from now on. Doing so twice changes nothing.
    pub(crate) fn add(&self, transaction: Transaction) {
        let mut pending = self.lock();
        let number = pending
            .values()
            .map(|entry| entry.number)
            .max()
            .map_or(0, |newest| newest.saturating_add(1));
        let txid = transaction.compute_txid();
        // Under the lock: what is forbidden in these moments is taken out after this, or is not put in.
        if self.is_forbidden(&txid) {
            return;
        }
        let fresh = Pending {
            number,
            settled: None,
            rejected: None,
            in_chain: false,
            missing_since: None,
            not_before: None,
            transaction,
        };
        pending.entry(txid).or_insert(fresh);
    }

    /// Lets go of a transaction.
    pub(crate) fn remove(&self, txid: &Txid) {
        self.lock().remove(txid);
    }

    /// Lets go of a transaction for good: who asks for it later, or has asked and waits, comes too late.
    pub(crate) fn forbid(&self, txid: Txid) {
        // First this: what is offered in these moments looks here again before each question.
        self.forbidden().insert(txid);
        self.remove(&txid);
    }

    fn is_forbidden(&self, txid: &Txid) -> bool {
        self.forbidden().contains(txid)
    }

    /// Offers one transaction for the first time and keeps what came of it.
    pub(crate) fn offer(
        &self,
        source: &dyn ChainSource,
        transaction: &Transaction,
    ) -> Result<BroadcastOutcome, Rejection> {
        let txid = transaction.compute_txid();
        if self.is_forbidden(&txid) {
            self.remove(&txid);
            return Err(Rejection::Forbidden);
        }
        match source.broadcast(transaction) {
            Ok(Ok(accepted)) => {
                self.note(&txid, Ok(accepted));
                Ok(BroadcastOutcome::Accepted(accepted))
            }
            Ok(Err(rejection)) => {
                self.note(&txid, Err(rejection.clone()));
                Err(rejection)
            }
            Err(error) => Ok(BroadcastOutcome::Waiting(error)),
        }
    }

    /// Offers a parent and its child together, as one package where the parent alone pays too little.
    pub(crate) fn offer_package(
        &self,
        source: &dyn ChainSource,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<BroadcastOutcome, Rejection> {
        match self.offer(source, parent) {
            Ok(BroadcastOutcome::Waiting(error)) => Ok(BroadcastOutcome::Waiting(error)),
            // The child pays for nothing then.
            Err(Rejection::Forbidden) => {
                self.remove(&child.compute_txid());
                Err(Rejection::Forbidden)
            }
            Err(Rejection::BelowMinFee { .. }) => {
                match source.broadcast_package(&[parent, child]) {
                    Ok(Ok(accepted)) => {
                        self.note(&parent.compute_txid(), Ok(accepted));
                        self.note(&child.compute_txid(), Ok(accepted));
                        Ok(BroadcastOutcome::Accepted(accepted))
                    }
                    Ok(Err(rejection)) => {
                        self.note(&child.compute_txid(), Err(rejection.clone()));
                        Err(rejection)
                    }
                    Err(error) => Ok(BroadcastOutcome::Waiting(error)),
                }
            }
            Ok(BroadcastOutcome::Accepted(_)) | Err(_) => self.offer(source, child),
        }
    }

    /// Why a transaction that is being pursued is not taken at this moment.
    pub(crate) fn rejection(&self, txid: &Txid) -> Option<Rejection> {
        self.lock().get(txid)?.rejected.clone()
    }

    /// Transactions whose inputs have been missing for as long as makes the chain final: what they spend is gone, or never was.
    /// Those whose parent is pursued and may come yet are not lost; where the parent is there, another input is missing.
    pub(crate) fn lost(&self, height: u32) -> Vec<Transaction> {
        let mut pending = self.lock();
        let may_come = pending.iter().filter(|(_, entry)| {
            let is_open = entry.settled.is_none() && !entry.in_chain;
            is_open && !entry.lacks_inputs()
        });
        let may_come: HashSet<Txid> = may_come.map(|(txid, _)| *txid).collect();
        let mut lost = Vec::new();
        for entry in pending.values_mut() {
            let mut inputs = entry.transaction.input.iter();
            let waits = inputs.any(|input| may_come.contains(&input.previous_output.txid));
            if !entry.lacks_inputs() || waits {
                entry.missing_since = None;
                continue;
            }
            let since = *entry.missing_since.get_or_insert(height);
            if height.saturating_sub(since) >= FINAL_DEPTH {
                lost.push(entry.transaction.clone());
            }
        }
        lost
    }

    /// The pursued child of a transaction: of several, the newest, which pays the most.
    fn child_of(&self, parent: &Txid) -> Option<Transaction> {
        let pending = self.lock();
        let spends = |entry: &&Pending| {
            let mut inputs = entry.transaction.input.iter();
            inputs.any(|input| input.previous_output.txid == *parent)
        };
        pending
            .values()
            .filter(spends)
            .max_by_key(|entry| entry.number)
            .map(|entry| entry.transaction.clone())
    }

    /// Offers everything that is neither settled nor in `mempool`.
    ///
    /// # Errors
    /// The first question that could not be asked; what was not offered by then is offered the next time.
    pub(crate) fn offer_again(
        &self,
        source: &dyn ChainSource,
        mempool: &HashSet<Txid>,
    ) -> Result<Vec<BroadcastEvent>, ChainError> {
        let mut events = Vec::new();
        for transaction in self.missing(mempool) {
            let txid = transaction.compute_txid();
            if self.is_forbidden(&txid) {
                continue;
            }
            let mut answer = source.broadcast(&transaction)?;
            // A parent that pays too little by itself goes with the child that pays for it.
            if matches!(answer, Err(Rejection::BelowMinFee { .. })) {
                let child = self.child_of(&txid);
                if let Some(child) = child.filter(|_| !self.is_forbidden(&txid)) {
                    answer = source.broadcast_package(&[&transaction, &child])?;
                }
            }
            match answer {
                Ok(accepted) => {
                    self.note(&txid, Ok(accepted));
                }
                Err(rejection) if self.note(&txid, Err(rejection.clone())) => {
                    events.push(BroadcastEvent::Rejected { txid, rejection })
                }
                Err(_) => {}
            }
        }
        Ok(events)
    }

    /// Makes all rejected ones due again: the chain or the source has changed.
    pub(crate) fn hurry(&self) {
        for entry in self.lock().values_mut() {
            entry.not_before = None;
        }
    }

    fn missing(&self, mempool: &HashSet<Txid>) -> Vec<Transaction> {
        let pending = self.lock();
        let now = Instant::now();
        let is_due = |entry: &Pending| entry.not_before.is_none_or(|time| now >= time);
        let mut missing: Vec<&Pending> = pending
            .iter()
            .filter(|(txid, entry)| {
                entry.settled.is_none() && is_due(entry) && !mempool.contains(*txid)
            })
            .map(|(_, entry)| entry)
            .collect();
        missing.sort_by_key(|entry| entry.number);
        missing
            .into_iter()
            .map(|entry| entry.transaction.clone())
            .collect()
    }

    /// Notes the answer to an offer; whether it is news.
    fn note(&self, txid: &Txid, answer: Result<Accepted, Rejection>) -> bool {
        let mut pending = self.lock();
        let in_chain = answer == Ok(Accepted::InChain);
        let rejected = answer.err();
        if rejected
            .as_ref()
            .is_some_and(|rejection| !rejection.may_pass_later())
        {
            return pending.remove(txid).is_some();
        }
        let Some(entry) = pending.get_mut(txid) else {
            return false;
        };
        entry.in_chain = in_chain;
        entry.not_before = (in_chain || rejected.is_some()).then(|| Instant::now() + PAUSE);
        let kind = |rejected: &Option<Rejection>| rejected.as_ref().map(std::mem::discriminant);
        let is_news = kind(&entry.rejected) != kind(&rejected);
        entry.rejected = rejected;
        is_news
    }

    /// A block joined the chain.
    pub(crate) fn connect(&self, block: BlockRef, body: &Block) -> Vec<BroadcastEvent> {
        let mut pending = self.lock();
        if pending.is_empty() {
            return Vec::new();
        }
        let mut events = Vec::new();
        for transaction in &body.txdata {
            let spent: HashSet<_> = transaction
                .input
                .iter()
                .map(|input| input.previous_output)
                .collect();
            for (txid, entry) in pending.iter_mut() {
                if entry
                    .transaction
                    .input
                    .iter()
                    .any(|input| spent.contains(&input.previous_output))
                {
                    let by = transaction.compute_txid();
                    entry.settled = Some(Settled { block, by });
                    events.push(settled_event(*txid, by, block));
                }
            }
        }
        pending.retain(|_, entry| {
            entry.settled.is_none_or(|settled| {
                block.height.saturating_sub(settled.block.height) < FINAL_DEPTH
            })
        });
        events
    }

    /// A block left the chain: what it had settled is open again, and what was in some block may be in none.
    pub(crate) fn disconnect(&self, block: BlockRef) {
        for entry in self.lock().values_mut() {
            entry.in_chain = false;
            entry
                .settled
                .take_if(|settled| settled.block.height >= block.height);
        }
    }

    /// The block that holds a transaction that is being pursued.
    pub(crate) fn block_of(&self, txid: &Txid) -> Option<BlockRef> {
        self.lock()
            .get(txid)?
            .settled
            .filter(|settled| settled.by == *txid)
            .map(|settled| settled.block)
    }

    /// A panic elsewhere cannot leave it half made.
    fn forbidden(&self) -> MutexGuard<'_, HashSet<Txid>> {
        self.forbidden
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic elsewhere cannot leave an entry half made.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Txid, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn settled_event(txid: Txid, by: Txid, block: BlockRef) -> BroadcastEvent {
    if by == txid {
        BroadcastEvent::Confirmed { txid, block }
    } else {
        BroadcastEvent::Replaced { txid, by, block }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejection_read_from_reject_reasons_of_bitcoind() {
        let read = |reason: &str| Rejection::read(reason.to_owned());
        assert!(matches!(
            read("min relay fee not met, 0 < 110"),
            Ok(Rejection::BelowMinFee { .. })
        ));
        assert!(matches!(
            read("bad-txns-inputs-missingorspent"),
            Ok(Rejection::MissingInputs { .. })
        ));
        assert!(matches!(
            read("insufficient fee, rejecting replacement 00"),
            Ok(Rejection::Conflict { .. })
        ));
        assert!(matches!(
            read("txn-mempool-conflict"),
            Ok(Rejection::Conflict { .. })
        ));
        assert!(matches!(
            read("non-BIP68-final"),
            Ok(Rejection::NotFinal { .. })
        ));
        assert!(matches!(
            read("mandatory-script-verify-flag-failed"),
            Ok(Rejection::Invalid { .. })
        ));
        assert_eq!(read("txn-already-in-mempool"), Err(Accepted::InMempool));
        assert_eq!(read("txn-already-known"), Err(Accepted::InChain));
    }

    /// A transaction with this lock time, so that each has a txid of its own, that spends these.
    fn spending(number: u32, parents: &[&Transaction]) -> Transaction {
        let inputs = parents.iter().map(|parent| bitcoin::TxIn {
            previous_output: bitcoin::OutPoint::new(parent.compute_txid(), 0),
            ..Default::default()
        });
        Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::from_consensus(number),
            input: inputs.collect(),
            output: Vec::new(),
        }
    }

    fn missing() -> Result<Accepted, Rejection> {
        Err(Rejection::MissingInputs {
            message: "bad-txns-inputs-missingorspent".to_owned(),
        })
    }

    /// A child that lacks an input, and spends a coin of another transaction, which was answered so where it is pursued.
    fn child_beside(coin: Option<Result<Accepted, Rejection>>) -> (Broadcasts, Transaction) {
        let broadcasts = Broadcasts::default();
        let (commitment, parent) = (spending(1, &[]), spending(2, &[]));
        let child = spending(3, &[&commitment, &parent]);
        if let Some(answer) = coin {
            broadcasts.add(parent.clone());
            broadcasts.note(&parent.compute_txid(), answer);
        }
        broadcasts.add(child.clone());
        broadcasts.note(&child.compute_txid(), missing());
        assert_eq!(broadcasts.lost(100), Vec::new());
        (broadcasts, child)
    }

    /// Whether such a child is lost six blocks later.
    fn is_lost_beside(coin: Option<Result<Accepted, Rejection>>) -> bool {
        let (broadcasts, child) = child_beside(coin);
        broadcasts.lost(100 + FINAL_DEPTH).contains(&child)
    }

    #[test]
    fn child_that_lacks_an_input_is_lost_unless_another_may_come() {
        assert!(is_lost_beside(None));
        assert!(is_lost_beside(Some(missing())));
        assert!(!is_lost_beside(Some(Ok(Accepted::InMempool))));
    }

    #[test]
    fn child_that_lacks_an_input_is_lost_though_its_coin_was_in_the_chain_before_it_was_pursued() {
        assert!(is_lost_beside(Some(Ok(Accepted::InChain))));
    }

    #[test]
    fn broadcast_that_is_forbidden_is_let_go_of_and_not_taken_again() {
        let broadcasts = Broadcasts::default();
        let (one, other) = (spending(1, &[]), spending(2, &[]));
        broadcasts.add(one.clone());
        broadcasts.add(other.clone());
        broadcasts.forbid(one.compute_txid());
        broadcasts.add(one);
        assert_eq!(broadcasts.missing(&HashSet::new()), [other]);
    }

    #[test]
    fn child_is_not_lost_where_a_reorg_may_have_taken_its_coin() {
        let (broadcasts, child) = child_beside(Some(Ok(Accepted::InChain)));
        broadcasts.disconnect(BlockRef {
            height: 100,
            hash: bitcoin::hashes::Hash::all_zeros(),
        });
        let lost = broadcasts.lost(100 + FINAL_DEPTH);
        assert!(!lost.contains(&child));
    }
}

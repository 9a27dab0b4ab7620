//! What may be watched on the chain, and what watching tells.

use std::sync::Arc;

use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};

use crate::source::BlockRef;

/// Watches for a transaction until it is `depth` deep, and for reorgs afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionWatch {
    /// An output of the transaction: the one that matters.
    pub outpoint: OutPoint,
    /// The script that this output should have. Sources that search by script need it; comparing is left to the receiver
    /// of [`WatchEvent::TransactionConfirmed`].
    pub script: ScriptBuf,
    /// Confirmations that make it final enough, 1 or more: 1 means in a block. A coinbase needs 100 at least.
    pub depth: u32,
    /// The transaction is in no block below this height.
    pub from_height: u32,
    /// The block of an earlier [`WatchEvent::TransactionConfirmed`] that the ledger remembers. If that still holds, nothing is told
    /// again; if not, [`WatchEvent::TransactionReorged`] comes.
    pub reported: Option<BlockRef>,
}

/// Watches for the transaction that spends an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendWatch {
    /// The output.
    pub outpoint: OutPoint,
    /// Confirmations of the spender that bury it, 1 or more.
    pub depth: u32,
    /// The output is spent in no block below this height.
    pub from_height: u32,
    /// An earlier [`WatchEvent::SpendConfirmed`] that the ledger remembers. If that still holds, it is not told again; if not,
    /// [`WatchEvent::SpendReorged`] comes.
    pub reported: Option<ReportedSpend>,
}

/// A spend that was told of earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedSpend {
    /// The spending transaction.
    pub spender: Txid,
    /// The height of its block.
    pub height: u32,
}

/// Either kind of watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// For a spend.
    Spend(SpendWatch),
    /// For a transaction.
    Transaction(TransactionWatch),
}

/// What a watch saw. Events of one block come before its [`Connected`](crate::ChainEvent::Connected) or
/// [`Disconnected`](crate::ChainEvent::Disconnected).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// A watched output is spent by a confirmed transaction.
    SpendConfirmed {
        /// The watched output.
        outpoint: OutPoint,
        /// The transaction that spends it.
        transaction: Arc<Transaction>,
        /// The block that holds the spender.
        block: BlockRef,
    },
    /// The spend is as deep as the watch asked for. Comes once, after its `SpendConfirmed` (of this run or an earlier one).
    SpendBuried {
        /// The watched output.
        outpoint: OutPoint,
        /// The transaction that spends it.
        spender: Txid,
        /// The block that holds the spender.
        block: BlockRef,
    },
    /// A reorg took the spend out of the chain.
    SpendReorged {
        /// The watched output.
        outpoint: OutPoint,
        /// The transaction that spent it.
        spender: Txid,
    },
    /// A transaction that spends a watched output waits in the mempool. Told once for each such transaction.
    SpendSeen {
        /// The watched output.
        outpoint: OutPoint,
        /// The transaction that would spend it.
        transaction: Arc<Transaction>,
    },
    /// A watched transaction is as deep as the watch asked for.
    TransactionConfirmed {
        /// The watched output.
        outpoint: OutPoint,
        /// The output as the chain has it; `None` if the transaction has no output of that number.
        output: Option<TxOut>,
        /// The block that holds it.
        block: BlockRef,
        /// Its place in that block: 0 is the coinbase.
        index: u32,
        /// Whether it is a coinbase.
        coinbase: bool,
    },
    /// A reorg took a transaction out of the chain after it was told to be confirmed.
    TransactionReorged {
        /// The watched output.
        outpoint: OutPoint,
    },
}

//! Hands claims to the network in the order in which they were made: what the wallet has noted last is what a restart goes on
//! with, so a dearer claim must not be overtaken by the one that it replaces.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::{Transaction, Txid};
use tokio::sync::mpsc::{self, UnboundedSender};
use zarnitsa_channel::ids::ChannelId;

use crate::shared::Shared;

/// A transaction, or a parent and the child that pays for it.
type Package = (ChannelId, Vec<Transaction>);

/// See the module.
pub(super) struct Outbox {
    // Filled by this node's own claims alone, whose number their budgets bound.
    packages: UnboundedSender<Package>,
    /// The last transactions of those that wait or are being offered, but for the ones that another has taken the place of.
    wanted: Arc<Mutex<HashSet<Txid>>>,
}

impl Outbox {
    /// Begins to hand over what it is given. `refused` is told of channels whose transactions are refused for their fee.
    pub(super) fn start(shared: Arc<Shared>, refused: UnboundedSender<ChannelId>) -> Self {
        let (packages, mut waiting) = mpsc::unbounded_channel::<Package>();
        let wanted: Arc<Mutex<HashSet<Txid>>> = Arc::default();
        let still_wanted = Arc::clone(&wanted);
        tokio::spawn(async move {
            while let Some((id, transactions)) = waiting.recv().await {
                let Some(last) = transactions.last().map(Transaction::compute_txid) else {
                    continue;
                };
                if !lock(&still_wanted).contains(&last) {
                    continue;
                }
                offer(&shared, &refused, id, last, transactions).await;
                if !lock(&still_wanted).remove(&last) {
                    // Another took its place while it was offered.
                    shared.chain.stop_broadcast(&last);
                }
            }
        });
        Self { packages, wanted }
    }

    /// Hands over a transaction, or a parent and its child.
    pub(super) fn push(&self, id: ChannelId, transactions: Vec<Transaction>) {
        if let Some(last) = transactions.last() {
            lock(&self.wanted).insert(last.compute_txid());
        }
        let _ = self.packages.send((id, transactions)); // a node that stops broadcasts nothing
    }

    /// Another takes the place of this transaction: it is offered no more.
    pub(super) fn withdraw(&self, txid: &Txid) {
        lock(&self.wanted).remove(txid);
    }
}

async fn offer(
    shared: &Shared,
    refused: &UnboundedSender<ChannelId>,
    id: ChannelId,
    txid: Txid,
    transactions: Vec<Transaction>,
) {
    match shared.chain.broadcast_package(transactions).await {
        Ok(outcome) => tracing::info!(%txid, ?outcome, "broadcast"),
        Err(rejection) => {
            tracing::warn!(%txid, %rejection, "not taken by the network yet");
            if rejection.wants_higher_fee() {
                let _ = refused.send(id); // a node that stops asks nothing
            }
        }
    }
}

fn lock(set: &Mutex<HashSet<Txid>>) -> MutexGuard<'_, HashSet<Txid>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

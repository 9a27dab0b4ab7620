//! Claims what is this node's of channels whose funding output is spent.
//!
//! What there is to claim is the machine's to say, from what the ledger holds; this builds, signs and broadcasts the
//! transactions, and pays for them. What it remembers of its own transactions is in memory only: after a restart claims
//! are made anew, and the mempool refuses those that pay less than what is there already, which raises their fee.

mod bump;
mod pay;
mod plan;
mod reserve;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::Channel;

use crate::funding::FundingError;
use crate::shared::Shared;

use plan::Offer;

/// Why a claim could not be made. It is tried again with the next block.
#[derive(Debug, thiserror::Error)]
enum ClaimError {
    #[error(transparent)]
    Funding(#[from] FundingError),
    #[error(transparent)]
    Signer(#[from] zarnitsa_signer::SignerError),
    #[error(transparent)]
    Transaction(#[from] zarnitsa_channel::tx::TxError),
    #[error(transparent)]
    Wallet(#[from] zarnitsa_bitcoin_adapter::WalletError),
}

/// A transaction of this node's that is being pursued.
#[derive(Clone, Debug)]
struct Made {
    /// What it claims.
    outpoints: BTreeSet<OutPoint>,
    txid: Txid,
    feerate_per_kw: u32,
    fee: Amount,
    /// The chain's height when it was made.
    height: u32,
    /// The wallet's coins in it.
    coins: Vec<OutPoint>,
}

/// See the module.
pub(crate) struct Claimer {
    shared: Arc<Shared>,
    made: HashMap<ChannelId, Vec<Made>>,
    /// Outputs that somebody else is after.
    contested: HashSet<OutPoint>,
    /// Transactions that the mempool does not take for their fee.
    refused: Arc<Mutex<HashSet<Txid>>>,
}

impl Claimer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            made: HashMap::new(),
            contested: HashSet::new(),
            refused: Arc::default(),
        }
    }

    /// A transaction in the mempool spends this output. If it is not one of this node's, the output is contested.
    pub(crate) fn contested(&mut self, outpoint: OutPoint, txid: Txid) {
        let ours = self.made.values().flatten().any(|made| made.txid == txid);
        if !ours && self.contested.insert(outpoint) {
            tracing::warn!(%outpoint, %txid, "somebody else is after an output of a close");
        }
    }

    /// Makes and raises the channel's claims as far as they can be in the block after `height`.
    pub(crate) fn look(&mut self, id: &ChannelId, height: u32) {
        let Some(channel) = self.shared.channel(id) else {
            return;
        };
        self.forget_finished(id, &channel);
        if channel.spend().is_none() {
            if let Err(error) = self.bump_commitment(&channel, height) {
                tracing::warn!(channel = %id, %error, "the commitment's fee cannot be raised now");
            }
            return;
        }
        let next = height.saturating_add(1);
        let mut claims = channel.claims();
        claims.retain(|claim| claim.spendable_at <= next);
        for offer in plan::offers(claims, &self.contested) {
            if let Err(error) = self.pursue(&channel, &offer, height) {
                tracing::warn!(channel = %id, %error, "a claim cannot be made now");
            }
        }
    }

    /// What is spent, by whomever, needs no claim. Its broadcast goes on, for a reorg may give it back; coins of the wallet in
    /// it are free where it lost.
    fn forget_finished(&mut self, id: &ChannelId, channel: &Channel) {
        // While nothing is confirmed there is the commitment's child alone.
        if channel.spend().is_none() {
            return;
        }
        let claims = channel.claims();
        let unspent: HashSet<OutPoint> = claims.iter().map(|claim| claim.outpoint).collect();
        let wallet = &self.shared.wallet;
        if let Some(made) = self.made.get_mut(id) {
            made.retain(|made| {
                let stays = made.outpoints.iter().any(|at| unspent.contains(at));
                if !stays {
                    wallet.release(&made.txid);
                }
                stays
            });
        }
    }

    fn pursue(&mut self, channel: &Channel, offer: &Offer, height: u32) -> Result<(), ClaimError> {
        let outpoints: BTreeSet<OutPoint> =
            offer.claims.iter().map(|claim| claim.outpoint).collect();
        let earlier: Vec<Made> = self
            .made
            .get(&channel.id())
            .into_iter()
            .flatten()
            .filter(|made| !made.outpoints.is_disjoint(&outpoints))
            .cloned()
            .collect();
        let same = earlier.iter().find(|made| made.outpoints == outpoints);
        let refused = same.is_some_and(|made| self.is_refused(&made.txid));
        let least = earlier.iter().map(|made| made.feerate_per_kw).max();
        let estimate = self.estimate(offer.blocks_left(height));
        let wanted = plan::feerate(&plan::Bid {
            estimate,
            last: least,
            age: same.map(|made| height.saturating_sub(made.height)),
            blocks_left: offer.blocks_left(height),
            refused,
        });
        let wanted = wanted
            .min(offer.most_feerate_per_kw(height))
            .max(least.unwrap_or(0));
        let enough = same.is_some_and(|made| made.feerate_per_kw >= wanted);
        if enough {
            return Ok(());
        }
        let (transaction, mut made) = self.build(channel, offer, wanted, &earlier)?;
        made.height = height;
        made.outpoints = outpoints;
        self.replace(channel.id(), &earlier, made, vec![transaction]);
        Ok(())
    }

    /// Broadcasts a transaction in the place of others.
    fn replace(
        &mut self,
        id: ChannelId,
        earlier: &[Made],
        made: Made,
        transactions: Vec<Transaction>,
    ) {
        let list = self.made.entry(id).or_default();
        for old in earlier {
            self.shared.chain.stop_broadcast(&old.txid);
            self.shared.wallet.release(&old.txid);
            list.retain(|made| made.txid != old.txid);
        }
        tracing::info!(
            channel = %id, txid = %made.txid, fee = %made.fee, feerate_per_kw = made.feerate_per_kw,
            outputs = made.outpoints.len(), replaced = earlier.len(), "claims"
        );
        list.push(made);
        self.broadcast(transactions);
    }

    fn broadcast(&self, transactions: Vec<Transaction>) {
        let (chain, refused) = (self.shared.chain.clone(), self.refused.clone());
        tokio::spawn(async move {
            let Some(last) = transactions.last().map(Transaction::compute_txid) else {
                return;
            };
            match chain.broadcast_package(transactions).await {
                Ok(outcome) => tracing::info!(txid = %last, ?outcome, "broadcast"),
                Err(rejection) => {
                    tracing::warn!(txid = %last, %rejection, "not taken by the network yet");
                    if rejection.wants_higher_fee() {
                        let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                        refused.insert(last);
                    }
                }
            }
        });
    }

    fn is_refused(&self, txid: &Txid) -> bool {
        let refused = self.refused.lock();
        refused
            .unwrap_or_else(PoisonError::into_inner)
            .contains(txid)
    }
}

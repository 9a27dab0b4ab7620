//! Claims what is this node's of channels whose funding output is spent.
//!
//! What there is to claim is the machine's to say, from what the ledger holds; this builds, signs and broadcasts the
//! transactions, and pays for them. What it remembers of its own transactions is in memory only: after a restart it finds
//! them in the wallet, and goes on from what they pay.
//!
//! | file | subject |
//! |---|---|
//! | `plan` | which claims share a transaction, and what it may cost |
//! | `pay` | builds and signs claims |
//! | `bump` | pays for a commitment by its anchor |
//! | `outbox` | hands them to the network, in order |
//! | `recall` | finds what earlier runs made |
//! | `reserve` | coins that are held back for all this |
//! | `withdraw` | takes back what must not reach the chain |

mod bump;
mod outbox;
mod pay;
mod plan;
mod recall;
mod reserve;
mod withdraw;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bitcoin::hashes::Hash;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, Txid, WScriptHash, Weight};
use tokio::sync::mpsc::UnboundedSender;
use zarnitsa_bitcoin_adapter::Rejection;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::state::{Channel, Claim, ClaimKind, Resolution, SpendKind};

use crate::funding::FundingError;
use crate::shared::Shared;

use outbox::Outbox;
use plan::Offer;
pub(crate) use reserve::{kept_refusal, ToClose};

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
    /// Together with its parent, where it pays for one.
    feerate_per_kw: u32,
    fee: Amount,
    /// The chain's height when it was made.
    height: u32,
    /// The wallet's coins in it.
    coins: Vec<OutPoint>,
}

/// What is done for one channel.
#[derive(Debug, Default)]
struct Pursuit {
    made: Vec<Made>,
    /// The highest feerate that was ever offered for an output.
    offered: HashMap<OutPoint, u32>,
    /// All that was ever made for it: what is not among these is somebody else's.
    ours: HashSet<Txid>,
    /// Outputs that somebody else is after.
    contested: HashSet<OutPoint>,
    /// Outputs that are there to be claimed, now or later, as the chain was last seen.
    unspent: HashSet<OutPoint>,
    /// Outputs for which earlier runs' transactions were looked up.
    recalled: HashSet<OutPoint>,
    /// The commitment that waits for a block, and the height from which on it was seen to.
    waiting: Option<(Txid, u32)>,
}

impl Pursuit {
    fn note(&mut self, made: Made) {
        self.ours.insert(made.txid);
        for at in &made.outpoints {
            let offered = self.offered.entry(*at).or_default();
            *offered = made.feerate_per_kw.max(*offered);
        }
        self.made.push(made);
    }

    /// Whether it may be in the mempool: one that lost an input to somebody else is in none, and need not be outbid.
    fn may_confirm(&self, made: &Made) -> bool {
        let is_there = |at: &OutPoint| self.unspent.contains(at) && !self.contested.contains(at);
        made.outpoints.iter().all(is_there)
    }
}

/// What was made before for a part of an offer.
struct Earlier {
    /// All of it: the new transaction takes its place.
    dropped: Vec<Made>,
    /// The part that may be in the mempool: the new transaction must outbid it.
    living: Vec<Made>,
    /// The one that claims the same.
    same: Option<Made>,
    /// Coins of the wallet's in what is dropped, for the new transaction to use: dead ones hold theirs too.
    coins: Vec<OutPoint>,
    /// All that was ever made for the channel.
    ours: HashSet<Txid>,
}

/// See the module.
pub(crate) struct Claimer {
    shared: Arc<Shared>,
    pursuits: HashMap<ChannelId, Pursuit>,
    outbox: Outbox,
}

impl Claimer {
    /// `refused` is told of channels whose claim was refused for its fee: they are to be looked at again at once.
    pub(crate) fn new(shared: Arc<Shared>, refused: UnboundedSender<ChannelId>) -> Self {
        Self {
            outbox: Outbox::start(shared.clone(), refused),
            shared,
            pursuits: HashMap::new(),
        }
    }

    /// A transaction in the mempool spends this output. If it is not one of this node's, the output is contested.
    pub(crate) fn contested(&mut self, id: ChannelId, outpoint: OutPoint, txid: Txid) {
        let made_before = |txid: Txid| {
            let mut spends = self.own_spends(&id, &[outpoint]).into_iter();
            spends.any(|known| known.compute_txid() == txid)
        };
        let pursuit = self.pursuits.get(&id);
        let ours = pursuit.is_some_and(|pursuit| pursuit.ours.contains(&txid));
        if ours || made_before(txid) {
            return;
        }
        let pursuit = self.pursuits.entry(id).or_default();
        if pursuit.contested.insert(outpoint) {
            tracing::warn!(%outpoint, %txid, "somebody else is after an output of a close");
        }
    }

    /// Makes and raises the channel's claims as far as they can be in the block after `height`.
    pub(crate) fn look(&mut self, id: &ChannelId, height: u32) {
        let Some(channel) = self.shared.channel(id) else {
            return;
        };
        let Some(spend) = channel.spend() else {
            if let Err(error) = self.bump_commitment(&channel, height) {
                tracing::warn!(channel = %id, %error, "the commitment's fee cannot be raised now");
            }
            return;
        };
        let claims = with_deadlines(&channel);
        self.forget_finished(id, &claims);
        let values = claims.iter().map(|claim| (claim.outpoint, claim.value));
        let no_parent = (Amount::ZERO, Weight::ZERO);
        self.recall(*id, &values.collect(), no_parent, height);
        let moves = channel.resolution().is_some_and(Resolution::has_moved);
        let is_revoked = matches!(spend.kind, SpendKind::Revoked { .. });
        let next = height.saturating_add(1);
        let due = claims
            .into_iter()
            .filter(|claim| claim.spendable_at <= next)
            .collect();
        let estimate = self.estimate(Some(0));
        let pursuit = self.pursuits.entry(*id).or_default();
        let rivals = plan::Rivals {
            contested: &pursuit.contested,
            cheater_moves: is_revoked && (moves || !pursuit.contested.is_empty()),
        };
        for offer in plan::offers(due, rivals, estimate) {
            if let Err(error) = self.pursue(&channel, &offer, height) {
                tracing::warn!(channel = %id, %error, "a claim cannot be made now");
            }
        }
    }

    /// What is spent, by whomever, needs no claim. Its broadcast goes on, for a reorg may give it back; coins of the wallet in
    /// it are free where it lost.
    fn forget_finished(&mut self, id: &ChannelId, claims: &[Claim]) {
        let unspent: HashSet<OutPoint> = claims.iter().map(|claim| claim.outpoint).collect();
        let wallet = &self.shared.wallet;
        let pursuit = self.pursuits.entry(*id).or_default();
        pursuit.waiting = None;
        pursuit.contested.retain(|at| unspent.contains(at));
        pursuit.made.retain(|made| {
            let stays = made.outpoints.iter().any(|at| unspent.contains(at));
            if !stays {
                wallet.release(&made.txid);
            }
            stays
        });
        pursuit.unspent = unspent;
    }

    fn pursue(&mut self, channel: &Channel, offer: &Offer, height: u32) -> Result<(), ClaimError> {
        let outpoints: BTreeSet<OutPoint> =
            offer.claims.iter().map(|claim| claim.outpoint).collect();
        let earlier = self.earlier(channel.id(), &outpoints);
        let pursuit = self.pursuits.entry(channel.id()).or_default();
        let offered = outpoints.iter().filter_map(|at| pursuit.offered.get(at));
        let last = offered.copied().max();
        let blocks_left = offer.blocks_left(height);
        let same = earlier.same.as_ref();
        let bid = plan::Bid {
            estimate: self.estimate(blocks_left),
            last,
            // Where none is left to be outbid, another set of outputs may pay what was paid before.
            age: match (same, earlier.living.is_empty()) {
                (Some(made), _) => Some(height.saturating_sub(made.height)),
                (None, true) => Some(0),
                (None, false) => None,
            },
            blocks_left,
            refused: same.is_some_and(|made| self.is_refused(&made.txid)),
            increment: self.increment(),
        };
        let standing = plan::Standing {
            same: same.map(|made| made.feerate_per_kw),
            least: self.least_fee(&earlier.living, offer.weight()),
        };
        let budget = offer.budget(height, &known_destination(channel));
        let Some(wanted) = plan::price(&bid, standing, budget) else {
            return Ok(());
        };
        if wanted < self.least_feerate() && !offer.is_paid_for() {
            tracing::debug!(channel = %channel.id(), wanted, "a claim is not worth what blocks ask now");
            return Ok(());
        }
        let (transaction, mut made) = self.build(channel, offer, wanted, &earlier)?;
        made.height = height;
        made.outpoints = outpoints;
        self.replace(channel.id(), &earlier.dropped, made, vec![transaction]);
        Ok(())
    }

    /// What was made before for one of these outputs.
    fn earlier(&mut self, id: ChannelId, outpoints: &BTreeSet<OutPoint>) -> Earlier {
        let pursuit = self.pursuits.entry(id).or_default();
        let mut dropped = pursuit.made.clone();
        dropped.retain(|made| !made.outpoints.is_disjoint(outpoints));
        let ours = pursuit.ours.clone();
        let chain = &self.shared.chain;
        // What it claims is there: it is a coin of the wallet's that a reorg has taken, and the claim is made with another.
        let is_void = |made: &Made| {
            let rejection = chain.rejection(&made.txid);
            let lacks = matches!(rejection, Some(Rejection::MissingInputs { .. }));
            lacks && !made.coins.is_empty()
        };
        let pursuit = self.pursuits.get(&id);
        let lives = |made: &&Made| {
            let may_confirm = pursuit.is_some_and(|pursuit| pursuit.may_confirm(made));
            may_confirm && !is_void(made) && !self.is_refused(&made.txid)
        };
        let living = dropped.iter().filter(lives).cloned().collect();
        let is_same = |made: &&Made| made.outpoints == *outpoints && !is_void(made);
        let same = dropped.iter().find(is_same).cloned();
        let coins = self.coins_of(&dropped);
        Earlier {
            dropped,
            living,
            same,
            coins,
            ours,
        }
    }

    /// The wallet's coins in these, but for those that another transaction of this node's has by now.
    fn coins_of(&self, dropped: &[Made]) -> Vec<OutPoint> {
        let stays = |made: &&Made| dropped.iter().all(|old| old.txid != made.txid);
        let others = self.pursuits.values().flat_map(|pursuit| &pursuit.made);
        let others = others.filter(stays).flat_map(|made| &made.coins);
        let taken: HashSet<&OutPoint> = others.collect();
        let coins = dropped.iter().flat_map(|made| &made.coins);
        coins
            .filter(|coin| !taken.contains(coin))
            .copied()
            .collect()
    }

    /// Broadcasts a transaction in the place of others.
    fn replace(
        &mut self,
        id: ChannelId,
        earlier: &[Made],
        made: Made,
        transactions: Vec<Transaction>,
    ) {
        let pursuit = self.pursuits.entry(id).or_default();
        for old in earlier {
            self.outbox.withdraw(&old.txid);
            self.shared.chain.stop_broadcast(&old.txid);
            self.shared.wallet.release(&old.txid);
            pursuit.made.retain(|made| made.txid != old.txid);
        }
        tracing::info!(
            channel = %id, txid = %made.txid, fee = %made.fee, feerate_per_kw = made.feerate_per_kw,
            outputs = made.outpoints.len(), replaced = earlier.len(), "claims"
        );
        pursuit.note(made);
        self.broadcast(id, transactions);
    }

    /// Broadcasts a transaction, or a parent and its child, and has the channel looked at again where they are refused for their
    /// fee.
    pub(crate) fn broadcast(&self, id: ChannelId, transactions: Vec<Transaction>) {
        self.outbox.push(id, transactions);
    }

    /// Whether the mempool does not take it for its fee.
    fn is_refused(&self, txid: &Txid) -> bool {
        let rejection = self.shared.chain.rejection(txid);
        rejection.is_some_and(|rejection| rejection.wants_higher_fee())
    }
}

/// Where a channel's coins go; and where that is not known before, the largest script of a wallet's.
fn known_destination(channel: &Channel) -> ScriptBuf {
    let upfront = channel.params().holder.upfront_shutdown_script.clone();
    upfront.unwrap_or_else(|| ScriptBuf::new_p2wsh(&WScriptHash::all_zeros()))
}

/// Blocks that an expired HTLC of this node's is given to be taken back: the peer may find its preimage at any moment, and the
/// HTLC that pays for it upstream expires in its turn.
const TIMEOUT_BLOCKS: u32 = 18;

/// The channel's claims, with the deadline of HTLCs that are to be taken back: there is none once the preimage is known, for
/// then the HTLC upstream is paid for.
fn with_deadlines(channel: &Channel) -> Vec<Claim> {
    let mut claims = channel.claims();
    for claim in &mut claims {
        let ClaimKind::Timeout(terms) = claim.kind else {
            continue;
        };
        let htlc = channel.htlc(terms.offered_by, terms.id);
        let is_paid = htlc.is_some_and(|htlc| htlc.preimage.is_some());
        claim.deadline = (!is_paid).then(|| terms.cltv_expiry.saturating_add(TIMEOUT_BLOCKS));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(vout: u32) -> OutPoint {
        OutPoint::new(Txid::from_byte_array([1; 32]), vout)
    }

    fn made(vouts: &[u32]) -> Made {
        Made {
            outpoints: vouts.iter().map(|vout| at(*vout)).collect(),
            txid: Txid::from_byte_array([2; 32]),
            feerate_per_kw: 1_000,
            fee: Amount::from_sat(500),
            height: 100,
            coins: vec![at(9)],
        }
    }

    #[test]
    fn may_confirm_is_false_of_what_lost_an_input_and_true_of_what_is_grouped_anew() {
        let mut pursuit = Pursuit {
            unspent: HashSet::from([at(0), at(1), at(2)]),
            ..Pursuit::default()
        };
        assert!(pursuit.may_confirm(&made(&[0])));
        assert!(pursuit.may_confirm(&made(&[0, 1])));
        assert!(!pursuit.may_confirm(&made(&[1, 3])), "the fourth is spent");
        pursuit.contested.insert(at(0));
        assert!(!pursuit.may_confirm(&made(&[0, 1])));
        assert!(pursuit.may_confirm(&made(&[1, 2])));
    }
}

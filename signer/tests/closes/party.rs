//! A side on the real chain: it sees blocks, asks its machine what is its own, and claims it.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Address, Amount, Block, Network, OutPoint, Transaction, Txid};
use serde_json::{json, Value};
use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::command::{ChainEvent, Command};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::params::CommitmentFormat;
use zarnitsa_channel::state::{Claim, ClaimSpend, HtlcTerms};
use zarnitsa_channel::tx::claim::create_claim_transaction;
use zarnitsa_signer::HolderHtlc;
use zarnitsa_tests::bitcoind::Bitcoind;

use crate::purse::Purse;
use crate::world::Node;

/// Satoshis for 1000 weight units of what a side claims.
const FEERATE: u32 = 500;

/// What became of this side's HTLCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Fulfilled,
    Failed,
}

pub struct Party {
    pub node: Node,
    pub outcomes: BTreeMap<HtlcId, Outcome>,
    /// Its own transactions that confirmed, in order, and what they paid of its own coins.
    pub claimed: Vec<Txid>,
    pub fees: Amount,
    /// Whether it claims anything.
    pub awake: bool,
    /// HTLCs that the ledger remembers.
    pub past: Vec<HtlcTerms>,
    destination: Address,
    purse: Rc<Purse>,
    seen: u32,
    /// Those above the height at which it began.
    blocks: Vec<Block>,
    sent: BTreeMap<Txid, Amount>,
    taken: HashSet<OutPoint>,
}

impl Party {
    pub fn new(node: Node, destination: Address, purse: Rc<Purse>, height: u32) -> Self {
        Self {
            node,
            outcomes: BTreeMap::new(),
            claimed: Vec::new(),
            fees: Amount::ZERO,
            awake: true,
            past: Vec::new(),
            destination,
            purse,
            seen: height,
            blocks: Vec::new(),
            sent: BTreeMap::new(),
            taken: HashSet::new(),
        }
    }

    /// All that it has got of the channel.
    pub fn received(&self, bitcoind: &Bitcoind) -> Amount {
        bitcoind.confirmed_at(&self.destination)
    }

    /// Sees every block that has left the chain, every one that is new, and the height.
    pub fn look(&mut self, bitcoind: &Bitcoind) {
        let tip = bitcoind.height();
        while self.seen > tip || self.has_left(bitcoind) {
            let block = self.blocks.pop().expect("it began below");
            self.seen -= 1;
            block.txdata.iter().rev().for_each(|gone| self.unsee(gone));
        }
        while self.seen < tip {
            self.seen += 1;
            let block = bitcoind.block(&bitcoind.hash_at(self.seen));
            for transaction in &block.txdata {
                self.see(transaction, self.seen);
            }
            self.blocks.push(block);
        }
        if self.node.channel.is_due(tip) {
            self.show(ChainEvent::SpendBuried { block_height: tip });
        }
    }

    fn has_left(&self, bitcoind: &Bitcoind) -> bool {
        let newest = self.blocks.last();
        newest.is_some_and(|block| block.block_hash() != bitcoind.hash_at(self.seen))
    }

    fn is_tracked(&self, outpoint: OutPoint) -> bool {
        let resolution = self.node.channel.resolution();
        resolution.is_some_and(|r| r.outputs().iter().any(|output| output.outpoint == outpoint))
    }

    fn unsee(&mut self, transaction: &Transaction) {
        let txid = transaction.compute_txid();
        if self.claimed.contains(&txid) {
            self.claimed.retain(|claimed| *claimed != txid);
            self.fees -= self.sent[&txid];
        }
        // What it has claimed must be claimed again.
        self.taken.clear();
        for input in &transaction.input {
            let outpoint = input.previous_output;
            if outpoint == self.node.channel.params().funding {
                self.show(ChainEvent::SpendReorged);
            } else if self.is_tracked(outpoint) {
                self.show(ChainEvent::OutputReorged { outpoint });
            }
        }
    }

    fn see(&mut self, transaction: &Transaction, height: u32) {
        let txid = transaction.compute_txid();
        if let Some(fee) = self.sent.get(&txid) {
            self.claimed.push(txid);
            self.fees += *fee;
        }
        for input in &transaction.input {
            let outpoint = input.previous_output;
            let transaction = Box::new(transaction.clone());
            if outpoint == self.node.channel.params().funding {
                self.show(ChainEvent::FundingSpent {
                    transaction,
                    block_height: height,
                });
            } else if self.is_tracked(outpoint) {
                self.show(ChainEvent::OutputSpent {
                    outpoint,
                    transaction,
                    block_height: height,
                });
            }
        }
    }

    pub fn show(&mut self, event: ChainEvent) {
        let actions = self.node.handle(Command::Chain(event));
        self.hear(&actions);
    }

    pub fn hear(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Tell(Event::HtlcFulfilled { id, .. }) => {
                    assert_ne!(self.outcomes.get(id), Some(&Outcome::Failed));
                    self.outcomes.insert(*id, Outcome::Fulfilled);
                }
                Action::Tell(Event::HtlcFailed { id, .. }) => {
                    let before = self.outcomes.insert(*id, Outcome::Failed);
                    assert_eq!(before, None, "{id:?}");
                }
                Action::Tell(Event::PastHtlcsDue) => {
                    let past = self.past.clone();
                    let htlcs = self.node.channel.fitting_past_htlcs(past);
                    self.show(ChainEvent::PastHtlcs { htlcs });
                }
                Action::Tell(_) | Action::Send(_) | Action::Broadcast(_) => {}
            }
        }
    }

    /// Broadcasts its newest commitment.
    pub fn broadcast_commitment(&mut self, bitcoind: &Bitcoind) -> Txid {
        let id = self.node.id();
        let transaction = self.node.signer.complete_holder_commitment(&id).unwrap();
        send(bitcoind, &transaction).unwrap()
    }

    /// Claims what can be in the next block.
    pub fn claim(&mut self, bitcoind: &Bitcoind) {
        if !self.awake {
            return;
        }
        let next = bitcoind.height() + 1;
        for claim in self.node.channel.claims() {
            if claim.spendable_at > next || self.taken.contains(&claim.outpoint) {
                continue;
            }
            let Some((transaction, fee)) = self.build(&claim) else {
                continue;
            };
            // The other side may be first.
            if let Ok(txid) = send(bitcoind, &transaction) {
                self.taken.insert(claim.outpoint);
                self.sent.insert(txid, fee);
            }
        }
    }

    fn build(&self, claim: &Claim) -> Option<(Transaction, Amount)> {
        let id = self.node.id();
        match &claim.spend {
            ClaimSpend::Output(output) => {
                let outputs = vec![(**output).clone()];
                let script = self.destination.script_pubkey();
                let spend = create_claim_transaction(outputs, script, FEERATE).ok()?;
                let transaction = self.node.signer.sign_spend(&id, &spend).unwrap();
                Some((transaction, spend.fee()))
            }
            ClaimSpend::SecondStage { stage, preimage } => {
                let htlc = HolderHtlc {
                    offered_by_us: stage.htlc().offered_by_broadcaster,
                    id: stage.htlc().id,
                };
                let preimage = preimage.as_ref();
                let signer = &self.node.signer;
                let format = self.node.channel.params().channel_type.format;
                if format == CommitmentFormat::StaticRemoteKey {
                    let fee = claim.value - stage.output_value();
                    let transaction = signer.complete_holder_htlc(&id, htlc, preimage).unwrap();
                    return Some((transaction, fee));
                }
                let (input, change) = self.purse.add();
                let mut transaction = stage.with_added(vec![input], vec![change]);
                let witness = signer.sign_holder_htlc(&id, htlc, preimage, &transaction, 0);
                self.purse.sign(&mut transaction, 1);
                transaction.input[0].witness = witness.unwrap();
                // The purse pays.
                Some((transaction, Amount::ZERO))
            }
        }
    }
}

/// Offers a transaction to bitcoind, which refuses what is not standard.
pub fn send(bitcoind: &Bitcoind, transaction: &Transaction) -> Result<Txid, String> {
    let hex = serialize_hex(transaction);
    let answer: Value = bitcoind.call("testmempoolaccept", &[json!([hex])]);
    if answer[0]["allowed"] != json!(true) {
        return Err(answer[0]["reject-reason"].to_string());
    }
    Ok(bitcoind.call("sendrawtransaction", &[json!(hex)]))
}

pub fn destination(tag: u8, run: u8) -> Address {
    let mut bytes = [tag; 20];
    bytes[0] = run;
    let hash = bitcoin::WPubkeyHash::from_raw_hash(bitcoin::hashes::Hash::from_byte_array(bytes));
    let script = bitcoin::ScriptBuf::new_p2wpkh(&hash);
    Address::from_script(&script, Network::Regtest).unwrap()
}

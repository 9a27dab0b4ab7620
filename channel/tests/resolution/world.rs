//! Two sides that close a channel on a chain that may change its mind, and what they are told.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use zarnitsa_channel::action::{Action, Event};
use zarnitsa_channel::command::{ChainEvent, LocalCommand};
use zarnitsa_channel::ids::HtlcId;
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Channel, Claim, ClaimSpend, HtlcTerms, SignedHolderCommitment};

use crate::chain::{Candidate, Chain};
use crate::setup::{side, Offered, Setup};
use crate::support::pair::{script, Pair};
use crate::support::party::Party;
use crate::support::rng::Rng;

/// The outcomes that a side was told of its HTLCs, in order.
#[derive(Default)]
pub struct Told {
    pub fulfilled: Vec<HtlcId>,
    pub failed: Vec<HtlcId>,
}

pub struct World {
    pub pair: Pair,
    pub htlcs: Vec<Offered>,
    pub chain: Chain,
    pub told: [Told; 2],
    /// Each side's channel as it was before it forgot how it had ended.
    pub remembered: [Option<Channel>; 2],
    /// The revoked commitment that `b` broadcasts, where it cheats.
    pub revoked: Option<SignedHolderCommitment>,
    pub reorgs: u32,
    /// How often another transaction than the last one has spent the funding output.
    pub replaced: u32,
    closed_by: Option<Txid>,
    pub rng: Rng,
    verbose: bool,
}

fn dummy_signature() -> Signature {
    Signature::from_compact(&[1; 64]).unwrap()
}

impl World {
    pub fn new(seed: u64, verbose: bool) -> Self {
        let mut rng = Rng::new(seed);
        let setup = Setup::new(&mut rng);
        let newest = setup.pair.b.channel.commitment_numbers().0;
        let past: Vec<_> = setup
            .of_b
            .into_iter()
            .filter(|signed| signed.commitment.number() < newest)
            .collect();
        let secret_is_out = |signed: &SignedHolderCommitment| {
            let number = signed.commitment.number();
            setup.pair.a.channel.counterparty_secret(number).is_some()
        };
        let past: Vec<_> = past.into_iter().filter(secret_is_out).collect();
        let cheats = !past.is_empty() && rng.one_in(2);
        let revoked = cheats.then(|| past[rng.index(past.len())].clone());
        Self {
            pair: setup.pair,
            htlcs: setup.htlcs,
            chain: Chain::new(),
            told: [Told::default(), Told::default()],
            remembered: [None, None],
            revoked,
            reorgs: 0,
            replaced: 0,
            closed_by: None,
            rng,
            verbose,
        }
    }

    pub fn party(&self, side: Side) -> &Party {
        match side {
            Side::Holder => &self.pair.a,
            Side::Counterparty => &self.pair.b,
        }
    }

    /// A side's channel at its end.
    pub fn ended(&self, side: Side) -> &Channel {
        let remembered = self.remembered[index_of(side)].as_ref();
        remembered.unwrap_or(&self.party(side).channel)
    }

    /// The sides that keep to the rules.
    pub fn honest(&self) -> &'static [Side] {
        match self.revoked {
            Some(_) => &[Side::Holder],
            None => &[Side::Holder, Side::Counterparty],
        }
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            println!("{}: {}", self.chain.tip(), text());
        }
    }

    /// A random history, and then a calm one until nothing can happen any more.
    pub fn run(&mut self) {
        for _ in 0..self.rng.range(10, 40) {
            match self.rng.below(10) {
                0 => self.reorg(),
                1 => self.learn(),
                _ => self.block(2),
            }
        }
        // Whatever is known by now is all that is ever known.
        for _ in 0..24 {
            self.block(1);
            self.block(1);
            self.chain.skip(14);
            self.grown();
        }
    }

    /// One block, with each candidate once in `times`.
    fn block(&mut self, times: u64) {
        let next = self.chain.tip() + 1;
        let mut candidates = self.closes();
        candidates.retain(|_| self.rng.one_in(times));
        let mut later = self.claims(next);
        later.extend(self.cheats(next));
        later.retain(|_| self.rng.one_in(times));
        // Who comes first is a matter of luck.
        if self.rng.one_in(2) {
            later.reverse();
        }
        candidates.extend(later);
        self.chain.mine(candidates);
        self.connect(next);
        self.grown();
    }

    /// Commitments that may confirm.
    fn closes(&mut self) -> Vec<Candidate> {
        if let Some(revoked) = &self.revoked {
            // After a reorg the other side's commitment may come first all the same.
            if !self.rng.one_in(4) {
                return vec![Candidate {
                    transaction: revoked.commitment.tx().clone(),
                    by: Side::Counterparty,
                }];
            }
        }
        if let Some(closing) = self.agreed().filter(|_| self.rng.one_in(2)) {
            return vec![closing];
        }
        let by = match self.revoked {
            Some(_) => Side::Holder,
            None => side(&mut self.rng),
        };
        let own = self.party(by).channel.holder_commitment();
        own.map(|signed| Candidate {
            transaction: signed.commitment.tx().clone(),
            by,
        })
        .into_iter()
        .collect()
    }

    /// The closing transaction of both sides, once they have agreed on one.
    pub fn agreed(&self) -> Option<Candidate> {
        let (closing, _) = self.party(Side::Holder).channel.agreed_closing()?;
        Some(Candidate {
            transaction: closing.tx().clone(),
            by: Side::Holder,
        })
    }

    /// What the honest sides claim in a block of this height.
    fn claims(&self, height: u32) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for by in self.honest() {
            let claims = self.party(*by).channel.claims();
            for claim in claims.iter().filter(|claim| claim.spendable_at <= height) {
                candidates.push(Candidate {
                    transaction: transaction_of(claim),
                    by: *by,
                });
            }
        }
        candidates
    }

    /// Second stages of the cheat's, who knows every preimage.
    fn cheats(&self, height: u32) -> Vec<Candidate> {
        let Some(revoked) = &self.revoked else {
            return Vec::new();
        };
        let Some(confirmed) = self
            .chain
            .heights()
            .get(&revoked.commitment.txid())
            .copied()
        else {
            return Vec::new();
        };
        let params = self.pair.b.channel.params();
        let stages = revoked.commitment.htlc_transactions(params).unwrap();
        let in_time = stages.into_iter().filter(|stage| {
            let lock_time = stage.tx().lock_time.to_consensus_u32();
            height > lock_time && height > confirmed
        });
        in_time
            .map(|stage| {
                let known = self
                    .htlcs
                    .iter()
                    .find(|htlc| htlc.preimage.payment_hash() == stage.htlc().payment_hash);
                let preimage = known.map(|htlc| htlc.preimage);
                let preimage = preimage.filter(|_| !stage.htlc().offered_by_broadcaster);
                let (theirs, ours) = (dummy_signature(), dummy_signature());
                Candidate {
                    transaction: stage
                        .with_signatures(&theirs, &ours, preimage.as_ref())
                        .unwrap(),
                    by: Side::Counterparty,
                }
            })
            .collect()
    }

    /// A side comes to know a preimage of an HTLC that it was offered.
    fn learn(&mut self) {
        if self.htlcs.is_empty() {
            return;
        }
        let htlc = self.htlcs[self.rng.index(self.htlcs.len())];
        let command = LocalCommand::FulfillHtlc {
            id: htlc.id,
            preimage: htlc.preimage,
        };
        let by = htlc.from.other();
        let party = self.pair.party(by);
        // Refused where the HTLC is gone or failed.
        if let Ok(actions) = party.local(command) {
            self.hear(by, actions);
            self.say(|| format!("{by:?} knows the preimage of {htlc:?}"));
        }
    }

    /// One to six blocks leave the chain.
    fn reorg(&mut self) {
        let depth = self.rng.range_u32(1, 6);
        let most = self.chain.loose();
        self.say(|| format!("{depth} blocks leave"));
        self.reorgs += 1;
        for _ in 0..depth.min(most) {
            let block = self.chain.pop();
            let mut gone: Vec<OutPoint> = block
                .iter()
                .flat_map(|candidate| &candidate.transaction.input)
                .map(|input| input.previous_output)
                .collect();
            // In no particular order.
            for index in (1..gone.len()).rev() {
                gone.swap(index, self.rng.index(index + 1));
            }
            for outpoint in gone {
                self.disconnect(outpoint);
            }
        }
    }

    fn disconnect(&mut self, outpoint: OutPoint) {
        for side in [Side::Holder, Side::Counterparty] {
            let channel = &self.party(side).channel;
            let event = if outpoint == channel.params().funding {
                ChainEvent::SpendReorged
            } else if is_tracked(self.party(side), outpoint) {
                ChainEvent::OutputReorged { outpoint }
            } else {
                continue;
            };
            self.show(side, event);
        }
    }

    /// Both sides see a block.
    fn connect(&mut self, height: u32) {
        for candidate in self.chain.block(height).to_vec() {
            let transaction = &candidate.transaction;
            let txid = transaction.compute_txid();
            self.say(|| format!("{txid} of {:?} confirms", candidate.by));
            for input in &transaction.input {
                if input.previous_output == self.pair.a.channel.params().funding {
                    let before = self.closed_by.replace(txid);
                    self.replaced += u32::from(before.is_some_and(|before| before != txid));
                }
                for side in [Side::Holder, Side::Counterparty] {
                    let outpoint = input.previous_output;
                    let transaction = Box::new(transaction.clone());
                    let event = if outpoint == self.party(side).channel.params().funding {
                        ChainEvent::FundingSpent {
                            transaction,
                            block_height: height,
                        }
                    } else if is_tracked(self.party(side), outpoint) {
                        ChainEvent::OutputSpent {
                            outpoint,
                            transaction,
                            block_height: height,
                        }
                    } else {
                        continue;
                    };
                    self.show(side, event);
                }
            }
        }
    }

    /// The height counts.
    fn grown(&mut self) {
        let block_height = self.chain.tip();
        for side in [Side::Holder, Side::Counterparty] {
            if self.party(side).channel.is_due(block_height) {
                let before = self.party(side).channel.clone();
                self.show(side, ChainEvent::SpendBuried { block_height });
                if self.party(side).channel.is_over() {
                    check_forgettable(&before, block_height);
                    self.remembered[index_of(side)] = Some(before);
                }
                assert!(!self.party(side).channel.is_due(block_height), "due twice");
            }
        }
    }

    fn show(&mut self, side: Side, event: ChainEvent) {
        let actions = self.pair.party(side).chain(event).unwrap();
        self.hear(side, actions);
    }

    fn hear(&mut self, side: Side, actions: Vec<Action>) {
        for action in actions {
            let Action::Tell(event) = action else {
                continue;
            };
            self.say(|| format!("{side:?} is told {event:?}"));
            let told = &mut self.told[index_of(side)];
            match event {
                Event::HtlcFulfilled { id, .. } => told.fulfilled.push(id),
                Event::HtlcFailed { id, .. } => told.failed.push(id),
                Event::PastHtlcsDue => self.recall(side),
                Event::HtlcAccepted { .. }
                | Event::HtlcOverExposure { .. }
                | Event::HtlcRemoved { .. }
                | Event::CommitmentDue
                | Event::Reestablished
                | Event::Usable
                | Event::ClosingFeeDue
                | Event::ShutdownDue
                | Event::StateChanged
                | Event::OutputsChanged => {}
            }
        }
    }

    /// As the ledger does.
    fn recall(&mut self, side: Side) {
        let past = self.htlcs.iter().map(|htlc| HtlcTerms {
            offered_by: match side {
                Side::Holder => htlc.from,
                Side::Counterparty => htlc.from.other(),
            },
            ..htlc.terms()
        });
        let htlcs = self.party(side).channel.fitting_past_htlcs(past);
        self.show(side, ChainEvent::PastHtlcs { htlcs });
    }
}

pub fn index_of(side: Side) -> usize {
    match side {
        Side::Holder => 0,
        Side::Counterparty => 1,
    }
}

/// BOLT 5: what is forgotten is a hundred blocks deep, and nothing is left to claim.
fn check_forgettable(channel: &Channel, tip: u32) {
    let resolution = channel.resolution().unwrap();
    let outputs = resolution.outputs().iter();
    let spends = outputs.filter_map(|output| output.spent);
    let heights = spends.map(|spent| spent.block_height);
    for height in heights.chain([resolution.spend().block_height]) {
        assert!(tip + 1 - height >= 100, "forgotten {height} at {tip}");
    }
    let left = channel.claims();
    let worth = left.iter().any(|claim| claim.is_worthwhile());
    assert!(!worth, "forgotten with {left:?}");
}

fn is_tracked(party: &Party, outpoint: OutPoint) -> bool {
    let resolution = party.channel.resolution();
    resolution.is_some_and(|resolution| {
        let mut outputs = resolution.outputs().iter();
        outputs.any(|output| output.outpoint == outpoint)
    })
}

/// The transaction of a claim alone, with witnesses of the right shape.
fn transaction_of(claim: &Claim) -> Transaction {
    let signature = dummy_signature();
    match &claim.spend {
        ClaimSpend::Output(output) => Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: vec![bitcoin::TxIn {
                previous_output: output.outpoint(),
                witness: output.witness(&signature),
                ..bitcoin::TxIn::default()
            }],
            output: vec![TxOut {
                value: claim.value,
                script_pubkey: wallet(),
            }],
        },
        ClaimSpend::SecondStage { stage, preimage } => stage
            .with_signatures(&signature, &signature, preimage.as_ref())
            .unwrap(),
    }
}

fn wallet() -> ScriptBuf {
    script(9)
}

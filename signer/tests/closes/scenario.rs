//! One close: which HTLC, whose commitment, who knows what, and who has what in the end.

use std::rc::Rc;

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, Network, OutPoint, Transaction, TxOut, Txid};
use serde_json::json;
use zarnitsa_channel::action::Action;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::params::{CommitmentFormat, Side};
use zarnitsa_channel::state::{HtlcTerms, SignedHolderCommitment};
use zarnitsa_tests::bitcoind::Bitcoind;

use crate::party::{destination, Outcome, Party};
use crate::purse::Purse;
use crate::world::{preimage, signer, Node, Pair};

/// Blocks that a broadcaster's outputs wait.
const DELAY: u16 = 6;

/// What the HTLC is and who knows what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Htlc {
    /// There is none.
    None,
    /// Nobody knows its preimage: it expires.
    Expires,
    /// Its receiver learns the preimage when the channel closes already.
    Claimed,
    /// Its receiver has released the preimage, and the removal is not committed.
    Released,
    /// Too small for an output.
    Dust,
}

/// Which commitment confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The broadcaster's newest.
    Newest,
    /// The broadcaster's newest, for which it has not revoked the one before.
    Ahead,
    /// The one before the newest that the other side has signed: its owner never heard of that one.
    Previous,
    /// A revoked one, while the broadcaster takes its HTLC by a second stage where it can.
    Revoked,
    /// The one that was revoked last, while the other side has signed one more than the broadcaster holds: three of its
    /// commitments differ by one each, and only the lowest is to be punished.
    JustRevoked,
}

impl Close {
    pub fn is_revoked(self) -> bool {
        matches!(self, Self::Revoked | Self::JustRevoked)
    }
}

/// Seen from `a`, which opened the channel.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub close: Close,
    pub by: Side,
    pub htlc: Htlc,
    pub offered_by: Side,
    pub format: CommitmentFormat,
}

/// What came of it.
pub struct Report {
    pub scenario: Scenario,
    pub commitment: Txid,
    pub claims: [Vec<Txid>; 2],
    pub received: [Amount; 2],
    pub expected: [Amount; 2],
    pub outcome: Option<Outcome>,
    /// Of the HTLC that the commitment lacks, where it is one before the newest.
    pub late: Option<Option<Outcome>>,
}

pub struct Run<'a> {
    scenario: Scenario,
    bitcoind: &'a Bitcoind,
    a: Party,
    b: Party,
    terms: Option<HtlcTerms>,
    htlc_sat: Amount,
    /// The HTLC of the other side's that the commitment lacks.
    late: Option<HtlcId>,
    /// What the broadcaster held when it held it, and who it was then.
    old: Option<SignedHolderCommitment>,
}

fn amount(htlc: Htlc) -> Msat {
    match htlc {
        Htlc::Dust => Msat::new(300_000),
        Htlc::None | Htlc::Expires | Htlc::Claimed | Htlc::Released => Msat::new(20_000_000),
    }
}

impl<'a> Run<'a> {
    pub fn new(scenario: Scenario, number: u8, purse: Rc<Purse>, bitcoind: &'a Bitcoind) -> Self {
        let pair = Pair::funded_by(scenario.format, DELAY, |output| fund(bitcoind, &output));
        let height = bitcoind.height();
        let party = |node: Node, tag| {
            let to = destination(tag, number);
            Party::new(node, to, Rc::clone(&purse), height)
        };
        let Pair { a, b } = pair;
        Self {
            scenario,
            bitcoind,
            a: party(a, 21),
            b: party(b, 22),
            terms: None,
            htlc_sat: Amount::ZERO,
            late: None,
            old: None,
        }
    }

    fn party(&mut self, side: Side) -> &mut Party {
        match side {
            Side::Holder => &mut self.a,
            Side::Counterparty => &mut self.b,
        }
    }

    fn deliver(&mut self, from: Side, actions: &[Action]) -> Vec<Action> {
        let messages = self.party(from).node.messages(actions);
        let to = self.party(from.other());
        let mut answers = Vec::new();
        for message in messages {
            let actions = to.node.receive(message);
            to.hear(&actions);
            answers.extend(actions);
        }
        answers
    }

    /// Until nobody has anything to say.
    fn settle(&mut self, from: Side, mut actions: Vec<Action>) {
        let mut from = from;
        let mut quiet = 0;
        while quiet < 2 {
            if self.party(from).node.channel.commitment_due() {
                actions.extend(self.party(from).node.local(LocalCommand::Commit));
            }
            quiet = match actions.is_empty() {
                true => quiet + 1,
                false => 0,
            };
            actions = self.deliver(from, &actions);
            from = from.other();
        }
    }

    fn add(&mut self, offered_by: Side, amount: Msat, preimage: &PaymentPreimage) -> Vec<Action> {
        // The cheat's HTLC expires before its balance may be taken.
        let blocks = match self.scenario.close {
            Close::Revoked | Close::JustRevoked => 3,
            Close::Newest | Close::Ahead | Close::Previous => 12,
        };
        let cltv_expiry = self.bitcoind.height() + blocks;
        let payment_hash = preimage.payment_hash();
        self.terms = Some(HtlcTerms {
            offered_by,
            id: HtlcId(0),
            payment_hash,
            cltv_expiry,
        });
        self.party(offered_by).node.local(LocalCommand::AddHtlc {
            amount,
            payment_hash,
            cltv_expiry,
        })
    }

    /// Up to the moment before the close.
    pub fn prepare(&mut self) {
        let Scenario {
            close,
            by,
            htlc,
            offered_by,
            ..
        } = self.scenario;
        if htlc == Htlc::None {
            match close {
                Close::Revoked => self.revoke(),
                Close::JustRevoked => self.revoke_and_sign_past(),
                Close::Previous => self.sign_past(),
                Close::Newest | Close::Ahead => {}
            }
            return;
        }
        self.htlc_sat = amount(htlc).to_sat_floor();
        let actions = self.add(offered_by, amount(htlc), &preimage(1));
        if close == Close::Ahead {
            // The other side has signed, and the broadcaster's revocation does not arrive.
            assert_eq!(offered_by, by.other(), "who adds it signs it first");
            let commit = self.party(offered_by).node.local(LocalCommand::Commit);
            self.deliver(offered_by, &[actions, commit].concat());
            return;
        }
        self.settle(offered_by, actions);
        if htlc == Htlc::Released {
            let actions = self.fulfill();
            self.deliver(offered_by.other(), &actions[..1]);
        }
        match close {
            Close::Revoked => self.revoke(),
            Close::JustRevoked => self.revoke_and_sign_past(),
            // Who has released a preimage has signed past the commitment with that.
            Close::Previous if htlc == Htlc::Released && offered_by == by => {}
            Close::Previous => self.sign_past(),
            Close::Newest | Close::Ahead => {}
        }
    }

    /// The other side adds an HTLC and signs it into the broadcaster's next commitment, and nothing of that arrives.
    fn sign_past(&mut self) {
        let by = self.scenario.by;
        let ours = self.terms.filter(|terms| terms.offered_by == by.other());
        let cltv_expiry = self.bitcoind.height() + 12;
        let other = &mut self.party(by.other()).node;
        other.local(LocalCommand::AddHtlc {
            amount: Msat::new(9_000_000),
            payment_hash: preimage(8).payment_hash(),
            cltv_expiry,
        });
        other.local(LocalCommand::Commit);
        self.late = Some(HtlcId(u64::from(ours.is_some())));
    }

    /// The broadcaster's commitment of now is revoked by the next one, which the other side has signed past already.
    fn revoke_and_sign_past(&mut self) {
        let by = self.scenario.by;
        let (old, terms) = (self.party(by).node.channel.clone(), self.terms);
        let actions = self.add(by.other(), Msat::new(9_000_000), &preimage(7));
        self.settle(by.other(), actions);
        self.terms = terms;
        self.sign_past();
        self.late = self.late.map(|HtlcId(id)| HtlcId(id + 1));
        let number = |channel: &zarnitsa_channel::state::Channel| channel.commitment_numbers().0;
        let newest = number(&self.party(by).node.channel);
        assert_eq!(number(&old) + 1, newest, "the one that was revoked last");
        self.cheat(old);
    }

    fn fulfill(&mut self) -> Vec<Action> {
        let receiver = self.scenario.offered_by.other();
        let mut actions = self.party(receiver).node.local(LocalCommand::FulfillHtlc {
            id: HtlcId(0),
            preimage: preimage(1),
        });
        if self.scenario.htlc == Htlc::Released {
            actions.extend(self.party(receiver).node.local(LocalCommand::Commit));
        }
        actions
    }

    /// The broadcaster's commitment of now is revoked by going on: the HTLC is fulfilled, and another comes and goes.
    fn revoke(&mut self) {
        let by = self.scenario.by;
        self.old = self.party(by).node.channel.holder_commitment();
        let old = self.party(by).node.channel.clone();
        if self.terms.is_some() {
            let receiver = self.scenario.offered_by.other();
            let actions = self.fulfill();
            self.settle(receiver, actions);
        }
        let (terms, other) = (self.terms, preimage(7));
        let id = HtlcId(u64::from(terms.is_some_and(|t| t.offered_by == by.other())));
        let actions = self.add(by.other(), Msat::new(9_000_000), &other);
        self.settle(by.other(), actions);
        let actions = self.party(by).node.local(LocalCommand::FulfillHtlc {
            id,
            preimage: other,
        });
        self.settle(by, actions);
        self.terms = terms;
        let past: Vec<HtlcTerms> = terms.into_iter().collect();
        let seen_from = |side: Side| {
            past.iter()
                .map(|terms| HtlcTerms {
                    offered_by: match side {
                        Side::Holder => terms.offered_by,
                        Side::Counterparty => terms.offered_by.other(),
                    },
                    ..*terms
                })
                .collect::<Vec<_>>()
        };
        self.a.past = seen_from(Side::Holder);
        self.b.past = seen_from(Side::Counterparty);
        self.cheat(old);
    }

    /// The broadcaster goes back: a signer that knows nothing of what came after, on the ledger as it was.
    fn cheat(&mut self, old: zarnitsa_channel::state::Channel) {
        let (by, words) = match self.scenario.by {
            Side::Holder => (Side::Holder, 0),
            Side::Counterparty => (Side::Counterparty, 1),
        };
        let dir = tempfile::tempdir().unwrap();
        let signer = signer(&dir, words);
        self.party(by).node = Node::new(signer, dir, old);
        self.party(by).outcomes.clear();
    }

    /// Closes, mines, and claims until both sides say that it is closed.
    pub fn close(&mut self) -> Report {
        let Scenario {
            close, by, htlc, ..
        } = self.scenario;
        if htlc == Htlc::Claimed && !close.is_revoked() {
            self.learn();
        }
        let reason = "a test".to_owned();
        self.party(by)
            .node
            .local(LocalCommand::ForceClose { reason });
        let bitcoind = self.bitcoind;
        let commitment = self.party(by).broadcast_commitment(bitcoind);
        if htlc == Htlc::Claimed && close.is_revoked() {
            // The cheat knows what the HTLC was claimed with.
            self.learn_on_chain();
        }
        // The honest side comes so late that the cheat can take what has expired by a second stage.
        let late = match (close, htlc) {
            (Close::Revoked | Close::JustRevoked, Htlc::Expires) => 4,
            _ => 0,
        };
        for block in 0..260 {
            self.party(by.other()).awake = block >= late;
            // The cheat is quick.
            self.party(by).claim(bitcoind);
            bitcoind.mine(1);
            self.a.look(bitcoind);
            self.b.look(bitcoind);
            self.party(by.other()).claim(bitcoind);
            if self.is_over() {
                break;
            }
        }
        self.report(commitment)
    }

    /// Closes by the broadcaster's commitment, whose last `depth` blocks a reorg then takes, and the other side's takes its place.
    pub fn close_and_replace(&mut self, depth: u32) -> Report {
        let by = self.scenario.by;
        if self.scenario.htlc == Htlc::Claimed {
            self.learn();
        }
        for side in [by, by.other()] {
            let reason = "a test".to_owned();
            let node = &mut self.party(side).node;
            node.local(LocalCommand::ForceClose { reason });
        }
        let bitcoind = self.bitcoind;
        let other = self.party_ref(by.other());
        let id = other.node.id();
        let theirs = other.node.signer.complete_holder_commitment(&id).unwrap();
        self.party(by).broadcast_commitment(bitcoind);
        for _ in 0..depth {
            self.next_block();
        }
        bitcoind.invalidate(depth);
        for _ in 0..depth {
            bitcoind.mine_empty();
        }
        let (address, hex) = (bitcoind.address(), serialize_hex(&theirs));
        let _: serde_json::Value = bitcoind.call("generateblock", &[json!(address), json!([hex])]);
        self.scenario.by = by.other();
        for _ in 0..260 {
            if self.is_over() {
                break;
            }
            self.next_block();
        }
        self.report(theirs.compute_txid())
    }

    fn next_block(&mut self) {
        let bitcoind = self.bitcoind;
        for party in [&mut self.a, &mut self.b] {
            party.look(bitcoind);
            party.claim(bitcoind);
        }
        bitcoind.mine(1);
        for party in [&mut self.a, &mut self.b] {
            party.look(bitcoind);
        }
    }

    fn is_over(&self) -> bool {
        let honest = match (self.scenario.close, self.scenario.by) {
            (Close::Revoked | Close::JustRevoked, Side::Holder) => vec![&self.b],
            (Close::Revoked | Close::JustRevoked, Side::Counterparty) => vec![&self.a],
            (Close::Newest | Close::Ahead | Close::Previous, _) => vec![&self.a, &self.b],
        };
        honest
            .iter()
            .all(|party| party.node.channel.state_name() == "closed")
    }

    /// The receiver finds the preimage while the channel lives, and cannot say it any more.
    fn learn(&mut self) {
        let receiver = self.scenario.offered_by.other();
        let reason = "a test".to_owned();
        if receiver != self.scenario.by {
            let node = &mut self.party(receiver).node;
            node.local(LocalCommand::ForceClose { reason });
        }
        self.learn_later(receiver);
    }

    fn learn_later(&mut self, receiver: Side) {
        let by = self.scenario.by;
        let node = &mut self.party(receiver).node;
        if receiver == by && node.channel.state_name() != "closing" {
            let reason = "a test".to_owned();
            node.local(LocalCommand::ForceClose { reason });
        }
        node.local(LocalCommand::FulfillHtlc {
            id: HtlcId(0),
            preimage: preimage(1),
        });
    }

    fn learn_on_chain(&mut self) {
        let receiver = self.scenario.offered_by.other();
        if receiver == self.scenario.by {
            self.learn_later(receiver);
        }
    }

    fn report(&mut self, commitment: Txid) -> Report {
        let bitcoind = self.bitcoind;
        let expected = self.expected(&bitcoind.transaction(&commitment));
        let received = [self.a.received(bitcoind), self.b.received(bitcoind)];
        let outcome = self.terms.and_then(|terms| {
            let party = self.party(terms.offered_by);
            party.outcomes.get(&HtlcId(0)).copied()
        });
        let fees = match (self.scenario.close, self.scenario.by) {
            // What the cheat's second stage paid is lost to whoever takes its output.
            (Close::Revoked | Close::JustRevoked, Side::Holder) => {
                [Amount::ZERO, self.a.fees + self.b.fees]
            }
            (Close::Revoked | Close::JustRevoked, Side::Counterparty) => {
                [self.a.fees + self.b.fees, Amount::ZERO]
            }
            (Close::Newest | Close::Ahead | Close::Previous, _) => [self.a.fees, self.b.fees],
        };
        let other = self.scenario.by.other();
        let late = self.late;
        let late = late.map(|id| self.party(other).outcomes.get(&id).copied());
        Report {
            late,
            scenario: self.scenario,
            commitment,
            claims: [self.a.claimed.clone(), self.b.claimed.clone()],
            received,
            expected: [expected[0] - fees[0], expected[1] - fees[1]],
            outcome,
        }
    }

    /// What each side must have, its own claims' fees not yet taken off: from the ledger's balances and the HTLC's outcome.
    fn expected(&self, commitment: &Transaction) -> [Amount; 2] {
        let outputs: Amount = commitment.output.iter().map(|output| output.value).sum();
        let anchors = match self.scenario.format {
            CommitmentFormat::Anchors => Amount::from_sat(660),
            CommitmentFormat::StaticRemoteKey => Amount::ZERO,
        };
        let all = outputs - anchors;
        if self.scenario.close.is_revoked() {
            return match self.scenario.by {
                Side::Holder => [Amount::ZERO, all],
                Side::Counterparty => [all, Amount::ZERO],
            };
        }
        // `a` opened with 700,000 sat and pays the commitment's fee and anchors; `b` has 300,000.
        let holder = self.party_ref(self.scenario.by).node.channel.balances();
        let fee = Amount::from_sat(1_000_000) - outputs;
        let offered = match self.terms {
            Some(terms) => [
                terms.offered_by == Side::Holder,
                terms.offered_by == Side::Counterparty,
            ],
            None => [false, false],
        };
        let put = |offers: bool| if offers { self.htlc_sat } else { Amount::ZERO };
        let dust = match self.scenario.htlc {
            Htlc::Dust => self.htlc_sat,
            Htlc::None | Htlc::Expires | Htlc::Claimed | Htlc::Released => Amount::ZERO,
        };
        let mut a = Amount::from_sat(700_000) - put(offered[0]) - (fee - dust) - anchors;
        let mut b = Amount::from_sat(300_000) - put(offered[1]);
        // The ledger says the same of the broadcaster's commitment.
        let ours = match self.scenario.by {
            Side::Holder => holder.local.to_sat_floor() - holder.fee,
            Side::Counterparty => holder.local.to_sat_floor(),
        };
        let by = match self.scenario.by {
            Side::Holder => a,
            Side::Counterparty => b,
        };
        assert_eq!(ours, by, "the ledger's balance of the broadcaster");
        let winner = match (self.scenario.htlc, self.terms) {
            (Htlc::Expires, Some(terms)) => Some(terms.offered_by),
            (Htlc::Claimed | Htlc::Released, Some(terms)) => Some(terms.offered_by.other()),
            (Htlc::None | Htlc::Dust, _) | (_, None) => None,
        };
        match winner {
            Some(Side::Holder) => a += self.htlc_sat,
            Some(Side::Counterparty) => b += self.htlc_sat,
            None => {}
        }
        [a, b]
    }

    fn party_ref(&self, side: Side) -> &Party {
        match side {
            Side::Holder => &self.a,
            Side::Counterparty => &self.b,
        }
    }
}

/// Pays the channel from bitcoind's wallet.
fn fund(bitcoind: &Bitcoind, output: &TxOut) -> (OutPoint, Transaction) {
    let address = bitcoin::Address::from_script(&output.script_pubkey, Network::Regtest).unwrap();
    let outpoint = bitcoind.fund(&address, output.value);
    bitcoind.mine(2);
    (outpoint, bitcoind.transaction(&outpoint.txid))
}

//! A channel in the middle of its life.

use bitcoin::Amount;
use zarnitsa_channel::action::Action;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{HtlcTerms, SignedHolderCommitment};

use crate::support::keys::Signing;
use crate::support::pair::{script, Config, Pair};
use crate::support::party::Wire;
use crate::support::rng::Rng;

/// An HTLC, as the simulation knows it. `from` is the side that offers it, seen from `a`.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    pub from: Side,
    pub id: HtlcId,
    pub amount: Msat,
    pub cltv_expiry: u32,
    pub preimage: PaymentPreimage,
}

impl Offered {
    /// As `a` names it.
    pub fn terms(&self) -> HtlcTerms {
        HtlcTerms {
            offered_by: self.from,
            id: self.id,
            payment_hash: self.preimage.payment_hash(),
            cltv_expiry: self.cltv_expiry,
        }
    }
}

pub struct Setup {
    pub pair: Pair,
    pub htlcs: Vec<Offered>,
    /// Every commitment that `b` could once broadcast.
    pub of_b: Vec<SignedHolderCommitment>,
}

impl Setup {
    pub fn new(rng: &mut Rng) -> Self {
        let config = Config {
            signing: Signing::Fast,
            ..Config::default()
        };
        let mut setup = Self {
            pair: Pair::normal(&config, rng.next()),
            htlcs: Vec::new(),
            of_b: Vec::new(),
        };
        setup.note();
        for _ in 0..rng.range(1, 6) {
            setup.offer(rng);
            setup.note();
            if rng.one_in(4) {
                setup.remove(rng);
                setup.note();
            }
        }
        match rng.below(5) {
            0 => setup.agree(rng),
            1 => setup.leave_in_an_addition(rng),
            _ => setup.leave_in_the_middle(rng),
        }
        setup
    }

    /// All HTLCs end, and both sides agree on a closing transaction.
    fn agree(&mut self, rng: &mut Rng) {
        while self.live(rng).is_some() {
            self.remove(rng);
            self.note();
        }
        let upfront = &self.pair.a.channel.params().holder.upfront_shutdown_script;
        let script = upfront.clone().unwrap_or_else(|| script(1));
        let shutdown = self
            .pair
            .a
            .local(LocalCommand::Shutdown { script })
            .unwrap();
        self.pair.exchange(shutdown, Vec::new());
        let fee = Amount::from_sat(rng.range(300, 900));
        let propose = LocalCommand::ProposeClosing {
            fee,
            fee_range: (fee, fee + fee),
        };
        let proposal = self.pair.a.local(propose).unwrap();
        self.pair.exchange(proposal, Vec::new());
        let agreed = [&self.pair.a, &self.pair.b].map(|party| party.channel.agreed_closing());
        assert!(agreed.iter().all(Option::is_some), "no closing transaction");
    }

    /// An HTLC is being added, and the messages stop somewhere on the way.
    fn leave_in_an_addition(&mut self, rng: &mut Rng) {
        let from = side(rng);
        let preimage = PaymentPreimage(rng.bytes32());
        let (amount, cltv_expiry) = (Msat::new(7_000_000), rng.range_u32(705, 740));
        let party = self.pair.party(from);
        let offered = party.local(LocalCommand::AddHtlc {
            amount,
            payment_hash: preimage.payment_hash(),
            cltv_expiry,
        });
        let Ok(actions) = offered else {
            return; // the side cannot afford it
        };
        let mine = party.channel.htlcs();
        let ids = mine.filter(|htlc| htlc.offered_by == Side::Holder);
        let id = ids.map(|htlc| htlc.id).max().unwrap();
        self.htlcs.push(Offered {
            from,
            id,
            amount,
            cltv_expiry,
            preimage,
        });
        self.commit_in_part(from, actions, rng);
    }

    fn note(&mut self) {
        self.of_b.extend(self.pair.b.channel.holder_commitment());
    }

    fn offer(&mut self, rng: &mut Rng) {
        let from = side(rng);
        let amount = match rng.below(4) {
            0 => 200_000,
            1 => 360_000 + rng.below(2_000_000),
            _ => 5_000_000 + rng.below(40_000_000),
        };
        // Some payments share a hash, an amount and an expiry.
        let twin = self.htlcs.last().copied().filter(|_| rng.one_in(5));
        let (amount, cltv_expiry, preimage) = match twin {
            Some(twin) => (twin.amount, twin.cltv_expiry, twin.preimage),
            None => (
                Msat::new(amount),
                rng.range_u32(705, 740),
                PaymentPreimage(rng.bytes32()),
            ),
        };
        let from = twin.map_or(from, |twin| twin.from);
        let party = self.pair.party(from);
        let offered = party.local(LocalCommand::AddHtlc {
            amount,
            payment_hash: preimage.payment_hash(),
            cltv_expiry,
        });
        if offered.is_err() {
            return; // the side cannot afford it
        }
        let mine = party.channel.htlcs();
        let ids = mine.filter(|htlc| htlc.offered_by == Side::Holder);
        let id = ids.map(|htlc| htlc.id).max().unwrap();
        self.pair.settle();
        self.htlcs.push(Offered {
            from,
            id,
            amount,
            cltv_expiry,
            preimage,
        });
    }

    fn live(&self, rng: &mut Rng) -> Option<Offered> {
        let htlcs: Vec<Offered> = self
            .htlcs
            .iter()
            .copied()
            .filter(|htlc| {
                let found = self.pair.a.channel.htlc(htlc.from, htlc.id);
                found.is_some_and(|htlc| htlc.is_live())
            })
            .collect();
        (!htlcs.is_empty()).then(|| htlcs[rng.index(htlcs.len())])
    }

    /// One HTLC is fulfilled or failed off the chain, to the end.
    fn remove(&mut self, rng: &mut Rng) {
        let Some(htlc) = self.live(rng) else {
            return;
        };
        let command = removal(&htlc, rng.one_in(2));
        let actions = self.pair.party(htlc.from.other()).local(command).unwrap();
        match htlc.from {
            Side::Holder => self.pair.exchange(Vec::new(), actions),
            Side::Counterparty => self.pair.exchange(actions, Vec::new()),
        };
    }

    /// An HTLC is being removed, and the messages stop somewhere on the way.
    fn leave_in_the_middle(&mut self, rng: &mut Rng) {
        let Some(htlc) = self.live(rng) else {
            return;
        };
        let remover = htlc.from.other();
        let removal = removal(&htlc, rng.one_in(2));
        let actions = self.pair.party(remover).local(removal).unwrap();
        self.commit_in_part(remover, actions, rng);
    }

    /// The side commits to what it has said, and not all of that arrives, nor all of the answer.
    fn commit_in_part(&mut self, from: Side, mut actions: Vec<Action>, rng: &mut Rng) {
        let party = self.pair.party(from);
        actions.extend(party.local(LocalCommand::Commit).unwrap());
        let wires = party.wires(&actions);
        let heard = rng.index(wires.len() + 1);
        let mut answers = Vec::new();
        for wire in wires.into_iter().take(heard) {
            if let Wire::Message(message) = wire {
                let other = self.pair.party(from.other());
                answers.extend(other.receive(message).unwrap());
            }
        }
        let answers = self.pair.party(from.other()).wires(&answers);
        let heard = rng.index(answers.len() + 1);
        for wire in answers.into_iter().take(heard) {
            if let Wire::Message(message) = wire {
                self.pair.party(from).receive(message).unwrap();
            }
        }
        self.note();
    }
}

fn removal(htlc: &Offered, fulfils: bool) -> LocalCommand {
    match fulfils {
        true => LocalCommand::FulfillHtlc {
            id: htlc.id,
            preimage: htlc.preimage,
        },
        false => LocalCommand::FailHtlc {
            id: htlc.id,
            reason: vec![7; 292],
        },
    }
}

pub fn side(rng: &mut Rng) -> Side {
    match rng.one_in(2) {
        true => Side::Holder,
        false => Side::Counterparty,
    }
}

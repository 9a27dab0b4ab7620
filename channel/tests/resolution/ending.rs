//! What must be true when nothing can happen any more.

use std::collections::{HashMap, HashSet};

use bitcoin::{Amount, OutPoint, Transaction};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::{Role, SpendKind};

use crate::chain::Candidate;
use crate::world::{index_of, World};

/// What a run has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub runs: u64,
    pub reorgs: u64,
    pub holder: u64,
    pub counterparty: u64,
    pub revoked: u64,
    /// Closes by both sides' closing transaction.
    pub mutual: u64,
    /// Closes by the newest commitment of a side that has not revoked the one before, as the other knows.
    pub ahead: u64,
    /// Closes by that one before.
    pub previous: u64,
    /// How often a reorg brought another transaction in the place of a close.
    pub replaced: u64,
    pub fulfilled: u64,
    pub failed: u64,
    pub second_stages: u64,
    pub penalties: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.reorgs += other.reorgs;
        self.holder += other.holder;
        self.counterparty += other.counterparty;
        self.revoked += other.revoked;
        self.mutual += other.mutual;
        self.ahead += other.ahead;
        self.previous += other.previous;
        self.replaced += other.replaced;
        self.fulfilled += other.fulfilled;
        self.failed += other.failed;
        self.second_stages += other.second_stages;
        self.penalties += other.penalties;
    }
}

impl World {
    /// Every output in which a side has a part is where it belongs, and every HTLC's outcome is what the chain says.
    pub fn check_end(&self) -> Tally {
        let mut tally = Tally {
            runs: 1,
            reorgs: self.reorgs.into(),
            replaced: self.replaced.into(),
            ..Tally::default()
        };
        let spends = self.chain.spends();
        for side in self.honest() {
            let channel = self.ended(*side);
            assert_eq!(channel.state_name(), "closed", "{side:?}: {channel:?}");
            self.check_told(*side, &spends, &mut tally);
        }
        let funding = self.pair.a.channel.params().funding;
        let close = &spends[&funding];
        let txid = close.transaction.compute_txid();
        match self.revoked.as_ref().map(|it| it.commitment.txid()) {
            Some(revoked) if revoked == txid => {
                tally.revoked += 1;
                self.check_punished(&spends, &mut tally);
            }
            _ if self.is_mutual(&close.transaction) => tally.mutual += 1,
            Some(_) | None if close.by == Side::Holder => tally.holder += 1,
            Some(_) | None => tally.counterparty += 1,
        }
        // As the other side knows the broadcaster's commitments.
        let unrevoked = self.ended(close.by.other()).counterparty_unrevoked();
        if let [newest, previous] = &unrevoked[..] {
            tally.ahead += u64::from(newest.txid() == txid);
            tally.previous += u64::from(previous.txid() == txid);
        }
        tally
    }

    fn is_mutual(&self, transaction: &Transaction) -> bool {
        let resolution = self.ended(Side::Holder).resolution();
        let spend = resolution.map(|resolution| resolution.spend());
        spend.is_some_and(|spend| {
            spend.kind == SpendKind::Mutual && *spend.transaction == *transaction
        })
    }

    /// HTLCs that `side` offered and that were not gone before the close.
    fn check_told(&self, side: Side, spends: &HashMap<OutPoint, Candidate>, tally: &mut Tally) {
        let told = &self.told[index_of(side)];
        let unique: HashSet<_> = told.failed.iter().collect();
        assert_eq!(unique.len(), told.failed.len(), "failed twice");
        for htlc in self.ended(side).htlcs() {
            if htlc.offered_by != Side::Holder {
                continue;
            }
            let failed = told.failed.contains(&htlc.id);
            let fulfilled = htlc.preimage.is_some();
            assert!(
                failed != fulfilled,
                "{side:?}: {htlc:?}: {failed} {fulfilled}"
            );
            tally.fulfilled += u64::from(fulfilled);
            tally.failed += u64::from(failed);
            let taken = self.htlc_taken_by(side, htlc.id, spends);
            match taken {
                // Whoever pays downstream without a preimage to show upstream has lost it.
                Some(by) if by != side => assert!(fulfilled, "{side:?}: {htlc:?} is lost"),
                Some(_) => {}
                None => assert!(failed || fulfilled),
            }
        }
    }

    /// Who has the output of an HTLC that `side` offered.
    fn htlc_taken_by(
        &self,
        side: Side,
        id: zarnitsa_channel::ids::HtlcId,
        spends: &HashMap<OutPoint, Candidate>,
    ) -> Option<Side> {
        let resolution = self.ended(side).resolution()?;
        let mut outputs = resolution.outputs().iter();
        let output = outputs.find(|output| match output.role {
            Role::Htlc(terms) => terms.offered_by == Side::Holder && terms.id == id,
            Role::ToLocal | Role::ToRemote | Role::SecondStage(_) | Role::Forgotten => false,
        })?;
        let spend = spends.get(&output.outpoint)?;
        let by = output.spent.map(|spent| spent.by);
        let expected = match spend.by == side {
            true => Side::Holder,
            false => Side::Counterparty,
        };
        assert_eq!(by, Some(expected), "{output:?}");
        // What the cheat took by a second stage is taken from it again.
        match resolution.spend().kind {
            SpendKind::Revoked { .. } => None,
            _ => Some(spend.by),
        }
    }

    /// Nothing of the revoked commitment is left to its broadcaster.
    fn check_punished(&self, spends: &HashMap<OutPoint, Candidate>, tally: &mut Tally) {
        let resolution = self.ended(Side::Holder).resolution().unwrap();
        let mut left = Amount::ZERO;
        for output in resolution.outputs() {
            assert_ne!(output.role, Role::Forgotten, "{output:?}");
            let spent = spends
                .get(&output.outpoint)
                .unwrap_or_else(|| panic!("{output:?} is left"));
            let is_htlc = matches!(output.role, Role::Htlc(_));
            match spent.by {
                Side::Holder => tally.penalties += 1,
                Side::Counterparty => {
                    assert!(is_htlc, "the cheat has {output:?}");
                    tally.second_stages += 1;
                    let stage = OutPoint {
                        txid: spent.transaction.compute_txid(),
                        vout: 0,
                    };
                    let punished = spends.get(&stage).map(|spend| spend.by);
                    assert_eq!(punished, Some(Side::Holder), "the cheat keeps {stage}");
                }
            }
            left += output.value;
        }
        // Every output but the anchors.
        let transaction = &resolution.spend().transaction;
        let all = transaction.output.iter().map(|output| output.value);
        let anchors = Amount::from_sat(330);
        let main: Amount = all.filter(|value| *value != anchors).sum();
        let stages = resolution.outputs().iter();
        let stages: Amount = stages
            .filter(|output| matches!(output.role, Role::SecondStage(_)))
            .map(|output| output.value)
            .sum();
        assert_eq!(left, main + stages);
    }
}

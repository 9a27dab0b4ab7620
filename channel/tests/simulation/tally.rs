//! What happened, so that a simulation in which nothing happens is found out.

/// Counts of one run or of many.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub adds: u64,
    pub fulfilled: u64,
    pub failed: u64,
    pub fee_updates: u64,
    pub commitments: u64,
    pub disconnects: u64,
    pub lost_messages: u64,
    pub crashes: u64,
    pub shutdowns: u64,
    pub force_closes: u64,
    pub refused_adds: u64,
    /// Runs that begin at open_channel; openings that came to nothing there.
    pub from_start: u64,
    pub forgotten: u64,
    /// News of the opening transaction that reached a node: deep enough, too shallow, gone again.
    pub confirmations: u64,
    pub shallow: u64,
    pub reorgs: u64,
    /// Those that reached a node with an HTLC.
    pub amid_payments: u64,
    /// Runs on a faulty wire; messages that it dropped, repeated and moved; messages that were refused for that.
    pub faulty: u64,
    pub dropped: u64,
    pub repeated: u64,
    pub moved: u64,
    pub refused: u64,
    /// Channels that the peer had to give up for that, as BOLT 2 says.
    pub given_up: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.adds += other.adds;
        self.fulfilled += other.fulfilled;
        self.failed += other.failed;
        self.fee_updates += other.fee_updates;
        self.commitments += other.commitments;
        self.disconnects += other.disconnects;
        self.lost_messages += other.lost_messages;
        self.crashes += other.crashes;
        self.shutdowns += other.shutdowns;
        self.force_closes += other.force_closes;
        self.refused_adds += other.refused_adds;
        self.from_start += other.from_start;
        self.forgotten += other.forgotten;
        self.confirmations += other.confirmations;
        self.shallow += other.shallow;
        self.reorgs += other.reorgs;
        self.amid_payments += other.amid_payments;
        self.faulty += other.faulty;
        self.dropped += other.dropped;
        self.repeated += other.repeated;
        self.moved += other.moved;
        self.refused += other.refused;
        self.given_up += other.given_up;
    }

    /// That enough of everything happened in `runs` runs.
    pub fn check_variety(&self, runs: u64) {
        if runs < 1_000 {
            return;
        }
        let least = [
            ("adds", self.adds, 2 * runs),
            ("commitments", self.commitments, 4 * runs),
            ("fulfilled", self.fulfilled, runs),
            ("failed", self.failed, runs / 2),
            ("disconnects", self.disconnects, runs),
            ("crashes", self.crashes, runs / 2),
            ("lost messages", self.lost_messages, runs / 2),
            ("fee updates", self.fee_updates, runs / 2),
            ("shutdowns", self.shutdowns, runs / 25),
            ("force closes", self.force_closes, runs / 50),
            ("from the start", self.from_start, runs / 4),
            ("forgotten", self.forgotten, runs / 10),
            ("confirmations", self.confirmations, runs),
            ("too shallow", self.shallow, runs / 50),
            ("reorgs", self.reorgs, runs / 5),
            ("amid payments", self.amid_payments, runs / 5),
            ("faulty", self.faulty, runs / 6),
            ("dropped", self.dropped, runs / 20),
            ("repeated", self.repeated, runs / 20),
            ("moved", self.moved, runs / 50),
            ("refused", self.refused, runs / 20),
        ];
        for (what, count, bound) in least {
            assert!(count > bound, "{what}: {count} of {bound} in {self:?}");
        }
        assert!(self.given_up < self.faulty / 10, "{self:?}");
    }
}

//! What each node decides: to pay, to claim, to fail, to change the fee, to commit, to close.

use bitcoin::Amount;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::{HtlcId, PaymentPreimage};
use zarnitsa_channel::params::Side;
use zarnitsa_channel::state::Channel;

use crate::support::pair::script;
use crate::world::{Index, World};

impl World {
    /// One decision of `index`, of whatever kind chance says.
    pub fn decide(&mut self, index: Index) {
        if self.nodes[index].is_closing() {
            return;
        }
        match self.rng.below(100) {
            0..=24 => self.pay(index),
            25..=49 => self.resolve_one(index),
            50..=89 => self.commit(index),
            90..=95 => self.change_fee(index),
            96 if self.rng.one_in(2) => self.shut_down(index),
            97 if self.rng.one_in(10) => self.force_close(index),
            _ => self.close_on(index),
        }
    }

    fn local(&mut self, index: Index, command: LocalCommand) -> bool {
        self.log(|| format!("{} wants {command:?}", self.nodes[index].name));
        let connection = self.connection;
        self.nodes[index]
            .handle(Command::Local(command), connection)
            .is_ok()
    }

    fn pay(&mut self, index: Index) {
        if !self.nodes[index].memory.is_usable() {
            return;
        }
        let most = {
            let node = &self.nodes[index];
            node.memory.spendable_msat(&node.party.limits).to_msat()
        };
        let (amount, fits) = match self.rng.below(10) {
            0 => (most, most > 0),
            1 => (most + 1, false),
            2..=4 => (self.rng.range(1, 2_000_000).min(most), most > 0),
            5 => (0, false),
            _ => (self.rng.range(1, most.max(1)), false),
        };
        let preimage = PaymentPreimage(self.rng.bytes32());
        // Now and then the same payment_hash again.
        let known = self.preimages.values().next().copied();
        let preimage = if self.rng.one_in(10) {
            known.unwrap_or(preimage)
        } else {
            preimage
        };
        self.preimages.insert(preimage.payment_hash(), preimage);
        let cltv_expiry = self.rng.range_u32(600, 900);
        let done = self.local(
            index,
            LocalCommand::AddHtlc {
                amount: Msat::new(amount),
                payment_hash: preimage.payment_hash(),
                cltv_expiry,
            },
        );
        if amount == 0 || amount > most {
            assert!(!done, "{amount} of {most} was accepted");
        } else if fits && amount == most {
            // An amount below the most may be refused, for less room for trimmed HTLCs, say. The most may not.
            assert!(done, "{amount} of {most} was refused");
        }
        if done {
            let id = self.nodes[index].offered().last().copied().unwrap();
            self.amounts.insert((index, id), amount);
            self.tally.adds += 1;
        } else {
            self.tally.refused_adds += 1;
        }
    }

    /// Claims or fails one HTLC that waits.
    pub fn resolve_one(&mut self, index: Index) {
        if let Some(id) = self.nodes[index].must_fail.pop_first() {
            self.fail(index, id);
            return;
        }
        let Some(id) = self.nodes[index].undecided.pop_first() else {
            return;
        };
        if self.rng.one_in(3) {
            self.fail(index, id);
            return;
        }
        let htlc = self.nodes[index]
            .memory
            .htlc(Side::Counterparty, id)
            .unwrap();
        let preimage = self.preimages[&htlc.payment_hash];
        let wrong = PaymentPreimage([0; 32]);
        let refused = LocalCommand::FulfillHtlc {
            id,
            preimage: wrong,
        };
        assert!(!self.local(index, refused), "a wrong preimage was accepted");
        assert!(self.local(index, LocalCommand::FulfillHtlc { id, preimage }));
        // Preimage known, never a failure.
        let failure = LocalCommand::FailHtlc {
            id,
            reason: vec![1],
        };
        assert!(!self.local(index, failure), "a claimed HTLC was failed");
        self.tally.fulfilled += 1;
    }

    fn fail(&mut self, index: Index, id: HtlcId) {
        let command = match self.rng.below(4) {
            0 => LocalCommand::FailMalformedHtlc {
                id,
                sha256_of_onion: [3; 32],
                failure_code: 0xc005,
            },
            _ => LocalCommand::FailHtlc {
                id,
                reason: vec![4; 292],
            },
        };
        assert!(self.local(index, command));
        self.tally.failed += 1;
    }

    /// Commits where that is due. Now and then also while the channel is not live: then what is sent is lost.
    pub fn commit(&mut self, index: Index) {
        let node = &self.nodes[index];
        if !node.memory.commitment_due() {
            // Not possible or not needed, so refused.
            assert!(!self.local(index, LocalCommand::Commit));
            return;
        }
        if node.live || self.rng.one_in(4) {
            assert!(
                self.local(index, LocalCommand::Commit),
                "a commitment was due"
            );
        }
    }

    fn change_fee(&mut self, index: Index) {
        let feerate_per_kw = self.rng.range_u32(253, 4_000);
        if self.local(index, LocalCommand::UpdateFee { feerate_per_kw }) {
            assert_eq!(self.nodes[index].memory.params().opener, Side::Holder);
            self.tally.fee_updates += 1;
        }
    }

    fn own_script(&self, index: Index) -> bitcoin::ScriptBuf {
        script(if index == 0 { 1 } else { 2 })
    }

    pub fn shut_down(&mut self, index: Index) {
        if !self.nodes[index].live {
            return;
        }
        let script = self.own_script(index);
        if self.local(index, LocalCommand::Shutdown { script }) {
            self.tally.shutdowns += 1;
        }
    }

    /// Goes on with a close that has begun.
    pub fn close_on(&mut self, index: Index) {
        if !self.nodes[index].live {
            return;
        }
        if std::mem::take(&mut self.nodes[index].shutdown_due) {
            let script = self.own_script(index);
            self.local(index, LocalCommand::Shutdown { script });
        }
        if std::mem::take(&mut self.nodes[index].fee_due) {
            let fee = Amount::from_sat(self.rng.range(50, 500));
            let range = (Amount::from_sat(40), Amount::from_sat(900));
            let command = LocalCommand::ProposeClosing {
                fee,
                fee_range: range,
            };
            assert!(self.local(index, command), "the closing fee was due");
        }
    }

    fn force_close(&mut self, index: Index) {
        // Before funding_signed there is nothing to close.
        if matches!(
            self.nodes[index].memory,
            Channel::AwaitingFundingSigned(_) | Channel::Failed(_)
        ) {
            return;
        }
        let reason = "chance".to_owned();
        self.force_closed = true;
        assert!(self.local(index, LocalCommand::ForceClose { reason }));
        self.tally.force_closes += 1;
    }
}

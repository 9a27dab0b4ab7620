//! One channel, followed again from its first step in the ledger.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use anyhow::{bail, Context as _};
use bitcoin::hashes::{sha256, Hash, HashEngine};
use zarnitsa_channel::command::Command;
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_channel::state::{Channel, Context};
use zarnitsa_channel::tx::penalty::RevokedCommitment;
use zarnitsa_service::records::Policy;
use zarnitsa_service::{channel_steps, read, ChannelStep};
use zarnitsa_signer::SealedJustice;

use super::policies::Policies;
use crate::shared::Shared;
use crate::watch::protocol::AccountState;

/// Steps that are looked at before the tower is given what they brought.
const STEPS: usize = 256;
/// Records that may wait for a tower that does not answer: it is followed no further meanwhile.
const WAITING: usize = 512;

/// The hash over all of a channel's records, up to one.
pub(crate) fn next_digest(digest: &[u8; 32], locator: &[u8], data: &[u8]) -> [u8; 32] {
    let mut engine = sha256::HashEngine::default();
    engine.input(digest);
    engine.input(locator);
    engine.input(sha256::Hash::hash(data).as_byte_array());
    sha256::Hash::from_engine(engine).to_byte_array()
}

/// See the module.
#[derive(Default)]
pub(super) struct Replica {
    machine: Option<Channel>,
    /// Of the channel's history.
    steps: u64,
    /// The hash over all records up to the newest.
    digest: [u8; 32],
    /// How many states the peer has revoked.
    revoked: u64,
    /// Records that the tower may lack, the newest last, each with the hash up to it.
    waiting: VecDeque<(SealedJustice, [u8; 32])>,
    /// The hash over all records before those that wait.
    before: [u8; 32],
    /// What the tower has; `None` before it was asked.
    pub(super) at_tower: Option<AccountState>,
    /// The tower lacks records that wait no more: only the ledger has them.
    lost: bool,
}

impl Replica {
    /// Takes some more steps from the ledger. Whether there may be more.
    pub(super) fn advance(
        &mut self,
        shared: &Shared,
        id: &ChannelId,
        policies: &Mutex<Policies>,
    ) -> anyhow::Result<bool> {
        if self.waiting.len() >= WAITING {
            return Ok(false);
        }
        let entries = read::history(&*shared.ledger.snapshot(), id, self.steps, STEPS);
        let mut policies = policies.lock().unwrap_or_else(PoisonError::into_inner);
        policies.read_on(shared)?;
        let mut block = None;
        // Of the transaction that the last entry was of, those behind it.
        let mut steps = Vec::new().into_iter();
        let mut steps_of = None;
        for entry in &entries {
            if block
                .as_ref()
                .is_none_or(|(height, _)| *height != entry.height)
            {
                let read = shared.ledger.block(entry.height)?;
                block = Some((
                    entry.height,
                    read.context("a block of the ledger is missing")?,
                ));
            }
            let (_, block) = block.as_ref().context("it was read above")?;
            let mut transactions = block.transactions.iter();
            let position = transactions
                .position(|transaction| transaction.tx_hash == entry.tx_hash)
                .context("a block lacks a transaction of the channel's history")?;
            if steps_of.replace(entry.tx_hash) != Some(entry.tx_hash) {
                steps = channel_steps(&block.transactions[position].message, id).into_iter();
            }
            let step = steps
                .find(|step| step.number() == self.steps)
                .context("a step of the channel's history cannot be read")?;
            let policy = policies.at((entry.height, position));
            self.take(shared, step, &policy)?;
            self.steps += 1;
        }
        Ok(entries.len() == STEPS)
    }

    fn take(&mut self, shared: &Shared, step: ChannelStep, policy: &Policy) -> anyhow::Result<()> {
        match (step, self.machine.take()) {
            (ChannelStep::Opening(transcript), None) => {
                let limits = policy.limits_for(transcript.peer());
                let context = Context {
                    verifier: &*shared.verifier,
                    limits: &limits,
                };
                self.machine = Some(transcript.rebuild(&context)?.0);
            }
            (ChannelStep::Moved(step), Some(before)) => {
                let context = Context {
                    verifier: &*shared.verifier,
                    limits: &policy.limits(),
                };
                let secret = match &step.command {
                    Command::Peer {
                        message:
                            PeerMessage::RevokeAndAck {
                                per_commitment_secret,
                                ..
                            },
                        ..
                    } => Some(*per_commitment_secret),
                    Command::Peer { .. } | Command::Local(_) | Command::Chain(_) => None,
                };
                let (after, _) = before.clone().handle(step.command, &context)?;
                if let Some(secret) = secret {
                    self.revoke(shared, &before, &secret)?;
                }
                self.machine = Some(after);
            }
            (ChannelStep::Opening(_) | ChannelStep::Moved(_), _) => {
                bail!("the channel's history does not begin with its opening")
            }
        }
        Ok(())
    }

    /// The peer has revoked the oldest commitment that it could have broadcast.
    fn revoke(
        &mut self,
        shared: &Shared,
        before: &Channel,
        secret: &[u8; 32],
    ) -> anyhow::Result<()> {
        let params = before.params();
        let number = self.revoked;
        let mut commitments = before.counterparty_unrevoked().into_iter();
        let commitment = commitments
            .find(|commitment| commitment.number() == number)
            .with_context(|| format!("the state lacks the peer's commitment {number}"))?;
        let revoked = RevokedCommitment::new(commitment, secret)?;
        let destination = params
            .holder
            .upfront_shutdown_script
            .as_ref()
            .context("the channel has no script of the wallet to pay a penalty to")?;
        let sealed = shared
            .signer
            .seal_justice(params, &revoked, secret, destination)?;
        self.note(sealed);
        Ok(())
    }

    /// One record more. What the tower is known to have does not wait: else a channel's past would fill the queue at
    /// each start.
    fn note(&mut self, sealed: SealedJustice) {
        self.digest = next_digest(&self.digest, &sealed.locator, &sealed.data);
        self.revoked += 1;
        let tower = self.at_tower.as_ref();
        if tower.is_some_and(|tower| self.revoked <= tower.states) {
            self.before = self.digest;
        } else {
            self.waiting.push_back((sealed, self.digest));
        }
    }

    /// Number of the first record and records that the tower lacks, some of them.
    ///
    /// # Errors
    /// Where what it has is not the beginning of what the ledger gives.
    pub(super) fn due(&self, most: usize) -> anyhow::Result<Option<(u64, Vec<&SealedJustice>)>> {
        let from = self.first_waiting();
        let Some(tower) = &self.at_tower else {
            return Ok(None);
        };
        // Below it the ledger was not followed to where the tower is yet.
        if tower.states == from && tower.digest != hex::encode(self.before) {
            bail!("the tower has other states than the ledger up to {from}");
        }
        let records = self.waiting.iter().take(most);
        let records: Vec<_> = records.map(|(sealed, _)| sealed).collect();
        Ok((!records.is_empty()).then_some((from, records)))
    }

    fn first_waiting(&self) -> u64 {
        let waiting = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.revoked.saturating_sub(waiting)
    }

    /// The tower says what it has: that waits no more. Whether it is the beginning of what the ledger gives is seen by
    /// [`Self::due`].
    ///
    /// # Errors
    /// Where it has less than it had: this replica is void then.
    pub(super) fn tower_has(&mut self, state: AccountState) -> anyhow::Result<()> {
        let first = self.first_waiting();
        if state.states < first {
            self.lost = true;
            bail!(
                "the tower has {} states and had {first}: it gets them again",
                state.states
            );
        }
        let there = usize::try_from(state.states - first).unwrap_or(usize::MAX);
        let there = there.min(self.waiting.len());
        if let Some((_, digest)) = self.waiting.drain(..there).next_back() {
            self.before = digest;
        }
        self.at_tower = Some(state);
        Ok(())
    }

    /// Whether nothing comes of it any more: it must be made anew.
    pub(super) fn is_void(&self) -> bool {
        // A step that failed has taken the machine with it.
        self.lost || (self.steps > 0 && self.machine.is_none())
    }

    /// How many states the peer has revoked.
    pub(super) fn revoked(&self) -> u64 {
        self.revoked
    }

    /// Whether the tower has exactly what the ledger gives.
    pub(super) fn is_proven_by(&self, state: &AccountState) -> bool {
        state.states == self.revoked && state.digest == hex::encode(self.digest)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const BATCH: usize = 32;

    fn record(number: u64) -> SealedJustice {
        let mut locator = [0; 16];
        locator[..8].copy_from_slice(&number.to_be_bytes());
        let data = number.to_be_bytes().to_vec();
        SealedJustice { locator, data }
    }

    /// What a tower says that has the first so many records.
    pub(in crate::tower) fn tower_of(states: u64) -> AccountState {
        let next = |digest, number| {
            let record = record(number);
            next_digest(&digest, &record.locator, &record.data)
        };
        AccountState {
            states,
            digest: hex::encode((0..states).fold([0; 32], next)),
        }
    }

    /// The channel's next records.
    pub(in crate::tower) fn revoke(replica: &mut Replica, count: u64) {
        for number in replica.revoked..replica.revoked + count {
            replica.note(record(number));
        }
    }

    /// As `deliver` does it, with a tower that takes all. How many the tower got.
    fn deliver(replica: &mut Replica) -> u64 {
        let mut given = 0;
        loop {
            let due = replica.due(BATCH).unwrap();
            let Some((from, records)) = due else {
                return given;
            };
            let expected: Vec<_> = (from..).take(records.len()).map(record).collect();
            assert_eq!(records, expected.iter().collect::<Vec<_>>());
            let count = u64::try_from(records.len()).unwrap();
            given += count;
            replica.tower_has(tower_of(from + count)).unwrap();
        }
    }

    #[test]
    fn replica_made_anew_after_a_start_delivers_what_comes_after_two_thousand_states() {
        let mut replica = Replica::default();
        revoke(&mut replica, 200);
        replica.tower_has(tower_of(2_000)).unwrap();
        while replica.revoked() < 2_000 {
            revoke(&mut replica, 100);
            assert_eq!(deliver(&mut replica), 0);
            assert!(replica.waiting.is_empty(), "what the tower has waits");
        }
        assert!(replica.is_proven_by(&tower_of(2_000)));
        revoke(&mut replica, 70);
        assert_eq!(deliver(&mut replica), 70);
        assert!(replica.is_proven_by(&tower_of(2_070)));
        assert!(replica.waiting.is_empty() && !replica.is_void());
    }

    #[test]
    fn tower_with_other_states_than_the_ledger_is_told_apart_wherever_it_stands() {
        let other = AccountState {
            states: 100,
            ..tower_of(99)
        };
        let differs = |replica: &Replica| {
            let error = replica.due(BATCH).unwrap_err().to_string();
            assert!(error.contains("other states than the ledger"), "{error}");
        };
        // Asked before the ledger was followed so far, and afterwards.
        let mut replica = Replica::default();
        revoke(&mut replica, 90);
        replica.tower_has(other.clone()).unwrap();
        revoke(&mut replica, 9);
        assert_eq!(replica.due(BATCH).unwrap(), None);
        revoke(&mut replica, 3);
        differs(&replica);
        let mut replica = Replica::default();
        revoke(&mut replica, 102);
        replica.tower_has(other.clone()).unwrap();
        differs(&replica);
        // It says so again: that is no way to be believed.
        replica.tower_has(other).unwrap();
        differs(&replica);
        assert!(!replica.is_void());
        replica.tower_has(tower_of(100)).unwrap();
        assert_eq!(deliver(&mut replica), 2);
    }

    #[test]
    fn tower_that_lacks_what_waits_no_more_makes_the_replica_void() {
        let mut replica = Replica::default();
        replica.tower_has(tower_of(0)).unwrap();
        revoke(&mut replica, 40);
        assert_eq!(deliver(&mut replica), 40);
        revoke(&mut replica, 5);
        let error = replica.tower_has(tower_of(39)).unwrap_err().to_string();
        assert!(error.contains("39 states and had 40"), "{error}");
        assert!(replica.is_void());
    }
}

//! The policy that was in force at each step: a step that was within the limits of its time must be so again.

use anyhow::Context as _;
use exonum::merkledb::BinaryValue;
use zarnitsa_service::read;
use zarnitsa_service::records::{EventKind, Policy};
use zarnitsa_service::transactions::PolicyChange;

use crate::shared::Shared;

/// Entries of the event log that are read at once.
const EVENTS: usize = 4_096;

/// A transaction's place in the ledger: height and position in the block.
pub(super) type Place = (u64, usize);

/// All policies of the ledger, the oldest first.
#[derive(Default)]
pub(crate) struct Policies {
    changes: Vec<(Place, Policy)>,
    /// The first entry of the event log that was not looked at.
    next_event: u64,
}

impl Policies {
    /// Reads on.
    pub(super) fn read_on(&mut self, shared: &Shared) -> anyhow::Result<()> {
        loop {
            let events = read::events(&*shared.ledger.snapshot(), self.next_event, EVENTS);
            for (number, event) in &events {
                if event.kind == EventKind::PolicyChanged {
                    let block = shared.ledger.block(event.height)?;
                    let block = block.context("a block of the ledger is missing")?;
                    let mut transactions = block.transactions.iter();
                    let position = transactions
                        .position(|transaction| transaction.tx_hash == event.tx_hash)
                        .context("a block lacks a change of the policy")?;
                    let message = &block.transactions[position].message;
                    let arguments = message.payload().arguments.as_slice();
                    let change = PolicyChange::from_bytes(arguments.into())?;
                    self.changes.push(((event.height, position), change.policy));
                }
                self.next_event = number + 1;
            }
            if events.len() < EVENTS {
                return Ok(());
            }
        }
    }

    /// The policy that a transaction at this place found.
    pub(super) fn at(&self, place: Place) -> Policy {
        let mut before = self.changes.iter().rev();
        let found = before.find(|(changed, _)| *changed < place);
        found.map_or_else(Policy::user, |(_, policy)| policy.clone())
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::Amount;

    use super::*;

    #[test]
    fn policy_of_a_step_is_the_one_before_it_in_the_ledger() {
        let of = |sat| Policy {
            min_channel_sat: Amount::from_sat(sat),
            ..Policy::hub()
        };
        let policies = Policies {
            changes: vec![((2, 0), of(1)), ((5, 3), of(2))],
            next_event: 0,
        };
        assert_eq!(policies.at((1, 9)), Policy::user());
        assert_eq!(policies.at((2, 1)), of(1));
        assert_eq!(policies.at((5, 2)), of(1));
        assert_eq!(policies.at((5, 4)), of(2));
        assert_eq!(policies.at((9, 0)), of(2));
    }
}

//! What leaves the driver: transactions to the ledger, and effects that wait for them. All of it in order.
//!
//! Steps of one channel that follow one another share a transaction: what a peer says in one breath (updates, the
//! commitment that has them, a revocation) is one thing to the ledger as well. The last of them wait here, until something
//! else is to leave or the turn ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use zarnitsa_channel::command::{Command, LocalCommand};
use zarnitsa_channel::ids::ChannelId;
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_ledger::Receipt;
use zarnitsa_service::transactions::MAX_STEPS;
use zarnitsa_service::{may_join, Attachment, LedgerCall};

use super::effects::Batch;
use super::step::Step;
use crate::shared::Shared;

/// About the most bytes of steps that share a transaction: a peer decides how many there are and how large.
const MAX_BYTES: usize = 64 << 10;
/// What a step has beside its longest parts, about.
const STEP_BYTES: usize = 300;
/// A payment's way, about.
const ROUTE_BYTES: usize = 2_000;
/// A signature or a key in a transaction.
const SIGNATURE_BYTES: usize = 66;

/// Steps of one channel that are not handed in yet, and what waits for them.
struct Joined {
    channel_id: ChannelId,
    /// The first one's number.
    number: u64,
    commands: Vec<(Command, Attachment)>,
    bytes: usize,
    batch: Batch,
}

impl Joined {
    /// Whether the step is the next one, and may stand beside the others.
    fn takes(&self, id: ChannelId, number: u64, bytes: usize, batch: &Batch) -> bool {
        let next = self.number.checked_add(self.commands.len() as u64);
        id == self.channel_id
            && Some(number) == next
            && batch.connection == self.batch.connection
            && self.commands.len() < MAX_STEPS
            && self.bytes + bytes <= MAX_BYTES
    }

    fn into_call(self) -> (LedgerCall, Batch) {
        let (channel_id, step) = (self.channel_id, self.number);
        let mut commands = self.commands;
        let call = match (commands.len(), commands.pop()) {
            // Alone it needs no list around it.
            (1, Some((command, attachment))) => LedgerCall::Command {
                channel_id,
                step,
                command: Box::new(command),
                attachment,
            },
            (_, last) => {
                commands.extend(last);
                LedgerCall::Commands {
                    channel_id,
                    step,
                    commands,
                }
            }
        };
        (call, self.batch)
    }
}

/// The driver's side of it.
pub(super) struct Outbox {
    shared: Arc<Shared>,
    effects: mpsc::UnboundedSender<Batch>,
    joined: Mutex<Option<Joined>>,
}

impl Outbox {
    pub(super) fn new(shared: Arc<Shared>, effects: mpsc::UnboundedSender<Batch>) -> Self {
        Self {
            shared,
            effects,
            joined: Mutex::new(None),
        }
    }

    /// Until nobody carries out effects any more.
    pub(super) async fn closed(&self) {
        self.effects.closed().await;
    }

    /// A channel's step with this number, and what waits for it.
    pub(super) fn step(&self, id: ChannelId, number: u64, step: Step, batch: Batch) {
        let Step {
            command,
            attachment,
        } = step;
        if !may_join(&command) {
            self.flush();
            let call = LedgerCall::Command {
                channel_id: id,
                step: number,
                command: Box::new(command),
                attachment,
            };
            return self.hand_in(call, batch);
        }
        let bytes = bytes_of(&command, &attachment);
        let mut joined = self.joined();
        if let Some(one) = joined
            .as_mut()
            .filter(|one| one.takes(id, number, bytes, &batch))
        {
            one.commands.push((command, attachment));
            one.bytes += bytes;
            one.batch.effects.extend(batch.effects);
            return;
        }
        let before = joined.replace(Joined {
            channel_id: id,
            number,
            commands: vec![(command, attachment)],
            bytes,
            batch,
        });
        drop(joined);
        self.hand_in_joined(before);
    }

    /// A transaction that is no step.
    pub(super) fn submit(&self, call: LedgerCall) -> Receipt {
        self.flush();
        self.shared.submit(call)
    }

    /// Effects behind all that came before them.
    pub(super) fn enqueue(&self, batch: Batch) {
        self.flush();
        self.send(batch);
    }

    /// Hands in what waits.
    pub(super) fn flush(&self) {
        let joined = self.joined().take();
        self.hand_in_joined(joined);
    }

    fn hand_in_joined(&self, joined: Option<Joined>) {
        if let Some(joined) = joined {
            let (call, batch) = joined.into_call();
            self.hand_in(call, batch);
        }
    }

    fn hand_in(&self, call: LedgerCall, batch: Batch) {
        let receipt = Some(self.shared.submit(call));
        self.send(Batch { receipt, ..batch });
    }

    fn send(&self, batch: Batch) {
        // The executor only goes before the driver when the ledger has stopped, and then the driver is told.
        let _ = self.effects.send(batch);
    }

    fn joined(&self) -> MutexGuard<'_, Option<Joined>> {
        // Nothing panics while it is held, and what waits is whole between two calls.
        self.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About how long the step is in a transaction.
fn bytes_of(command: &Command, attachment: &Attachment) -> usize {
    let signatures = match command {
        Command::Peer {
            message:
                PeerMessage::CommitmentSigned {
                    htlc_signatures, ..
                },
            ..
        } => htlc_signatures.len(),
        _ => 0,
    };
    let reason = match command {
        Command::Peer {
            message: PeerMessage::UpdateFailHtlc { reason, .. },
            ..
        }
        // What came from the next node is as long as that one made it.
        | Command::Local(LocalCommand::FailHtlc { reason, .. }) => reason.len(),
        _ => 0,
    };
    let route = attachment.route.as_ref().map_or(0, |_| ROUTE_BYTES);
    STEP_BYTES
        + signatures * SIGNATURE_BYTES
        + reason
        + route
        + attachment.onion.len()
        + attachment.attribution.len()
}

#[cfg(test)]
mod tests {
    use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
    use zarnitsa_channel::ids::HtlcId;
    use zarnitsa_peer::Connection;

    use super::*;
    use crate::wire::Complete;

    const ID: ChannelId = ChannelId([1; 32]);

    fn peer() -> PublicKey {
        SecretKey::from_slice(&[7; 32])
            .unwrap()
            .public_key(SECP256K1)
    }

    fn commit() -> (Command, Attachment) {
        let command = Command::Local(LocalCommand::Commit);
        (command, Attachment::default())
    }

    fn batch(connection: u64) -> Batch {
        Batch {
            receipt: None,
            target: Complete {
                node_id: peer(),
                channel_id: ID,
            },
            connection: Some(Connection {
                node_id: peer(),
                number: connection,
            }),
            effects: Vec::new(),
        }
    }

    /// The steps from number 10 on, by connection 1.
    fn joined(count: usize) -> Joined {
        Joined {
            channel_id: ID,
            number: 10,
            commands: vec![commit(); count],
            bytes: 1_000,
            batch: batch(1),
        }
    }

    #[test]
    fn next_step_of_the_channel_joins_and_no_other() {
        let two = joined(2);
        assert!(two.takes(ID, 12, 500, &batch(1)));
        assert!(!two.takes(ID, 11, 500, &batch(1)));
        assert!(!two.takes(ID, 13, 500, &batch(1)));
        assert!(!two.takes(ChannelId([2; 32]), 12, 500, &batch(1)));
        assert!(!two.takes(ID, 12, 500, &batch(2)));
    }

    #[test]
    fn steps_that_join_are_bounded_in_number_and_bytes() {
        let most = MAX_STEPS as u64;
        assert!(joined(MAX_STEPS - 1).takes(ID, 9 + most, 500, &batch(1)));
        assert!(!joined(MAX_STEPS).takes(ID, 10 + most, 500, &batch(1)));
        assert!(joined(1).takes(ID, 11, MAX_BYTES - 1_000, &batch(1)));
        assert!(!joined(1).takes(ID, 11, MAX_BYTES - 999, &batch(1)));
    }

    #[test]
    fn reason_of_a_failure_counts_whoever_chose_it() {
        let reason = vec![7; 4_096];
        let ours = Command::Local(LocalCommand::FailHtlc {
            id: HtlcId(0),
            reason,
        });
        let (small, nothing) = commit();
        let more = bytes_of(&ours, &nothing) - bytes_of(&small, &nothing);
        assert_eq!(more, 4_096);
    }

    #[test]
    fn step_that_is_alone_has_no_list_around_it() {
        let (call, _) = joined(1).into_call();
        assert!(matches!(call, LedgerCall::Command { step: 10, .. }));
        let (call, _) = joined(3).into_call();
        let LedgerCall::Commands { step, commands, .. } = call else {
            panic!("three steps are a list");
        };
        assert_eq!((step, commands.len()), (10, 3));
    }
}

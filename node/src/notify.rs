//! Wakes whoever waits for a channel, a payment or a request to change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// A channel id, a payment hash or the hash of a request's ledger transaction.
pub type Subject = [u8; 32];

/// Who waits for what. A wake-up says "look again at the ledger", never what changed: the ledger is what is true.
#[derive(Debug, Default)]
pub struct Notifier {
    subjects: Mutex<HashMap<Subject, watch::Sender<()>>>,
}

impl Notifier {
    /// Begins to wait. To miss nothing, call this first and look at the ledger afterwards.
    pub fn watch(&self, subject: Subject) -> watch::Receiver<()> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = subjects
            .entry(subject)
            .or_insert_with(|| watch::channel(()).0);
        sender.subscribe()
    }

    /// Something about `subject` became durable.
    pub fn wake(&self, subject: &Subject) {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = subjects.get(subject) {
            if sender.send(()).is_err() {
                subjects.remove(subject); // nobody waits any more
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn watch_before_wake_is_woken_and_forgotten_after() {
        let notifier = Notifier::default();
        let mut waiting = notifier.watch([1; 32]);
        notifier.wake(&[2; 32]);
        assert!(!waiting.has_changed().unwrap());
        notifier.wake(&[1; 32]);
        waiting.changed().await.unwrap();
        drop(waiting);
        notifier.wake(&[1; 32]);
        assert!(notifier.subjects.lock().unwrap().is_empty());
    }
}

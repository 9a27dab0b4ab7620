//! ldk-node's events: kept for whoever asks, and awaited by those who have paid.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::{Event, Node};
use zarnitsa_interop::protocol::{Happened, Outcome};

/// Longer than ldk-node tries, and than an HTLC of a test is held.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Default)]
struct Seen {
    happened: Vec<Happened>,
    outcomes: HashMap<PaymentId, Outcome>,
}

/// All events since the start.
#[derive(Default)]
pub struct Events {
    seen: Mutex<Seen>,
    more: Condvar,
}

impl Events {
    /// Takes every event of the node from now on.
    pub fn follow(node: Arc<Node>) -> Arc<Self> {
        let events = Arc::new(Self::default());
        let taker = Arc::clone(&events);
        thread::spawn(move || loop {
            let event = node.wait_next_event();
            taker.take(&event);
            if let Err(error) = node.event_handled() {
                eprintln!("event_handled: {error}");
                return;
            }
        });
        events
    }

    fn take(&self, event: &Event) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::PaymentSuccessful {
                payment_id: Some(id),
                payment_preimage: Some(preimage),
                fee_paid_msat,
                ..
            } => {
                let paid = Outcome::Paid {
                    preimage: hex(&preimage.0),
                    fee_msat: fee_paid_msat.unwrap_or_default(),
                };
                seen.outcomes.insert(*id, paid);
            }
            Event::PaymentFailed {
                payment_id: Some(id),
                reason,
                ..
            } => {
                let reason = format!("{reason:?}");
                seen.outcomes.insert(*id, Outcome::Failed { reason });
            }
            _ => {}
        }
        seen.happened.push(happened(event));
        self.more.notify_all();
    }

    /// So far.
    pub fn all(&self) -> Vec<Happened> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.happened.clone()
    }

    /// Waits for what comes of a payment.
    pub fn outcome(&self, id: PaymentId) -> Result<Outcome, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = seen.outcomes.remove(&id) {
                return Ok(outcome);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("no outcome within {PATIENCE:?}"));
            }
            let woken = self.more.wait_timeout(seen, left);
            seen = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn happened(event: &Event) -> Happened {
    let subject = match event {
        Event::PaymentSuccessful { payment_hash, .. }
        | Event::PaymentReceived { payment_hash, .. }
        | Event::PaymentClaimable { payment_hash, .. } => hex(&payment_hash.0),
        Event::PaymentFailed { payment_hash, .. } => {
            payment_hash.map(|hash| hex(&hash.0)).unwrap_or_default()
        }
        Event::PaymentForwarded {
            prev_channel_id, ..
        } => hex(&prev_channel_id.0),
        Event::ChannelPending { channel_id, .. }
        | Event::ChannelReady { channel_id, .. }
        | Event::ChannelClosed { channel_id, .. }
        | Event::SplicePending { channel_id, .. }
        | Event::SpliceFailed { channel_id, .. } => hex(&channel_id.0),
    };
    let text = format!("{event:?}");
    let kind = text.split([' ', '{']).next().unwrap_or_default().to_owned();
    Happened {
        kind,
        subject,
        text,
    }
}

/// Lower case.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

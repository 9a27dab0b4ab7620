//! Waiting for things that take a while, without waiting for ever and without ignoring Ctrl-C.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Set when the person wants to end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<(Mutex<bool>, Condvar)>);

impl Interrupt {
    /// Wakes who waits.
    pub fn set(&self) {
        let (set, changed) = &*self.0;
        *set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Waits; true as soon as it is set.
    pub fn wait(&self, time: Duration) -> bool {
        let (set, changed) = &*self.0;
        let set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(set, time, |set| !*set);
        let (set, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *set
    }
}

/// Looks again and again until there is something; an error of `look` ends it at once.
pub fn until<T>(
    what: &str,
    time: Duration,
    interrupt: &Interrupt,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s in vain: {what}", time.as_secs());
        }
        if interrupt.wait(LOOK_EVERY) {
            bail!("interrupted while waiting: {what}");
        }
    }
}

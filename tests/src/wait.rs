//! Waiting for a condition instead of for time.

use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take on a loaded machine. Far more than it should: only a failure ever waits so long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds something.
///
/// # Panics
/// If it has found nothing by the [`DEADLINE`].
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, what, look)
}

/// As [`until`], for what may take longer or must come sooner.
///
/// # Panics
/// If it has found nothing in this time.
pub fn within<T>(time: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {time:?} in vain: {what}");
        thread::sleep(PAUSE);
    }
}

/// Lets a moment pass, for what must happen at no particular time. Never a way to wait for something.
pub fn moment(time: Duration) {
    thread::sleep(time);
}

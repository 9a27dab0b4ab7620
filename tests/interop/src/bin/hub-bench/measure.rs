//! So many payments, so many at a time; what they took.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::trio::Trio;

/// One load's result.
pub struct Measured {
    /// Payments under way at the same time.
    pub in_flight: usize,
    /// Payments in all; each succeeded.
    pub payments: usize,
    /// What the three nodes wrote to disk for one.
    pub bytes_per_payment: f64,
    /// How often the three nodes waited for the disk for one, where it is known.
    pub syncs_per_payment: Option<f64>,
    time: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Measured {
    /// Throughput.
    pub fn per_second(&self) -> f64 {
        count(self.payments) / self.time.as_secs_f64()
    }

    /// Latency as the payer sees it, from its order to the proof of payment.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let place = (self.latencies.len() * percent).div_ceil(100).max(1) - 1;
        self.latencies
            .get(place)
            .map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }
}

/// Makes the payments. The invoices are made before the clock runs.
///
/// # Panics
/// If one is not paid.
pub fn measure(trio: &impl Trio, in_flight: usize, payments: usize) -> Measured {
    let invoices: Vec<String> = (0..payments).map(|_| trio.invoice()).collect();
    let next = AtomicUsize::new(0);
    let (bytes, syncs) = (trio.written_bytes(), trio.syncs());
    let begin = Instant::now();
    let mut latencies: Vec<Duration> = thread::scope(|scope| {
        let payers: Vec<_> = (0..in_flight)
            .map(|_| {
                let (next, invoices) = (&next, &invoices);
                scope.spawn(move || {
                    let mut took = Vec::new();
                    while let Some(invoice) = invoices.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let begin = Instant::now();
                        trio.pay(invoice);
                        took.push(begin.elapsed());
                    }
                    took
                })
            })
            .collect();
        let took = payers
            .into_iter()
            .flat_map(|payer| payer.join().expect("each payment succeeds"));
        took.collect()
    });
    let time = begin.elapsed();
    latencies.sort_unstable();
    let syncs = trio
        .syncs()
        .zip(syncs)
        .map(|(after, before)| after - before);
    let measured = Measured {
        in_flight,
        payments,
        bytes_per_payment: whole(trio.written_bytes() - bytes) / count(payments),
        syncs_per_payment: syncs.map(|syncs| whole(syncs) / count(payments)),
        time,
        latencies,
    };
    println!(
        "{}: {in_flight} in flight, {payments} payments, {:.1}/s",
        trio.name(),
        measured.per_second()
    );
    measured
}

/// A count of payments is exact as a float.
fn count(number: usize) -> f64 {
    whole(u64::try_from(number).unwrap_or(u64::MAX))
}

// A benchmark shows three digits: what a float cannot hold of a large number does not matter.
#[allow(clippy::cast_precision_loss)]
fn whole(number: u64) -> f64 {
    number as f64
}

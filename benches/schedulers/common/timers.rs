//! `timers`: everybody sleeps once, and notes how late it woke.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::load::{Load, Outcome};

/// For each sleeper there is, so that all sleep before the first one wakes.
const LEAD_NS: u64 = 2_000;

/// And so long, on the average, from one that wakes to the next one.
const APART_NS: u64 = 1_000;

const ASLEEP: u64 = u64::MAX;

/// The notes of a run.
pub(crate) struct Timers {
    begun: Instant,
    late_ns: Box<[AtomicU64]>,
}

impl Timers {
    pub(crate) fn begin(load: Load) -> Arc<Timers> {
        let late_ns = (0..load.n).map(|_| AtomicU64::new(ASLEEP)).collect();
        Arc::new(Timers { begun: Instant::now(), late_ns })
    }

    /// How long one sleeps: nobody's order is that in which they were made.
    pub(crate) fn nap(&self, sleeper: u64) -> Duration {
        let sleepers = self.late_ns.len() as u64;
        let part = sleeper.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        Duration::from_nanos(sleepers * LEAD_NS + ((sleepers * APART_NS * part) >> 24))
    }

    pub(crate) fn wakes(&self, sleeper: u64, asleep: Instant) {
        let (slept, nap) = (asleep.elapsed(), self.nap(sleeper));
        assert!(slept >= nap, "a sleep of {slept:?}, not {nap:?}");
        let late_ns = (slept - nap).as_nanos() as u64;
        let before = self.late_ns[sleeper as usize].swap(late_ns, Ordering::Relaxed);
        assert_eq!(before, ASLEEP, "woken twice");
    }

    /// When all have been joined.
    pub(crate) fn finish(&self) -> Outcome {
        let wall_ns = self.begun.elapsed().as_nanos() as f64;
        let load = |late_ns: &AtomicU64| late_ns.load(Ordering::Relaxed);
        let mut late_ns: Vec<u64> = self.late_ns.iter().map(load).collect();
        late_ns.sort_unstable();
        let count = late_ns.len();
        assert_ne!(late_ns[count - 1], ASLEEP, "somebody never woke");
        let mean = late_ns.iter().sum::<u64>() as f64 / count as f64;
        let p99 = late_ns[(count * 99).div_ceil(100) - 1];
        Outcome::Figures(vec![wall_ns, mean, p99 as f64])
    }
}

//! What the scheduler counts, and how long goroutines that could run wait for it.
//!
//! Counters are the processors' own and plain; the latencies are samples. Of the goroutines that a
//! processor makes runnable, one in some dozens gets the time noted, in the word that says since
//! when it waits while it waits. When it runs, the time passed goes into a histogram. All others
//! pay for counting down, and for a look at a flag, in lines that are in the cache anyway.

use std::sync::atomic::{AtomicU64, Ordering};

use super::g::{self, G};
use super::hand_off::Why;
use super::{SCHED, hand_off, m, own_threads, p, stack, stand_in};
use crate::sys::clock;
use crate::tracer::status::Status;

/// The fewest goroutines between two samples, and how many more there may be: their number varies,
/// or a program with a rhythm of its own would show the same moment of it every time.
const SAMPLE_GAP: u32 = 32;
const SAMPLE_SPREAD: u32 = 64;
/// The unit of times: 64 ns, so that 32 bits are four minutes.
const UNIT_SHIFT: u32 = 6;
/// Four buckets for each power of two, of 32 bits.
const BUCKETS: usize = 4 * 31;

/// A distribution of times.
struct Distribution([AtomicU64; BUCKETS]);

impl Distribution {
    const fn new() -> Distribution {
        Distribution([const { AtomicU64::new(0) }; BUCKETS])
    }

    fn add(&self, units: u32) {
        self.0[bucket(units)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts, and the bounds between which they lie, in nanoseconds: one more than there are
    /// counts.
    fn read(&self) -> (Vec<u64>, Vec<u64>) {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        (counts, (0..=BUCKETS).map(bound_ns).collect())
    }
}

static LATENCIES: Distribution = Distribution::new();
static AWAY: Distribution = Distribution::new();

fn now() -> u32 {
    (clock::monotonic_ns() >> UNIT_SHIFT) as u32
}

/// The goroutine is about to become visible in a queue. Returns how many others pass before the
/// next sample.
#[cold]
pub(super) fn begin(g: &G) -> u32 {
    let now = now();
    g.begin_timing(now);
    SAMPLE_GAP + now % SAMPLE_SPREAD
}

/// The goroutine runs.
#[cold]
pub(super) fn end(g: &G) {
    let latency = now().wrapping_sub(g.end_timing());
    LATENCIES.add(latency);
}

/// A goroutine was on its thread without a processor for so long.
pub(super) fn away(ns: u64) {
    AWAY.add(u32::try_from(ns >> UNIT_SHIFT).unwrap_or(u32::MAX));
}

/// The number of the bucket: the position of the highest bit, and the two bits below it.
fn bucket(latency: u32) -> usize {
    let Some(highest) = latency.checked_ilog2().filter(|&bit| bit >= 2) else {
        return latency as usize;
    };
    let below = latency >> (highest - 2) & 3;
    (4 * (highest - 1) + below) as usize
}

/// The least latency of a bucket, in nanoseconds.
fn bound_ns(bucket: usize) -> u64 {
    let units = match bucket {
        0..4 => bucket as u64,
        _ => (4 + bucket as u64 % 4) << (bucket / 4 - 1),
    };
    units << UNIT_SHIFT
}

/// Scheduling latencies: counts, and the bounds between which they lie, in nanoseconds.
pub(crate) fn latencies() -> (Vec<u64>, Vec<u64>) {
    LATENCIES.read()
}

/// How long goroutines were on their threads without a processor.
pub(crate) fn times_away() -> (Vec<u64>, Vec<u64>) {
    AWAY.read()
}

/// Goroutines by state.
#[derive(Default)]
pub(crate) struct States {
    pub(crate) runnable: u64,
    pub(crate) running: u64,
    pub(crate) syscall: u64,
    pub(crate) waiting: u64,
}

/// Counts the goroutines, which go on meanwhile.
pub(crate) fn states() -> States {
    let mut states = States::default();
    for g in g::all_slots() {
        match g.state.status() {
            Status::Dead => {}
            _ if stand_in::is_one(g) => {}
            Status::Running => states.running += 1,
            Status::Syscall => states.syscall += 1,
            Status::Waiting => states.waiting += 1,
            Status::Runnable | Status::Created => states.runnable += 1,
        }
    }
    states
}

/// Everything that is one number.
pub(crate) struct Totals {
    pub(crate) created: u64,
    pub(crate) stolen: u64,
    pub(crate) spun: u64,
    pub(crate) given_away: u64,
    pub(crate) taken_blocked: u64,
    pub(crate) taken_computing: u64,
    pub(crate) workers: u64,
    pub(crate) threads: u64,
    pub(crate) stack_mapped_bytes: u64,
    pub(crate) stack_bytes: u64,
    pub(crate) stack_idle_bytes: u64,
    pub(crate) slot_bytes: u64,
}

/// Reads the counters.
pub(crate) fn totals() -> Totals {
    let sum = |of: fn(&p::PShared) -> &AtomicU64| -> u64 {
        p::all().map(|p| of(&p.shared).load(Ordering::Relaxed)).sum()
    };
    let (mapped, made, idle) = stack::bytes();
    Totals {
        created: sum(|p| &p.born) + SCHED.born_outside.load(Ordering::Relaxed),
        stolen: sum(|p| &p.stolen),
        spun: sum(|p| &p.spun),
        given_away: hand_off::count(Why::Call),
        taken_blocked: hand_off::count(Why::Blocked),
        taken_computing: hand_off::count(Why::Computing),
        workers: m::count() as u64,
        threads: own_threads::count() as u64,
        stack_mapped_bytes: mapped as u64,
        stack_bytes: made as u64,
        stack_idle_bytes: idle as u64,
        slot_bytes: g::SLOT_BYTES.load(Ordering::Relaxed) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other() {
        for n in 1..BUCKETS {
            assert!(bound_ns(n - 1) < bound_ns(n), "{n}");
            let least = (bound_ns(n) >> UNIT_SHIFT) as u32;
            assert_eq!((bucket(least), bucket(least - 1)), (n, n - 1));
        }
        assert_eq!((bucket(0), bucket(u32::MAX)), (0, BUCKETS - 1));
        assert_eq!(bound_ns(BUCKETS), (u64::from(u32::MAX) + 1) << UNIT_SHIFT);
    }
}

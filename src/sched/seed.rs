//! `GORTDEBUG=seed=N`: the scheduler's choices come from a number, and are perturbed by it.
//!
//! With one processor, and without outside input, the same seed gives the same run: random numbers
//! are the processor's and begin with the seed, slices end after so many picks instead of so much
//! time, and only picks that find something count. Other seeds give other runs: now and then what
//! would run next goes to the end of the queue instead, as in Go's scheduler under its race
//! detector.

use std::sync::atomic::{AtomicU64, Ordering};

use super::g::{FLAG_LOCKED, G};
use super::m::M;
use super::p::P;
use super::{Inside, SCHED};
use crate::sys::clock;

/// One in so many picks is put off.
const PUT_OFF: u64 = 4;
/// A slice ends after so many picks from `runnext` in a row.
const SLICE_PICKS: u32 = 32;

/// What random numbers begin with; 0: something else each time.
static SEED: AtomicU64 = AtomicU64::new(0);
/// Random numbers of threads that are no workers.
static OUTSIDE: AtomicU64 = AtomicU64::new(0);

/// Sets the seed. Before there are processors.
pub(super) fn set(seed: u64) {
    // Not 0, and another for each seed.
    SEED.store(mix(seed).max(1), Ordering::Relaxed);
    OUTSIDE.store(mix(seed), Ordering::Relaxed);
}

/// Whether this seed was set.
pub(super) fn is(seed: u64) -> bool {
    SEED.load(Ordering::Relaxed) == mix(seed).max(1)
}

/// The seed of processor `id`'s random numbers, not 0.
pub(super) fn of_processor(id: usize) -> u64 {
    first(id as u64)
}

/// The seed of the random numbers of the `id`th bubble, not 0.
pub(super) fn of_bubble(id: u64) -> u64 {
    first(!id)
}

/// What random numbers begin with, for the `n`th who draws some.
fn first(n: u64) -> u64 {
    let seed = match SEED.load(Ordering::Relaxed) {
        0 => clock::monotonic_ns(),
        seed => seed,
    };
    mix(seed.wrapping_add(n)).max(1)
}

/// Spreads the bits of a number: the finalizer of Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014.
fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Inside {
    /// A pseudo-random number, for choices among equals.
    #[inline]
    #[allow(dead_code, reason = "for select")]
    pub(crate) fn random(&self) -> u64 {
        match self.m() {
            Some(m) => m.random(),
            None => mix(OUTSIDE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)),
        }
    }
}

/// Whether the `tick`th pick takes the oldest of the fresh goroutines and not the newest.
#[cold]
pub(super) fn takes_oldest(tick: u32) -> bool {
    mix(SEED.load(Ordering::Relaxed).wrapping_add(u64::from(tick))) & 1 != 0
}

/// Perturbs a pick. True: the goroutine was put off, and is in a queue again.
#[cold]
pub(super) fn puts_off(m: &M, g: &'static G) -> bool {
    let Some(p) = m.p() else { return false };
    count_pick(p);
    if g.has_flag(FLAG_LOCKED) || !m.random().is_multiple_of(PUT_OFF) || !has_others(p) {
        return false;
    }
    p.queue.push(g, &SCHED.injector);
    true
}

/// Whether the processor would find something else. A goroutine put off alone would only be picked
/// again.
fn has_others(p: &P) -> bool {
    !p.shared.queue.is_empty() || !p.shared.queue.peek_next().is_null()
}

/// Ends a slice that has had its picks.
fn count_pick(p: &P) {
    let slice = p.shared.slice.load(Ordering::Relaxed);
    let (seen, picks) = p.picks.get();
    let picks = if seen == slice { picks + 1 } else { 1 };
    p.picks.set((slice, picks));
    if picks >= SLICE_PICKS {
        p.shared.slice_over.store(true, Ordering::Relaxed);
    }
}

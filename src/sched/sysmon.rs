//! sysmon: a thread that needs no processor and sees to it that nobody keeps one for long.
//!
//! It takes processors from threads that block, or compute past their slice (`retake.rs`). It looks
//! every 50 µs while that finds something, and less often when it does not, as Go's.
//!
//! A pair of goroutines that ready each other would keep a processor for ever by way of
//! `runnext`. So every 10 ms, Go's slice, sysmon looks at each processor, and where the same slice
//! still lasts, it is declared over: `runnext` then gets no further turns until the queue had one.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::retake::{Retake, SLICE};
use super::{SCHED, coarse, deadlock, netpoll, own_threads, p};
use crate::sys::stderr::say;
use crate::sys::{clock, futex, thread};

/// The time between two looks at what runs, where the last ones have found somebody who blocks...
const LOOK_MIN: Duration = Duration::from_micros(50);
/// ...which doubles after so many looks that have found nobody...
const VAIN_LOOKS: u32 = 20;
/// ...up to this.
const LOOK_MAX: Duration = Duration::from_millis(2);

/// How long all processors are idle before it sleeps. Whoever ends a shorter rest need not wake it.
const REST_NS: u64 = 10_000_000;
/// How long it then sleeps before it looks for a deadlock.
const NAP: Duration = Duration::from_millis(40);

static WAKE: AtomicU32 = AtomicU32::new(0);

/// Starts the thread. Without it, only fairness suffers.
pub(super) fn start() {
    let started = std::thread::Builder::new().name("gort-sysmon".into()).spawn(run);
    if let Err(error) = started {
        log::warn!("gort: no sysmon, slices have no end: {error}");
    }
}

/// A processor is about to be used after all were idle.
#[cold]
pub(super) fn wake() {
    SCHED.idle.all_idle.store(false, Ordering::Relaxed);
    WAKE.store(1, Ordering::Relaxed);
    futex::wake(&WAKE, 1);
}

fn run() {
    own_threads::count_me();
    thread::wake_precisely();
    let mut retake = Retake::new();
    let mut slices = Slices { seen: Vec::new(), polls: 0, next_ns: 0 };
    let mut rest = Rest { since_ns: None };
    let (mut pause, mut vain) = (LOOK_MIN, 0);
    loop {
        std::thread::sleep(pause);
        let now_ns = clock::monotonic_ns();
        if retake.round(now_ns) {
            (pause, vain) = (LOOK_MIN, 0);
        } else if vain < VAIN_LOOKS {
            vain += 1;
        } else {
            pause = (2 * pause).min(LOOK_MAX);
        }
        if slices.end_those_due(now_ns) {
            retake.name_culprits(now_ns);
        }
        if rest.sleep_if_long(now_ns) {
            // Mostly for something short.
            (pause, vain) = (LOOK_MAX / 2, VAIN_LOOKS);
        }
    }
}

/// The slices, as they were at the last look.
struct Slices {
    seen: Vec<u32>,
    /// How often the network had been polled.
    polls: u64,
    next_ns: u64,
}

impl Slices {
    /// Every 10 ms: true.
    fn end_those_due(&mut self, now_ns: u64) -> bool {
        if now_ns < self.next_ns {
            return false;
        }
        self.next_ns = now_ns + SLICE.as_nanos() as u64;
        coarse::advance();
        if !SCHED.is_seeded() {
            end_slices(&mut self.seen);
        }
        netpoll::poll_if_overdue(&mut self.polls);
        start_missing_threads();
        true
    }
}

fn end_slices(seen: &mut Vec<u32>) {
    seen.resize(p::count(), 0);
    for (p, seen) in p::all().zip(seen) {
        let slice = p.shared.slice.load(Ordering::Relaxed);
        if std::mem::replace(seen, slice) == slice {
            p.shared.slice_over.store(true, Ordering::Relaxed);
        }
    }
}

/// Threads may be had again. Says once that there were none.
fn start_missing_threads() {
    static SAID: Once = Once::new();
    if let Some(why) = SCHED.idle.try_again() {
        SAID.call_once(|| say(format_args!("gort: goroutines wait for a thread: {why}\n")));
    }
}

/// Since when each look has found every processor idle.
struct Rest {
    since_ns: Option<u64>,
}

impl Rest {
    /// Sleeps once it has lasted for a while: true.
    fn sleep_if_long(&mut self, now_ns: u64) -> bool {
        if SCHED.spinners.idle() < SCHED.procs() || SCHED.idle.lacks_thread() {
            self.since_ns = None;
            return false;
        }
        if now_ns - *self.since_ns.get_or_insert(now_ns) < REST_NS {
            return false;
        }
        sleep_while_idle();
        if WAKE.load(Ordering::Relaxed) != 0 {
            self.since_ns = None;
        }
        true
    }
}

/// Sleeps while every processor is idle. Looks again now and then in any case.
fn sleep_while_idle() {
    WAKE.store(0, Ordering::Relaxed);
    SCHED.idle.all_idle.store(true, Ordering::Relaxed);
    // Pairs with the light barrier in `Idle::not_all_idle`.
    crate::sys::barrier::heavy();
    if SCHED.spinners.idle() < SCHED.procs() {
        WAKE.store(1, Ordering::Relaxed);
    } else {
        futex::wait(&WAKE, 0, Some(NAP));
        if WAKE.load(Ordering::Relaxed) == 0 {
            deadlock::search();
            futex::wait(&WAKE, 0, Some(Duration::from_secs(1)));
        }
    }
    coarse::advance();
    SCHED.idle.all_idle.store(false, Ordering::Relaxed);
}

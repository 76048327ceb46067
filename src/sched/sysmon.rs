//! sysmon: a thread that needs no processor and sees to it that slices end.
//!
//! A pair of goroutines that ready each other would keep a processor for ever by way of
//! `runnext`. So every 10 ms, Go's slice, sysmon looks at each processor, and where the same slice
//! still lasts, it is declared over: `runnext` then gets no further turns until the queue had one.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{SCHED, coarse, deadlock, netpoll, own_threads, p};
use crate::sys::futex;
use crate::sys::stderr::say;

/// A goroutine's slice, as Go's.
const SLICE: Duration = Duration::from_millis(10);

/// How long all processors are idle before a deadlock is looked for.
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
    let mut seen: Vec<u32> = Vec::new();
    let mut polls = 0;
    loop {
        std::thread::sleep(SLICE);
        coarse::advance();
        if !SCHED.is_seeded() {
            end_slices(&mut seen);
        }
        netpoll::poll_if_overdue(&mut polls);
        start_missing_threads();
        sleep_while_idle();
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

/// Sleeps while every processor is idle. A wake-up missed in between costs one slice.
fn sleep_while_idle() {
    if SCHED.spinners.idle() < SCHED.procs() || SCHED.idle.lacks_thread() {
        return;
    }
    WAKE.store(0, Ordering::Relaxed);
    SCHED.idle.all_idle.store(true, Ordering::Relaxed);
    crate::sys::barrier::heavy();
    if SCHED.spinners.idle() < SCHED.procs() {
        return SCHED.idle.all_idle.store(false, Ordering::Relaxed);
    }
    // A program that only naps costs no more than this; one that rests has time for a search.
    futex::wait(&WAKE, 0, Some(NAP));
    if WAKE.load(Ordering::Relaxed) == 0 {
        deadlock::search();
        // Looks again now and then in any case.
        futex::wait(&WAKE, 0, Some(Duration::from_secs(1)));
    }
    coarse::advance();
    SCHED.idle.all_idle.store(false, Ordering::Relaxed);
}

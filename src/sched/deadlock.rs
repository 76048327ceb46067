//! The search for deadlocks: nobody runs, and nobody ever will again.
//!
//! sysmon searches when all processors have been idle for a while, so nothing that runs pays for
//! it. What has to be shown is that there is no false alarm; `README.md`, section 6, does.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::timers::NEVER;
use super::{SCHED, fatal, g, idle, netpoll, own_threads, parked_threads, stand_in, stop};
use crate::sys::thread;
use crate::tracer::status::Status;

/// Reasons to expect a wake-up from outside of the process's own threads.
static EXTERNAL: AtomicUsize = AtomicUsize::new(0);

/// While one exists, something may wake goroutines that neither a goroutine nor a thread of the
/// user's stands for, such as a signal whose channel somebody listens to; there is no deadlock then.
pub(crate) struct ExternalWait(());

impl ExternalWait {
    pub(crate) fn new() -> ExternalWait {
        EXTERNAL.fetch_add(1, Ordering::Relaxed);
        ExternalWait(())
    }
}

impl Drop for ExternalWait {
    fn drop(&mut self) {
        EXTERNAL.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Looks for a deadlock and, if there is one, reports it and ends the process.
pub(super) fn search() {
    // First from afar, which costs a read of a small file; mostly some thread of the user's is up.
    if !nothing_is_due() || !no_thread_acts() {
        return;
    }
    let mut goroutines = 0;
    let dead = stop::with_doors_shut(|_| {
        // In this order: once no thread acts, with the workers kept out, nothing changes any more.
        no_thread_acts() && nothing_is_due() && all_wait(&mut goroutines)
    });
    if dead {
        fatal::deadlock(goroutines);
    }
}

/// All processors are idle, no timer runs, nothing is to come from outside.
fn nothing_is_due() -> bool {
    SCHED.spinners.idle() >= SCHED.procs()
        && idle::next_timer_ns() == NEVER
        && EXTERNAL.load(Ordering::Relaxed) == 0
        && !SCHED.idle.lacks_thread()
        && SCHED.injector.is_empty()
        && !netpoll::is_awaited()
}

/// At one moment during the call every thread of the process was the runtime's own or waited in
/// gort for somebody to wake it.
fn no_thread_acts() -> bool {
    let own = own_threads::count();
    let before = parked_threads::word();
    let Some(all) = thread::count() else { return false };
    all == own + parked_threads::count(before) && parked_threads::word() == before
}

/// Whether every goroutine waits; counts them.
fn all_wait(count: &mut usize) -> bool {
    *count = 0;
    g::all_slots().all(|g| match g.state.status() {
        Status::Dead => true,
        _ if stand_in::is_one(g) => true,
        Status::Waiting => {
            *count += 1;
            true
        }
        _ => false,
    })
}

//! The timers that make threads be sampled: each thread has one of its own.
//!
//! Workers get theirs as they start; once in a while whoever collects samples looks which other
//! threads have come, and which have gone. A timer stays when its thread ends, so it is taken away
//! then, by its number: another thread may have the thread's.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::sample;
use crate::sys::prof_timer::{self, ProcessTimer, ThreadTimer};
use crate::sys::{clock, thread};

/// Threads for which the system had no timers left, the last time somebody looked.
static UNSAMPLED: AtomicUsize = AtomicUsize::new(0);

/// The timers, while samples are taken.
static TIMERS: Mutex<Option<Timers>> = Mutex::new(None);

struct Timers {
    of: HashMap<u64, ThreadTimer>,
    period_ns: u64,
    /// The system has no timers of threads.
    process: Option<ProcessTimer>,
}

/// Starts them, with one for the calling thread at least.
///
/// # Errors
/// When the system has no timers left.
pub(super) fn start(period_ns: u64) -> io::Result<()> {
    sample::ring();
    sample::set_period(period_ns);
    prof_timer::install(sample::tick);
    let timers = Timers::new(period_ns).inspect_err(|_| prof_timer::uninstall())?;
    *TIMERS.lock() = Some(timers);
    Ok(())
}

/// All tick at another rate from now on.
pub(super) fn set_period(period_ns: u64) {
    if let Some(timers) = &mut *TIMERS.lock() {
        timers.set_period(period_ns);
    }
}

/// No more ticks.
pub(super) fn stop() {
    let timers = TIMERS.lock().take();
    if timers.is_some() {
        UNSAMPLED.store(0, Ordering::Relaxed);
        drop(timers);
        prof_timer::uninstall();
    }
}

/// The calling thread has become a worker.
pub(super) fn worker_started(tid: u64) {
    if let Some(timers) = TIMERS.lock().as_mut().filter(|timers| timers.process.is_none()) {
        let _ = timers.start(tid); // `look_for_threads` tries again
    }
}

/// How many threads are not sampled, for want of timers.
pub(super) fn unsampled() -> usize {
    UNSAMPLED.load(Ordering::Relaxed)
}

/// Gives a timer to threads that have none yet, and takes those of threads that are gone.
pub(super) fn look_for_threads() {
    let ids = thread::all_ids();
    let mut timers = TIMERS.lock();
    let Some(timers) = timers.as_mut().filter(|timers| timers.process.is_none()) else {
        return;
    };
    // A number may be another thread's by now.
    timers.of.retain(|_, timer| timer.is_alive());
    let mut unsampled = 0;
    for id in ids {
        if !timers.of.contains_key(&id) {
            // Of other errors, it may have ended just now.
            let has_none_left = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
            unsampled += usize::from(timers.start(id).is_err_and(has_none_left));
        }
    }
    UNSAMPLED.store(unsampled, Ordering::Relaxed);
}

impl Timers {
    /// With a timer for the calling thread, or one for all.
    fn new(period_ns: u64) -> io::Result<Timers> {
        let mut timers = Timers { of: HashMap::new(), period_ns, process: None };
        if let Err(error) = timers.start(thread::id()) {
            // Too many timers is no reason to try another kind.
            if error.kind() == io::ErrorKind::WouldBlock {
                return Err(error);
            }
            timers.process = Some(ProcessTimer::start(period_ns)?);
        }
        Ok(timers)
    }

    fn start(&mut self, tid: u64) -> io::Result<()> {
        let timer = ThreadTimer::start(tid, first_ns(tid, self.period_ns), self.period_ns)?;
        self.of.insert(tid, timer);
        Ok(())
    }

    fn set_period(&mut self, period_ns: u64) {
        self.period_ns = period_ns;
        sample::set_period(period_ns);
        // What cannot be changed is of a thread that is gone.
        for (&tid, timer) in &self.of {
            let _ = timer.set(first_ns(tid, period_ns), period_ns);
        }
        if let Some(process) = &self.process {
            let _ = process.set(period_ns);
        }
    }
}

/// The first tick comes at any time of a period, or all threads would tick in step with what they
/// begin with.
fn first_ns(tid: u64, period_ns: u64) -> u64 {
    1 + random(tid) % period_ns
}

/// A number that is another one for each thread and time.
pub(crate) fn random(tid: u64) -> u64 {
    (tid ^ clock::monotonic_ns()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

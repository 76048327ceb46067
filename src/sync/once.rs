//! [`Once`]: a function that runs once.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::raw_mutex::RawMutex;
use crate::sched::current_g;
use crate::sched::g::G;
use crate::sys::thread;

/// Runs a function once, whoever comes first. The others wait until it has run.
///
/// A function that panics counts as one that has run, as does one that calls
/// [`goexit`](crate::goexit): it is not run again, and later calls return at once.
///
/// # Examples
/// ```
/// use gort::sync::Once;
///
/// static ONCE: Once = Once::new();
/// let mut runs = 0;
/// ONCE.call_once(|| runs += 1);
/// ONCE.call_once(|| runs += 1);
/// assert_eq!(runs, 1);
/// ```
///
/// # Go
/// `sync.Once`. A function that calls `call_once` of its own `Once` panics; Go's waits for ever.
pub struct Once {
    done: AtomicBool,
    mutex: RawMutex,
    /// Who runs the function; see [`caller`].
    runner: AtomicU64,
}

impl Once {
    /// A function is yet to run.
    pub const fn new() -> Once {
        Once { done: AtomicBool::new(false), mutex: RawMutex::new(), runner: AtomicU64::new(0) }
    }

    /// Runs `f` if this is the first call; else waits until the first call's function has run.
    ///
    /// # Panics
    /// With what `f` panics with. If `f` calls `call_once` of the same `Once`.
    #[inline]
    pub fn call_once(&self, f: impl FnOnce()) {
        if !self.is_completed() {
            self.call_slow(f);
        }
    }

    #[cold]
    fn call_slow(&self, f: impl FnOnce()) {
        let caller = caller();
        // Only the caller itself can have put its own number there.
        let is_inside = self.runner.load(Ordering::Relaxed) == caller;
        assert!(!is_inside, "gort: call_once inside the function of the same Once");
        self.mutex.lock();
        let _end = End(self);
        if !self.is_completed() {
            self.runner.store(caller, Ordering::Relaxed);
            f();
        }
    }

    /// Whether the function has run; then all that it did is seen.
    #[inline]
    pub fn is_completed(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `End::drop`.
        self.done.load(Ordering::Acquire)
    }
}

/// The current goroutine or thread, as a number that is not 0.
fn caller() -> u64 {
    current_g().map_or_else(|| thread::id() | 1 << 63, G::id)
}

/// However the function ends, it has run.
struct End<'a>(&'a Once);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.runner.store(0, Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `is_completed`.
        self.0.done.store(true, Ordering::Release);
        // SAFETY: locked in `call_slow`.
        unsafe { self.0.mutex.unlock() };
    }
}

impl Default for Once {
    fn default() -> Once {
        Once::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_completed() { "Once(done)" } else { "Once" })
    }
}

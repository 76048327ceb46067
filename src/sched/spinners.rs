//! Who is awake: the counters that decide whether new work wakes a thread.
//!
//! ```text
//! SUBMIT  make the work visible; light barrier; idle == 0 or spinning != 0 ? done
//!         : spinning 0 -> 1, start a thread (which begins life spinning)
//! FIND    spinning -= 1; it was the last, and idle != 0 ? heavy barrier; look at every queue once
//!         more; work there ? as SUBMIT
//! PARK    give the processor up (idle += 1); if spinning: spinning -= 1;
//!         heavy barrier; look at every queue once more; work there ? take a processor, go on
//! ```
//!
//! Invariant: work that is visible in a queue while a processor is idle is seen by a spinning
//! thread, or by the last look of a thread that is about to sleep, or its submitter wakes one.
//! SUBMIT stores the work and loads the counters, PARK stores the counters and loads the queues:
//! Dekker once more. `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU32, Ordering, full_barrier, heavy_barrier, light_barrier};

/// The two counters. See the module documentation.
pub(crate) struct Spinners {
    spinning: AtomicU32,
    idle: AtomicU32,
}

impl Spinners {
    pub(crate) const fn new() -> Spinners {
        Spinners { spinning: AtomicU32::new(0), idle: AtomicU32::new(0) }
    }

    /// SUBMIT, after the work is visible: whether the caller must start a (spinning) thread.
    /// If it then cannot, it calls [`Spinners::stop_spinning`].
    #[must_use]
    #[inline]
    pub(crate) fn wanted(&self) -> bool {
        light_barrier();
        // ORDERING: Acquire, pairs with the Release in `idle_more`: a spinning thread that gave up
        // before the processor became idle is seen to have.
        if self.idle.load(Ordering::Acquire) == 0 || self.spinning.load(Ordering::Relaxed) != 0 {
            return false;
        }
        self.claim()
    }

    #[cold]
    fn claim(&self) -> bool {
        // ORDERING: AcqRel, pairs with the AcqRel of `stop_spinning`: one wake-up at a time.
        self.spinning.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// A thread without work becomes a spinning one, unless half of the `procs - idle` busy
    /// processors are matched by spinning threads already.
    #[must_use]
    pub(crate) fn start_spinning(&self, procs: u32) -> bool {
        let busy = procs.saturating_sub(self.idle.load(Ordering::Relaxed));
        if 2 * self.spinning.load(Ordering::Relaxed) >= busy.max(1) {
            return false;
        }
        // ORDERING: AcqRel, pairs with `claim` and `stop_spinning`.
        self.spinning.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// A spinning thread found work, or gives up. Returns whether it was the last one.
    pub(crate) fn stop_spinning(&self) -> bool {
        // ORDERING: AcqRel, pairs with `claim`.
        self.spinning.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// A spinning thread found work. Returns whether it was the last one, while a processor is idle:
    /// then it looks at the queues once more, after a heavy barrier, and wakes another thread if
    /// there is more, for who submitted it may have relied on this one.
    #[must_use]
    pub(crate) fn found_work(&self) -> bool {
        self.stop_spinning() && {
            full_barrier();
            self.idle() != 0
        }
    }

    /// PARK, after the counters changed and before the last look at the queues.
    pub(crate) fn before_last_look(&self) {
        heavy_barrier();
    }

    /// A processor became idle. Called under the lock of the idle lists.
    pub(crate) fn idle_more(&self) {
        // ORDERING: Release, pairs with the Acquire in `wanted`.
        self.idle.fetch_add(1, Ordering::Release);
    }

    /// An idle processor was taken. Called under the lock of the idle lists.
    pub(crate) fn idle_less(&self) {
        self.idle.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many threads look for work, for orientation.
    #[allow(dead_code, reason = "the models have no use for it")]
    pub(crate) fn spinning(&self) -> u32 {
        self.spinning.load(Ordering::Relaxed)
    }

    /// How many processors are idle, for orientation.
    pub(crate) fn idle(&self) -> u32 {
        self.idle.load(Ordering::Relaxed)
    }
}

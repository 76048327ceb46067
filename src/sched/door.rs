//! The door between a worker thread's user code and the runtime.
//!
//! A thread is *inside* while it handles its processor, its queues and its trace buffer, and
//! outside while it runs user code. Whoever else must handle them (a trace generation's cut, the
//! start and stop of tracing) holds the door shut and waits until the thread is outside: from
//! then on everything that belongs to the thread is the holder's, until the door is released.
//! User code never notices, unless it wants to come in; then it waits.
//!
//! ```text
//! ENTER    in_rt = 1; light barrier; flag != 0 ? in_rt = 0, wait, again
//! LEAVE    in_rt = 0 (Release)
//! PROBE    flag = 1 (for all doors); heavy barrier; wait until in_rt (Acquire) == 0
//! RELEASE  flag = 0 (Release); wake
//! ```
//!
//! Invariant: `in_rt == 1` past ENTER and a completed PROBE exclude each other. ENTER stores
//! `in_rt` and loads `flag`, PROBE stores `flag` and loads `in_rt`, with the two halves of an
//! asymmetric barrier between (Dekker): at least one of them sees the other's store.
//! `tests/models` checks this file with loom.

use crate::sys::sync::{
    AtomicU32, Ordering, heavy_barrier, light_barrier, spin, wait_while, wake_all,
};

const FREE: u32 = 0;
const HELD: u32 = 1;

/// One thread's door. See the module documentation.
pub(crate) struct Door {
    in_rt: AtomicU32,
    flag: AtomicU32,
}

impl Door {
    pub(crate) fn new() -> Door {
        Door { in_rt: AtomicU32::new(0), flag: AtomicU32::new(FREE) }
    }

    /// ENTER, by the door's own thread, from outside.
    #[inline(always)]
    pub(crate) fn enter(&self) {
        self.in_rt.store(1, Ordering::Relaxed);
        light_barrier();
        // ORDERING: Acquire, pairs with the Release in `release`: what the holder did is seen.
        if self.flag.load(Ordering::Acquire) != FREE {
            self.enter_slow();
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_slow(&self) {
        loop {
            // ORDERING: Release, pairs with the Acquire in `wait_outside`.
            self.in_rt.store(0, Ordering::Release);
            wait_while(&self.flag, HELD);
            self.in_rt.store(1, Ordering::Relaxed);
            light_barrier();
            // ORDERING: Acquire, as in `enter`.
            if self.flag.load(Ordering::Acquire) == FREE {
                return;
            }
        }
    }

    /// LEAVE, by the door's own thread, from inside.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        // ORDERING: Release, pairs with the Acquire in `wait_outside`: the holder sees all that
        // was done inside.
        self.in_rt.store(0, Ordering::Release);
    }

    /// Steps outside for a holder, if there is one. For loops inside that may last.
    #[inline]
    pub(crate) fn step_aside(&self) {
        if self.flag.load(Ordering::Relaxed) != FREE {
            self.enter_slow();
        }
    }

    /// Whether the door's own thread is inside. Exact on that thread only.
    #[inline]
    pub(crate) fn is_inside(&self) -> bool {
        self.in_rt.load(Ordering::Relaxed) == 1
    }

    /// PROBE, the first half. [`shut_all`] then completes it for all doors.
    pub(crate) fn hold(&self) {
        self.flag.store(HELD, Ordering::Relaxed);
    }

    fn wait_outside(&self) {
        let mut turn = 0;
        // ORDERING: Acquire, pairs with the Releases in `leave` and `enter_slow`.
        while self.in_rt.load(Ordering::Acquire) == 1 {
            spin(turn);
            turn = turn.saturating_add(1);
        }
    }

    /// RELEASE, by the holder.
    pub(crate) fn release(&self) {
        // ORDERING: Release, pairs with the Acquires in `enter` and `enter_slow`.
        self.flag.store(FREE, Ordering::Release);
        wake_all(&self.flag);
    }
}

/// PROBE of many doors with one barrier: returns when every thread is outside and kept there.
///
/// One caller at a time; the caller's own door, if it has one, must not be inside.
pub(crate) fn shut_all<'a>(doors: impl Iterator<Item = &'a Door> + Clone) {
    doors.clone().for_each(Door::hold);
    heavy_barrier();
    doors.for_each(Door::wait_outside);
}

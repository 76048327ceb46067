//! The door between a worker thread's user code and the runtime.
//!
//! A thread is *inside* while it handles its processor, its queues and its trace buffer, and
//! outside while it runs user code. Whoever else must handle them (a trace generation's cut, the
//! start and stop of tracing) holds the door shut and waits until the thread is outside: from
//! then on everything that belongs to the thread is the holder's, until the door is released.
//! User code never notices, unless it wants to come in; then it waits.
//!
//! ```text
//! ENTER    in_rt = 1; light barrier; flag & HELD ? in_rt = 0, wait, again
//!          flag & TAKEN ? inside, but the processor is gone: SLOW, in `hand_off.rs`
//! LEAVE    in_rt = 0 (Release)
//! PROBE    flag |= HELD (for all doors); heavy barrier; wait until in_rt (Acquire) == 0
//! RELEASE  flag &= !HELD (Release); wake
//! TAKE     PROBE of one door, which does not wait: in_rt == 1 ? RELEASE
//!          take what is the thread's; flag = TAKEN (Release); wake
//! ```
//!
//! Invariant: `in_rt == 1` past ENTER and a completed PROBE exclude each other. ENTER stores
//! `in_rt` and loads `flag`, PROBE stores `flag` and loads `in_rt`, with the two halves of an
//! asymmetric barrier between (Dekker): at least one of them sees the other's store. HELD is the
//! one prober's, TAKEN the taker's to set and, once inside, the thread's own to clear.
//! `tests/models` checks this file with loom.

use crate::sys::sync::{
    AtomicU32, Ordering, heavy_barrier, light_barrier, spin, wait_while, wake_all,
};

const FREE: u32 = 0;
/// A prober keeps the thread out.
const HELD: u32 = 1;
/// The thread's processor has been taken from it, or given away, while it is outside.
const TAKEN: u32 = 2;

/// One thread's door. See the module documentation.
pub(crate) struct Door {
    in_rt: AtomicU32,
    flag: AtomicU32,
}

impl Door {
    pub(crate) fn new() -> Door {
        Door { in_rt: AtomicU32::new(0), flag: AtomicU32::new(FREE) }
    }

    /// ENTER, by the door's own thread, from outside. True: TAKEN; what was the thread's is not
    /// its own any more.
    #[must_use]
    #[inline(always)]
    pub(crate) fn enter(&self) -> bool {
        self.in_rt.store(1, Ordering::Relaxed);
        light_barrier();
        // ORDERING: Acquire, pairs with the Release in `release` and `take`: what the holder did
        // is seen.
        self.flag.load(Ordering::Acquire) != FREE && self.enter_slow()
    }

    #[cold]
    #[inline(never)]
    fn enter_slow(&self) -> bool {
        loop {
            // ORDERING: Acquire, as in `enter`.
            let flag = self.flag.load(Ordering::Acquire);
            if flag & HELD == 0 {
                return flag & TAKEN != 0;
            }
            // ORDERING: Release, pairs with the Acquire in `is_outside`.
            self.in_rt.store(0, Ordering::Release);
            wait_while(&self.flag, flag);
            self.in_rt.store(1, Ordering::Relaxed);
            light_barrier();
        }
    }

    /// LEAVE, by the door's own thread, from inside.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        // ORDERING: Release, pairs with the Acquire in `is_outside`: the holder sees all that was
        // done inside.
        self.in_rt.store(0, Ordering::Release);
    }

    /// Steps outside for a holder, if there is one. For loops inside that may last, where the
    /// thread has nothing that can be taken from it.
    #[inline]
    pub(crate) fn step_aside(&self) {
        if self.flag.load(Ordering::Relaxed) != FREE {
            let taken = self.enter_slow();
            debug_assert!(!taken);
        }
    }

    /// Whether the door's own thread is inside. Exact on that thread only.
    #[inline]
    pub(crate) fn is_inside(&self) -> bool {
        self.in_rt.load(Ordering::Relaxed) == 1
    }

    /// PROBE, the first half. [`shut_all`] then completes it for all doors.
    pub(crate) fn hold(&self) {
        self.flag.fetch_or(HELD, Ordering::Relaxed);
    }

    /// PROBE, the second half, after a heavy barrier: whether the thread is outside and kept there.
    fn is_outside(&self) -> bool {
        // ORDERING: Acquire, pairs with the Releases in `leave` and `enter_slow`.
        self.in_rt.load(Ordering::Acquire) == 0
    }

    fn wait_outside(&self) {
        let mut turn = 0;
        while !self.is_outside() {
            spin(turn);
            turn = turn.saturating_add(1);
        }
    }

    /// RELEASE, by the holder.
    pub(crate) fn release(&self) {
        // ORDERING: Release, pairs with the Acquires in `enter` and `enter_slow`.
        self.flag.fetch_and(!HELD, Ordering::Release);
        wake_all(&self.flag);
    }

    /// TAKE: `f` says whether it takes what is the thread's, while that is outside. False: nothing
    /// was taken, be it because the thread is inside. One prober at a time.
    pub(crate) fn take(&self, f: impl FnOnce() -> bool) -> bool {
        self.hold();
        heavy_barrier();
        let taken = self.is_outside() && f();
        if taken {
            self.give_away();
        }
        self.release();
        taken
    }

    /// The thread, inside, has given away what was its own; or the holder has taken it.
    pub(crate) fn give_away(&self) {
        self.flag.fetch_or(TAKEN, Ordering::Relaxed);
    }

    /// The thread, inside again, has what it needs, or waits for it where nobody takes anything.
    pub(crate) fn come_back(&self) {
        self.flag.fetch_and(!TAKEN, Ordering::Relaxed);
    }

    /// Whether what was the thread's is taken. Exact for the thread itself, and for a holder.
    pub(crate) fn is_taken(&self) -> bool {
        self.flag.load(Ordering::Relaxed) & TAKEN != 0
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

//! A goroutine's end and its handle: `src/sched/join.rs`.

#[path = "../../src/sched/join.rs"]
mod source;

use std::sync::atomic::{AtomicU32 as PlainU32, Ordering as PlainOrdering};

use loom::cell::UnsafeCell;

use crate::explore::check_pair;
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use source::{Finished, JoinSlot};

const VALUE: u32 = 42;

/// A goroutine with its result, as `src/sched/g.rs` has it.
struct Goroutine {
    join: JoinSlot,
    result: UnsafeCell<Option<u32>>,
    /// How often the result was taken or dropped. Not loom's, so that counting orders nothing.
    taken: PlainU32,
}

// SAFETY: that the join slot guards the result is what the models check.
unsafe impl Sync for Goroutine {}

impl Goroutine {
    fn new() -> Goroutine {
        let join = JoinSlot::new();
        join.reset();
        Goroutine { join, result: UnsafeCell::new(None), taken: PlainU32::new(0) }
    }

    /// The goroutine's last words: `spawn::finish`.
    fn run(&self) {
        // SAFETY: as for the type.
        self.result.with_mut(|result| unsafe { *result = Some(VALUE) });
        match self.join.finish() {
            Finished::Unwatched => {}
            Finished::Detached => self.take_result(),
            // SAFETY: the joiner waits until it is woken.
            Finished::Awaited(waiter) => unsafe { (*(waiter as *const Joiner)).wake() },
        }
    }

    fn take_result(&self) {
        // SAFETY: as for the type.
        let result = self.result.with_mut(|result| unsafe { (*result).take() });
        assert_eq!(result, Some(VALUE));
        self.taken.fetch_add(1, PlainOrdering::Relaxed);
    }

    fn assert_taken_once(&self) {
        assert_eq!(self.taken.load(PlainOrdering::Relaxed), 1);
    }
}

/// A thread that joins, on its own stack.
#[repr(align(8))]
struct Joiner {
    /// What the waker reads of the waiter.
    waiter: UnsafeCell<u32>,
    woken: AtomicU32,
    wakes: PlainU32,
}

impl Joiner {
    fn new() -> Joiner {
        let woken = AtomicU32::new(0);
        woken.load(Ordering::Relaxed); // its first use
        Joiner { waiter: UnsafeCell::new(0), woken, wakes: PlainU32::new(0) }
    }

    fn wake(&self) {
        // SAFETY: the joiner waits.
        assert_eq!(self.waiter.with(|waiter| unsafe { *waiter }), VALUE);
        self.wakes.fetch_add(1, PlainOrdering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `join`, as in `sudog::Parker`.
        self.woken.store(1, Ordering::Release);
        wake_all(&self.woken);
    }

    /// `JoinHandle::join` on a plain thread.
    fn join(&self, g: &Goroutine) {
        if !g.join.is_done() {
            // SAFETY: nobody else knows the joiner yet.
            self.waiter.with_mut(|waiter| unsafe { *waiter = VALUE });
            if g.join.wait(std::ptr::from_ref(self) as usize) {
                // ORDERING: Acquire, pairs with the Release in `wake`.
                while self.woken.load(Ordering::Acquire) == 0 {
                    wait_while(&self.woken, 0);
                }
                assert_eq!(self.wakes.load(PlainOrdering::Relaxed), 1);
                // SAFETY: the waker is through with it, so the stack may be used again.
                self.waiter.with_mut(|waiter| unsafe { *waiter = 0 });
            }
        }
        g.take_result();
    }
}

#[test]
fn the_result_is_seen_and_taken_once() {
    let join = |g: &Goroutine| Joiner::new().join(g);
    check_pair(Goroutine::new, Goroutine::run, join, Goroutine::assert_taken_once);
}

#[test]
fn a_detached_result_is_dropped_once() {
    let detach = |g: &Goroutine| {
        if !g.join.detach() {
            g.take_result();
        }
    };
    check_pair(Goroutine::new, Goroutine::run, detach, Goroutine::assert_taken_once);
}

//! A goroutine's end and its handle: `src/sched/join.rs`.

#[allow(dead_code, reason = "the model uses a part")]
#[path = "../../src/sched/join.rs"]
mod source;
#[path = "../../src/sched/ticket.rs"]
#[allow(clippy::duplicate_mod, reason = "`ticket.rs` has its own; mutants stand alone")]
mod ticket_source;

use std::sync::atomic::{AtomicU32 as PlainU32, Ordering as PlainOrdering};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::explore::check_pair;
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use source::{Finished, Holders, JoinSlot};
use ticket_source::Ticket;

const VALUE: u32 = 42;

/// A goroutine with its result, as `src/sched/g.rs` has it.
struct Goroutine {
    join: JoinSlot,
    result: UnsafeCell<Option<u32>>,
    /// How often the result was taken or dropped. Not loom's, so that counting orders nothing.
    taken: PlainU32,
    holders: Holders,
    /// The slot itself: looked at by who holds it, changed by who frees it.
    slot: UnsafeCell<u32>,
}

// SAFETY: that the join slot guards the result is what the models check.
unsafe impl Sync for Goroutine {}

impl Goroutine {
    fn new() -> Goroutine {
        let join = JoinSlot::new();
        join.reset();
        let (result, slot) = (UnsafeCell::new(None), UnsafeCell::new(0));
        Goroutine { join, result, taken: PlainU32::new(0), holders: Holders::new(), slot }
    }

    /// Whoever holds the slot looks at it.
    fn look(&self) {
        // SAFETY: as for the type.
        self.slot.with(|slot| assert_eq!(unsafe { *slot }, 0, "it is freed"));
    }

    /// `spawn::release`.
    fn release(&self) {
        if self.holders.let_go() {
            // SAFETY: as for the type.
            self.slot.with_mut(|slot| unsafe { *slot += 1 });
        }
    }

    fn assert_freed_once(&self) {
        self.assert_taken_once();
        // SAFETY: as for the type.
        self.slot.with(|slot| assert_eq!(unsafe { *slot }, 1));
    }

    /// The goroutine's last words: `spawn::finish`.
    fn run(&self) {
        // SAFETY: as for the type.
        self.result.with_mut(|result| unsafe { *result = Some(VALUE) });
        match self.join.finish() {
            Finished::Unwatched => {}
            Finished::Detached => {
                self.holders.alone();
                self.take_result();
            }
            Finished::Awaited(waiter) if waiter % 8 == TIMED => {
                // SAFETY: the word's share is ours now.
                let timed = unsafe { Arc::from_raw((waiter - TIMED) as *const Timed) };
                if timed.ticket.claim(Ticket::SERVED) {
                    timed.joiner.wake();
                }
            }
            Finished::Awaited(waiter) if waiter % 8 == FUTURE => {
                // SAFETY: the word's share is ours now.
                unsafe { Arc::from_raw((waiter - FUTURE) as *const Timed) }.joiner.wake();
            }
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

#[test]
fn the_last_who_holds_the_slot_frees_it() {
    let run = |g: &Goroutine| {
        g.run();
        g.look();
        g.release();
    };
    let detach = |g: &Goroutine| {
        g.look();
        if !g.join.detach() {
            g.take_result();
            g.look();
            g.release();
        }
    };
    check_pair(Goroutine::new, run, detach, Goroutine::assert_freed_once);
}

/// The kind of waiter that a share of the word's tells of.
const TIMED: usize = 1;

/// A joiner with a deadline: `joiner::Timed`.
#[repr(align(8))]
struct Timed {
    ticket: Ticket,
    joiner: Joiner,
}

// SAFETY: that a waiter is not touched by two at once is what the model checks.
unsafe impl Sync for Timed {}
// SAFETY: as above.
unsafe impl Send for Timed {}

impl Timed {
    fn new() -> Timed {
        let ticket = Ticket::new();
        let _ = ticket.is_expired(); // its first use
        Timed { ticket, joiner: Joiner::new() }
    }

    /// The clock: `timers::expired`.
    fn expire(&self) {
        if self.ticket.claim(Ticket::EXPIRED) {
            self.joiner.wake();
        }
    }

    fn sleep(&self) {
        // ORDERING: Acquire, pairs with the Release in `wake`.
        while self.joiner.woken.load(Ordering::Acquire) == 0 {
            wait_while(&self.joiner.woken, 0);
        }
        assert_eq!(self.joiner.wakes.load(PlainOrdering::Relaxed), 1);
    }
}

/// `joiner::join_until` of a goroutine: its end, the clock, and itself. loom counts the shares.
fn join_with_a_clock(g: &Goroutine) -> bool {
    let timed = Arc::new(Timed::new());
    // SAFETY: nobody else knows the joiner yet.
    timed.joiner.waiter.with_mut(|waiter| unsafe { *waiter = VALUE });
    let shared = Arc::clone(&timed);
    let clock = thread::spawn(move || shared.expire());
    let share = Arc::into_raw(Arc::clone(&timed));
    let word = share as usize + TIMED;
    let mut waits = g.join.wait(word);
    if !waits {
        // SAFETY: the word did not get the share.
        drop(unsafe { Arc::from_raw(share) });
        waits = !timed.ticket.claim(Ticket::SERVED);
    }
    if waits {
        timed.sleep();
    }
    let expired = g.join.withdraw(word);
    if expired {
        // SAFETY: the word's share, which nobody else took.
        drop(unsafe { Arc::from_raw(share) });
    }
    clock.join().unwrap();
    !expired
}

#[test]
fn a_deadline_and_the_end() {
    let join = |g: &Goroutine| {
        if join_with_a_clock(g) || !g.join.detach() {
            g.take_result();
        }
    };
    check_pair(Goroutine::new, Goroutine::run, join, Goroutine::assert_taken_once);
}

/// The kind of waiter that is a future's waker, which the word owns.
const FUTURE: usize = 2;

/// `joiner::register`, and the poll around it: `JoinFuture::poll`. True: ready.
fn poll(g: &Goroutine, registered: &mut Option<usize>, waker: &Arc<Timed>) -> bool {
    if g.join.is_done() {
        return true;
    }
    withdraw(g, registered);
    let share = Arc::into_raw(Arc::clone(waker));
    let word = share as usize + FUTURE;
    if g.join.wait(word) {
        *registered = Some(word);
        return false;
    }
    // SAFETY: the word did not get the share.
    drop(unsafe { Arc::from_raw(share) });
    true
}

/// `Registered::withdraw`.
fn withdraw(g: &Goroutine, registered: &mut Option<usize>) {
    if let Some(word) = registered.take()
        && g.join.withdraw(word)
    {
        // SAFETY: the word's share, which nobody else took.
        drop(unsafe { Arc::from_raw((word - FUTURE) as *const Timed) });
    }
}

#[test]
fn a_future_that_is_polled_with_another_waker() {
    let poll_to_the_end = |g: &Goroutine| {
        let mut registered = None;
        let wakers = [Arc::new(Timed::new()), Arc::new(Timed::new())];
        for waker in &wakers {
            // SAFETY: nobody else knows the waker yet.
            waker.joiner.waiter.with_mut(|waiter| unsafe { *waiter = VALUE });
        }
        if !wakers.iter().any(|waker| poll(g, &mut registered, waker)) {
            wakers[1].sleep();
            assert!(poll(g, &mut registered, &wakers[1]));
        }
        g.take_result();
    };
    check_pair(Goroutine::new, Goroutine::run, poll_to_the_end, Goroutine::assert_taken_once);
}

#[test]
fn a_future_that_is_dropped() {
    let poll_once = |g: &Goroutine| {
        let mut registered = None;
        let waker = Arc::new(Timed::new());
        // SAFETY: nobody else knows the waker yet.
        waker.joiner.waiter.with_mut(|waiter| unsafe { *waiter = VALUE });
        poll(g, &mut registered, &waker);
        withdraw(g, &mut registered);
        if !g.join.detach() {
            g.take_result();
        }
    };
    check_pair(Goroutine::new, Goroutine::run, poll_once, Goroutine::assert_taken_once);
}

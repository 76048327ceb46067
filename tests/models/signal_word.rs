//! A signal and the one who waits for it: `src/sched/signal_word.rs`.
//!
//! The owner's steps are those of `block_on` over `src/sched/waker.rs`, and of a scope that waits
//! for its goroutines over `src/sched/scope.rs`.

#[path = "../../src/sched/signal_word.rs"]
#[allow(dead_code, reason = "`is_given` is for orientation")]
mod source;

use std::sync::atomic::{AtomicU32 as PlainU32, Ordering as PlainOrdering};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::thread;

use crate::explore::{check, check_pair};
use crate::sys::sync::{AtomicU32, AtomicUsize, Ordering, wait_while, wake_all};
use source::SignalWord;

/// What a waker finds of a waiter.
const WAITS: u32 = 42;

/// Who waits, on its own stack. A goroutine's park is complete when its commit runs, so a waiter
/// that sleeps on a word behaves the same.
#[repr(align(8))]
struct Waiter {
    about: UnsafeCell<u32>,
    woken: AtomicU32,
    wakes: PlainU32,
}

impl Waiter {
    fn new() -> Waiter {
        let woken = AtomicU32::new(0);
        woken.load(Ordering::Relaxed); // its first use
        Waiter { about: UnsafeCell::new(0), woken, wakes: PlainU32::new(0) }
    }

    fn wake(&self) {
        // SAFETY: the waiter waits.
        assert_eq!(self.about.with(|about| unsafe { *about }), WAITS);
        self.wakes.fetch_add(1, PlainOrdering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `Signal::wait`, as in `sudog::Parker`.
        self.woken.store(1, Ordering::Release);
        wake_all(&self.woken);
    }
}

/// `src/sched/waker.rs`.
struct Signal(SignalWord);

impl Signal {
    fn give(&self) {
        if let Some(waiter) = self.0.notify() {
            // SAFETY: it stays until it is woken.
            unsafe { (*(waiter as *const Waiter)).wake() };
        }
    }

    fn wait(&self) {
        let waiter = Waiter::new();
        // SAFETY: nobody else knows the waiter yet.
        waiter.about.with_mut(|about| unsafe { *about = WAITS });
        if !self.0.wait(std::ptr::from_ref(&waiter) as usize) {
            return;
        }
        // ORDERING: Acquire, pairs with the Release in `wake`.
        while waiter.woken.load(Ordering::Acquire) == 0 {
            wait_while(&waiter.woken, 0);
        }
        assert_eq!(waiter.wakes.load(PlainOrdering::Relaxed), 1);
        // SAFETY: the waker is through with it, so the stack may be used again.
        waiter.about.with_mut(|about| unsafe { *about = 0 });
    }
}

/// A future that is ready once both its parts have been brought; each part comes with a wake.
struct Future {
    signal: Signal,
    parts: [(UnsafeCell<u32>, AtomicBool); 2],
}

// SAFETY: that a part is seen once it is there is what the models check.
unsafe impl Sync for Future {}
// SAFETY: as above.
unsafe impl Send for Future {}

impl Future {
    fn new() -> Future {
        let part = || (UnsafeCell::new(0), AtomicBool::new(false));
        Future { signal: Signal(SignalWord::new()), parts: [part(), part()] }
    }

    fn bring(&self, part: usize) {
        // SAFETY: as for the type.
        self.parts[part].0.with_mut(|value| unsafe { *value = WAITS });
        // Relaxed: what orders a poll after a wake is the signal.
        self.parts[part].1.store(true, Ordering::Relaxed);
        self.signal.give();
    }

    fn is_ready(&self, parts: usize) -> bool {
        self.parts[..parts].iter().all(|part| part.1.load(Ordering::Relaxed))
    }

    /// `block_on`. The signal is taken before the poll: a wake during the poll is not lost.
    fn block_on(&self, parts: usize) {
        loop {
            let woken = self.signal.0.take();
            if self.is_ready(parts) && woken {
                break;
            }
            self.signal.wait();
        }
    }
}

#[test]
fn a_wake_before_during_and_after_the_park() {
    let wake = |future: &Future| future.bring(0);
    let block_on = |future: &Future| {
        future.block_on(1);
        // SAFETY: as for the type.
        assert_eq!(future.parts[0].0.with(|value| unsafe { *value }), WAITS);
    };
    check_pair(Future::new, block_on, wake, |_| ());
}

#[test]
fn two_wakers_at_once() {
    check(|| {
        let future = Arc::new(Future::new());
        let bring = |part| {
            let future = Arc::clone(&future);
            thread::spawn(move || future.bring(part))
        };
        let wakers = [bring(0), bring(1)];
        loop {
            future.signal.0.take();
            if future.is_ready(2) {
                break;
            }
            future.signal.wait();
        }
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}

/// A waker that is kept: it wakes again when its `block_on` has ended, and when another wait, not
/// the signal's, has the stack.
#[test]
fn a_wake_after_the_end() {
    let wake_twice = |future: &Future| {
        future.bring(0);
        future.signal.give();
    };
    let block_on = |future: &Future| {
        future.block_on(1);
        let other = Waiter::new();
        assert_eq!(other.woken.load(Ordering::Relaxed), 0);
    };
    check_pair(Future::new, block_on, wake_twice, |_| ());
}

/// A scope: its goroutines count down, the last one gives the signal; the count may have been zero
/// before.
struct Scope {
    running: AtomicUsize,
    all_ended: Signal,
    results: [UnsafeCell<u32>; 2],
}

// SAFETY: that results are seen once all have ended is what the model checks.
unsafe impl Sync for Scope {}
// SAFETY: as above.
unsafe impl Send for Scope {}

impl Scope {
    fn leave(&self) {
        // ORDERING: AcqRel, as in `ScopeState::leave`.
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_ended.give();
        }
    }

    fn go(this: &Arc<Scope>, n: usize) -> thread::JoinHandle<()> {
        this.running.fetch_add(1, Ordering::Relaxed);
        let scope = Arc::clone(this);
        thread::spawn(move || {
            // SAFETY: as for the type.
            scope.results[n].with_mut(|result| unsafe { *result = WAITS });
            scope.leave();
        })
    }

    fn wait(&self) {
        // ORDERING: Acquire, as in `ScopeState::wait`.
        while self.running.load(Ordering::Acquire) != 0 {
            self.all_ended.wait();
            self.all_ended.0.take();
        }
    }
}

#[test]
fn a_scope_waits_for_all() {
    check(|| {
        let scope = Arc::new(Scope {
            running: AtomicUsize::new(0),
            all_ended: Signal(SignalWord::new()),
            results: [UnsafeCell::new(0), UnsafeCell::new(0)],
        });
        let goroutines = [Scope::go(&scope, 0), Scope::go(&scope, 1)];
        scope.wait();
        for result in &scope.results {
            // SAFETY: as for the type.
            assert_eq!(result.with(|result| unsafe { *result }), WAITS);
        }
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
    });
}

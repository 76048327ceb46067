//! The lock of a wait queue: `src/sched/lock.rs`, whose spinning is always in vain here.

#[path = "../../src/sched/lock.rs"]
#[allow(dead_code, reason = "a commit needs a scheduler")]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::explore::{check_pair, check_up_to};
use source::RawLock;

struct Locked {
    lock: RawLock,
    data: UnsafeCell<u32>,
}

// SAFETY: that one party at a time has the data is what the models check.
unsafe impl Sync for Locked {}

impl Locked {
    fn new() -> Locked {
        let lock = RawLock::new();
        // The word's first use is before it is shared.
        lock.lock();
        // SAFETY: locked just now.
        unsafe { lock.unlock() };
        Locked { lock, data: UnsafeCell::new(0) }
    }

    fn add(&self) {
        self.lock.lock();
        // SAFETY: as for the type.
        self.data.with_mut(|data| unsafe { *data += 1 });
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
    }

    fn assert_sum(&self, sum: u32) {
        self.lock.lock();
        // SAFETY: as for the type.
        assert_eq!(self.data.with(|data| unsafe { *data }), sum);
    }
}

#[test]
fn one_at_a_time() {
    check_pair(
        Locked::new,
        |locked| {
            locked.add();
            locked.add();
        },
        Locked::add,
        |locked| locked.assert_sum(3),
    );
}

#[test]
fn nobody_sleeps_for_ever() {
    check_up_to(2, || {
        let locked = Arc::new(Locked::new());
        let others = [0, 1].map(|_| {
            let locked = locked.clone();
            thread::spawn(move || locked.add())
        });
        locked.add();
        others.into_iter().for_each(|other| other.join().unwrap());
        locked.assert_sum(3);
    });
}

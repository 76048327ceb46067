//! A mutex: `src/sync/mutex_word.rs`, used as `src/sync/raw_mutex.rs` does.

#[path = "../../src/sync/mutex_word.rs"]
mod source;

use std::collections::VecDeque;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::{check_pair, check_up_to};
use crate::parker::Parker;
use source::MutexWord;

struct RawMutex {
    word: MutexWord,
    queue: Mutex<VecDeque<Arc<Parker>>>,
    /// Whether the first in the queue has always waited too long.
    is_late: bool,
    data: UnsafeCell<u32>,
}

// SAFETY: that one party at a time has the data is what the models check.
unsafe impl Sync for RawMutex {}

impl RawMutex {
    fn new(is_late: bool) -> RawMutex {
        let word = MutexWord::new();
        // The word's first use is before it is shared.
        assert!(word.lock_fast() && word.unlock_fast());
        RawMutex { word, queue: Mutex::default(), is_late, data: UnsafeCell::new(0) }
    }

    /// `RawMutex::lock_again`. `spins`: it spins for a turn.
    fn lock(&self, mut spins: bool) {
        let (mut waited, mut awake) = (false, false);
        while !self.word.take(awake) {
            if std::mem::take(&mut spins) {
                awake = awake || self.word.is_claimable() && self.word.claim_awake();
                continue;
            }
            let mut queue = self.queue.lock().unwrap();
            if !self.word.announce(awake) {
                continue;
            }
            let parker = Arc::new(Parker::new());
            if waited {
                queue.push_front(parker.clone());
            } else {
                queue.push_back(parker.clone());
            }
            drop(queue);
            if parker.park() {
                return;
            }
            (waited, awake) = (true, true);
        }
    }

    /// `RawMutex::unlock`.
    fn unlock(&self) {
        if self.word.unlock_fast() || self.word.free() {
            return;
        }
        let mut queue = self.queue.lock().unwrap();
        while !self.word.free() {
            assert!(!queue.is_empty());
            if self.word.pass_on(self.is_late, queue.len() > 1) {
                let parker = queue.pop_front().unwrap();
                drop(queue);
                return parker.wake(self.is_late);
            }
        }
    }

    /// With the mutex locked.
    fn add(&self) {
        self.data.with_mut(|data| {
            // SAFETY: as for the type.
            unsafe { *data += 1 };
        });
    }

    fn assert_sum(&self, sum: u32) {
        assert!(self.word.lock_fast(), "it is free, and nobody waits");
        // SAFETY: as for the type.
        assert_eq!(self.data.with(|data| unsafe { *data }), sum);
    }
}

fn once(mutex: &RawMutex) {
    if !mutex.word.lock_fast() {
        mutex.lock(false);
    }
    mutex.add();
    mutex.unlock();
}

fn twice(mutex: &RawMutex) {
    once(mutex);
    once(mutex);
}

#[test]
fn one_at_a_time() {
    check_pair(|| RawMutex::new(false), twice, twice, |mutex| mutex.assert_sum(4));
}

#[test]
fn handed_over() {
    check_pair(|| RawMutex::new(true), twice, twice, |mutex| mutex.assert_sum(4));
}

/// One holds the mutex, two want it, one of them spins: nobody is forgotten.
fn three(is_late: bool) {
    check_up_to(2, move || {
        let mutex = Arc::new(RawMutex::new(is_late));
        mutex.lock(false);
        let others = [true, false].map(|spins| {
            let mutex = mutex.clone();
            thread::spawn(move || {
                mutex.lock(spins);
                mutex.add();
                mutex.unlock();
            })
        });
        mutex.add();
        mutex.unlock();
        others.into_iter().for_each(|other| other.join().unwrap());
        mutex.assert_sum(3);
    });
}

#[test]
fn nobody_who_waits_is_forgotten() {
    three(false);
}

#[test]
fn nobody_who_is_handed_it_is_forgotten() {
    three(true);
}

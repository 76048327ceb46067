//! What of it blocks durably in a test bubble, as in Go's `testing/synctest`: the bubble's time goes
//! on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use gort::sync::{Barrier, Cond, Mutex, Semaphore, WaitGroup};
use gort::test::{bubble, wait};
use gort::time::Instant;
use gort::{JoinHandle, go, sleep};

use crate::{panic_of, run};

const LONG: Duration = Duration::from_secs(3600);

/// In a bubble: `blocks` blocks until `ends`, an hour of the bubble later.
fn blocks_durably<T: Send + Sync + 'static>(make: fn() -> T, blocks: fn(&T), ends: fn(&T)) {
    run(|| {
        bubble(move || {
            let begin = Instant::now();
            let shared = Arc::new(make());
            let other = Arc::clone(&shared);
            let waits: JoinHandle<()> = go(move || blocks(&other));
            sleep(LONG);
            wait();
            assert!(!waits.is_finished());
            ends(&shared);
            waits.join().unwrap();
            assert_eq!(begin.elapsed(), LONG);
        });
    });
}

#[test]
fn a_condition() {
    blocks_durably(
        || (Mutex::new(()), Cond::new()),
        |pair| pair.1.wait(&mut pair.0.lock()),
        |pair| pair.1.signal(),
    );
}

#[test]
fn a_wait_group() {
    let make = || {
        let group = WaitGroup::new();
        group.add(1);
        group
    };
    blocks_durably(make, WaitGroup::wait, WaitGroup::done);
}

#[test]
fn a_semaphore() {
    let make = || {
        let semaphore = Semaphore::new(2);
        semaphore.acquire(1).forget();
        semaphore
    };
    blocks_durably(make, |s| drop(s.acquire(2)), |s| s.release(1));
}

#[test]
fn a_barrier() {
    blocks_durably(|| Barrier::new(2), |b| assert!(!b.wait()), |b| assert!(b.wait()));
}

#[test]
fn limits_pass_by_the_bubbles_time() {
    run(|| {
        bubble(|| {
            let begin = Instant::now();
            let (mutex, cond) = (Mutex::new(()), Cond::new());
            assert!(!cond.wait_timeout(&mut mutex.lock(), LONG));
            let semaphore = Semaphore::new(1);
            let _held = semaphore.acquire(1);
            assert!(semaphore.acquire_timeout(1, LONG).is_none());
            assert!(semaphore.acquire_timeout(5, LONG).is_none());
            assert_eq!(begin.elapsed(), 3 * LONG);
        });
    });
}

/// A mutex does not: whoever has it may be outside.
#[test]
fn a_mutex_does_not_block_durably() {
    static MUTEX: Mutex<u32> = Mutex::new(0);
    run(|| {
        let held = MUTEX.lock();
        let inside = go(|| {
            bubble(|| {
                let waits = go(|| *MUTEX.lock() += 1);
                let begin = Instant::now();
                waits.join().unwrap();
                assert_eq!(begin.elapsed(), Duration::ZERO);
            });
        });
        sleep(Duration::from_millis(10));
        drop(held);
        inside.join().unwrap();
        assert_eq!(*MUTEX.lock(), 1);
    });
}

/// What was made in a bubble is the bubble's.
#[test]
fn from_outside() {
    run(|| {
        let (semaphore, barrier) = bubble(|| (Semaphore::new(1), Barrier::new(1)));
        let texts = [panic_of(|| semaphore.acquire(1)), panic_of(|| barrier.wait())];
        for text in texts {
            assert!(text.ends_with(" from outside of its test bubble"), "{text}");
        }
    });
}

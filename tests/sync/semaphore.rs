//! `Semaphore`.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::context::{self, ContextError};
use gort::sync::{Mutex, Semaphore, WaitGroup};
use gort::{JoinHandle, go, gosched, sleep};

use crate::{WHILE, blocked, joined, panic_of, run, until};

#[test]
fn never_more_than_there_are() {
    run(|| {
        const UNITS: usize = 10;
        let semaphore = Semaphore::new(UNITS);
        let used = Arc::new(AtomicUsize::new(0));
        let all = WaitGroup::new();
        let work = |n: usize| {
            let (semaphore, used) = (semaphore.clone(), Arc::clone(&used));
            move || {
                for turn in 0..200 {
                    let units = 1 + (turn * 7 + n) % UNITS;
                    let permit = semaphore.acquire(units);
                    assert_eq!(permit.units(), units);
                    assert!(used.fetch_add(units, Ordering::Relaxed) + units <= UNITS);
                    if turn % 4 == 0 {
                        gosched();
                    }
                    used.fetch_sub(units, Ordering::Relaxed);
                }
            }
        };
        (0..10).for_each(|n| drop(all.go(work(n))));
        joined(thread::spawn(work(20))).unwrap();
        all.wait();
        assert_eq!(semaphore.available(), UNITS);
    });
}

#[test]
fn try_acquire_does_not_wait() {
    let semaphore = Semaphore::new(2);
    let one = semaphore.try_acquire(1).unwrap();
    assert!(semaphore.try_acquire(2).is_none() && semaphore.try_acquire(3).is_none());
    let other = semaphore.try_acquire(1).unwrap();
    assert!(semaphore.try_acquire(1).is_none());
    assert!(semaphore.try_acquire(0).is_some());
    assert_eq!(format!("{semaphore:?} {one:?}"), "Semaphore(0 of 2) Permit(1)");
    drop((one, other));
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn raw_units_are_given_back_by_hand() {
    let semaphore = Semaphore::new(3);
    semaphore.acquire(2).forget();
    assert_eq!(semaphore.available(), 1);
    semaphore.release(2);
    let permit = semaphore.acquire(3);
    let text = panic_of(|| semaphore.release(4));
    assert_eq!(text, "gort: semaphore released more than is held");
    drop(permit);
    assert_eq!(panic_of(|| semaphore.release(1)), text);
    assert_eq!(panic_of(|| semaphore.release(usize::MAX)), text);
    // It is none the worse for it.
    assert_eq!(semaphore.available(), 3);
    semaphore.release(0);
}

/// A large request is not overtaken by small ones that would fit.
#[test]
fn first_come_first_served() {
    run(|| {
        let semaphore = Semaphore::new(4);
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = (semaphore.acquire(2), semaphore.acquire(2));
        let party = |name: &'static str, units: usize| {
            let (semaphore, order) = (semaphore.clone(), Arc::clone(&order));
            let handle = go(move || {
                let permit = semaphore.acquire(units);
                order.lock().push(name);
                drop(permit);
            });
            blocked(&handle, "semacquire");
            handle
        };
        let handles = [party("large", 4), party("small", 1), party("middle", 3)];
        drop(held.0);
        sleep(WHILE);
        assert!(semaphore.try_acquire(1).is_none(), "somebody waits");
        assert!(!handles.iter().any(JoinHandle::is_finished));
        drop(held.1);
        handles.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(order.lock()[0], "large");
        assert_eq!(semaphore.available(), 4);
    });
}

#[test]
fn a_large_request_is_not_starved() {
    run(|| {
        let semaphore = Semaphore::new(8);
        let stop = Arc::new(AtomicUsize::new(0));
        let small: Vec<_> = (0..16)
            .map(|_| {
                let (semaphore, stop) = (semaphore.clone(), Arc::clone(&stop));
                go(move || {
                    while stop.load(Ordering::Relaxed) == 0 {
                        let _permit = semaphore.acquire(1);
                        sleep(Duration::from_micros(50));
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            drop(semaphore.acquire(8));
        }
        stop.store(1, Ordering::Relaxed);
        small.into_iter().for_each(|h| h.join().unwrap());
    });
}

#[test]
fn too_large_a_request() {
    run(|| {
        let semaphore = Semaphore::new(2);
        let text = "gort: 3 units of a semaphore that has 2";
        assert_eq!(panic_of(|| semaphore.acquire(3)), text);
        assert_eq!(panic_of(|| semaphore.acquire_with(&context::background(), 3)), text);
        assert!(semaphore.try_acquire(3).is_none());
        // It waits for the end of its time or context, and for nobody's units.
        let begin = Instant::now();
        assert!(semaphore.acquire_timeout(3, WHILE).is_none());
        assert!(begin.elapsed() >= WHILE);
        let (ctx, cancel) = context::with_cancel(&context::background());
        let other = semaphore.clone();
        let waits = go(move || other.acquire_with(&ctx, 3).map(drop));
        sleep(WHILE);
        assert!(!waits.is_finished());
        drop(semaphore.acquire(2));
        cancel.cancel();
        assert_eq!(waits.join().unwrap(), Err(ContextError::Canceled));
    });
}

#[test]
fn a_wait_with_a_limit() {
    let check = || {
        let semaphore = Semaphore::new(2);
        let held = semaphore.acquire(1);
        let begin = Instant::now();
        assert!(semaphore.acquire_timeout(2, WHILE).is_none());
        assert!(begin.elapsed() >= WHILE);
        assert!(semaphore.acquire_timeout(1, Duration::ZERO).is_some());
        assert_eq!(semaphore.available(), 1);
        let releases = thread::spawn(move || {
            thread::sleep(WHILE);
            drop(held);
        });
        assert!(semaphore.acquire_timeout(2, Duration::MAX).is_some());
        joined(releases).unwrap();
        assert_eq!(semaphore.available(), 2);
    };
    run(|| ());
    check();
    run(check);
}

/// When the first in the queue gives up, those behind it that fit are served.
#[test]
fn giving_up_makes_way() {
    run(|| {
        gort::test::bubble(|| {
            let semaphore = Semaphore::new(2);
            let held = semaphore.acquire(1);
            for by_context in [false, true] {
                let (ctx, cancel) = context::with_cancel(&context::background());
                let other = semaphore.clone();
                let large = go(move || match by_context {
                    true => other.acquire_with(&ctx, 2).is_ok(),
                    false => other.acquire_timeout(2, WHILE).is_some(),
                });
                gort::test::wait();
                let other = semaphore.clone();
                let small = go(move || drop(other.acquire(1)));
                gort::test::wait();
                assert!(!small.is_finished() && !large.is_finished());
                if by_context {
                    cancel.cancel();
                }
                assert!(!large.join().unwrap());
                small.join().unwrap();
                assert_eq!(semaphore.available(), 1);
            }
            drop(held);
        });
    });
}

#[test]
fn with_a_context() {
    run(|| {
        let semaphore = Semaphore::new(1);
        let (ctx, cancel) = context::with_cancel(&context::background());
        let permit = semaphore.acquire_with(&ctx, 1).unwrap();
        let other = (semaphore.clone(), ctx.clone());
        let gets = go(move || drop(other.0.acquire_with(&other.1, 1).unwrap()));
        sleep(Duration::from_millis(5));
        drop(permit);
        gets.join().unwrap();
        cancel.cancel();
        // It has ended: nothing is given, though it is there.
        assert_eq!(semaphore.acquire_with(&ctx, 1).unwrap_err(), ContextError::Canceled);
        assert_eq!(semaphore.available(), 1);
        assert!(semaphore.acquire_with(&context::background(), 1).is_ok());
        let held = semaphore.acquire(1);
        let (ctx, _cancel) = context::with_timeout(&context::background(), WHILE);
        let late = semaphore.acquire_with(&ctx, 1).unwrap_err();
        assert_eq!(late, ContextError::DeadlineExceeded);
        // On a plain thread.
        let (ctx, cancel) = context::with_cancel(&context::background());
        let other = semaphore.clone();
        let thread = thread::spawn(move || other.acquire_with(&ctx, 1).unwrap_err());
        sleep(WHILE);
        cancel.cancel();
        assert_eq!(joined(thread).unwrap(), ContextError::Canceled);
        drop(held);
    });
}

/// Contexts that end, units that come, times that run out, all at once: no unit is lost.
#[test]
fn ends_and_units_race() {
    run(|| {
        let semaphore = Semaphore::new(3);
        let all = WaitGroup::new();
        for n in 0..12_u64 {
            let semaphore = semaphore.clone();
            all.go(move || {
                for turn in 0..100_u64 {
                    let units = 1 + ((turn + n) % 3) as usize;
                    let limit = Duration::from_micros((turn * 13 + n) % 200);
                    let permit = match n % 3 {
                        0 => Some(semaphore.acquire(units)),
                        1 => semaphore.acquire_timeout(units, limit),
                        _ => {
                            let (ctx, cancel) = context::with_cancel(&context::background());
                            let ends = go(move || {
                                sleep(limit);
                                cancel.cancel();
                            });
                            let permit = semaphore.acquire_with(&ctx, units).ok();
                            ends.join().unwrap();
                            permit
                        }
                    };
                    if permit.is_some() && turn % 2 == 0 {
                        gosched();
                    }
                }
            });
        }
        all.wait();
        assert_eq!(semaphore.available(), 3);
    });
}

#[test]
fn a_panic_gives_back() {
    run(|| {
        let semaphore = Semaphore::new(1);
        let other = semaphore.clone();
        let panics = go(move || {
            let _permit = other.acquire(1);
            resume_unwind(Box::new(()));
        });
        assert!(panics.join().is_err());
        until(|| semaphore.available() == 1);
    });
}

//! `Cond`.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::sync::{Cond, Mutex, WaitGroup};
use gort::{chan, go, gosched, sleep};

use crate::{WHILE, blocked, joined, run, until};

type Shared<T> = Arc<(Mutex<T>, Cond)>;

fn shared<T>(data: T) -> Shared<T> {
    Arc::new((Mutex::new(data), Cond::new()))
}

#[test]
fn a_signal_wakes_one() {
    run(|| {
        const N: usize = 5;
        let pair = shared(0);
        let (running, started) = chan(N);
        let (awake, woken) = chan(N);
        for _ in 0..N {
            let (pair, running, awake) = (Arc::clone(&pair), running.clone(), awake.clone());
            go(move || {
                let mut waiting = pair.0.lock();
                *waiting += 1;
                running.send(()).unwrap();
                pair.1.wait(&mut waiting);
                *waiting -= 1;
                awake.send(()).unwrap();
            });
        }
        (0..N).for_each(|_| started.recv().unwrap());
        for left in (0..N).rev() {
            assert!(woken.is_empty());
            let guard = pair.0.lock();
            pair.1.signal();
            drop(guard);
            woken.recv().unwrap();
            sleep(WHILE / 4);
            assert!(woken.is_empty(), "two woke");
            assert_eq!(*pair.0.lock(), left);
        }
        pair.1.signal(); // nobody is there
    });
}

#[test]
fn signals_wake_in_order() {
    run(|| {
        let pair = shared(Vec::new());
        let handles: Vec<_> = (0..20)
            .map(|n| {
                let other = Arc::clone(&pair);
                let (here, is_here) = chan(1);
                let handle = go(move || {
                    let mut order = other.0.lock();
                    here.send(()).unwrap();
                    other.1.wait(&mut order);
                    order.push(n);
                    other.1.signal();
                });
                is_here.recv().unwrap();
                handle
            })
            .collect();
        let guard = pair.0.lock(); // the last one waits
        drop(guard);
        pair.1.signal();
        handles.into_iter().for_each(|h| h.join().unwrap());
        assert!(pair.0.lock().iter().copied().eq(0..20));
    });
}

#[test]
fn a_broadcast_wakes_all() {
    run(|| {
        let pair = shared((0, false));
        let all = WaitGroup::new();
        let wait = |pair: Shared<(usize, bool)>| {
            move || {
                let mut guard = pair.0.lock();
                guard.0 += 1;
                pair.1.wait(&mut guard);
                assert!(guard.1, "woken without a reason");
                guard.0 -= 1;
            }
        };
        (0..100).for_each(|_| drop(all.go(wait(Arc::clone(&pair)))));
        let threads: Vec<_> = (0..3).map(|_| thread::spawn(wait(Arc::clone(&pair)))).collect();
        until(|| pair.0.lock().0 == 103);
        pair.0.lock().1 = true;
        pair.1.broadcast();
        all.wait();
        threads.into_iter().for_each(|t| joined(t).unwrap());
        assert_eq!(pair.0.lock().0, 0);
        pair.1.broadcast(); // nobody is there
    });
}

/// Steps that three parties take in turn, each by a condition of its own.
#[test]
fn taking_turns() {
    run(|| {
        let pair = shared(0);
        let all = WaitGroup::new();
        for party in 0..3 {
            let pair = Arc::clone(&pair);
            all.go(move || {
                for _ in 0..300 {
                    let mut step = pair.0.lock();
                    pair.1.wait_while(&mut step, |step| *step % 3 != party);
                    *step += 1;
                    pair.1.broadcast();
                }
            });
        }
        all.wait();
        assert_eq!(*pair.0.lock(), 900);
    });
}

/// One who comes later does not take a signal that was for one who waited.
#[test]
fn a_signal_is_not_stolen() {
    run(|| {
        for _ in 0..300 {
            let pair = shared(false);
            let (here, is_here) = chan(1);
            let first = {
                let pair = Arc::clone(&pair);
                go(move || {
                    let mut guard = pair.0.lock();
                    here.send(()).unwrap();
                    pair.1.wait(&mut guard);
                })
            };
            is_here.recv().unwrap();
            let guard = pair.0.lock();
            drop(guard);
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let pair = Arc::clone(&pair);
                    go(move || {
                        let mut done = pair.0.lock();
                        pair.1.wait_while(&mut done, |done| !*done);
                    })
                })
                .collect();
            pair.1.signal();
            first.join().unwrap();
            *pair.0.lock() = true;
            pair.1.broadcast();
            others.into_iter().for_each(|h| h.join().unwrap());
        }
    });
}

/// A queue of two places between many who put and many who take.
#[test]
fn nothing_is_lost_between_producers_and_consumers() {
    struct Two {
        queue: Mutex<VecDeque<u32>>,
        not_full: Cond,
        not_empty: Cond,
    }
    run(|| {
        let two = Arc::new(Two {
            queue: Mutex::default(),
            not_full: Cond::new(),
            not_empty: Cond::default(),
        });
        let all = WaitGroup::new();
        let sum = Arc::new(AtomicUsize::new(0));
        for n in 0..8 {
            let put = Arc::clone(&two);
            all.go(move || {
                for value in 0..200 {
                    let mut queue = put.queue.lock();
                    put.not_full.wait_while(&mut queue, |queue| queue.len() == 2);
                    queue.push_back(value);
                    drop(queue);
                    put.not_empty.signal();
                    if value % 50 == n {
                        gosched();
                    }
                }
            });
            let (take, sum) = (Arc::clone(&two), Arc::clone(&sum));
            all.go(move || {
                for _ in 0..200 {
                    let mut queue = take.queue.lock();
                    take.not_empty.wait_while(&mut queue, |queue| queue.is_empty());
                    let value = queue.pop_front().unwrap();
                    take.not_full.signal();
                    drop(queue);
                    sum.fetch_add(value as usize, Ordering::Relaxed);
                }
            });
        }
        all.wait();
        assert_eq!(sum.load(Ordering::Relaxed), 8 * (0..200).sum::<usize>());
    });
}

#[test]
fn a_wait_with_a_limit() {
    let check = || {
        let pair = shared(());
        let begin = Instant::now();
        let mut guard = pair.0.lock();
        assert!(!pair.1.wait_timeout(&mut guard, WHILE));
        assert!(begin.elapsed() >= WHILE);
        assert!(pair.0.try_lock().is_none(), "locked again");
        assert!(!pair.1.wait_timeout(&mut guard, Duration::ZERO));
        let other = Arc::clone(&pair);
        let signal = thread::spawn(move || {
            drop(other.0.lock());
            other.1.signal();
        });
        assert!(pair.1.wait_timeout(&mut guard, Duration::from_secs(60)));
        drop(guard);
        joined(signal).unwrap();
        pair.1.signal(); // those who timed out are not there any more
    };
    run(|| ());
    check();
    run(check);
    run(|| {
        let pair = shared(());
        let other = Arc::clone(&pair);
        let waits = go(move || other.1.wait_timeout(&mut other.0.lock(), Duration::MAX));
        blocked(&waits, "sync.Cond.Wait");
        pair.1.broadcast();
        assert!(waits.join().unwrap());
    });
}

/// Of a signal and the clock one ends each wait, and no signal is lost between them.
#[test]
fn signals_and_the_clock_race() {
    run(|| {
        let pair = shared((0, 0)); // signals sent, signals received
        let all = WaitGroup::new();
        let timed_out = Arc::new(AtomicUsize::new(0));
        for n in 0..4 {
            let (pair, timed_out) = (Arc::clone(&pair), Arc::clone(&timed_out));
            all.go(move || {
                for turn in 0..200_u64 {
                    let mut guard = pair.0.lock();
                    let limit = Duration::from_micros((turn * 7 + n) % 120);
                    if pair.1.wait_timeout(&mut guard, limit) {
                        guard.1 += 1;
                    } else {
                        timed_out.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let (stop, stopped) = chan::<()>(0);
        let signals = {
            let pair = Arc::clone(&pair);
            go(move || {
                while stopped.try_recv() == Err(gort::chan::TryRecvError::Empty) {
                    pair.1.signal();
                    sleep(Duration::from_micros(20));
                }
            })
        };
        all.wait();
        drop(stop);
        signals.join().unwrap();
        assert_eq!(pair.0.lock().1 + timed_out.load(Ordering::Relaxed), 800);
    });
}

#[test]
fn while_unwinding() {
    struct Waits(Shared<u32>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let mut turn = self.0.0.lock();
            self.0.1.wait_while(&mut turn, |turn| *turn == 0);
            *turn -= 1;
        }
    }
    run(|| {
        let pair = shared(0);
        let handles: Vec<_> = (0..5)
            .map(|_| {
                let waits = Waits(Arc::clone(&pair));
                go(move || {
                    let _waits = waits;
                    resume_unwind(Box::new(()));
                })
            })
            .collect();
        for _ in 0..5 {
            sleep(Duration::from_millis(1));
            *pair.0.lock() += 1;
            pair.1.signal();
        }
        handles.into_iter().for_each(|h| assert!(h.join().is_err()));
    });
}

#[test]
fn a_panic_in_the_condition_unlocks() {
    let pair = shared(1);
    let panics = AssertUnwindSafe(|| {
        pair.1.wait_while(&mut pair.0.lock(), |_| resume_unwind(Box::new(())));
    });
    assert!(catch_unwind(panics).is_err());
    assert_eq!(*pair.0.try_lock().unwrap(), 1);
    assert_eq!(format!("{:?}", pair.1), "Cond");
}

//! `Mutex`.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::sync::{Mutex, MutexGuard, WaitGroup};
use gort::{chan, go, goexit, gosched, sleep};

use crate::{WHILE, blocked, joined, run, until};

/// Adds in two steps, with `pause` between: without exclusion, sums get lost.
fn add(mutex: &Mutex<u32>, pause: impl FnOnce()) {
    let mut guard = mutex.lock();
    let old = *guard;
    pause();
    *guard = old + 1;
}

fn hammer(parties: u32, turns: u32, pause: fn()) {
    let mutex = Arc::new(Mutex::new(0));
    let all = WaitGroup::new();
    for _ in 0..parties {
        let mutex = Arc::clone(&mutex);
        all.go(move || (0..turns).for_each(|_| add(&mutex, pause)));
    }
    all.wait();
    assert_eq!(*mutex.lock(), parties * turns);
}

#[test]
fn one_at_a_time() {
    run(|| {
        hammer(10, 1000, || ());
        hammer(100, 100, || ());
        hammer(10, 100, gosched);
        hammer(4, 5, || sleep(Duration::from_micros(300)));
    });
}

#[test]
fn goroutines_and_threads() {
    run(|| ());
    let mutex = Arc::new(Mutex::new(0));
    let all = WaitGroup::new();
    let work = |mutex: Arc<Mutex<u32>>| {
        move || {
            for turn in 0..300 {
                add(&mutex, || {
                    if turn % 16 == 0 {
                        gosched()
                    }
                });
            }
        }
    };
    for _ in 0..8 {
        all.go(work(Arc::clone(&mutex)));
    }
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(work(Arc::clone(&mutex)))).collect();
    threads.into_iter().for_each(|t| joined(t).unwrap());
    all.wait();
    assert_eq!(*mutex.lock(), 12 * 300);
}

#[test]
fn it_works_without_a_runtime() {
    let mutex = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| add(&mutex, || ())));
        }
    });
    assert_eq!(mutex.into_inner(), 4000);
}

#[test]
fn try_lock_does_not_wait() {
    let mutex = Mutex::new(1);
    let guard = mutex.try_lock().unwrap();
    assert!(mutex.try_lock().is_none());
    drop(guard);
    *mutex.try_lock().unwrap() += 1;
    assert_eq!(*mutex.lock(), 2);
}

#[test]
fn try_lock_among_contenders() {
    run(|| {
        let (mutex, got) = (Arc::new(Mutex::new(0)), Arc::new(AtomicU32::new(0)));
        let all = WaitGroup::new();
        for n in 0..20 {
            let (mutex, got) = (Arc::clone(&mutex), Arc::clone(&got));
            all.go(move || {
                for turn in 0..200 {
                    let guard = if n % 2 == 0 { Some(mutex.lock()) } else { mutex.try_lock() };
                    if let Some(mut guard) = guard {
                        let old = *guard;
                        if turn % 10 == 0 {
                            gosched();
                        }
                        *guard = old + 1;
                        got.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        all.wait();
        assert!(mutex.try_lock().is_some());
        assert_eq!(*mutex.lock(), got.load(Ordering::Relaxed));
        assert!(got.load(Ordering::Relaxed) >= 2000);
    });
}

/// Whoever always has it gives it up in the end to one who only ever wants it.
#[test]
fn who_waits_is_not_starved() {
    run(|| {
        let (mutex, stop) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let greedy = {
            let (mutex, stop) = (Arc::clone(&mutex), Arc::clone(&stop));
            go(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _guard = mutex.lock();
                    sleep(Duration::from_micros(100));
                }
            })
        };
        let begin = Instant::now();
        for _ in 0..10 {
            sleep(Duration::from_micros(100));
            drop(mutex.lock());
        }
        stop.store(true, Ordering::Relaxed);
        greedy.join().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    });
}

/// Once the first in the queue has waited too long, the mutex is handed over, in order.
#[test]
fn hand_over_is_in_order() {
    run(|| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = order.lock();
        let all = WaitGroup::new();
        for n in 0..8 {
            let order = Arc::clone(&order);
            blocked(&all.go(move || order.lock().push(n)), "sync.Mutex.Lock");
        }
        sleep(WHILE);
        drop(held);
        // A newcomer comes after those who were handed it.
        order.lock().push(100);
        all.wait();
        let order = order.lock();
        assert!(order.iter().copied().eq((0..8).chain([100])), "{order:?}");
    });
}

#[test]
fn a_panic_unlocks_and_does_not_poison() {
    run(|| {
        let mutex = Arc::new(Mutex::new(1));
        let panics = Arc::clone(&mutex);
        let joined = go(move || {
            *panics.lock() = 2;
            let _guard = panics.lock();
            resume_unwind(Box::new("in the middle"));
        });
        assert!(joined.join().is_err());
        assert_eq!(*mutex.lock(), 2);
        let exits = Arc::clone(&mutex);
        let exited = go(move || {
            let _guard = exits.lock();
            goexit();
        });
        assert!(exited.join().is_err());
        assert_eq!(*mutex.lock(), 2);
    });
}

/// A destructor that waits for the mutex during a panic.
#[test]
fn while_unwinding() {
    struct Adds(Arc<Mutex<u32>>);
    impl Drop for Adds {
        fn drop(&mut self) {
            assert!(thread::panicking());
            add(&self.0, gosched);
        }
    }
    run(|| {
        let mutex = Arc::new(Mutex::new(0));
        let all = WaitGroup::new();
        for _ in 0..10 {
            let mutex = Arc::clone(&mutex);
            all.go(move || {
                for _ in 0..5 {
                    let adds = Adds(Arc::clone(&mutex));
                    let caught = catch_unwind(AssertUnwindSafe(|| {
                        let _adds = adds;
                        resume_unwind(Box::new(()));
                    }));
                    assert!(caught.is_err());
                    add(&mutex, || sleep(Duration::from_micros(50)));
                }
            });
        }
        all.wait();
        assert_eq!(*mutex.lock(), 100);
    });
}

#[test]
fn a_guard_lives_over_blocking_calls() {
    run(|| {
        let mutex = Arc::new(Mutex::new(0));
        let (tx, rx) = chan(0);
        let mut guard = mutex.lock();
        let sender = {
            let mutex = Arc::clone(&mutex);
            go(move || {
                assert!(mutex.try_lock().is_none());
                tx.send(5).unwrap();
                *mutex.lock() += 1;
            })
        };
        *guard = rx.recv().unwrap();
        sleep(Duration::from_millis(2));
        drop(guard);
        sender.join().unwrap();
        assert_eq!(*mutex.lock(), 6);
    });
}

/// As in Go, whoever unlocks need not be the one who locked.
#[test]
fn a_guard_may_be_dropped_elsewhere() {
    static MUTEX: Mutex<u32> = Mutex::new(0);
    run(|| {
        for _ in 0..100 {
            let (tx, rx) = chan::<MutexGuard<'static, u32>>(1);
            let other = go(move || *rx.recv().unwrap() += 1);
            tx.send(MUTEX.lock()).unwrap();
            drop(MUTEX.lock());
            other.join().unwrap();
        }
        let guard = MUTEX.lock();
        joined(thread::spawn(move || drop(guard))).unwrap();
        assert_eq!(*MUTEX.lock(), 100);
    });
}

/// Locking twice waits for ever, as in Go; here until another unlocks.
#[test]
fn a_second_lock_of_the_same_goroutine_waits() {
    static MUTEX: Mutex<()> = Mutex::new(());
    run(|| {
        let (tx, rx) = chan(1);
        let twice = go(move || {
            tx.send(MUTEX.lock()).unwrap();
            drop(MUTEX.lock());
        });
        let first = rx.recv().unwrap();
        sleep(WHILE);
        assert!(!twice.is_finished());
        drop(first);
        twice.join().unwrap();
    });
}

#[test]
fn the_data_without_locking() {
    let mut mutex = Mutex::from(vec![1]);
    mutex.get_mut().push(2);
    assert_eq!(format!("{mutex:?}"), "Mutex([1, 2])");
    let guard = mutex.lock();
    assert_eq!(format!("{mutex:?} {guard:?}"), "Mutex(<locked>) [1, 2]");
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    drop(guard);
    assert_eq!(mutex.into_inner(), [1, 2]);
    assert_eq!(*Mutex::<u8>::default().lock(), 0);
    let unsized_data: Box<Mutex<[u8]>> = Box::new(Mutex::new([1, 2, 3]));
    assert_eq!(unsized_data.lock().len(), 3);
}

/// What may go to other threads, as far as it can be written down.
#[test]
fn send_and_sync() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Mutex<Cell<u8>>>();
    is_sync::<Mutex<Cell<u8>>>();
    is_send::<MutexGuard<'_, Cell<u8>>>();
    is_sync::<MutexGuard<'_, u8>>();
}

/// A goroutine that catches its own `goexit` goes on with it where it next waits for a mutex.
#[test]
fn a_caught_goexit_goes_on_in_a_contended_lock() {
    static MUTEX: Mutex<u32> = Mutex::new(0);
    run(|| {
        let held = MUTEX.lock();
        let exits = go(|| {
            let _ = catch_unwind(|| goexit());
            *MUTEX.lock() += 1;
        });
        until(|| exits.is_finished());
        assert!(exits.join().unwrap_err().is::<gort::Goexit>());
        drop(held);
        assert_eq!(*MUTEX.lock(), 0);
    });
}

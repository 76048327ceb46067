//! [`gort::lock_os_thread`].

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::Duration;

use gort::{OsThread, blocking, chan, go, gosched, lock_os_thread, sleep};

use super::on_processors;

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(0) };
    static KEPT: RefCell<Option<OsThread>> = const { RefCell::new(None) };
}

#[test]
fn a_locked_goroutine_stays_and_nobody_else_comes() {
    on_processors(
        "locked::a_locked_goroutine_stays_and_nobody_else_comes",
        &["1", "2", "4"],
        || {
            let (tx, rx) = chan::<u64>(0);
            let locked: Vec<_> = (1..=4_u64)
                .map(|n| {
                    let tx = tx.clone();
                    go(move || {
                        let outer = lock_os_thread();
                        OWN.set(n);
                        let thread = thread::current().id();
                        for round in 0..50 {
                            let inner = lock_os_thread();
                            match round % 5 {
                                0 => gosched(),
                                1 => sleep(Duration::from_micros(50)),
                                2 => blocking(|| thread::sleep(Duration::from_micros(50))),
                                3 => thread::sleep(Duration::from_micros(300)),
                                _ => tx.send(n).unwrap(),
                            }
                            drop(inner);
                            assert_eq!((OWN.get(), thread::current().id()), (n, thread));
                        }
                        OWN.set(0);
                        drop(outer);
                        tx.send(0).unwrap();
                    })
                })
                .collect();
            drop(tx);
            let others: Vec<_> = (0..20)
                .map(|_| {
                    go(|| {
                        for _ in 0..50 {
                            assert_eq!(OWN.get(), 0, "this thread is somebody else's");
                            gosched();
                        }
                    })
                })
                .collect();
            assert_eq!(rx.iter().sum::<u64>(), 10 * 10);
            locked.into_iter().chain(others).for_each(|g| g.join().unwrap());
        },
    );
}

#[test]
fn guards_nest_and_end() {
    on_processors("locked::guards_nest_and_end", &["2"], || {
        let is_locked = || gort::goroutines()[0].locked_to_thread;
        let (one, two) = (lock_os_thread(), lock_os_thread());
        assert!(format!("{one:?}").contains("OsThread"));
        drop(one);
        assert!(is_locked());
        drop(two);
        assert!(!is_locked());
        // A goroutine that ends locked leaves a usable thread behind.
        go(|| std::mem::forget(lock_os_thread())).join().unwrap();
        assert!(!go(move || gort::goroutines()[0].locked_to_thread).join().unwrap());
    });
    drop(lock_os_thread()); // on a plain thread
}

/// A guard that stayed in its thread is found there by another goroutine.
#[test]
fn a_guard_that_outlives_its_goroutine_unlocks_nobody() {
    on_processors("locked::a_guard_that_outlives_its_goroutine_unlocks_nobody", &["1"], || {
        let is_locked = || gort::goroutines()[0].locked_to_thread;
        let mut found = false;
        while !found {
            go(|| KEPT.set(Some(lock_os_thread()))).join().unwrap();
            found = go(move || {
                let own = lock_os_thread();
                let kept = KEPT.take();
                let found = kept.is_some();
                drop(kept);
                assert!(is_locked());
                drop(own);
                assert!(!is_locked());
                found
            })
            .join()
            .unwrap();
        }
    });
}

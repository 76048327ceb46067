//! `RwMutex`.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use gort::sync::{RwMutex, RwWriteGuard, WaitGroup};
use gort::{chan, go, gosched, sleep};

use crate::{blocked, joined, run, until};

#[test]
fn readers_are_in_together() {
    run(|| {
        for readers in [1, 3, 4, 10] {
            let lock = Arc::new(RwMutex::new(7));
            let (here, all_here) = chan(0);
            let (leave, may_leave) = chan::<()>(0);
            let all = WaitGroup::new();
            for _ in 0..readers {
                let (lock, here, may_leave) = (Arc::clone(&lock), here.clone(), may_leave.clone());
                all.go(move || {
                    let guard = lock.read();
                    here.send(*guard).unwrap();
                    assert!(may_leave.recv().is_err());
                });
            }
            for _ in 0..readers {
                assert_eq!(all_here.recv(), Ok(7));
            }
            assert!(lock.try_write().is_none() && lock.try_read().is_some());
            drop(leave);
            all.wait();
            assert!(lock.try_write().is_some());
        }
    });
}

/// Readers count one each, a writer ten thousand: what they see of each other.
fn hammer(readers: u32, writers: u32, turns: u32, threads: bool) {
    let lock = Arc::new(RwMutex::new(AtomicI32::new(0)));
    let reader = |lock: Arc<RwMutex<AtomicI32>>| {
        move || {
            for turn in 0..turns {
                let guard = lock.read();
                let seen = guard.fetch_add(1, Ordering::Relaxed);
                assert!((0..10_000).contains(&seen), "{seen}");
                if turn % 8 == 0 {
                    gosched();
                }
                guard.fetch_sub(1, Ordering::Relaxed);
            }
        }
    };
    let writer = |lock: Arc<RwMutex<AtomicI32>>| {
        move || {
            for turn in 0..turns {
                let guard = lock.write();
                assert_eq!(guard.fetch_add(10_000, Ordering::Relaxed), 0);
                if turn % 8 == 0 {
                    gosched();
                }
                guard.fetch_sub(10_000, Ordering::Relaxed);
            }
        }
    };
    let all = WaitGroup::new();
    (0..readers).for_each(|_| drop(all.go(reader(Arc::clone(&lock)))));
    (0..writers).for_each(|_| drop(all.go(writer(Arc::clone(&lock)))));
    if threads {
        let threads = [thread::spawn(reader(Arc::clone(&lock))), thread::spawn(writer(lock))];
        threads.into_iter().for_each(|t| joined(t).unwrap());
    }
    all.wait();
}

#[test]
fn many_read_or_one_writes() {
    run(|| {
        hammer(1, 1, 1000, false);
        hammer(10, 1, 300, false);
        hammer(3, 10, 200, false);
        hammer(50, 5, 100, false);
    });
    hammer(5, 2, 200, true);
}

#[test]
fn try_forms_do_not_wait() {
    let lock = RwMutex::new(0);
    let writer = lock.write();
    assert!(lock.try_read().is_none() && lock.try_write().is_none());
    drop(writer);
    let readers = (lock.try_read().unwrap(), lock.read());
    assert!(lock.try_write().is_none());
    drop(readers);
    *lock.try_write().unwrap() = 1;
    assert_eq!(*lock.read(), 1);
}

#[test]
fn readers_come_after_a_waiting_writer_and_before_the_next() {
    run(|| {
        let lock = Arc::new(RwMutex::new(Vec::new()));
        let first = lock.read();
        let party = |name: &'static str, writes: bool, reason: &str| {
            let lock = Arc::clone(&lock);
            let handle = go(move || {
                if writes {
                    lock.write().push(name);
                } else {
                    let seen = lock.read().clone();
                    assert_eq!(seen, ["first writer"], "{name}");
                }
            });
            blocked(&handle, reason);
            handle
        };
        let writer = party("first writer", true, "sync.RWMutex.Lock");
        assert!(lock.try_read().is_none());
        let parties: Vec<_> = (0..3)
            .map(|_| party("reader", false, "sync.RWMutex.RLock"))
            .chain([party("second writer", true, "sync.Mutex.Lock")])
            .chain((0..3).map(|_| party("late reader", false, "sync.RWMutex.RLock")))
            .collect();
        assert!(!writer.is_finished() && !parties.iter().any(gort::JoinHandle::is_finished));
        drop(first);
        writer.join().unwrap();
        parties.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(*lock.read(), ["first writer", "second writer"]);
    });
}

#[test]
fn a_writer_is_not_starved() {
    run(|| {
        let (lock, stop) = (Arc::new(RwMutex::new(())), Arc::new(AtomicBool::new(false)));
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (lock, stop) = (Arc::clone(&lock), Arc::clone(&stop));
                go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let _guard = lock.read();
                        sleep(Duration::from_micros(100));
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            sleep(Duration::from_micros(200));
            drop(lock.write());
        }
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|h| h.join().unwrap());
    });
}

#[test]
fn a_writer_goes_on_as_a_reader() {
    run(|| {
        let lock = Arc::new(RwMutex::new(0));
        let mut writer = lock.write();
        let others: Vec<_> = [false, false, true]
            .into_iter()
            .map(|writes| {
                let lock = Arc::clone(&lock);
                go(move || {
                    if writes {
                        *lock.write() += 1;
                    } else {
                        assert!(*lock.read() >= 1);
                    }
                })
            })
            .collect();
        for (handle, writes) in others.iter().zip([false, false, true]) {
            blocked(handle, if writes { "sync.Mutex.Lock" } else { "sync.RWMutex.RLock" });
        }
        *writer += 1;
        let reader = RwWriteGuard::downgrade(writer);
        until(|| others.iter().filter(|h| h.is_finished()).count() == 2);
        assert_eq!(*reader, 1);
        drop(reader);
        others.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(*lock.read(), 2);
        // Without anybody else.
        let reader = RwWriteGuard::downgrade(lock.write());
        assert!(lock.try_read().is_some() && lock.try_write().is_none());
        drop(reader);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn a_panic_unlocks_both_sides() {
    run(|| {
        let lock = Arc::new(RwMutex::new(1));
        for writes in [false, true] {
            let lock = Arc::clone(&lock);
            let panics = go(move || {
                let _read = (!writes).then(|| lock.read());
                let _write = writes.then(|| lock.write());
                resume_unwind(Box::new(()));
            });
            assert!(panics.join().is_err());
        }
        *lock.write() += 1;
        assert_eq!(*lock.read(), 2);
    });
}

#[test]
fn the_data_without_locking() {
    let mut lock = RwMutex::from(1);
    *lock.get_mut() += 1;
    assert_eq!(format!("{lock:?} {:?}", lock.read()), "RwMutex(2) 2");
    let guard = lock.write();
    assert_eq!(format!("{lock:?} {guard:?}"), "RwMutex(<locked>) 2");
    drop(guard);
    assert_eq!(lock.into_inner(), 2);
    assert_eq!(*RwMutex::<u8>::default().read(), 0);
}

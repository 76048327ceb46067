//! `Pool`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use gort::gosched;
use gort::sync::{Pool, WaitGroup};

use crate::{joined, panic_of, run};

#[test]
fn what_is_put_back_is_used_again() {
    let made = AtomicUsize::new(0);
    let pool = Pool::new(|| made.fetch_add(1, Ordering::Relaxed));
    assert_eq!((pool.get(), pool.get()), (0, 1));
    pool.put(10);
    pool.put(11);
    let mut back = [pool.get(), pool.get()];
    back.sort_unstable();
    assert_eq!(back, [10, 11]);
    assert_eq!(pool.get(), 2);
    assert_eq!(format!("{pool:?}"), "Pool");
}

#[test]
fn a_loan_comes_back() {
    static POOL: Pool<Vec<u8>> = Pool::new(Vec::new);
    let mut lent = POOL.lend();
    lent.extend(b"tea");
    assert_eq!(format!("{lent:?}"), "[116, 101, 97]");
    drop(lent);
    assert_eq!(*POOL.lend(), *b"tea");
    let text = panic_of(|| {
        let _lent = POOL.lend();
        panic!("held")
    });
    assert_eq!((text.as_str(), POOL.get()), ("held", b"tea".to_vec()));
}

/// What one processor, or a plain thread, has put back is found from everywhere.
#[test]
fn others_shelves_are_looked_at() {
    run(|| ());
    let pool = Arc::new(Pool::new(|| 0));
    let (here, there) = (Arc::clone(&pool), Arc::clone(&pool));
    run(move || {
        here.put(1);
        gosched();
        assert_eq!(here.get(), 1);
        here.put(2);
    });
    thread::spawn(move || assert_eq!(there.get(), 2)).join().unwrap();
    pool.put(3);
    run(move || assert_eq!(pool.get(), 3));
}

#[test]
fn nobody_has_what_another_has() {
    run(|| {
        let pool = Arc::new(Pool::new(|| Arc::new(Mutex::new(()))));
        let all = WaitGroup::new();
        let work = |pool: Arc<Pool<Arc<Mutex<()>>, _>>| {
            move || {
                for turn in 0..500 {
                    let mine = pool.lend();
                    let guard = mine.try_lock().expect("nobody else has it");
                    if turn % 16 == 0 {
                        thread::yield_now();
                    }
                    drop(guard);
                    if turn % 32 == 0 {
                        gosched();
                    }
                }
            }
        };
        (0..16).for_each(|_| drop(all.go(work(Arc::clone(&pool)))));
        let threads: Vec<_> = (0..2).map(|_| thread::spawn(work(Arc::clone(&pool)))).collect();
        threads.into_iter().for_each(|t| joined(t).unwrap());
        all.wait();
    });
}

/// A pool keeps some hundred values and drops the rest, once each.
#[test]
fn a_full_pool_drops() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(|| Counted(Arc::clone(&drops)));
    (0..1000).for_each(|_| pool.put(Counted(Arc::clone(&drops))));
    let dropped = drops.load(Ordering::Relaxed);
    assert!((1..1000).contains(&dropped), "{dropped}");
    drop(pool);
    assert_eq!(drops.load(Ordering::Relaxed), 1000);
}

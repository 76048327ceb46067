//! `Barrier`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gort::sync::{Barrier, WaitGroup};
use gort::{go, sleep};

use crate::{WHILE, joined, run};

#[test]
fn nobody_goes_on_before_all_are_here() {
    run(|| {
        let barrier = Arc::new(Barrier::new(3));
        let wait = || {
            let barrier = Arc::clone(&barrier);
            move || barrier.wait()
        };
        let goroutine = go(wait());
        let thread = thread::spawn(wait());
        sleep(WHILE);
        assert!(!goroutine.is_finished() && !thread.is_finished());
        let last = [barrier.wait(), goroutine.join().unwrap(), joined(thread).unwrap()];
        assert_eq!(last.iter().filter(|&&is_last| is_last).count(), 1);
        assert_eq!(format!("{barrier:?}"), "Barrier(3)");
    });
}

#[test]
fn rounds_do_not_mix() {
    run(|| {
        const PARTIES: usize = 8;
        let barrier = Arc::new(Barrier::new(PARTIES));
        let (steps, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let all = WaitGroup::new();
        for _ in 0..PARTIES {
            let (barrier, steps, last) =
                (Arc::clone(&barrier), Arc::clone(&steps), Arc::clone(&last));
            all.go(move || {
                for round in 1..=200 {
                    steps.fetch_add(1, Ordering::Relaxed);
                    last.fetch_add(usize::from(barrier.wait()), Ordering::Relaxed);
                    assert!(steps.load(Ordering::Relaxed) >= round * PARTIES);
                    barrier.wait();
                    assert!(steps.load(Ordering::Relaxed) <= (round + 1) * PARTIES);
                }
            });
        }
        all.wait();
        assert_eq!(last.load(Ordering::Relaxed), 200);
    });
}

#[test]
fn a_barrier_for_one_or_none_does_not_wait() {
    for size in [0, 1] {
        let barrier = Barrier::new(size);
        assert!(barrier.wait() && barrier.wait());
    }
}

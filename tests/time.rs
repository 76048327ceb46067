//! Time: `sleep`.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gort::sync::WaitGroup;
use gort::{Builder, chan, go, gosched};
use process::{assert_success, process};
use runtime::{PATIENCE, run};

/// [`run`] with `procs` processors, for a process's first call.
fn run_on(procs: usize, f: impl FnOnce() + Send) {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(procs).run(f) }.unwrap();
}

/// Sleeps some times and returns by how much the best of them was too long.
fn best_excess(duration: Duration) -> Duration {
    let excess = || {
        let begin = Instant::now();
        gort::sleep(duration);
        let took = begin.elapsed();
        assert!(took >= duration, "{took:?} instead of {duration:?}");
        assert!(took < duration + PATIENCE, "{took:?} instead of {duration:?}");
        took - duration
    };
    (0..10).map(|_| excess()).min().unwrap()
}

#[test]
fn sleep_lasts_as_long_as_asked() {
    for micros in [1, 50, 999, 5_000, 30_000] {
        let duration = Duration::from_micros(micros);
        for excess in [run(|| best_excess(duration)), best_excess(duration)] {
            assert!(excess < Duration::from_millis(20), "{duration:?}: {excess:?} too long");
        }
    }
    run(|| gort::time::sleep(Duration::from_nanos(1)));
}

#[test]
fn zero_is_no_sleep() {
    fn sleeps() -> Duration {
        let begin = Instant::now();
        (0..100_000).for_each(|_| gort::sleep(Duration::ZERO));
        begin.elapsed()
    }
    // A switch, or a call of the system, for each would take longer.
    assert!((0..20).map(|_| run(sleeps)).min().unwrap() < Duration::from_millis(20));
    assert!((0..20).map(|_| sleeps()).min().unwrap() < Duration::from_millis(20));
}

#[test]
fn the_shorter_sleep_ends_first() {
    fn order() -> Vec<u64> {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let all = WaitGroup::new();
        for millis in [40, 10, 30, 0, 50, 20] {
            let woken = Arc::clone(&woken);
            all.go(move || {
                gort::sleep(Duration::from_millis(millis));
                woken.lock().unwrap().push(millis);
            });
        }
        all.wait();
        std::mem::take(&mut *woken.lock().unwrap())
    }
    // A machine that stands still for a while makes several due at once, so there are tries.
    let tries: Vec<_> = (0..10).map(|_| run(order)).collect();
    assert!(tries.iter().any(|order| order.is_sorted()), "{tries:?}");
}

#[test]
fn huge_durations_are_for_ever() {
    run(|| {
        let huge = [
            Duration::MAX,
            Duration::from_nanos(u64::MAX),
            Duration::from_nanos(u64::MAX - 1),
            Duration::from_secs(1 << 40),
            Duration::from_nanos(i64::MAX as u64),
        ];
        let sleepers: Vec<_> = huge.into_iter().map(|d| go(move || gort::sleep(d))).collect();
        let threads: Vec<_> =
            huge.into_iter().map(|d| thread::spawn(move || gort::sleep(d))).collect();
        // Others' timers go on meanwhile.
        (0..20).for_each(|_| gort::sleep(Duration::from_millis(2)));
        assert!(!sleepers.iter().any(gort::JoinHandle::is_finished));
        assert!(!threads.iter().any(thread::JoinHandle::is_finished));
    });
}

#[test]
fn ten_thousand_sleep() {
    const SLEEPERS: u64 = 10_000;
    let Some(output) = process("ten_thousand_sleep", &[]) else {
        run_on(2, || {
            let begin = Instant::now();
            let sleep = |n| {
                let duration = Duration::from_micros(200_000 + n * 7919 % 100_000);
                go(move || {
                    let begin = Instant::now();
                    gort::sleep(duration);
                    let took = begin.elapsed();
                    assert!(took >= duration, "{took:?} instead of {duration:?}");
                })
            };
            let sleepers: Vec<_> = (0..SLEEPERS).map(sleep).collect();
            // None of them costs a thread.
            let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
            assert!(threads < 20, "{threads}");
            sleepers.into_iter().for_each(|h| h.join().unwrap());
            // One after the other they would take forty minutes.
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn sleeps_and_timeouts_end_while_another_processor_computes() {
    let Some(output) = process("sleeps_and_timeouts_end_while_another_processor_computes", &[])
    else {
        run_on(2, || {
            for round in 0..20 {
                let stop = Arc::new(AtomicBool::new(false));
                let until = Arc::clone(&stop);
                let sleeper = go(move || {
                    let (_tx, rx) = chan::<()>(0);
                    match round % 2 {
                        0 => gort::sleep(Duration::from_millis(5)),
                        _ => assert!(rx.recv_timeout(Duration::from_millis(5)).is_err()),
                    }
                    stop.store(true, Ordering::Relaxed);
                });
                // So that the timer is with the processor that computes, in half of the rounds.
                if round % 4 < 2 {
                    gosched();
                }
                let begin = Instant::now();
                while !until.load(Ordering::Relaxed) {
                    assert!(begin.elapsed() < Duration::from_secs(10), "round {round}");
                    black_box(0);
                }
                sleeper.join().unwrap();
            }
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn sleepers_outlast_their_processor() {
    let Some(output) = process("sleepers_outlast_their_processor", &[]) else {
        run_on(8, || {
            let woken = Arc::new(AtomicUsize::new(0));
            for round in 1..=10 {
                let all = WaitGroup::new();
                for n in 0..400u64 {
                    let (woken, spread) = (Arc::clone(&woken), WaitGroup::new());
                    all.go(move || {
                        // Through other processors before it sleeps.
                        (0..n % 4).for_each(|_| drop(spread.go(gosched)));
                        spread.wait();
                        let (_tx, rx) = chan::<()>(0);
                        let duration = Duration::from_micros(10_000 + n * 50);
                        match n % 2 {
                            0 => gort::sleep(duration),
                            _ => assert!(rx.recv_timeout(duration).is_err()),
                        }
                        woken.fetch_add(1, Ordering::Relaxed);
                    });
                }
                gort::sleep(Duration::from_millis(5));
                gort::gomaxprocs(1 + round % 3);
                all.wait();
                assert_eq!(woken.load(Ordering::Relaxed), 400 * round);
                gort::gomaxprocs(8);
            }
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn timers_are_cancelled_wherever_their_goroutine_is() {
    let Some(output) = process("timers_are_cancelled_wherever_their_goroutine_is", &[]) else {
        run_on(4, || {
            let all = WaitGroup::new();
            for n in 0..20 {
                let (tx, rx) = chan(0);
                all.go(move || {
                    for turn in 0..300 {
                        // Always in time, so the timer must go with the value's coming.
                        tx.send_timeout(turn, PATIENCE).unwrap();
                        if turn % 7 == n % 7 {
                            gort::sleep(Duration::from_micros(100));
                        }
                    }
                });
                all.go(move || {
                    assert!((0..300).all(|turn| rx.recv_timeout(PATIENCE) == Ok(turn)));
                });
            }
            for n in [1, 4, 2, 3].into_iter().cycle().take(40) {
                gort::sleep(Duration::from_micros(500));
                gort::gomaxprocs(n);
            }
            all.wait();
        });
        return;
    };
    assert_success(&output);
}

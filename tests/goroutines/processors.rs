//! Processors: how many there are, and who gets one.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::sync::WaitGroup;
use gort::{chan, go, gosched, scope, sleep};

use crate::gort_on;
use crate::process::{assert_success, process};

#[test]
fn gomaxprocs_changes_while_work_runs() {
    let Some(output) = process("processors::gomaxprocs_changes_while_work_runs", &[]) else {
        gort_on(2, || {
            let workers: Vec<_> = (0..50u64)
                .map(|n| {
                    go(move || {
                        let mut sum = 0;
                        for step in 0..200 {
                            sum += black_box(n * step);
                            match step % 3 {
                                0 => gosched(),
                                1 => sleep(Duration::from_micros(50)),
                                _ => assert_eq!(go(move || step).join().unwrap(), step),
                            }
                        }
                        sum
                    })
                })
                .collect();
            let mut procs = 2;
            for n in [1, 16, 3, 1, 1, 64, 2, 5, 1, 8].into_iter().cycle().take(60) {
                assert_eq!(gort::gomaxprocs(n), procs);
                assert_eq!(gort::gomaxprocs(0), n);
                procs = n;
                sleep(Duration::from_millis(1));
            }
            for (n, handle) in workers.into_iter().enumerate() {
                assert_eq!(handle.join().unwrap(), n as u64 * 199 * 100);
            }
            gort::gomaxprocs(5000);
            assert_eq!(gort::gomaxprocs(2), 1024);
        });
        return;
    };
    assert_success(&output);
}

/// Computes for so long, and never gives way.
fn compute(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn who_yields_leaves_a_processor_that_fell_away() {
    const ROUNDS: usize = 20;
    let Some(output) = process("processors::who_yields_leaves_a_processor_that_fell_away", &[])
    else {
        gort_on(2, || {
            let mut overlaps = 0;
            for _ in 0..ROUNDS {
                gort::gomaxprocs(2);
                // Both run; then there is one processor; then both yield, and compute.
                let shared = [const { AtomicUsize::new(0) }; 4];
                let shared: &'static [AtomicUsize; 4] = Box::leak(Box::new(shared));
                let [there, fell_away, computing, most] = shared;
                let wait_for = |word: &AtomicUsize, n| {
                    while word.load(Ordering::SeqCst) < n {
                        thread::yield_now();
                    }
                };
                let both = [true, false].map(|is_first| {
                    go(move || {
                        there.fetch_add(1, Ordering::SeqCst);
                        wait_for(there, 2);
                        if is_first {
                            gort::gomaxprocs(1);
                            fell_away.store(1, Ordering::SeqCst);
                        }
                        wait_for(fell_away, 1);
                        gosched();
                        let now = computing.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        compute(Duration::from_millis(2));
                        computing.fetch_sub(1, Ordering::SeqCst);
                    })
                });
                both.into_iter().for_each(|handle| handle.join().unwrap());
                overlaps += most.load(Ordering::SeqCst) - 1;
            }
            gort::gomaxprocs(2);
            // Whoever is kept from computing for 10 ms loses the processor and goes on without.
            assert!(overlaps < ROUNDS / 2, "{overlaps} of {ROUNDS}");
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn who_yields_to_one_that_computes_gets_another_processor() {
    let test = "processors::who_yields_to_one_that_computes_gets_another_processor";
    let Some(output) = process(test, &[]) else {
        gort_on(2, || {
            let (tx, rx) = chan(0);
            let (done, is_done) = chan(0);
            go(move || {
                for time in rx {
                    compute(time);
                    done.send(()).unwrap();
                }
            });
            const TIME: Duration = Duration::from_millis(50);
            let waits: Vec<Duration> = (0..20)
                .map(|_| {
                    // So often that nobody is woken any more for who is about to run anyway.
                    for _ in 0..5_000 {
                        tx.send(Duration::ZERO).unwrap();
                        is_done.recv().unwrap();
                    }
                    tx.send(TIME).unwrap();
                    let begin = Instant::now();
                    gosched();
                    let waited = begin.elapsed();
                    is_done.recv().unwrap();
                    waited
                })
                .collect();
            // A machine that is busy elsewhere may look like it.
            let in_vain = waits.iter().filter(|waited| **waited >= TIME).count();
            assert!(in_vain <= 2, "{waits:?}");
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn who_computes_beside_a_short_queue_shares_it() {
    let Some(output) = process("processors::who_computes_beside_a_short_queue_shares_it", &[])
    else {
        gort_on(2, || {
            let (to_partner, from_me) = chan::<Arc<AtomicBool>>(0);
            let (to_other, others) = chan::<()>(0);
            let (done, is_done) = chan(0);
            go(move || {
                for started in from_me {
                    started.store(true, Ordering::SeqCst);
                    done.send(()).unwrap();
                }
            });
            go(move || others.into_iter().for_each(drop));
            let round = || {
                sleep(Duration::from_micros(200)); // both wait in their channels by then
                let started = Arc::new(AtomicBool::new(false));
                to_partner.send(Arc::clone(&started)).unwrap();
                // This one is next; the partner, readied before, goes to the queue.
                to_other.send(()).unwrap();
                let waited = compute_until(&started);
                is_done.recv().unwrap();
                waited
            };
            assert_soon(crowd_passes_values, round);
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn who_computes_beside_fresh_ones_shares_them() {
    let Some(output) = process("processors::who_computes_beside_fresh_ones_shares_them", &[])
    else {
        gort_on(2, || {
            let crowd_ends_at_once = || {
                let all = WaitGroup::new();
                for _ in 0..5_000 {
                    let all = all.clone();
                    all.add(1);
                    go(move || all.done());
                }
                all.wait();
            };
            let round = || {
                let started = Arc::new(AtomicBool::new(false));
                let partner = {
                    let started = Arc::clone(&started);
                    go(move || started.store(true, Ordering::SeqCst))
                };
                // This one is next; the partner goes to the queue.
                let other = go(|| {});
                let waited = compute_until(&started);
                partner.join().unwrap();
                other.join().unwrap();
                waited
            };
            assert_soon(crowd_ends_at_once, round);
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn partners_beside_a_short_queue_share_it() {
    let Some(output) = process("processors::partners_beside_a_short_queue_share_it", &[]) else {
        gort_on(2, || {
            let (to_partner, from_me) = chan(0);
            let (to_me, from_partner) = chan(0);
            let (to_other, others) = chan::<Arc<AtomicBool>>(0);
            go(move || from_me.into_iter().for_each(|()| to_me.send(()).unwrap()));
            go(move || {
                others.into_iter().for_each(|started| started.store(true, Ordering::SeqCst))
            });
            let round = || {
                sleep(Duration::from_micros(200)); // both wait in their channels by then
                let started = Arc::new(AtomicBool::new(false));
                to_other.send(Arc::clone(&started)).unwrap();
                let begin = Instant::now();
                // The partner is next, and the other goes to the queue.
                while !started.load(Ordering::SeqCst) && begin.elapsed() < PATIENCE {
                    to_partner.send(()).unwrap();
                    from_partner.recv().unwrap();
                }
                begin.elapsed()
            };
            assert_soon(crowd_passes_values, round);
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn who_yields_after_a_crowd_shares_its_queue() {
    let Some(output) = process("processors::who_yields_after_a_crowd_shares_its_queue", &[]) else {
        gort_on(2, || {
            let round = || {
                let threads = [const { AtomicI32::new(0) }; 2];
                let begin = Instant::now();
                let compute = |own: usize| {
                    let are_apart = || {
                        let [one, other] = [0, 1].map(|n: usize| threads[n].load(Ordering::SeqCst));
                        one != 0 && other != 0 && one != other
                    };
                    while !are_apart() && begin.elapsed() < PATIENCE {
                        // SAFETY: takes nothing, and cannot fail.
                        threads[own].store(unsafe { libc::gettid() }, Ordering::SeqCst);
                        (0..200).for_each(|n| _ = black_box(n));
                        gosched();
                    }
                    begin.elapsed()
                };
                scope(|s| {
                    s.go(|| compute(0));
                    compute(1)
                })
            };
            assert_soon(crowd_passes_values, round);
        });
        return;
    };
    assert_success(&output);
}

const PATIENCE: Duration = Duration::from_millis(20);

/// Computes until `started`, or for long. Returns for how long.
fn compute_until(started: &AtomicBool) -> Duration {
    let begin = Instant::now();
    while !started.load(Ordering::SeqCst) && begin.elapsed() < PATIENCE {
        std::hint::spin_loop();
    }
    begin.elapsed()
}

/// After a `crowd` that teaches thieves to leave it alone, few rounds wait long: somebody else runs
/// what lies beside who computes.
fn assert_soon(crowd: impl Fn(), round: impl Fn() -> Duration) {
    let mut waits: Vec<Duration> = (0..100)
        .map(|_| {
            crowd();
            round()
        })
        .collect();
    waits.sort_unstable();
    // By itself it takes some 50 µs, or half a millisecond where somebody watches. A machine that is busy
    // elsewhere may take long to wake a thread; but whoever is left where it lies waits for the end of a
    // slice, or longer.
    let is_soon = waits[10] < PATIENCE / 10 && waits[50] < PATIENCE / 3;
    assert!(is_soon, "{waits:?}");
}

/// Goroutines in a short queue that run for a moment each, for so long that thieves let them.
fn crowd_passes_values() {
    let (tx, rx) = chan(0);
    for _ in 0..4 {
        let tx = tx.clone();
        go(move || (0..2_000).for_each(|n| tx.send(n).unwrap()));
    }
    drop(tx);
    assert_eq!(rx.into_iter().sum::<u32>(), 4 * 1_999_000);
}

#[test]
fn processors_run_goroutines_at_the_same_time() {
    let Some(output) = process("processors::processors_run_goroutines_at_the_same_time", &[])
    else {
        // Each spins until all are there: none of them ever blocks.
        gort_on(4, || {
            let there = Arc::new(AtomicUsize::new(0));
            let meet = || {
                let there = Arc::clone(&there);
                go(move || {
                    there.fetch_add(1, Ordering::SeqCst);
                    while there.load(Ordering::SeqCst) < 4 {
                        thread::yield_now();
                    }
                })
            };
            let handles: Vec<_> = (0..4).map(|_| meet()).collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
        });
        return;
    };
    assert_success(&output);
}

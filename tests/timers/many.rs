//! Many timers at once, and timers that meet others.

use super::*;

#[test]
fn stopping_races_with_firing() {
    run(|| {
        for round in 0..300_u64 {
            let calls = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&calls);
            let delay = Duration::from_micros(round % 60);
            let call = move || {
                count.fetch_add(1, Ordering::SeqCst);
            };
            let func = Timer::with_func(delay, call);
            let timer = Timer::new(delay);
            let receiver = timer.receiver().clone();
            let other = go(move || receiver.try_iter().count());
            if round % 2 == 0 {
                sleep(delay);
            }
            let prevented = func.stop();
            let taken_back = timer.stop();
            // From here on nothing comes that has not come already.
            assert!(is_empty(&timer));
            let received = other.join().unwrap();
            assert_eq!(received, usize::from(!taken_back), "round {round}");
            assert!(is_empty(&timer));
            if !prevented {
                while calls.load(Ordering::SeqCst) == 0 {
                    gosched();
                }
            } else if round % 50 == 0 {
                sleep(millis(1));
            }
            assert_eq!(calls.load(Ordering::SeqCst), usize::from(!prevented), "round {round}");
        }
    });
}

/// Nothing of before a reset is received after it, though others receive meanwhile.
#[test]
fn nothing_stale_is_received() {
    run(|| {
        let timer = Timer::new(Duration::ZERO);
        for round in 0..2000_u64 {
            let before = Instant::now();
            timer.reset(Duration::from_micros(round % 40));
            if round % 3 == 0 {
                sleep(Duration::from_micros(30));
            }
            let now = Instant::now();
            timer.reset(Duration::from_micros(20));
            let at = timer.receiver().recv().unwrap();
            assert!(at >= now + Duration::from_micros(20), "{at:?}, {before:?} to {now:?}");
        }
    });
}

#[test]
fn ten_thousand_timers_are_reset_by_eight() {
    run(|| {
        const TIMERS: usize = 10_000;
        let fired = Arc::new(AtomicUsize::new(0));
        let make = |_| {
            let fired = Arc::clone(&fired);
            Timer::with_func(NEVER, move || {
                fired.fetch_add(1, Ordering::Relaxed);
            })
        };
        let timers: Arc<Vec<Timer>> = Arc::new((0..TIMERS).map(make).collect());
        let all = WaitGroup::new();
        let started = Arc::new(AtomicUsize::new(TIMERS));
        for part in 0..8_u64 {
            let (timers, started) = (Arc::clone(&timers), Arc::clone(&started));
            all.go(move || {
                let mut random = part + 1;
                for _ in 0..5 * TIMERS {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let timer = &timers[(random >> 33) as usize % TIMERS];
                    // Each start that is not called off is one call.
                    let was_started = match random >> 61 {
                        0 => timer.stop(),
                        1 => timer.reset(Duration::from_micros(random >> 54)),
                        _ => timer.reset(NEVER),
                    };
                    if random >> 61 != 0 {
                        started.fetch_add(1, Ordering::Relaxed);
                    }
                    if was_started {
                        started.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            });
        }
        all.wait();
        let stopped = timers.iter().filter(|timer| timer.stop()).count();
        let calls = started.load(Ordering::Relaxed) - stopped;
        let begin = Instant::now();
        while fired.load(Ordering::Relaxed) != calls {
            assert!(begin.elapsed() < PATIENCE, "{fired:?} of {calls}");
            sleep(millis(1));
        }
        sleep(WHILE);
        assert_eq!(fired.load(Ordering::Relaxed), calls);
    });
}

#[test]
fn a_channel_timer_is_reset_by_many() {
    run(|| {
        let timer = Arc::new(Timer::new(Duration::ZERO));
        let all = WaitGroup::new();
        for n in 0..8 {
            let timer = Arc::clone(&timer);
            all.go(move || {
                for round in 0..500 {
                    match (round + n) % 3 {
                        0 => {
                            timer.stop();
                        }
                        1 => {
                            timer.reset(Duration::from_micros(round));
                        }
                        _ => drop(timer.receiver().try_recv()),
                    }
                }
            });
        }
        all.wait();
        timer.stop();
        assert!(is_empty(&timer));
        timer.reset(millis(1));
        timer.receiver().recv().unwrap();
        assert_eq!(timer.receiver().recv_timeout(WHILE), Err(RecvTimeoutError::Timeout));
    });
}

/// A timer is freed with its last handle, and the function with its call or its timer.
#[test]
fn nothing_is_left() {
    struct Noted(Arc<AtomicUsize>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            // Destructors of users may block.
            sleep(Duration::from_micros(1));
        }
    }
    run(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let noted = || Noted(Arc::clone(&dropped));
        for round in 0..300_u64 {
            let delay = Duration::from_micros(round % 50);
            let (one, again) = (noted(), noted());
            let timers = [
                time::after_func(delay, move || drop(one)),
                Timer::with_func(delay, move || assert!(again.0.load(Ordering::Relaxed) < 600)),
            ];
            sleep(Duration::from_micros(round % 30));
            if round % 2 == 0 {
                timers.iter().for_each(|timer| {
                    timer.stop();
                });
            }
        }
        let begin = Instant::now();
        while dropped.load(Ordering::SeqCst) != 600 {
            assert!(begin.elapsed() < PATIENCE, "{dropped:?}");
            sleep(millis(1));
        }
    });
}

#[test]
fn dropped_timers_leave_no_memory() {
    let Some(output) = process("many::dropped_timers_leave_no_memory", &[]) else {
        run_on(2, || {
            let resident = || {
                let text = std::fs::read_to_string("/proc/self/statm").unwrap();
                text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
            };
            let round = || {
                for _ in 0..20_000 {
                    drop(time::after(NEVER));
                    drop(Timer::new(NEVER).receiver().clone());
                    drop(time::tick(NEVER));
                    drop(time::sleep_async(NEVER));
                    let timer = Timer::new(NEVER);
                    let receiver = timer.receiver().clone();
                    drop(timer);
                    assert!(receiver.try_recv().is_err());
                }
            };
            round();
            let before = resident();
            (0..5).for_each(|_| round());
            let more = resident().saturating_sub(before);
            assert!(more < 4 << 20, "{more} bytes more");
        });
        return;
    };
    assert_success(&output);
}

/// Threads start timers while all workers sleep, and none of them is late by more than a machine
/// that stands still explains.
#[test]
fn threads_start_timers() {
    run(|| ());
    let threads: Vec<_> = (1..5_u64)
        .map(|n| {
            thread::spawn(move || {
                let mut least = Duration::MAX;
                for round in 0..20 {
                    let delay = millis(1 + (n * round) % 7);
                    let begin = Instant::now();
                    let called = Arc::new(AtomicBool::new(false));
                    let flag = Arc::clone(&called);
                    time::after_func(delay, move || flag.store(true, Ordering::Release));
                    time::after(delay).recv().unwrap();
                    least = least.min(begin.elapsed() - delay);
                    while !called.load(Ordering::Acquire) {
                        thread::yield_now();
                        assert!(begin.elapsed() < PATIENCE);
                    }
                }
                assert!(least < millis(20), "{least:?} late");
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

/// Go's `TestMultiWakeupTimer` and more: a million timers, armed from four goroutines, fire, in
/// time; and others are not held up. Without optimisation it is a fifth of that.
#[test]
fn a_million_timers() {
    let Some(output) = process("many::a_million_timers", &[]) else {
        const TIMERS: u64 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
        run_on(2, || {
            let begin = Instant::now();
            let due = begin + Duration::from_secs(4);
            let fired = Arc::new(AtomicU64::new(0));
            let early = Arc::new(AtomicU64::new(0));
            let late_ns = Arc::new(AtomicU64::new(0));
            let all = WaitGroup::new();
            for part in 0..4 {
                let (fired, early, late_ns) =
                    (Arc::clone(&fired), Arc::clone(&early), Arc::clone(&late_ns));
                all.go(move || {
                    for n in 0..TIMERS / 4 {
                        // Spread over a second, the last quarter of it all at once.
                        let spread = (n * 4 + part).wrapping_mul(7919) % 1_000_000;
                        let when = due + Duration::from_micros(spread.min(750_000));
                        let (fired, early, late_ns) =
                            (Arc::clone(&fired), Arc::clone(&early), Arc::clone(&late_ns));
                        time::after_func(time::until(when), move || {
                            let now = Instant::now();
                            early.fetch_add(u64::from(now < when), Ordering::Relaxed);
                            late_ns.fetch_max((now - when).as_nanos() as u64, Ordering::Relaxed);
                            fired.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
            }
            all.wait();
            let armed = begin.elapsed();
            let mut worst = Duration::ZERO;
            while fired.load(Ordering::Relaxed) < TIMERS {
                let begin = Instant::now();
                sleep(millis(1));
                worst = worst.max(begin.elapsed() - millis(1));
                assert!(Instant::now() < due + PATIENCE, "{fired:?}");
            }
            println!(
                "armed in {armed:?}, all fired {:?} after the last was due, at most {:?} late, \
                 a sleeper beside them {worst:?} late",
                time::since(due + Duration::from_micros(750_000)),
                Duration::from_nanos(late_ns.load(Ordering::Relaxed)),
            );
            assert_eq!(early.load(Ordering::Relaxed), 0);
            assert_eq!(fired.load(Ordering::Relaxed), TIMERS);
        });
        return;
    };
    assert_success(&output);
}

/// A million timers that are stopped: each is found in its heap at once. Without optimisation it is
/// a fifth of that.
#[test]
fn a_million_timers_are_stopped() {
    let Some(output) = process("many::a_million_timers_are_stopped", &[]) else {
        const TIMERS: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
        run_on(2, || {
            let begin = Instant::now();
            let timers: Vec<_> = (0..TIMERS as u64)
                .map(|n| {
                    Timer::with_func(NEVER + Duration::from_nanos(n * 7919 % 1_000_003), || ())
                })
                .collect();
            let (armed, middle) = (begin.elapsed(), Instant::now());
            let reset = timers.iter().filter(|timer| timer.reset(NEVER)).count();
            let (again, last) = (middle.elapsed(), Instant::now());
            let stopped = timers.iter().rev().filter(|timer| timer.stop()).count();
            println!("armed in {armed:?}, reset in {again:?}, stopped in {:?}", last.elapsed());
            assert_eq!((reset, stopped), (TIMERS, TIMERS));
        });
        return;
    };
    assert_success(&output);
}

/// Go's `TestTickerConcurrentStress` and `TestTimerStopStress`.
#[test]
fn tickers_come_and_go() {
    run(|| {
        let all = WaitGroup::new();
        for n in 0..10 {
            all.go(move || {
                for round in 0..50 {
                    let ticker = Ticker::new(Duration::from_micros(50 + n));
                    for at in ticker.receiver().iter().take(round % 4) {
                        assert!(at <= Instant::now());
                    }
                    if round % 2 == 0 {
                        ticker.stop();
                    }
                }
            });
            all.go(move || {
                for round in 0..100 {
                    let timer = time::after_func(Duration::from_micros(n * round), || ());
                    sleep(Duration::from_micros(round));
                    timer.stop();
                }
            });
        }
        all.wait();
    });
}

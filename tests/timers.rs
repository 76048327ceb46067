//! Timers: `after`, `after_func`, `Timer`, `Ticker`, `Instant`, `sleep_async`; what Go's tests of
//! `time` check of them.

#[path = "support/process.rs"]
mod process;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use gort::chan::{RecvTimeoutError, Sender, TryRecvError};
use gort::sync::WaitGroup;
use gort::time::{self, Instant, Ticker, Timer};
use gort::{Builder, block_on, chan, go, gosched, select, sleep};
use process::{assert_success, process};

/// For whatever is certain to happen, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(f) }
}

/// [`run`] with `procs` processors, for a process's first call.
fn run_on(procs: usize, f: impl FnOnce() + Send) {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(procs).run(f) }.unwrap();
}

fn is_empty(timer: &Timer) -> bool {
    matches!(timer.receiver().try_recv(), Err(TryRecvError::Empty))
}

#[test]
fn after_sends_the_time_once() {
    for on_thread in [false, true] {
        let after = || {
            let begin = Instant::now();
            let rx = time::after(millis(5));
            assert_eq!((rx.len(), rx.cap()), (0, 0));
            let at = rx.recv().unwrap();
            assert!(at - begin >= millis(5) && begin.elapsed() >= at - begin);
            assert_eq!(rx.recv_timeout(WHILE), Err(RecvTimeoutError::Timeout));
        };
        if on_thread {
            run(|| ());
            thread::spawn(after).join().unwrap();
        } else {
            run(after);
        }
    }
}

#[test]
fn what_is_due_at_once_is_there_at_once() {
    run(|| {
        for _ in 0..100 {
            time::after(Duration::ZERO).try_recv().unwrap();
            let timer = Timer::new(NEVER);
            assert!(timer.reset(Duration::ZERO));
            // What was sent and not received is taken back, and that counts as stopping.
            assert!(timer.reset(Duration::ZERO));
            assert!(timer.stop());
            assert!(is_empty(&timer));
            assert!(!timer.reset(Duration::ZERO));
            timer.receiver().try_recv().unwrap();
            assert!(!timer.stop());
        }
        let called = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&called);
        time::after_func(Duration::ZERO, move || flag.store(true, Ordering::Relaxed));
        while !called.load(Ordering::Relaxed) {
            gosched();
        }
    });
}

#[test]
fn after_func_runs_on_a_goroutine_of_its_own() {
    run(|| {
        let (tx, rx) = chan(0);
        let begin = Instant::now();
        // The timer is dropped at once, which stops nothing.
        drop(time::after_func(millis(3), move || tx.send(gort::id()).unwrap()));
        let id = rx.recv().unwrap();
        assert!(begin.elapsed() >= millis(3));
        assert!(id.is_some() && id != gort::id());
    });
}

/// Go's `TestAfterFunc`: a chain of calls, each of which starts the next one.
#[test]
fn a_chain_of_calls() {
    fn next(left: u32, done: Sender<()>) {
        if left == 0 {
            done.send(()).unwrap();
        } else {
            time::after_func(Duration::ZERO, move || next(left - 1, done));
        }
    }
    run(|| {
        let (tx, rx) = chan(0);
        next(1000, tx);
        rx.recv().unwrap();
    });
}

/// Go's `TestAfterQueuing`: the shorter one comes first, in whatever order they were started.
#[test]
fn the_shorter_one_comes_first() {
    fn order() -> Vec<u64> {
        let all: Vec<_> = [5, 3, 6, 7, 1, 4, 0, 2].map(|n| (n, time::after(millis(10 * n)))).into();
        let come = Arc::new(Mutex::new(Vec::new()));
        let group = WaitGroup::new();
        for (n, rx) in all {
            let come = Arc::clone(&come);
            group.go(move || {
                rx.recv().unwrap();
                come.lock().unwrap().push(n);
            });
        }
        group.wait();
        std::mem::take(&mut *come.lock().unwrap())
    }
    // A machine that stands still for a while makes several due at once, so there are tries.
    assert!((0..10).any(|_| run(order).is_sorted()));
}

#[test]
fn stop_says_who_was_first() {
    run(|| {
        let timer = Timer::new(NEVER);
        assert!(timer.stop());
        assert!(!timer.stop());
        assert!(!timer.reset(millis(1)));
        timer.receiver().recv().unwrap();
        assert!(!timer.stop() && !timer.reset(NEVER) && timer.reset(millis(1)));
        sleep(millis(10));
        // Fired, but nobody has received it.
        assert!(timer.stop());
        assert!(is_empty(&timer) && !timer.stop());

        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let timer = time::after_func(NEVER, move || drop(count.fetch_add(1, Ordering::Relaxed)));
        assert!(timer.stop() && !timer.stop() && !timer.reset(NEVER));
        assert!(timer.reset(millis(1)));
        while calls.load(Ordering::Relaxed) == 0 {
            gosched();
        }
        assert!(!timer.stop());
        // It could be called only once.
        assert!(!timer.reset(Duration::ZERO) && !timer.stop());
        sleep(millis(5));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn stopping_races_with_firing() {
    run(|| {
        for round in 0..300_u64 {
            let calls = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&calls);
            let delay = Duration::from_micros(round % 60);
            let call = move || drop(count.fetch_add(1, Ordering::SeqCst));
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
fn a_function_resets_its_own_timer() {
    run(|| {
        let (tx, rx) = chan(0);
        let own: Arc<OnceLock<Timer>> = Arc::default();
        let timer = Arc::clone(&own);
        let calls = AtomicUsize::new(0);
        let call = move || {
            let n = calls.fetch_add(1, Ordering::Relaxed);
            if n < 99 {
                let timer = loop {
                    if let Some(timer) = timer.get() {
                        break timer;
                    }
                    gosched();
                };
                // It is not running any more, as far as the timer goes.
                assert!(!timer.reset(Duration::from_micros(n as u64)));
            } else {
                tx.send(n).unwrap();
            }
        };
        own.set(Timer::with_func(millis(1), call)).unwrap();
        assert_eq!(rx.recv(), Ok(99));
        assert!(!own.get().unwrap().stop());
    });
}

#[test]
fn ten_thousand_timers_are_reset_by_eight() {
    run(|| {
        const TIMERS: usize = 10_000;
        let fired = Arc::new(AtomicUsize::new(0));
        let make = |_| {
            let fired = Arc::clone(&fired);
            Timer::with_func(NEVER, move || drop(fired.fetch_add(1, Ordering::Relaxed)))
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
                        0 => drop(timer.stop()),
                        1 => drop(timer.reset(Duration::from_micros(round))),
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

#[test]
fn huge_durations_are_for_ever() {
    run(|| {
        for duration in
            [Duration::MAX, Duration::from_nanos(u64::MAX), Duration::from_secs(1 << 40)]
        {
            let (timer, ticker) = (Timer::new(duration), Ticker::new(duration));
            let func = time::after_func(duration, || unreachable!("called"));
            let after = time::after(duration);
            // Others go on meanwhile.
            sleep(millis(1));
            assert!(is_empty(&timer) && after.try_recv().is_err());
            assert!(ticker.receiver().try_recv().is_err());
            assert!(timer.reset(duration) && timer.stop() && func.stop());
            ticker.reset(duration);
            assert!(!timer.reset(Duration::ZERO));
            timer.receiver().recv().unwrap();
        }
    });
}

#[test]
fn a_ticker_keeps_to_the_beat() {
    run(|| {
        let ticker = Ticker::new(millis(2));
        assert_eq!((ticker.receiver().len(), ticker.receiver().cap()), (0, 0));
        let begin = Instant::now();
        let ticks: Vec<_> = ticker.receiver().iter().take(10).collect();
        assert!(ticks.is_sorted() && begin.elapsed() >= millis(18), "{ticks:?} from {begin:?}");
        ticker.stop();
        assert!(ticker.receiver().recv_timeout(WHILE).is_err());
        ticker.reset(millis(1));
        ticker.receiver().recv().unwrap();
    });
}

#[test]
fn a_slow_receiver_misses_ticks() {
    run(|| {
        let ticker = Ticker::new(millis(1));
        sleep(millis(30));
        // One is kept, the others were left out, and those to come are as usual.
        let begin = Instant::now();
        let first = ticker.receiver().try_recv().unwrap();
        assert!(first < begin);
        let ticks: Vec<_> = ticker.receiver().iter().take(5).collect();
        assert!(ticks[4] - begin >= millis(3), "{ticks:?} from {begin:?}");
    });
}

#[test]
fn a_tick_is_taken_back() {
    run(|| {
        let ticker = Ticker::new(millis(1));
        for _ in 0..20 {
            sleep(millis(3));
            ticker.reset(NEVER);
            assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
            ticker.reset(millis(1));
            sleep(millis(3));
            ticker.stop();
            assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
            ticker.reset(millis(1));
        }
    });
}

#[test]
fn a_period_of_zero_is_a_panic() {
    run(|| {
        let ticker = Ticker::new(NEVER);
        let calls: [&dyn Fn(); 3] =
            [&|| drop(Ticker::new(Duration::ZERO)), &|| ticker.reset(Duration::ZERO), &|| {
                drop(time::tick(Duration::ZERO))
            }];
        for call in calls {
            let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"gort: a ticker's period of zero"));
        }
    });
}

#[test]
fn tick_ticks_while_somebody_receives() {
    run(|| {
        let begin = Instant::now();
        assert_eq!(time::tick(millis(1)).into_iter().take(5).count(), 5);
        assert!(begin.elapsed() >= millis(4));
    });
}

#[test]
fn timers_in_select() {
    run(|| {
        let (timer, ticker) = (Timer::new(NEVER), Ticker::new(millis(1)));
        let mut ticks = 0;
        loop {
            select! {
                recv(timer.receiver()) -> at => { at.unwrap(); break },
                recv(ticker.receiver()) -> _ => {
                    ticks += 1;
                    if ticks == 5 {
                        assert!(timer.reset(millis(3)));
                    }
                },
            }
        }
        assert!(ticks >= 5);
        let nothing = select! {
            recv(timer.receiver()) -> _ => false,
            default => true,
        };
        assert!(nothing);
    });
}

#[test]
fn a_function_s_timer_never_receives() {
    run(|| {
        let timer = time::after_func(Duration::ZERO, || ());
        assert!(timer.receiver().recv_timeout(WHILE).is_err());
        assert_eq!(timer.receiver().len(), 0);
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
                Timer::with_func(delay, move || drop(again.0.load(Ordering::Relaxed))),
            ];
            sleep(Duration::from_micros(round % 30));
            if round % 2 == 0 {
                timers.iter().for_each(|timer| drop(timer.stop()));
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
    let Some(output) = process("dropped_timers_leave_no_memory", &[]) else {
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

#[test]
fn a_receiver_outlives_its_timer() {
    run(|| {
        let timer = Timer::new(millis(2));
        let receiver = timer.receiver().clone();
        drop(timer);
        receiver.recv().unwrap();
    });
}

#[test]
fn sleeping_as_a_future() {
    run(|| {
        let begin = Instant::now();
        block_on(time::sleep_async(millis(5)));
        assert!(begin.elapsed() >= millis(5));
        block_on(time::sleep_async(Duration::ZERO));
        let sleeps: Vec<_> = (0..20)
            .map(|n| {
                go(move || {
                    let begin = Instant::now();
                    block_on(async {
                        for _ in 0..10 {
                            time::sleep_async(Duration::from_micros(100 * n)).await;
                        }
                    });
                    assert!(begin.elapsed() >= Duration::from_micros(1000 * n));
                })
            })
            .collect();
        sleeps.into_iter().for_each(|h| h.join().unwrap());
    });
    // On a plain thread, with a waker of one's own.
    let begin = Instant::now();
    block_on(time::sleep_async(millis(5)));
    assert!(begin.elapsed() >= millis(5));
}

#[test]
fn a_future_that_sleeps_is_dropped() {
    use std::pin::pin;
    use std::task::{Context, Poll, Wake, Waker};
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            // The waker of a user may do as it likes.
            sleep(Duration::from_micros(1));
        }
    }
    run(|| {
        for round in 0..200_u64 {
            let count = Arc::new(Count(AtomicUsize::new(0)));
            let waker = Waker::from(Arc::clone(&count));
            let mut context = Context::from_waker(&waker);
            {
                let mut future = pin!(time::sleep_async(Duration::from_micros(50)));
                if future.as_mut().poll(&mut context).is_pending() {
                    sleep(Duration::from_micros(round));
                    while round % 2 == 0 && count.0.load(Ordering::SeqCst) == 0 {
                        gosched();
                    }
                    if round % 2 == 0 {
                        assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(()));
                    }
                }
            }
            assert!(count.0.load(Ordering::SeqCst) <= 1);
        }
    });
}

#[test]
fn instants() {
    run(|| {
        let begin = Instant::now();
        let later = begin + millis(5);
        assert_eq!(later - begin, millis(5));
        assert_eq!(begin - later, Duration::ZERO);
        assert_eq!(later.checked_duration_since(begin), Some(millis(5)));
        assert_eq!(begin.checked_duration_since(later), None);
        assert_eq!(begin.checked_add(Duration::MAX), None);
        assert_eq!(begin.checked_sub(Duration::MAX), None);
        assert_eq!(later - millis(5), begin);
        let mut moved = begin;
        moved += millis(2);
        moved -= millis(1);
        assert!(begin < moved && moved < later);
        time::sleep_until(later);
        assert!(Instant::now() >= later && time::since(begin) >= millis(5));
        time::sleep_until(begin);
        assert_eq!(time::until(begin), Duration::ZERO);
        assert!(time::until(Instant::now() + PATIENCE) > PATIENCE / 2);
        assert!(catch_unwind(|| begin + Duration::MAX).is_err());
    });
}

#[test]
fn there_are_no_timers_before_the_runtime() {
    let Some(output) = process("there_are_no_timers_before_the_runtime", &[]) else {
        let calls: [&dyn Fn(); 5] = [
            &|| drop(time::after(millis(1))),
            &|| drop(Timer::new(millis(1))),
            &|| drop(time::after_func(millis(1), || ())),
            &|| drop(Ticker::new(millis(1))),
            &|| drop(time::sleep_async(millis(1))),
        ];
        for call in calls {
            let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
            let text = "gort: no runtime: timers can be started once gort::run has begun";
            assert_eq!(payload.downcast_ref(), Some(&text));
        }
        // A thread sleeps without one.
        sleep(millis(1));
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

/// Go's `TestMultiWakeupTimer` and more: a million timers, armed from four goroutines, fire in
/// order and in time, and others are not held up.
#[test]
fn a_million_timers() {
    let Some(output) = process("a_million_timers", &[]) else {
        const TIMERS: u64 = 1_000_000;
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

/// A million timers that are stopped: each is found in its heap at once.
#[test]
fn a_million_timers_are_stopped() {
    let Some(output) = process("a_million_timers_are_stopped", &[]) else {
        const TIMERS: usize = 1_000_000;
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

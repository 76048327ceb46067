//! Timers: `after`, `after_func`, `Timer`, `Ticker`, `Instant`, `sleep_async`; what Go's tests of
//! `time` check of them.

mod many;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;
mod ticker;
mod traced;

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
use support::runtime::{PATIENCE, run};

/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
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
        let timer = time::after_func(NEVER, move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
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

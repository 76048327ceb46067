//! Test bubbles: what Go's tests of `testing/synctest` check of them.

#[path = "../support/runtime.rs"]
mod runtime;

mod ends;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use gort::chan::{RecvTimeoutError, SendTimeoutError, TryRecvError};
use gort::sync::{Barrier, Cond, ErrGroup, Semaphore, WaitGroup};
use gort::test::{bubble, wait};
use gort::time::{self, Instant, Ticker, Timer, sleep};
use gort::{chan, context, go, goexit, gosched, select};
use runtime::run;

const HOUR: Duration = Duration::from_secs(3600);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// In a bubble, made by a goroutine and by a plain thread.
fn both<T: Send + 'static>(f: impl Fn() -> T + Clone + Send + Sync + 'static) {
    let inside = f.clone();
    run(|| bubble(inside));
    bubble(f);
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("a text")
}

/// What making this bubble panics with.
fn panic_of<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> String {
    run(|| {
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| bubble(f))) else {
            panic!("the bubble ended well")
        };
        text_of(&*payload).to_owned()
    })
}

#[test]
fn time_begins_at_one_moment_and_passes_in_sleep_only() {
    let begins: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = Arc::clone(&begins);
    both(move || {
        let begin = Instant::now();
        seen.lock().unwrap().push(begin);
        go(move || assert_eq!(Instant::now(), begin)).join().unwrap();
        thread::sleep(Duration::from_millis(2));
        assert_eq!(begin.elapsed(), Duration::ZERO);
        sleep(HOUR);
        assert_eq!(begin.elapsed(), HOUR);
        gort::sleep(Duration::from_nanos(1));
        assert_eq!(begin.elapsed(), HOUR + Duration::from_nanos(1));
        time::sleep_until(begin + 2 * HOUR);
        assert_eq!(time::since(begin), 2 * HOUR);
        assert_eq!(time::until(begin + 3 * HOUR), HOUR);
    });
    let begins = begins.lock().unwrap();
    assert_eq!(begins[0], begins[1]);
}

#[test]
fn real_time_does_not_pass() {
    let begin = std::time::Instant::now();
    run(|| {
        let outside = Instant::now();
        let inside = bubble(|| {
            sleep(1000 * HOUR);
            Instant::now()
        });
        assert!(outside.elapsed() < HOUR && inside != Instant::now());
    });
    assert!(begin.elapsed() < secs(60));
}

#[test]
fn goroutines_belong_to_the_bubble_of_their_creator() {
    both(|| {
        let begin = Instant::now();
        let all = WaitGroup::new();
        for n in 0..100 {
            all.go(move || {
                go(move || sleep(secs(n))).join().unwrap();
                assert_eq!(begin.elapsed(), secs(n));
            });
        }
        all.wait();
        assert_eq!(begin.elapsed(), secs(99));
    });
}

#[test]
fn wait_waits_for_the_others() {
    both(|| {
        wait();
        let handle = go(|| ());
        wait();
        assert!(handle.is_finished());

        let (tx, rx) = chan(0);
        let done = Arc::new(AtomicBool::new(false));
        fn relay(
            rx: gort::chan::Receiver<u32>,
            tx: gort::chan::Sender<u32>,
            done: Arc<AtomicBool>,
        ) {
            match rx.recv().unwrap() {
                0 => done.store(true, Ordering::Relaxed),
                left => {
                    let (rx, next) = (rx, tx.clone());
                    go(move || relay(rx, next, done));
                    tx.send(left - 1).unwrap();
                }
            }
        }
        let (next, flag) = (tx.clone(), Arc::clone(&done));
        go(move || relay(rx, next, flag));
        tx.send(100).unwrap();
        wait();
        assert!(done.load(Ordering::Relaxed));
    });
}

#[test]
fn wait_does_not_let_time_pass() {
    both(|| {
        let begin = Instant::now();
        let sleeper = go(|| sleep(secs(1)));
        for _ in 0..10 {
            wait();
            assert_eq!(begin.elapsed(), Duration::ZERO);
        }
        assert!(!sleeper.is_finished());
        sleep(secs(1));
        wait();
        assert!(sleeper.is_finished());
    });
}

/// What a goroutine did before it blocked or ended is seen after `wait`, by whatever means.
#[test]
fn what_was_done_before_is_seen_after() {
    both(|| {
        for _ in 0..50 {
            let parts: Arc<[AtomicUsize; 20]> = Arc::default();
            let (tx, rx) = chan::<()>(0);
            for n in 0..20 {
                let (parts, rx) = (Arc::clone(&parts), rx.clone());
                go(move || {
                    if n % 3 == 0 {
                        gosched();
                    }
                    parts[n].store(n + 1, Ordering::Relaxed);
                    if n % 2 == 0 {
                        assert!(rx.recv().is_err());
                    }
                });
            }
            wait();
            assert!(parts.iter().enumerate().all(|(n, p)| p.load(Ordering::Relaxed) == n + 1));
            drop(tx);
            wait();
        }
    });
}

#[test]
fn one_waits_at_a_time() {
    let text = panic_of(|| {
        let other = go(wait);
        go(|| sleep(secs(1)));
        gosched();
        loop {
            // Until the other one is in it.
            let mine = catch_unwind(wait);
            if let Err(payload) = mine {
                assert!(text_of(&*payload).contains("another goroutine"));
                break;
            }
            if other.is_finished() {
                break;
            }
        }
        panic!("seen")
    });
    assert_eq!(text, "seen");
}

#[test]
fn timers_go_by_the_bubble() {
    both(|| {
        let begin = Instant::now();
        assert_eq!(time::after(secs(5)).recv().unwrap() - begin, secs(5));
        let timer = Timer::new(secs(1));
        sleep(secs(2));
        // The time at which it fired, not at which it is received.
        assert_eq!(timer.receiver().try_recv().unwrap() - begin, secs(6));
        timer.reset(secs(2));
        assert_eq!(timer.receiver().recv().unwrap() - begin, secs(9));
        timer.reset(secs(3));
        sleep(secs(1));
        assert!(timer.reset(secs(3)));
        assert_eq!(timer.receiver().recv().unwrap() - begin, secs(13));
        assert!(!timer.stop());

        let zero = Timer::new(Duration::ZERO);
        assert_eq!(zero.receiver().try_recv().unwrap() - begin, secs(13));
    });
}

#[test]
fn functions_of_timers_are_in_the_bubble() {
    both(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let inner = Arc::clone(&count);
        time::after_func(secs(1), move || {
            inner.fetch_add(1, Ordering::Relaxed);
            go(move || {
                sleep(secs(1));
                inner.fetch_add(1, Ordering::Relaxed);
            });
        });
        sleep(secs(3));
        wait();
        assert_eq!(count.load(Ordering::Relaxed), 2);

        let called = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&called);
        time::after_func(Duration::ZERO, move || flag.store(true, Ordering::Relaxed));
        // Without anybody blocking.
        while !called.load(Ordering::Relaxed) {
            gosched();
        }
    });
}

#[test]
fn a_deadline_in_the_past_needs_nobody_to_block() {
    // Many times, since the clock may be just about to sleep, as it is when a bubble begins.
    for round in 0..400 {
        both(move || {
            for _ in 0..round % 4 {
                let over = Arc::new(AtomicBool::new(false));
                let flag = Arc::clone(&over);
                go(move || {
                    let (_tx, rx) = chan::<()>(0);
                    assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
                    flag.store(true, Ordering::Relaxed);
                });
                while !over.load(Ordering::Relaxed) {
                    gosched();
                }
            }
        });
    }
}

#[test]
fn tickers_tick_without_end() {
    both(|| {
        let begin = Instant::now();
        let ticker = Ticker::new(secs(10));
        for (n, at) in ticker.receiver().iter().take(1000).enumerate() {
            assert_eq!(at - begin, secs(10 * (n as u64 + 1)));
        }
        sleep(secs(95));
        // Slow: one is kept.
        assert_eq!(ticker.receiver().try_recv().unwrap() - begin, secs(10_010));
        assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
        ticker.stop();
        sleep(secs(100));
        assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
        ticker.reset(secs(1));
        assert_eq!(ticker.receiver().recv().unwrap() - begin, secs(10_196));
    });
}

#[test]
fn resetting_to_now_hangs_nobody() {
    both(|| {
        let timer = Arc::new(Timer::new(Duration::ZERO));
        let (stop, stopped) = chan::<()>(0);
        let other = Arc::clone(&timer);
        go(move || {
            loop {
                select! {
                    recv(stopped) -> _ => break,
                    recv(other.receiver()) -> at => drop(at.unwrap()),
                }
            }
        });
        wait();
        timer.reset(Duration::ZERO);
        wait();
        drop(stop);
        wait();
    });
}

/// What happens at once happens in no order that one could rely on.
#[test]
fn the_order_at_one_moment_varies() {
    both(|| {
        let mut seen = [false; 2];
        for _ in 0..1000 {
            let first = Arc::new(AtomicUsize::new(0));
            for n in [1, 2] {
                let first = Arc::clone(&first);
                go(move || {
                    sleep(secs(1));
                    let _ = first.compare_exchange(0, n, Ordering::Relaxed, Ordering::Relaxed);
                });
            }
            sleep(secs(1));
            wait();
            seen[first.load(Ordering::Relaxed) - 1] = true;
            if seen == [true; 2] {
                return;
            }
        }
        panic!("always the same one: {seen:?}");
    });
}

#[test]
fn limits_of_waits_go_by_the_bubble() {
    both(|| {
        let begin = Instant::now();
        let (tx, rx) = chan::<u32>(0);
        assert_eq!(rx.recv_timeout(secs(1)), Err(RecvTimeoutError::Timeout));
        assert_eq!(begin.elapsed(), secs(1));
        assert_eq!(tx.send_timeout(1, secs(1)), Err(SendTimeoutError::Timeout(1)));
        assert_eq!(begin.elapsed(), secs(2));
        select! {
            recv(rx) -> _ => unreachable!(),
            after(secs(3)) => {},
        }
        assert_eq!(begin.elapsed(), secs(5));
        select! { after(secs(1)) => {} }
        assert_eq!(begin.elapsed(), secs(6));
        let sleeper = go(|| sleep(HOUR));
        let sleeper = sleeper.join_timeout(secs(1)).unwrap_err();
        assert_eq!(begin.elapsed(), secs(7));
        sleeper.join().unwrap();
        assert_eq!(begin.elapsed(), HOUR + secs(6));
        // In time.
        go(move || {
            sleep(secs(4));
            tx.send(7).unwrap();
        });
        assert_eq!(rx.recv_timeout(secs(5)), Ok(7));
        assert_eq!(begin.elapsed(), HOUR + secs(10));
    });
}

#[test]
fn contexts_go_by_the_bubble() {
    both(|| {
        let begin = Instant::now();
        let (ctx, _cancel) = context::with_timeout(&context::background(), secs(5));
        sleep(secs(5) - Duration::from_nanos(1));
        wait();
        assert!(ctx.err().is_none());
        sleep(Duration::from_nanos(1));
        wait();
        assert!(ctx.err().is_some());
        assert!(ctx.done().recv().is_err());
        assert_eq!(begin.elapsed(), secs(5));

        let (ctx, cancel) = context::with_cancel(&context::background());
        let called = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&called);
        context::after_func(&ctx, move || flag.store(true, Ordering::Relaxed));
        wait();
        assert!(!called.load(Ordering::Relaxed));
        cancel.cancel();
        wait();
        assert!(called.load(Ordering::Relaxed));
    });
}

#[test]
fn sync_waits_are_durable() {
    both(|| {
        let begin = Instant::now();
        let pair = Arc::new((gort::sync::Mutex::new(0), Cond::new()));
        let other = Arc::clone(&pair);
        go(move || {
            sleep(secs(1));
            *other.0.lock() = 1;
            other.1.signal();
            sleep(secs(1));
            *other.0.lock() = 2;
            other.1.broadcast();
        });
        let mut value = pair.0.lock();
        pair.1.wait_while(&mut value, |value| *value == 0);
        assert_eq!(begin.elapsed(), secs(1));
        pair.1.wait(&mut value);
        assert_eq!((*value, begin.elapsed()), (2, secs(2)));
        assert!(!pair.1.wait_timeout(&mut value, secs(1)));
        drop(value);

        let group = WaitGroup::new();
        group.add(1);
        let done = group.clone();
        go(move || {
            sleep(secs(1));
            done.done();
        });
        group.wait();
        assert_eq!(begin.elapsed(), secs(4));

        let permits = Semaphore::new(1);
        let permit = permits.acquire(1);
        assert!(permits.acquire_timeout(1, secs(1)).is_none());
        drop(permit);
        assert_eq!(begin.elapsed(), secs(5));

        let barrier = Arc::new(Barrier::new(2));
        let other = Arc::clone(&barrier);
        go(move || {
            sleep(secs(1));
            other.wait();
        });
        barrier.wait();
        assert_eq!(begin.elapsed(), secs(6));

        gort::scope(|scope| {
            scope.go(|| sleep(secs(1)));
        });
        assert_eq!(begin.elapsed(), secs(7));

        let group = ErrGroup::<&str>::new();
        group.go(|| {
            sleep(secs(1));
            Err("late")
        });
        assert_eq!(group.wait(), Err("late"));
        assert_eq!(begin.elapsed(), secs(8));
    });
}

#[test]
fn many_bubbles_at_once() {
    run(|| {
        let all = WaitGroup::new();
        for n in 0..50_u64 {
            all.go(move || {
                bubble(move || {
                    let begin = Instant::now();
                    let (tx, rx) = chan::<()>(0);
                    let inner = WaitGroup::new();
                    for m in 0..50 {
                        let rx = rx.clone();
                        inner.go(move || {
                            sleep(secs(m));
                            assert!(rx.recv().is_err());
                        });
                    }
                    sleep(secs(100 + n));
                    wait();
                    drop(tx);
                    inner.wait();
                    assert_eq!(begin.elapsed(), secs(100 + n));
                });
            });
        }
        all.wait();
    });
}

/// Goroutines that block, wake each other and sleep in all ways: no moment is missed, and none
/// comes while somebody runs.
#[test]
fn time_never_passes_while_somebody_runs() {
    both(|| {
        let running = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = chan::<Instant>(3);
        let all = WaitGroup::new();
        for n in 0..20_u64 {
            let (tx, running) = (tx.clone(), Arc::clone(&running));
            all.go(move || {
                for round in 0..30 {
                    sleep(Duration::from_millis(1 + (n * round) % 5));
                    let now = Instant::now();
                    running.fetch_add(1, Ordering::SeqCst);
                    if round % 4 == 0 {
                        gosched();
                    }
                    tx.send(now).unwrap();
                    // It sent within the moment in which it woke up.
                    assert_eq!(now.elapsed(), Duration::ZERO);
                    running.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
        drop(tx);
        let mut count = 0;
        for at in rx.iter() {
            assert_eq!(at.elapsed(), Duration::ZERO);
            count += 1;
        }
        assert_eq!(count, 600);
        all.wait();
        assert_eq!(running.load(Ordering::SeqCst), 0);
    });
}

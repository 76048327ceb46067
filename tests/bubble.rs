//! Test bubbles: what Go's tests of `testing/synctest` check of them.

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

const HOUR: Duration = Duration::from_secs(3600);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(f) }
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
fn the_value_is_returned() {
    assert_eq!(run(|| bubble(|| vec![1, 2, 3])), [1, 2, 3]);
    run(|| bubble(|| ()));
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
fn outside_of_bubbles_there_is_no_wait() {
    let payload = run(|| go(wait).join().unwrap_err());
    assert_eq!(text_of(&*payload), "gort: test::wait outside of a bubble");
    assert!(catch_unwind(wait).is_err());
}

#[test]
fn there_are_no_bubbles_in_bubbles() {
    let text = panic_of(|| bubble(|| ()));
    assert_eq!(text, "gort: test::bubble called from within a bubble");
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
    both(|| {
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
    });
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

/// A mutex may be held by somebody outside, so waiting for one is not durable: time stands still.
#[test]
fn waiting_for_a_mutex_stops_the_time() {
    run(|| {
        let mutex = Arc::new(gort::sync::Mutex::new(()));
        let guard = mutex.lock();
        let inner = Arc::clone(&mutex);
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let made = go(move || {
            bubble(move || {
                let locker = go(move || drop(inner.lock()));
                sleep(HOUR);
                assert!(locker.is_finished());
                flag.store(true, Ordering::Relaxed);
            });
        });
        gort::sleep(Duration::from_millis(20));
        assert!(!ended.load(Ordering::Relaxed));
        drop(guard);
        made.join().unwrap();
        assert!(ended.load(Ordering::Relaxed));
    });
}

/// What is made outside may be used inside: then the bubble waits for the world.
#[test]
fn channels_from_outside() {
    run(|| {
        let uses: [fn(&gort::chan::Sender<u32>, &gort::chan::Receiver<u32>); 5] = [
            |_, rx| assert_eq!(rx.recv(), Ok(1)),
            |_, rx| assert_eq!(rx.recv_timeout(HOUR), Ok(1)),
            |_, rx| {
                select! { recv(rx) -> value => assert_eq!(value, Ok(1)) }
            },
            |_, rx| {
                let (_tx, own) = chan::<u32>(0);
                select! {
                    recv(rx) -> value => assert_eq!(value, Ok(1)),
                    recv(own) -> _ => unreachable!(),
                }
            },
            |tx, _| tx.send(2).unwrap(),
        ];
        for (n, used) in uses.into_iter().enumerate() {
            let ((to, inside_rx), (inside_tx, from)) = (chan(0), chan(0));
            time::after_func(Duration::from_millis(2), move || match n {
                4 => assert_eq!(from.recv(), Ok(2)),
                _ => to.send(1).unwrap(),
            });
            bubble(move || {
                // This is no reason for time to pass.
                let sleeper = go(|| sleep(secs(1)));
                used(&inside_tx, &inside_rx);
                assert!(!sleeper.is_finished());
                sleeper.join().unwrap();
            });
        }
        let timer = Timer::new(Duration::from_millis(2));
        let receiver = timer.receiver().clone();
        bubble(move || drop(receiver.recv().unwrap()));
        assert!(!timer.stop());
    });
}

#[test]
fn a_wait_group_from_outside() {
    run(|| {
        let group = WaitGroup::new();
        group.add(1);
        let inner = group.clone();
        let made = go(move || bubble(move || inner.wait()));
        gort::sleep(Duration::from_millis(10));
        assert!(!made.is_finished());
        group.done();
        made.join().unwrap();

        // One after the other, bubbles may use the same.
        for _ in 0..3 {
            let inner = group.clone();
            bubble(move || {
                inner.add(1);
                let waiter = inner.clone();
                go(move || waiter.wait());
                wait();
                inner.done();
            });
            group.add(1);
            group.done();
        }
    });
}

/// What belongs to a bubble is not to be used from outside, nor by another bubble.
#[test]
fn what_is_of_a_bubble_stays_there() {
    type Smuggled = (gort::chan::Sender<u32>, gort::chan::Receiver<u32>, Timer, Ticker, WaitGroup);
    const IS: &str = " from outside of its test bubble";
    let uses: [(fn(&Smuggled), &str); 12] = [
        (|s| drop(s.0.send(1)), "gort: send on a channel"),
        (|s| drop(s.0.try_send(1)), "gort: send on a channel"),
        (|s| drop(s.1.recv()), "gort: receive from a channel"),
        (|s| drop(s.1.try_recv()), "gort: receive from a channel"),
        (|s| drop(s.1.recv_timeout(secs(1))), "gort: receive from a channel"),
        (|s| drop(gort::block_on(s.1.recv_async())), "gort: receive from a channel"),
        (|s| drop(s.0.close()), "gort: close of a channel"),
        (|s| select! { recv(s.1) -> _ => {} }, "gort: select"),
        (|s| drop(s.2.receiver().recv()), "gort: receive from a channel"),
        (|s| drop(s.2.reset(secs(1))), "gort: reset of a timer"),
        (|s| s.3.stop(), "gort: stop of a timer"),
        (|s| s.4.done(), "gort: done of a WaitGroup"),
    ];
    for (used, what) in uses {
        for in_another in [false, true] {
            let (give, given) = mpsc::channel();
            run(move || {
                bubble(move || {
                    let (tx, rx) = chan(1);
                    let (timer, ticker) = (Timer::new(HOUR), Ticker::new(HOUR));
                    let group = WaitGroup::new();
                    group.add(1);
                    give.send((tx, rx, timer, ticker, group)).unwrap();
                });
                let smuggled: Smuggled = given.recv().unwrap();
                let try_it = move || {
                    let payload = catch_unwind(AssertUnwindSafe(|| used(&smuggled))).unwrap_err();
                    assert_eq!(text_of(&*payload), format!("{what}{IS}"));
                };
                if in_another { bubble(try_it) } else { try_it() }
            });
        }
    }
}

#[test]
fn a_group_is_not_used_inside_and_outside_at_once() {
    run(|| {
        let group = WaitGroup::new();
        group.add(1);
        let inner = group.clone();
        let add = move || bubble(move || inner.add(1));
        let payload = catch_unwind(AssertUnwindSafe(add)).unwrap_err();
        let text = "gort: WaitGroup::add from inside and outside of a test bubble";
        assert_eq!(text_of(&*payload), text);
        group.done();
        let inner = group.clone();
        bubble(move || inner.add(1));
        let payload = catch_unwind(AssertUnwindSafe(|| group.add(1))).unwrap_err();
        assert_eq!(text_of(&*payload), text);
    });
}

#[test]
fn everybody_blocked_is_a_deadlock() {
    let text = panic_of(|| select! {});
    assert!(text.starts_with("deadlock: all goroutines in bubble are blocked\n"), "{text}");
    assert!(text.contains("[select (no cases)]") && text.contains("tests/bubble.rs:"), "{text}");

    let text = panic_of(|| {
        let (_tx, rx) = chan::<()>(0);
        let other = gort::GoBuilder::new().name("other").go(move || rx.recv()).unwrap();
        other.join().unwrap()
    });
    assert!(text.contains("\"other\" [chan receive]:\n") && text.contains("[join]:"), "{text}");

    let text = panic_of(|| gort::chan::never::<()>().recv());
    assert!(text.contains("[chan receive (nil chan)]"), "{text}");
}

#[test]
fn blocked_goroutines_remain() {
    const REMAIN: &str =
        "deadlock: main bubble goroutine has exited but blocked goroutines remain\n";
    let text = panic_of(|| drop(go(|| select! {})));
    assert!(text.starts_with(REMAIN), "{text}");
    // Time stops when the first goroutine has ended.
    let text = panic_of(|| drop(go(|| time::tick(secs(1)).iter().for_each(|_| unreachable!()))));
    assert!(text.starts_with(REMAIN), "{text}");
    let text = panic_of(|| drop(go(|| sleep(secs(1)))));
    assert!(text.starts_with(REMAIN) && text.contains("[sleep]"), "{text}");
}

#[test]
fn timers_that_are_left_do_not_fire() {
    run(|| {
        let called = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&called);
        bubble(move || {
            drop(time::after_func(secs(1), move || flag.store(true, Ordering::Relaxed)))
        });
        // The function is dropped with the bubble.
        assert_eq!(Arc::strong_count(&called), 1);
        assert!(!called.load(Ordering::Relaxed));
    });
}

#[test]
fn panics_go_to_whoever_made_the_bubble() {
    assert_eq!(panic_of(|| panic!("mine")), "mine");
    // A goroutine that nobody joins, though others would go on for ever.
    let text = panic_of(|| {
        go(|| panic!("another's"));
        let ticker = Ticker::new(secs(1));
        ticker.receiver().iter().for_each(drop);
    });
    assert_eq!(text, "another's");
    let text = panic_of(|| {
        time::after_func(secs(1), || panic_any("a timer's"));
        sleep(HOUR);
    });
    assert_eq!(text, "a timer's");
    // One that is joined is its joiner's.
    run(|| bubble(|| assert!(go(|| panic!("joined")).join().is_err())));
    let text = panic_of(|| goexit());
    assert!(text.contains("goexit"), "{text}");
    run(|| bubble(|| drop(go(|| goexit()))));
}

#[test]
fn destructors_that_wait_during_a_panic() {
    struct Sleepy;
    impl Drop for Sleepy {
        fn drop(&mut self) {
            let begin = Instant::now();
            sleep(secs(1));
            assert_eq!(begin.elapsed(), secs(1));
            let (tx, rx) = chan(0);
            go(move || {
                sleep(secs(1));
                tx.send(1).unwrap();
            });
            assert_eq!(rx.recv(), Ok(1));
        }
    }
    for _ in 0..20 {
        let text = panic_of(|| {
            let begin = Instant::now();
            let outcome = go(|| {
                let _sleepy = Sleepy;
                panic!("first")
            })
            .join();
            assert!(outcome.is_err());
            assert_eq!(begin.elapsed(), secs(2));
            let _sleepy = Sleepy;
            panic!("second")
        });
        assert_eq!(text, "second");
    }
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

#[test]
fn the_bubble_s_maker_borrows_nothing_of_it() {
    // Results with lifetimes of their own come back.
    let text: String = run(|| {
        let owned = String::from("text");
        bubble(move || {
            sleep(secs(1));
            owned + "!"
        })
    });
    assert_eq!(text, "text!");
}

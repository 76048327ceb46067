//! Ends of bubbles, and their borders: what is used from the other side.

#![allow(
    clippy::type_complexity,
    dropping_copy_types,
    reason = "tables of uses, of whatever result"
)]

use super::*;

#[test]
fn the_value_is_returned() {
    assert_eq!(run(|| bubble(|| vec![1, 2, 3])), [1, 2, 3]);
    run(|| bubble(|| ()));
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

/// A timer beyond the clock's range never fires, so it ends no wait.
#[test]
fn never_does_not_come() {
    for wait in [|| time::sleep(Duration::MAX), || drop(chan::<()>(0).1.recv())] {
        let text = panic_of(move || {
            let _ticker = Ticker::new(Duration::MAX);
            wait();
        });
        assert!(text.starts_with("deadlock: "), "{text}");
    }
}

#[test]
fn everybody_blocked_is_a_deadlock() {
    let text = panic_of(|| select! {});
    assert!(text.starts_with("deadlock: all goroutines in bubble are blocked\n"), "{text}");
    assert!(
        text.contains("[select (no cases)]:\n") && text.contains("tests/bubble/ends.rs:"),
        "{text}"
    );

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
    let text = panic_of(|| drop(go(|| time::tick(secs(1)).recv())));
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

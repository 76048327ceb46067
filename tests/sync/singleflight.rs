//! `SingleFlight`.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gort::sync::{SingleFlight, WaitGroup};
use gort::{Goexit, chan, go, goexit, sleep};

use crate::{WHILE, joined, panic_of, process, run, text_of};

type Flight = SingleFlight<&'static str, Result<u32, String>>;

#[test]
fn alone() {
    let flight = Flight::new();
    assert_eq!(flight.run("key", || Ok(5)), (Ok(5), false));
    assert_eq!(flight.run("key", || Err("no".to_owned())), (Err("no".to_owned()), false));
    assert_eq!(format!("{flight:?}"), "SingleFlight");
}

/// Who comes while the function runs does not call it, and all see that they share.
#[test]
fn who_comes_meanwhile_gets_the_same() {
    run(|| {
        gort::test::bubble(|| {
            let flight = Flight::default();
            let calls = Arc::new(AtomicUsize::new(0));
            let (leave, may_leave) = chan::<()>(0);
            let all = WaitGroup::new();
            for _ in 0..10 {
                let (flight, calls) = (flight.clone(), Arc::clone(&calls));
                let may_leave = may_leave.clone();
                all.go(move || {
                    let result = flight.run("key", || {
                        calls.fetch_add(1, Ordering::Relaxed);
                        let _ = may_leave.recv();
                        Ok(1)
                    });
                    assert_eq!(result, (Ok(1), true));
                });
            }
            gort::test::wait();
            let on_chan = flight.run_chan("key", || unreachable!("there is a call"));
            // Another key is another call.
            assert_eq!(flight.run("other", || Ok(2)), (Ok(2), false));
            assert!(on_chan.is_empty());
            drop(leave);
            all.wait();
            assert_eq!(on_chan.recv(), Ok((Ok(1), true)));
            assert_eq!(calls.load(Ordering::Relaxed), 1);
        });
    });
}

/// A plain thread waits for a goroutine's call.
#[test]
fn a_thread_gets_the_same() {
    run(|| ());
    // It may come too late, but hardly ever does.
    assert!((0..100).any(|_| {
        let flight = Flight::new();
        let (begun, has_begun) = chan(1);
        let on_chan = flight.run_chan("key", move || {
            begun.send(()).unwrap();
            sleep(WHILE);
            Ok(1)
        });
        has_begun.recv().unwrap();
        let result = flight.run("key", || Ok(2));
        assert_eq!(on_chan.recv().unwrap().0, Ok(1));
        result == (Ok(1), true)
    }));
}

#[test]
fn on_a_channel() {
    run(|| {
        let flight = Flight::new();
        let receiver = flight.run_chan("key", || Ok(3));
        assert_eq!(receiver.recv(), Ok((Ok(3), false)));
        assert!(receiver.recv().is_err());
        // Nobody needs to receive.
        drop(flight.run_chan("nobody's", || Ok(4)));
        let (leave, may_leave) = chan::<()>(0);
        let exits = flight.run_chan("exits", move || {
            let _ = may_leave.recv();
            goexit()
        });
        let follower = flight.run_chan("exits", || unreachable!("there is a call"));
        drop(leave);
        assert!(exits.recv().is_err() && follower.recv().is_err());
    });
}

#[test]
fn a_forgotten_call_is_made_anew() {
    run(|| {
        let flight = Flight::new();
        let (leave, may_leave) = chan::<()>(0);
        let first = flight.run_chan("key", move || {
            let _ = may_leave.recv();
            Ok(1)
        });
        flight.forget(&"key");
        let (leave_second, may_leave_second) = chan::<()>(0);
        let second = flight.run_chan("key", move || {
            let _ = may_leave_second.recv();
            Ok(2)
        });
        drop(leave);
        assert_eq!(first.recv(), Ok((Ok(1), false)));
        // The end of the first does not end the second.
        let third = flight.run_chan("key", || Ok(3));
        drop(leave_second);
        assert_eq!(second.recv(), Ok((Ok(2), true)));
        assert_eq!(third.recv(), Ok((Ok(2), true)));
        flight.forget(&"nobody");
    });
}

#[test]
fn calls_and_forgetting_race() {
    run(|| {
        let flight: SingleFlight<u32, u32> = SingleFlight::new();
        let all = WaitGroup::new();
        for n in 0..20_u32 {
            let flight = flight.clone();
            all.go(move || {
                for turn in 0..100 {
                    let key = (turn + n) % 3;
                    let (value, _) = flight.run(key, || {
                        gort::gosched();
                        key * 10
                    });
                    assert_eq!(value, key * 10);
                    if turn % 7 == 0 {
                        flight.forget(&key);
                    }
                }
            });
        }
        all.wait();
    });
}

#[test]
fn a_panic_reaches_all() {
    run(|| {
        let flight: SingleFlight<u8, u8> = SingleFlight::new();
        let (leave, may_leave) = chan::<()>(0);
        let want = || {
            let (flight, may_leave) = (flight.clone(), may_leave.clone());
            move || {
                flight.run(1, || {
                    let _ = may_leave.recv();
                    panic!("no {}", "tea")
                })
            }
        };
        let handles: Vec<_> = (0..5).map(|_| go(want())).collect();
        let thread = thread::spawn(want());
        sleep(WHILE);
        drop(leave);
        for handle in handles {
            assert_eq!(text_of(&*handle.join().unwrap_err()), "no tea");
        }
        assert_eq!(text_of(&*joined(thread).unwrap_err()), "no tea");
        // It is over.
        assert_eq!(flight.run(1, || 2), (2, false));
        // Its caller gets what was thrown itself.
        let thrown = AssertUnwindSafe(|| flight.run(1, || panic_any(5)));
        assert_eq!(catch_unwind(thrown).unwrap_err().downcast_ref(), Some(&5));
    });
}

#[test]
fn goexit_reaches_all() {
    run(|| {
        gort::test::bubble(|| {
            let flight: SingleFlight<u8, u8> = SingleFlight::new();
            let (leave, may_leave) = chan::<()>(0);
            let handles: Vec<_> = (0..5)
                .map(|_| {
                    let (flight, may_leave) = (flight.clone(), may_leave.clone());
                    go(move || {
                        flight.run(1, || {
                            let _ = may_leave.recv();
                            goexit()
                        })
                    })
                })
                .collect();
            gort::test::wait();
            drop(leave);
            for handle in handles {
                assert!(handle.join().unwrap_err().is::<Goexit>());
            }
            assert_eq!(flight.run(1, || 2), (2, false));
        });
    });
}

/// A plain thread cannot exit as a goroutine does.
#[test]
fn goexit_is_a_panic_for_a_thread() {
    run(|| ());
    assert!((0..100).any(|_| {
        let flight: SingleFlight<u8, u8> = SingleFlight::new();
        let (begun, has_begun) = chan(1);
        let exits = flight.run_chan(1, move || {
            begun.send(()).unwrap();
            sleep(WHILE);
            goexit()
        });
        has_begun.recv().unwrap();
        let text = panic_of(|| flight.run(1, || panic!("too late")));
        assert!(exits.recv().is_err());
        text == "gort: the function of a SingleFlight called goexit"
    }));
}

/// A value whose clone panics harms only whoever wanted that clone.
#[test]
fn a_clone_that_panics() {
    #[derive(Debug)]
    struct Fragile;
    impl Clone for Fragile {
        fn clone(&self) -> Fragile {
            panic!("broken")
        }
    }
    run(|| {
        let flight: SingleFlight<u8, Fragile> = SingleFlight::new();
        let other = flight.clone();
        let (begun, has_begun) = chan(1);
        let handle = go(move || {
            other.run(1, || {
                begun.send(()).unwrap();
                sleep(WHILE);
                Fragile
            })
        });
        has_begun.recv().unwrap();
        assert_eq!(panic_of(|| flight.run(1, || Fragile)), "broken");
        assert!(handle.join().is_err());
    });
}

/// A panic on the goroutine of `run_chan`, which nobody joins, ends the process.
#[test]
fn a_panic_on_a_channel_ends_the_process() {
    const TEST: &str = "singleflight::a_panic_on_a_channel_ends_the_process";
    let Some(output) = process::process(TEST, &[]) else {
        run(|| {
            let flight = Flight::new();
            let _ = flight.run_chan("key", || panic!("nobody sees it")).recv();
            sleep(Duration::from_secs(30));
        });
        return;
    };
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody sees it"));
}

//! Goroutines that a test left behind are found, and nobody else's.

#[path = "support/runtime.rs"]
mod runtime;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::chan::{Receiver, Sender};
use gort::stacks::GoroutineInfo;
use gort::test::{Leaks, leaks};
use gort::{GoBuilder, chan, go, gosched, sleep};
use runtime::run;

/// For goroutines that are certain not to end.
const SHORT: Duration = Duration::from_millis(30);
/// For goroutines that are certain to end, on however slow a machine.
const LONG: Duration = Duration::from_secs(60);

fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it must panic");
    payload.downcast_ref::<String>().expect("a text").clone()
}

/// What the check finds once it is only these many: others may be slow to end.
fn found(check: &Leaks, count: usize) -> Vec<GoroutineInfo> {
    let begin = Instant::now();
    loop {
        let found = check.find();
        if found.len() == count {
            return found;
        }
        assert!(begin.elapsed() < LONG, "{found:#?}");
    }
}

fn waits(rx: &Receiver<u32>) {
    assert!(rx.recv().is_err());
}

/// A goroutine that waits until the sender is dropped.
fn left_behind(name: &str) -> Sender<u32> {
    let (tx, rx) = chan::<u32>(0);
    drop(GoBuilder::new().name(name).go(move || waits(&rx)).unwrap());
    tx
}

#[test]
fn nothing_left_is_nothing_found() {
    let check = leaks().grace(LONG);
    run(|| {
        let inner = leaks().grace(LONG);
        let handles: Vec<_> = (0..100).map(|_| go(|| go(gosched).join().unwrap())).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        inner.verify();
    });
    assert!(check.find().is_empty());
    check.verify();
}

#[test]
fn what_is_left_is_named_with_its_stack() {
    run(|| {
        let before = left_behind("before");
        let check = leaks().grace(SHORT);
        let tx = left_behind("left");
        let found = found(&check, 1);
        assert_eq!((found[0].name.as_deref(), found[0].creator), (Some("left"), gort::id()));
        let text = message(|| check.verify());
        assert!(text.starts_with("gort: 1 goroutine was left behind\n\ngoroutine "), "{text}");
        assert!(text.contains(" \"left\" [chan receive]:\n"), "{text}");
        assert!(text.contains("leaks::left_behind"), "{text}");
        assert!(!text.contains("\"before\""), "{text}");
        drop((before, tx));
        // The check is over: what comes now is nobody's.
        let tx = left_behind("after");
        leaks().grace(SHORT).verify();
        drop(tx);
    });
}

#[test]
fn dropping_a_check_verifies_unless_a_panic_is_on_its_way() {
    run(|| {
        let check = leaks().grace(SHORT);
        let tx = left_behind("left");
        assert!(message(|| drop(check)).contains("\"left\""));
        drop(tx);
        let text = message(|| {
            let _check = leaks().grace(SHORT);
            let _tx = Arc::new(left_behind("left"));
            std::panic::panic_any("the first".to_owned());
        });
        assert_eq!(text, "the first");
        // Nothing watches any more.
        let tx = left_behind("after");
        leaks().grace(SHORT).verify();
        drop(tx);
    });
}

#[test]
fn descendants_are_found_though_those_between_have_ended() {
    for on_a_thread in [true, false] {
        let (tx, rx) = chan::<u32>(0);
        let start = move || {
            go(move || {
                go(move || {
                    drop(go(move || waits(&rx)));
                })
                .join()
                .unwrap();
            })
            .join()
            .unwrap();
        };
        let test = move || {
            let check = leaks().grace(SHORT);
            if on_a_thread {
                run(start)
            } else {
                start()
            }
            assert!(found(&check, 1)[0].creator.is_some());
            drop(tx);
            check.grace(LONG).verify();
        };
        if on_a_thread { test() } else { run(test) }
    }
}

#[test]
fn others_are_not_found() {
    run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let others: Vec<_> = (0..4)
            .map(|_| {
                let stop = Arc::clone(&stop);
                go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let check = leaks().grace(LONG);
                        let (tx, rx) = chan::<u32>(0);
                        (0..3).map(|_| rx.clone()).for_each(|rx| drop(go(move || waits(&rx))));
                        drop(tx);
                        check.verify();
                    }
                })
            })
            .collect();
        for _ in 0..50 {
            let check = leaks().grace(LONG);
            go(gosched).join().unwrap();
            check.verify();
        }
        stop.store(true, Ordering::Relaxed);
        others.into_iter().for_each(|handle| handle.join().unwrap());
    });
    // Nor what another thread starts.
    let check = leaks().grace(SHORT);
    let tx = thread::spawn(|| left_behind("another thread's")).join().unwrap();
    check.verify();
    drop(tx);
}

#[test]
fn a_check_inside_another_one_is_part_of_it() {
    run(|| {
        let outer = leaks().grace(SHORT);
        let inner = leaks().grace(SHORT);
        let tx = left_behind("inner");
        assert!(message(|| inner.verify()).contains("\"inner\""));
        let rest = left_behind("outer");
        let mut names: Vec<_> =
            found(&outer, 2).into_iter().map(|info| info.name.unwrap()).collect();
        names.sort();
        assert_eq!(names, ["inner", "outer"]);
        drop((tx, rest));
        outer.grace(LONG).verify();
        // In another order.
        let (first, second) = (leaks().grace(SHORT), leaks().grace(SHORT));
        first.verify();
        let tx = left_behind("second");
        assert_eq!(second.find().len(), 1);
        drop(tx);
        second.grace(LONG).verify();
    });
}

#[test]
fn goroutines_get_time_to_end() {
    run(|| {
        let begin = Instant::now();
        let check = leaks().grace(LONG);
        drop(go(|| sleep(Duration::from_millis(100))));
        check.verify();
        assert!(begin.elapsed() >= Duration::from_millis(100));
        let check = leaks().grace(Duration::ZERO);
        let tx = left_behind("left");
        let begin = Instant::now();
        assert!(message(|| check.verify()).contains("\"left\""));
        assert!(begin.elapsed() < Duration::from_secs(10));
        drop(tx);
    });
}

#[test]
fn what_is_meant_to_stay_is_ignored() {
    run(|| {
        let check = leaks().grace(SHORT).ignore_name("keeper");
        let check = check.ignore_function("leaks::another").ignore(|info| info.creator.is_none());
        let keeper = left_behind("keeper");
        assert!(check.find().is_empty());
        let another = another();
        assert!(check.find().is_empty());
        let left = left_behind("left");
        let found = found(&check, 1);
        assert_eq!(found[0].name.as_deref(), Some("left"));
        drop((keeper, another, left));
        check.grace(LONG).verify();
    });
}

fn another() -> Sender<u32> {
    let (tx, rx) = chan::<u32>(0);
    drop(go(move || waits(&rx)));
    tx
}

#[test]
fn a_running_goroutine_is_left_behind_too() {
    run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stop);
        let check = leaks().grace(SHORT);
        drop(go(move || {
            while !ends.load(Ordering::Relaxed) {
                gosched();
            }
        }));
        let text = message(|| check.verify());
        assert!(text.contains("[running]:\n") || text.contains("[runnable]:\n"), "{text}");
        stop.store(true, Ordering::Relaxed);
    });
}

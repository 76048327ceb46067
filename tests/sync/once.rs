//! `Once`, `OnceValue`.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use gort::sync::{Once, OnceValue, WaitGroup};
use gort::{Goexit, go, goexit, gosched};

use crate::{WHILE, joined, panic_of, run, text_of};

#[test]
fn once_for_all_who_come() {
    run(|| {
        for _ in 0..50 {
            let once = Arc::new((Once::new(), AtomicU32::new(0)));
            let handles: Vec<_> = (0..10)
                .map(|_| {
                    let once = Arc::clone(&once);
                    go(move || {
                        once.0.call_once(|| {
                            gosched();
                            once.1.fetch_add(1, Ordering::Relaxed);
                        });
                        // It has run when any call returns.
                        assert_eq!(once.1.load(Ordering::Relaxed), 1);
                    })
                })
                .collect();
            once.0.call_once(|| assert_eq!(once.1.fetch_add(1, Ordering::Relaxed), 0));
            assert_eq!(once.1.load(Ordering::Relaxed), 1);
            assert!(once.0.is_completed());
            handles.into_iter().for_each(|h| h.join().unwrap());
        }
    });
}

#[test]
fn others_wait_for_the_first() {
    static ONCE: Once = Once::new();
    run(|| {
        let (tx, rx) = gort::chan::<()>(0);
        let (begun, has_begun) = gort::chan(1);
        let first = go(move || {
            ONCE.call_once(|| {
                begun.send(()).unwrap();
                assert!(rx.recv().is_err());
            });
        });
        has_begun.recv().unwrap();
        let others = [go(|| ONCE.call_once(|| panic!("twice")))];
        let thread = thread::spawn(|| ONCE.call_once(|| panic!("twice")));
        gort::sleep(WHILE);
        assert!(!others[0].is_finished() && !thread.is_finished() && !ONCE.is_completed());
        drop(tx);
        first.join().unwrap();
        others.into_iter().for_each(|h| h.join().unwrap());
        joined(thread).unwrap();
        assert_eq!(format!("{ONCE:?}"), "Once(done)");
    });
}

#[test]
fn a_panic_counts_as_done() {
    run(|| {
        let once = Once::default();
        assert_eq!(panic_of(|| once.call_once(|| panic!("first"))), "first");
        once.call_once(|| panic!("second"));
        let exits = Arc::new(Once::new());
        let exiting = Arc::clone(&exits);
        let handle = go(move || exiting.call_once(|| goexit()));
        assert!(handle.join().unwrap_err().is::<Goexit>());
        exits.call_once(|| panic!("second"));
    });
}

#[test]
fn its_own_function_does_not_wait_for_itself() {
    let text = "gort: call_once inside the function of the same Once";
    let check = || {
        let once = Once::new();
        let inner = panic_of(|| once.call_once(|| once.call_once(|| ())));
        assert_eq!(inner, text);
        once.call_once(|| panic!("done"));
    };
    check();
    run(check);
    // In another's function it is fine.
    let (one, two) = (Once::new(), Once::new());
    one.call_once(|| two.call_once(|| ()));
    assert!(one.is_completed() && two.is_completed());
}

#[test]
fn a_value_is_made_once() {
    static MADE: AtomicU32 = AtomicU32::new(0);
    static VALUE: OnceValue<Vec<u32>> = OnceValue::new(|| {
        gosched();
        vec![MADE.fetch_add(1, Ordering::Relaxed)]
    });
    assert_eq!(format!("{VALUE:?}"), "OnceValue(<not made>)");
    run(|| {
        let all = WaitGroup::new();
        for _ in 0..20 {
            all.go(|| assert_eq!(VALUE.get(), &[0]));
        }
        all.wait();
    });
    assert_eq!((VALUE.len(), MADE.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(format!("{VALUE:?}"), "OnceValue([0])");
    let (a, b) = (1, "two");
    let pair = OnceValue::new(|| (a, b));
    assert_eq!(pair.get(), &(1, "two"));
}

#[test]
fn a_value_not_made_panics_each_time() {
    run(|| {
        let runs = AtomicU32::new(0);
        let value = OnceValue::new(|| -> u32 {
            runs.fetch_add(1, Ordering::Relaxed);
            panic!("no {}", "tea")
        });
        for _ in 0..3 {
            assert_eq!(panic_of(|| *value.get()), "no tea");
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(format!("{value:?}"), "OnceValue(<panicked>)");

        // The first gets what was thrown itself, the others a text.
        let value = OnceValue::new(|| -> u32 { panic_any(5) });
        let first = catch_unwind(AssertUnwindSafe(|| *value.get())).unwrap_err();
        assert_eq!(first.downcast_ref(), Some(&5));
        assert_eq!(
            panic_of(|| *value),
            "gort: the function panicked, with something that is no text"
        );
    });
}

#[test]
fn a_value_whose_function_exits_panics_for_others() {
    static VALUE: OnceValue<u32> = OnceValue::new(|| goexit());
    run(|| {
        assert!(go(|| *VALUE.get()).join().unwrap_err().is::<Goexit>());
        let other = go(|| *VALUE.get()).join().unwrap_err();
        assert_eq!(text_of(&*other), "gort: the function called goexit");
    });
}

#[test]
fn a_value_that_wants_itself_panics() {
    static VALUE: OnceValue<u32> = OnceValue::new(|| *VALUE.get());
    for _ in 0..2 {
        let text = panic_of(|| *VALUE.get());
        assert_eq!(text, "gort: call_once inside the function of the same Once");
    }
}

/// The function, the value and a panic's payload are dropped once.
#[test]
fn nothing_is_dropped_twice() {
    struct Counted(Arc<AtomicU32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    for end in 0..3 {
        let drops = Arc::new(AtomicU32::new(0));
        let held = Counted(Arc::clone(&drops));
        let value = OnceValue::new(move || match end {
            0 => held,
            _ => resume_unwind(Box::new(held)),
        });
        if end < 2 {
            let _ = catch_unwind(AssertUnwindSafe(|| value.get().0.load(Ordering::Relaxed)));
        }
        drop(value);
        assert_eq!(drops.load(Ordering::Relaxed), 1, "{end}");
    }
}

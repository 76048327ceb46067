//! `ErrGroup`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gort::context::{self, ContextError};
use gort::sync::ErrGroup;
use gort::{Goexit, go, goexit, gosched, sleep};

use crate::{WHILE, joined, panic_of, run, until};

#[test]
fn a_group_of_nobody() {
    let group: ErrGroup<()> = ErrGroup::default();
    assert_eq!(group.wait(), Ok(()));
    assert_eq!(format!("{group:?}"), "ErrGroup(0)");
    let (group, ctx): (ErrGroup<()>, _) = ErrGroup::with_context(&context::background());
    assert_eq!(ctx.err(), None);
    assert_eq!(group.wait(), Ok(()));
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
}

#[test]
fn the_first_error_counts() {
    run(|| {
        type Outcomes = [Result<(), u32>];
        let cases: [(&Outcomes, Result<(), u32>); 5] = [
            (&[], Ok(())),
            (&[Ok(())], Ok(())),
            (&[Err(1)], Err(1)),
            (&[Ok(()), Err(2)], Err(2)),
            (&[Err(1), Ok(()), Err(2)], Err(1)),
        ];
        for (outcomes, expected) in cases {
            let (group, ctx) = ErrGroup::with_context(&context::background());
            for &outcome in outcomes {
                let (tx, rx) = gort::chan::<()>(0);
                group.go(move || {
                    let _end = tx;
                    outcome
                });
                let _ = rx.recv();
                until(|| format!("{group:?}") == "ErrGroup(0)");
            }
            assert_eq!(ctx.err().is_some(), outcomes.iter().any(Result::is_err));
            assert_eq!(group.wait(), expected);
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
            // The error was taken.
            assert_eq!(group.wait(), Ok(()));
        }
    });
}

#[test]
fn an_error_ends_the_others_by_the_context() {
    run(|| {
        let (group, ctx) = ErrGroup::with_context(&context::background());
        for n in 0..10 {
            let ctx = ctx.clone();
            group.go(move || {
                if n == 5 {
                    sleep(Duration::from_millis(2));
                    return Err("five");
                }
                assert!(ctx.done().recv().is_err());
                Ok(())
            });
        }
        assert_eq!(group.wait(), Err("five"));
    });
}

#[test]
fn without_a_context_the_others_go_on() {
    run(|| {
        let group = ErrGroup::new();
        let ended = Arc::new(AtomicUsize::new(0));
        for n in 0..10 {
            let ended = Arc::clone(&ended);
            group.go(move || {
                gosched();
                ended.fetch_add(1, Ordering::Relaxed);
                if n == 0 { Err(n) } else { Ok(()) }
            });
        }
        assert_eq!(group.wait(), Err(0));
        assert_eq!(ended.load(Ordering::Relaxed), 10);
    });
}

#[test]
fn no_more_than_the_limit() {
    run(|| {
        let group: ErrGroup<()> = ErrGroup::new();
        group.set_limit(3);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..100 {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            group.go(move || {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                gosched();
                now.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            });
        }
        assert_eq!(group.wait(), Ok(()));
        assert!((1..=3).contains(&most.load(Ordering::Relaxed)));
        // Without a limit all are there together.
        group.set_limit(None);
        let barrier = Arc::new(gort::sync::Barrier::new(50));
        for _ in 0..50 {
            let barrier = Arc::clone(&barrier);
            group.go(move || {
                barrier.wait();
                Ok(())
            });
        }
        assert_eq!(group.wait(), Ok(()));
    });
}

#[test]
fn try_go_does_not_wait() {
    run(|| {
        let group: ErrGroup<()> = ErrGroup::new();
        group.set_limit(2);
        let (tx, rx) = gort::chan::<()>(0);
        for _ in 0..2 {
            let rx = rx.clone();
            assert!(group.try_go(move || {
                let _ = rx.recv();
                Ok(())
            }));
        }
        assert!(!group.try_go(|| unreachable!("there is no place")));
        assert_eq!(format!("{group:?}"), "ErrGroup(2)");
        drop(tx);
        assert_eq!(group.wait(), Ok(()));
        assert!(group.try_go(|| Ok(())));
        assert_eq!(group.wait(), Ok(()));
        group.set_limit(0);
        assert!(!group.try_go(|| unreachable!("nobody is let in")));
        assert!(panic_of(|| group.go(|| Ok(()))).contains("1 units of a semaphore that has 0"));
        group.set_limit(None);
        assert!(group.try_go(|| Ok(())));
        assert_eq!(group.wait(), Ok(()));
    });
}

#[test]
fn a_limit_is_not_changed_under_members() {
    run(|| {
        let group: ErrGroup<()> = ErrGroup::new();
        let (tx, rx) = gort::chan::<()>(0);
        group.go(move || {
            let _ = rx.recv();
            Ok(())
        });
        let text = panic_of(|| group.set_limit(5));
        assert_eq!(text, "gort: a new limit for an ErrGroup of 1 goroutines");
        drop(tx);
        group.wait().unwrap();
        group.set_limit(5);
    });
}

#[test]
fn members_start_members() {
    fn grow(group: &ErrGroup<()>, depth: u32, count: &Arc<AtomicUsize>) {
        for _ in 0..3 * u32::from(depth > 0) {
            let (inner, count) = (group.clone(), Arc::clone(count));
            group.go(move || {
                grow(&inner, depth - 1, &count);
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
        }
    }
    run(|| {
        let (group, count) = (ErrGroup::new(), Arc::default());
        grow(&group, 4, &count);
        group.wait().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 3 + 9 + 27 + 81);
    });
}

#[test]
fn a_panic_comes_out_of_wait() {
    run(|| {
        let (group, ctx): (ErrGroup<()>, _) = ErrGroup::with_context(&context::background());
        group.go(|| resume_unwind(Box::new(7)));
        // It ends the context, like an error.
        assert!(ctx.done().recv().is_err());
        group.go(|| Err(()));
        let caught = catch_unwind(AssertUnwindSafe(|| group.wait())).unwrap_err();
        assert_eq!(caught.downcast_ref(), Some(&7));
        assert_eq!(group.wait(), Ok(()));
    });
}

#[test]
fn goexit_comes_out_of_wait() {
    run(|| {
        let waits = go(|| {
            let (group, ctx): (ErrGroup<()>, _) = ErrGroup::with_context(&context::background());
            group.set_limit(1);
            group.go(|| goexit());
            assert!(ctx.done().recv().is_err());
            // Its place is free again.
            group.go(|| Ok(()));
            group.wait()
        });
        assert!(waits.join().unwrap_err().is::<Goexit>());
        let group: ErrGroup<()> = ErrGroup::new();
        group.go(|| goexit());
        let thread = thread::spawn(move || panic_of(|| group.wait()));
        assert_eq!(joined(thread).unwrap(), "gort: a member of an ErrGroup called goexit");
    });
}

#[test]
fn a_group_that_nobody_waits_for_ends_its_context() {
    run(|| {
        let (group, ctx): (ErrGroup<()>, _) = ErrGroup::with_context(&context::background());
        group.go(|| {
            sleep(WHILE);
            Ok(())
        });
        drop(group);
        assert_eq!(ctx.err(), None);
        assert!(ctx.done().recv().is_err());
    });
}

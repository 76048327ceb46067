//! Contexts together with other things: `select!`, conditions, tasks, bubbles.

use std::sync::Arc;
use std::time::Duration;

use gort::context::{self, Context, ContextError, background};
use gort::sync::WaitGroup;
use gort::sync::{Cond, Mutex};
use gort::time::Instant;
use gort::{chan, go, select, sleep};

use crate::{LONG, Name, WHILE, assert_ended, assert_open, cause_text, run};

#[test]
fn in_a_select() {
    run(|| {
        let (ctx, cancel) = context::with_cancel(&background());
        let (tx, rx) = chan(0);
        let worker = go(move || {
            let mut sum = 0;
            loop {
                select! {
                    recv(rx) -> value => sum += value.unwrap_or(0),
                    recv(ctx.done()) -> _ => return sum,
                }
            }
        });
        (1..=10).for_each(|n| tx.send(n).unwrap());
        cancel.cancel();
        assert_eq!(worker.join().unwrap(), 55);
        // A context that cannot end is never chosen.
        let (_tx, rx) = chan::<()>(0);
        let root = background();
        let chosen = select! {
            recv(root.done()) -> _ => "done",
            recv(rx) -> _ => "received",
            default => "neither",
        };
        assert_eq!(chosen, "neither");
    });
}

/// The trace task is a child that keeps everything.
#[test]
fn a_task_keeps_what_the_context_carries() {
    run(|| {
        let named = context::with_value(&background(), Name("kept"));
        let (ctx, cancel) = context::with_timeout(&named, LONG);
        let (in_task, task) = gort::trace::new_task(&ctx, "task");
        assert_eq!(in_task.deadline(), ctx.deadline());
        assert_eq!(in_task.value::<Name>().unwrap().0, "kept");
        assert_open(&in_task);
        cancel.cancel();
        assert_ended(&in_task, ContextError::Canceled);
        drop(task);
        assert!(format!("{in_task:?}").contains(".WithTask("));
    });
}

/// In a bubble deadlines pass by the bubble's time.
#[test]
fn in_a_bubble() {
    run(|| {
        gort::test::bubble(|| {
            let begin = Instant::now();
            let (ctx, _cancel) = context::with_timeout(&background(), LONG);
            let (tx, rx) = chan(1);
            let _stop = context::after_func(&ctx, move || tx.send(Instant::now()).unwrap());
            sleep(LONG - Duration::from_nanos(1));
            gort::test::wait();
            assert_open(&ctx);
            assert!(rx.is_empty());
            sleep(Duration::from_nanos(1));
            gort::test::wait();
            assert_ended(&ctx, ContextError::DeadlineExceeded);
            assert_eq!(rx.recv().unwrap(), begin + LONG);
            let (ctx, cancel) = context::with_cancel(&background());
            let waits = go(move || ctx.done().recv().is_err());
            gort::test::wait();
            assert!(!waits.is_finished());
            cancel.cancel();
            assert!(waits.join().unwrap());
        });
    });
}

/// That is one panic, though the function goes with it.
#[test]
fn cancelled_from_outside_of_its_bubble() {
    run(|| {
        let (tx, rx) = std::sync::mpsc::channel();
        gort::test::bubble(move || {
            tx.send(context::with_cancel(&background())).unwrap();
        });
        let (_ctx, cancel) = rx.recv().unwrap();
        let cancelled = go(move || cancel.cancel());
        let panic = cancelled.join().unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("close of a channel"), "{text}");
    });
}

/// A wait for a condition that a context ends.
#[test]
fn a_condition_with_a_context() {
    run(|| {
        let shared = Arc::new((Mutex::new(()), Cond::new()));
        let all = WaitGroup::new();
        for n in 0..4 {
            let shared = Arc::clone(&shared);
            all.go(move || {
                let (ctx, _cancel) = context::with_timeout(&background(), WHILE * n);
                let other = Arc::clone(&shared);
                let stop = context::after_func(&ctx, move || {
                    // Under the mutex, so that it does not come between a look and the wait.
                    let _guard = other.0.lock();
                    other.1.broadcast();
                });
                let mut guard = shared.0.lock();
                while ctx.err().is_none() {
                    shared.1.wait(&mut guard);
                }
                assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
                assert!(!stop.stop());
            });
        }
        all.wait();
    });
}

/// One context that ends when either of two does.
#[test]
fn two_contexts_become_one() {
    fn merge(one: &Context, other: &Context) -> (Context, impl Drop) {
        struct Merged(context::AfterFunc, context::CancelCauseFunc);
        impl Drop for Merged {
            fn drop(&mut self) {
                self.0.stop();
                self.1.cancel(ContextError::Canceled);
            }
        }
        let (ctx, cancel) = context::with_cancel_cause(one);
        let (other, ends) = (other.clone(), cancel.clone());
        let seen = other.clone();
        let stop = context::after_func(&other, move || {
            ends.cancel(context::cause(&seen).map_or_else(String::new, |c| c.to_string()));
        });
        (ctx, Merged(stop, cancel))
    }
    run(|| {
        let (one, cancel_one) = context::with_cancel_cause(&background());
        let (other, cancel_other) = context::with_cancel_cause(&background());
        let (by_other, _end) = merge(&one, &other);
        cancel_other.cancel("other");
        assert!(by_other.done().recv().is_err());
        assert_eq!(cause_text(&by_other), "other");
        let (left, _cancel_left) = context::with_cancel(&background());
        let (by_one, _end) = merge(&one, &left);
        assert_open(&by_one);
        cancel_one.cancel("one");
        assert_ended(&by_one, ContextError::Canceled);
        assert_eq!(cause_text(&by_one), "one");
    });
}

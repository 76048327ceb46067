//! Contexts: `gort::context`.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gort::chan::TryRecvError;
use gort::context::{self, Cause, Context, ContextError, background};
use gort::sync::WaitGroup;
use gort::time::Instant;
use gort::{chan, go, goexit, sleep};
use runtime::run;

#[path = "../support/process.rs"]
mod process;
mod races;
#[path = "../support/runtime.rs"]
mod runtime;
mod together;

/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);
/// A limit that is not reached.
const LONG: Duration = Duration::from_secs(3600);

#[track_caller]
fn assert_open(ctx: &Context) {
    assert_eq!(ctx.done().try_recv(), Err(TryRecvError::Empty), "{ctx:?}");
    assert_eq!(ctx.err(), None, "{ctx:?}");
    assert!(context::cause(ctx).is_none(), "{ctx:?}");
}

#[track_caller]
fn assert_ended(ctx: &Context, error: ContextError) {
    assert_eq!(ctx.done().try_recv(), Err(TryRecvError::Closed), "{ctx:?}");
    assert_eq!(ctx.err(), Some(error), "{ctx:?}");
    assert!(context::cause(ctx).is_some(), "{ctx:?}");
}

fn cause_text(ctx: &Context) -> String {
    context::cause(ctx).map_or_else(String::new, |cause| cause.to_string())
}

#[test]
fn roots_never_end() {
    for ctx in [background(), context::todo(), Context::default(), Context::background()] {
        assert_open(&ctx);
        assert_eq!(ctx.deadline(), None);
        assert!(ctx.value::<u8>().is_none());
    }
    let texts = format!("{:?} {:?}", background(), context::todo());
    assert_eq!(texts, "context.Background context.TODO");
}

#[test]
fn errors_have_gos_texts() {
    assert_eq!(ContextError::Canceled.to_string(), "context canceled");
    assert_eq!(ContextError::DeadlineExceeded.to_string(), "context deadline exceeded");
    let _: &dyn std::error::Error = &ContextError::Canceled;
}

#[test]
fn cancelling_once_is_enough() {
    let (ctx, cancel) = context::with_cancel(&background());
    assert_open(&ctx);
    assert_eq!(format!("{ctx:?} {cancel:?}"), "context.Background.WithCancel CancelFunc");
    let same = ctx.clone();
    cancel.cancel();
    for _ in 0..2 {
        assert_ended(&ctx, ContextError::Canceled);
        assert_ended(&same, ContextError::Canceled);
        assert_eq!(cause_text(&ctx), "context canceled");
        cancel.cancel();
    }
}

#[test]
fn dropping_the_last_function_cancels() {
    let (ctx, cancel) = context::with_cancel(&background());
    let other = cancel.clone();
    drop(cancel);
    assert_open(&ctx);
    drop(other);
    assert_ended(&ctx, ContextError::Canceled);
    let (ctx, cancel) = context::with_cancel_cause(&background());
    drop(cancel.clone());
    assert_open(&ctx);
    drop(cancel);
    assert_ended(&ctx, ContextError::Canceled);
}

struct Name(&'static str);

#[test]
fn an_end_goes_to_all_below_and_to_nobody_above() {
    let (root, end_root) = context::with_cancel(&background());
    let (left, end_left) = context::with_cancel(&root);
    let named = context::with_value(&left, Name("named"));
    let (below, _end_below) = context::with_cancel(&named);
    let (right, _end_right) = context::with_cancel(&root);
    end_left.cancel();
    for ctx in [&left, &named, &below] {
        assert_ended(ctx, ContextError::Canceled);
    }
    assert_open(&root);
    assert_open(&right);
    end_root.cancel();
    assert_ended(&root, ContextError::Canceled);
    assert_ended(&right, ContextError::Canceled);
    // Who comes too late has ended from the beginning.
    let (late, _end_late) = context::with_cancel(&right);
    assert_ended(&late, ContextError::Canceled);
    let (late, _end_late) = context::with_timeout(&context::with_value(&below, 1), LONG);
    assert_ended(&late, ContextError::Canceled);
}

#[test]
fn whoever_waits_is_told() {
    run(|| {
        let (ctx, cancel) = context::with_cancel(&background());
        let all = WaitGroup::new();
        for _ in 0..20 {
            let ctx = ctx.clone();
            all.go(move || {
                assert!(ctx.done().recv().is_err());
                assert_eq!(ctx.err(), Some(ContextError::Canceled));
            });
        }
        let on_thread = ctx.clone();
        let thread = thread::spawn(move || on_thread.done().recv().is_err());
        sleep(Duration::from_millis(2));
        cancel.cancel();
        all.wait();
        while !thread.is_finished() {
            sleep(Duration::from_millis(1));
        }
        assert!(thread.join().unwrap());
    });
}

#[test]
fn a_deadline_passes() {
    run(|| {
        let (ctx, _cancel) = context::with_timeout(&background(), WHILE);
        let deadline = ctx.deadline().unwrap();
        let text = format!("{ctx:?}");
        assert!(text.starts_with("context.Background.WithDeadline("), "{text}");
        let below = context::with_value(&ctx, Name("below"));
        assert_eq!(below.deadline(), Some(deadline));
        assert_open(&below);
        assert!(ctx.done().recv().is_err());
        assert!(Instant::now() >= deadline);
        assert_ended(&ctx, ContextError::DeadlineExceeded);
        assert_ended(&below, ContextError::DeadlineExceeded);
        assert_eq!(cause_text(&below), "context deadline exceeded");
        // It is past from the beginning.
        for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
            let deadline = Instant::now() + timeout;
            sleep(Duration::from_micros(10));
            let (ctx, _cancel) = context::with_deadline(&background(), deadline);
            assert_ended(&ctx, ContextError::DeadlineExceeded);
        }
    });
}

#[test]
fn the_earlier_deadline_counts() {
    run(|| {
        let (outer, _cancel_outer) = context::with_timeout(&background(), WHILE);
        let (inner, _cancel_inner) = context::with_timeout(&outer, LONG);
        assert_eq!(inner.deadline(), outer.deadline());
        let (shorter, _cancel_shorter) = context::with_timeout(&outer, Duration::from_micros(100));
        assert!(shorter.deadline() < outer.deadline());
        assert!(shorter.done().recv().is_err());
        assert_ended(&shorter, ContextError::DeadlineExceeded);
        assert!(inner.done().recv().is_err());
        assert_ended(&inner, ContextError::DeadlineExceeded);
    });
}

#[test]
fn cancelled_before_its_deadline() {
    run(|| {
        let (outer, _cancel_outer) = context::with_timeout(&background(), LONG);
        let (inner, cancel) = context::with_timeout(&outer, WHILE);
        cancel.cancel();
        assert_ended(&inner, ContextError::Canceled);
        assert_open(&outer);
        sleep(2 * WHILE);
        assert_ended(&inner, ContextError::Canceled);
        // Too far away to be a moment.
        let (ctx, cancel) = context::with_timeout(&background(), Duration::MAX);
        assert_open(&ctx);
        cancel.cancel();
        assert_ended(&ctx, ContextError::Canceled);
    });
}

#[test]
fn the_first_cause_counts() {
    run(|| {
        let (root, end_root) = context::with_cancel_cause(&background());
        let (below, end_below) = context::with_cancel_cause(&root);
        let (plain, _cancel) = context::with_cancel(&below);
        end_below.cancel("below");
        end_root.cancel("root");
        end_below.cancel("again");
        for (ctx, text) in [(&root, "root"), (&below, "below"), (&plain, "below")] {
            assert_ended(ctx, ContextError::Canceled);
            assert_eq!(cause_text(ctx), text);
        }
        let (late, _cancel) = context::with_cancel(&root);
        assert_eq!(cause_text(&late), "root");
        assert_eq!(format!("{end_root:?}"), "CancelCauseFunc");
    });
}

#[test]
fn a_deadlines_cause() {
    run(|| {
        let short = Duration::from_micros(100);
        let (ctx, _cancel) = context::with_timeout_cause(&background(), short, "too slow");
        let (below, _cancel_below) = context::with_cancel(&ctx);
        assert!(below.done().recv().is_err());
        for ctx in [&ctx, &below] {
            assert_ended(ctx, ContextError::DeadlineExceeded);
            assert_eq!(cause_text(ctx), "too slow");
        }
        // The cause is the deadline's, not the function's.
        let (ctx, cancel) = context::with_timeout_cause(&background(), LONG, "too slow");
        cancel.cancel();
        assert_eq!(cause_text(&ctx), "context canceled");
        let past = Instant::now();
        let (ctx, _cancel) = context::with_deadline_cause(&background(), past, "past");
        assert_eq!(cause_text(&ctx), "past");
        let (ctx, _cancel) = context::with_timeout_cause(&background(), Duration::MAX, "never");
        assert_open(&ctx);
    });
}

/// A cause is the program's own error, and can be had back.
#[test]
fn a_cause_keeps_its_type() {
    #[derive(Debug)]
    struct OutOfMilk(u32);
    impl fmt::Display for OutOfMilk {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} cups without milk", self.0)
        }
    }
    impl std::error::Error for OutOfMilk {}
    let (ctx, cancel) = context::with_cancel_cause(&background());
    cancel.cancel(OutOfMilk(3));
    let cause: Cause = context::cause(&ctx).unwrap();
    assert_eq!(cause.downcast_ref::<OutOfMilk>().unwrap().0, 3);
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
}

#[test]
fn values_are_found_by_type() {
    struct Id(u32);
    let named = context::with_value(&background(), Name("outer"));
    let both = context::with_value(&named, Id(7));
    let (ctx, _cancel) = context::with_cancel(&both);
    let inner = context::with_value(&ctx, Name("inner"));
    let find = |ctx: &Context| (ctx.value::<Name>().map(|n| n.0), ctx.value::<Id>().map(|i| i.0));
    assert_eq!(find(&background()), (None, None));
    assert_eq!(find(&named), (Some("outer"), None));
    assert_eq!(find(&both), (Some("outer"), Some(7)));
    assert_eq!(find(&ctx), (Some("outer"), Some(7)));
    assert_eq!(find(&inner), (Some("inner"), Some(7)));
    let text = format!("{named:?}");
    assert_eq!(text, "context.Background.WithValue(context::Name)");
}

#[test]
fn without_cancel_keeps_the_values() {
    run(|| {
        let named = context::with_value(&background(), Name("kept"));
        let (ctx, cancel) = context::with_timeout(&named, LONG);
        let free = context::without_cancel(&ctx);
        cancel.cancel();
        assert_ended(&ctx, ContextError::Canceled);
        assert_open(&free);
        assert_eq!((free.deadline(), free.value::<Name>().unwrap().0), (None, "kept"));
        let (below, cancel) = context::with_cancel(&free);
        assert_open(&below);
        cancel.cancel();
        assert_ended(&below, ContextError::Canceled);
        assert_open(&free);
        let text = format!("{:?}", context::without_cancel(&background()));
        assert_eq!(text, "context.Background.WithoutCancel");
    });
}

#[test]
fn what_is_to_run_after_the_end() {
    run(|| {
        let (ctx, cancel) = context::with_cancel(&background());
        let below = context::with_value(&ctx, 1);
        let (tx, rx) = chan(10);
        let waiting: Vec<_> = (0..5)
            .map(|n| {
                let tx = tx.clone();
                context::after_func(&below, move || tx.send((n, gort::id())).unwrap())
            })
            .collect();
        sleep(WHILE);
        assert!(rx.is_empty());
        assert!(waiting[3].stop() && !waiting[3].stop());
        cancel.cancel();
        let mut ran: Vec<_> = (0..4).map(|_| rx.recv().unwrap()).collect();
        ran.sort_unstable();
        assert!(ran.iter().map(|r| r.0).eq([0, 1, 2, 4]));
        // On goroutines of their own.
        let mut ids: Vec<_> = ran.iter().map(|r| r.1).chain([gort::id()]).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 5);
        assert!(!waiting[0].stop() && !waiting[3].stop());
        // At once, if it has ended; never, if it cannot.
        let late = context::after_func(&ctx, move || tx.send((9, None)).unwrap());
        assert_eq!(rx.recv(), Ok((9, None)));
        assert!(!late.stop());
        let never = context::after_func(&background(), || unreachable!("it does not end"));
        assert!(never.stop() && !never.stop());
        assert_eq!(format!("{never:?}"), "AfterFunc");
        assert!(rx.recv().is_err());
    });
}

/// What waits for the end is dropped when it is called off, and may use contexts in its destructor.
#[test]
fn what_is_called_off_is_dropped() {
    struct Cancels(Option<context::CancelFunc>, Arc<AtomicUsize>);
    impl Drop for Cancels {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
            if let Some(cancel) = self.0.take() {
                cancel.cancel();
            }
        }
    }
    run(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let (ctx, cancel) = context::with_cancel(&background());
        let held = Cancels(Some(cancel.clone()), Arc::clone(&drops));
        let stop = context::after_func(&ctx, move || drop(held));
        assert!(stop.stop());
        assert_ended(&ctx, ContextError::Canceled);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        // The same for values.
        let (ctx, cancel) = context::with_cancel(&background());
        let value = Cancels(Some(cancel), Arc::clone(&drops));
        drop(context::with_value(&ctx, value));
        assert_ended(&ctx, ContextError::Canceled);
        assert_eq!(drops.load(Ordering::Relaxed), 2);
    });
}

/// A context that lives long does not remember those that came and went.
#[test]
fn short_contexts_leave_nothing_behind() {
    // In a process of its own, whose memory it is.
    if let Some(output) = process::process("short_contexts_leave_nothing_behind", &[]) {
        return process::assert_success(&output);
    }
    run(|| {
        let (root, cancel) = context::with_cancel(&background());
        let before = resident_kib();
        for _ in 0..200_000 {
            let (ctx, _cancel) = context::with_cancel(&root);
            let stop = context::after_func(&root, || ());
            assert!(stop.stop());
            assert_open(&ctx);
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < 8 << 10, "{grown} KiB");
        cancel.cancel();
    });
}

/// The process's memory.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Its function may be dropped, and so cancel, while a panic unwinds or a goroutine exits.
#[test]
fn cancelled_while_unwinding() {
    run(|| {
        let (ctx, cancel) = context::with_cancel(&background());
        let (tx, rx) = chan(1);
        let _stop = context::after_func(&ctx, move || tx.send(()).unwrap());
        let panics = AssertUnwindSafe(|| {
            let _cancel = cancel;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(catch_unwind(panics).is_err());
        assert_ended(&ctx, ContextError::Canceled);
        rx.recv().unwrap();
        let (ctx, cancel) = context::with_cancel(&background());
        let exits = go(move || {
            let _cancel = cancel;
            goexit();
        });
        assert!(exits.join().is_err());
        assert_ended(&ctx, ContextError::Canceled);
    });
}

/// All that needs no goroutine works before the first run.
#[test]
fn without_a_runtime() {
    let (ctx, cancel) = context::with_cancel(&background());
    let (below, _cancel) = context::with_cancel_cause(&context::with_value(&ctx, 1_u8));
    let thread = thread::spawn(move || cancel.cancel());
    assert!(below.done().recv().is_err());
    thread.join().unwrap();
    assert_ended(&ctx, ContextError::Canceled);
}

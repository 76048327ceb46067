//! Contexts: `gort::context`.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gort::chan::TryRecvError;
use gort::context::{self, Cause, Context, ContextError, background};
use gort::sync::{Cond, Mutex, WaitGroup};
use gort::time::Instant;
use gort::{chan, go, goexit, gosched, select, sleep};

#[path = "support/process.rs"]
mod process;

/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);
/// A limit that is not reached.
const LONG: Duration = Duration::from_secs(3600);

fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(f) }
}

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

#[test]
fn when_cancel_returns_all_below_have_ended() {
    run(|| {
        let (root, cancel) = context::with_cancel(&background());
        let mut level = vec![(root.clone(), cancel.clone())];
        let mut everybody = Vec::new();
        for _ in 0..6 {
            let next = level
                .iter()
                .flat_map(|(ctx, _)| [context::with_cancel(ctx), context::with_timeout(ctx, LONG)]);
            let next = next.collect();
            everybody.append(&mut level);
            level = next;
        }
        everybody.append(&mut level);
        assert_eq!(everybody.len(), 127);
        cancel.cancel();
        everybody.iter().for_each(|(ctx, _)| assert_ended(ctx, ContextError::Canceled));
    });
}

#[test]
fn many_cancel_at_once() {
    run(|| {
        for _ in 0..50 {
            let (root, cancel_root) = context::with_cancel(&background());
            let contexts: Vec<_> = (0..20).map(|_| context::with_cancel(&root)).collect();
            let all = WaitGroup::new();
            for (n, (ctx, cancel)) in contexts.iter().enumerate() {
                let (cancel, cancel_root) = (cancel.clone(), cancel_root.clone());
                all.go(move || if n == 10 { cancel_root.cancel() } else { cancel.cancel() });
                let (ctx, root) = (ctx.clone(), root.clone());
                all.go(move || {
                    assert!(ctx.done().recv().is_err());
                    assert_ended(&ctx, ContextError::Canceled);
                    let (late, _cancel) = context::with_cancel(&ctx);
                    assert_ended(&late, ContextError::Canceled);
                    drop(context::with_cancel(&root));
                });
            }
            all.wait();
        }
    });
}

/// Contexts are made while the one they come from ends: none of them is missed.
#[test]
fn making_and_ending_race() {
    run(|| {
        for round in 0..200 {
            let (root, cancel) = context::with_cancel_cause(&background());
            let made = go({
                let root = root.clone();
                move || {
                    let (ctx, _cancel) = context::with_cancel(&root);
                    if round % 3 == 0 {
                        gosched();
                    }
                    let ran = Arc::new(AtomicBool::new(false));
                    let flag = Arc::clone(&ran);
                    let (tx, rx) = chan::<()>(0);
                    let _stop = context::after_func(&ctx, move || {
                        flag.store(true, Ordering::Relaxed);
                        drop(tx);
                    });
                    assert!(ctx.done().recv().is_err() && rx.recv().is_err());
                    assert!(ran.load(Ordering::Relaxed));
                    assert_eq!(cause_text(&ctx), "raced");
                }
            });
            if round % 2 == 0 {
                gosched();
            }
            cancel.cancel("raced");
            made.join().unwrap();
        }
    });
}

/// A stop and the end race: the function runs, or it was called off, and never both.
#[test]
fn stopping_and_ending_race() {
    run(|| {
        for _ in 0..300 {
            let (ctx, cancel) = context::with_cancel(&background());
            let (tx, rx) = chan::<()>(1);
            let stop = context::after_func(&ctx, move || tx.send(()).unwrap());
            let cancels = go(move || cancel.cancel());
            let stopped = stop.stop();
            cancels.join().unwrap();
            assert_eq!(rx.recv().is_ok(), !stopped);
        }
    });
}

/// The deadline, the function and the parent's end race: one of them is the reason for all to see.
#[test]
fn deadlines_and_cancelling_race() {
    run(|| {
        let all = WaitGroup::new();
        for n in 0..40_u64 {
            all.go(move || {
                let (root, cancel_root) = context::with_cancel_cause(&background());
                let timeout = Duration::from_micros(n * 5);
                let (ctx, cancel) = context::with_timeout_cause(&root, timeout, "late");
                let seen = ctx.clone();
                let sees = go(move || {
                    let _ = seen.done().recv();
                    (seen.err(), cause_text(&seen))
                });
                sleep(Duration::from_micros(100));
                if n % 2 == 0 {
                    cancel.cancel()
                } else {
                    cancel_root.cancel("root")
                }
                let (error, cause) = sees.join().unwrap();
                assert_eq!((ctx.err(), cause_text(&ctx)), (error, cause.clone()));
                let expected: &[&str] = match error {
                    Some(ContextError::DeadlineExceeded) => &["late"],
                    _ => &["root", "context canceled"],
                };
                assert!(expected.contains(&cause.as_str()), "{error:?} {cause}");
            });
        }
        all.wait();
    });
}

/// Chains that are longer than a goroutine's stack could follow by recursion.
#[test]
fn long_chains() {
    run(|| {
        let (root, cancel) = context::with_cancel(&background());
        let mut ctx = root.clone();
        let mut cancels = Vec::new();
        for n in 0..100_000_u32 {
            let (below, cancel) = context::with_cancel(&context::with_value(&ctx, n));
            ctx = below;
            cancels.push(cancel);
        }
        assert_eq!(ctx.value::<u32>(), Some(&99_999));
        assert!(ctx.value::<u64>().is_none());
        drop(root);
        cancel.cancel();
        assert_ended(&ctx, ContextError::Canceled);
        drop(ctx);
        drop(cancels);
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

/// Whoever sees that it has ended sees its channel closed.
#[test]
fn the_error_and_the_channel_race() {
    run(|| {
        for _ in 0..200 {
            let (ctx, cancel) = context::with_cancel(&background());
            let thread = thread::spawn(move || cancel.cancel());
            while ctx.err().is_none() {
                gosched();
            }
            assert_ended(&ctx, ContextError::Canceled);
            while !thread.is_finished() {
                gosched();
            }
            thread.join().unwrap();
        }
    });
}

/// Somebody cancels a context because the one above it has ended.
#[test]
fn ends_that_follow_ends() {
    run(|| {
        let (root, cancel_root) = context::with_cancel(&background());
        let (ctx, cancel) = context::with_cancel(&root);
        let follows = go(move || {
            assert!(root.done().recv().is_err());
            cancel.cancel();
        });
        cancel_root.cancel();
        assert!(ctx.done().recv().is_err());
        follows.join().unwrap();
    });
}

/// Random towers of contexts: what is seen at the top, before and after one of them is cancelled.
#[test]
fn random_towers() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    run(|| {
        for _ in 0..200 {
            let (mut ctx, mut deadline, mut value) = (background(), None, None);
            let mut cancels = Vec::new();
            for layer in 0..1 + random(20) {
                match random(4) {
                    0 => {
                        let (above, cancel) = context::with_cancel(&ctx);
                        cancels.push((above.clone(), cancel));
                        ctx = above;
                    }
                    1 => {
                        let own = Instant::now() + LONG + Duration::from_secs(random(100));
                        let (above, cancel) = context::with_deadline(&ctx, own);
                        deadline = Some(deadline.map_or(own, |d: Instant| d.min(own)));
                        cancels.push((above.clone(), cancel));
                        ctx = above;
                    }
                    2 => {
                        ctx = context::with_value(&ctx, layer);
                        value = Some(layer);
                    }
                    _ => ctx = gort::trace::new_task(&ctx, "task").0,
                }
            }
            assert_open(&ctx);
            assert_eq!((ctx.deadline(), ctx.value::<u64>().copied()), (deadline, value));
            if cancels.is_empty() {
                continue;
            }
            let which = random(cancels.len() as u64) as usize;
            cancels[which].1.cancel();
            for (n, (below, _)) in cancels.iter().enumerate() {
                if n < which {
                    assert_open(below);
                } else {
                    assert_ended(below, ContextError::Canceled);
                }
            }
            assert_ended(&ctx, ContextError::Canceled);
            assert_eq!((ctx.deadline(), ctx.value::<u64>().copied()), (deadline, value));
        }
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

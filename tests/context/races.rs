//! Many contexts, and many who use them at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gort::context::{self, ContextError, background};
use gort::sync::WaitGroup;
use gort::time::Instant;
use gort::{chan, go, gosched, sleep};

use crate::{LONG, assert_ended, assert_open, cause_text, run};

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

/// Also to whom another one's call is on its way.
#[test]
fn when_any_cancel_returns_all_below_have_ended() {
    for _ in 0..300 {
        let (root, cancel) = context::with_cancel(&background());
        let mut chain = vec![context::with_cancel(&root)];
        for n in 0..100 {
            chain.push(context::with_cancel(&chain[n].0));
        }
        let (last, both) = (&chain[100].0, std::sync::Barrier::new(2));
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    both.wait();
                    cancel.cancel();
                    assert_ended(last, ContextError::Canceled);
                });
            }
        });
    }
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

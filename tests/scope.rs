//! `scope`: goroutines that borrow.

#[path = "support/runtime.rs"]
mod runtime;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gort::{GoBuilder, GoError, Goexit, chan, go, goexit, gosched, scope, sleep};
use runtime::run;

fn payload_of<T>(f: impl FnOnce() -> T) -> Box<dyn Any + Send> {
    catch_unwind(AssertUnwindSafe(f)).map(drop).unwrap_err()
}

/// Both in a goroutine and on a plain thread.
fn on_both(f: impl Fn() + Send + Sync) {
    run(&f);
    f();
}

#[test]
fn it_lends_and_returns() {
    on_both(|| {
        let words = ["a".to_owned(), "b".to_owned()];
        let mut count = 0;
        let first = scope(|s| {
            let joined = s.go(|| words.concat());
            s.go(|| count += words.len());
            assert_eq!(joined.join().unwrap(), "ab");
            // What is borrowed may be returned: it outlives the scope.
            s.go(|| &words[0]).join().unwrap()
        });
        assert_eq!((first.as_str(), count), ("a", 2));
        assert_eq!(scope(|_| 5), 5);
    });
}

#[test]
fn it_waits_for_all() {
    on_both(|| {
        let ended = AtomicUsize::new(0);
        scope(|s| {
            for n in 0..100 {
                let ended = &ended;
                s.go(move || {
                    (0..n % 7).for_each(|_| gosched());
                    if n % 10 == 0 {
                        sleep(Duration::from_micros(n));
                    }
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(ended.load(Ordering::Relaxed), 100);
    });
}

#[test]
fn its_goroutines_start_others() {
    on_both(|| {
        fn grow<'scope>(
            s: &'scope gort::Scope<'scope, '_>,
            count: &'scope AtomicUsize,
            depth: u32,
        ) {
            count.fetch_add(1, Ordering::Relaxed);
            for _ in 0..if depth == 0 { 0 } else { 3 } {
                s.go(move || grow(s, count, depth - 1));
            }
        }
        let count = AtomicUsize::new(0);
        scope(|s| grow(s, &count, 6));
        assert_eq!(count.load(Ordering::Relaxed), (3usize.pow(7) - 1) / 2);
    });
}

/// Says when it is dropped, which takes a while.
struct Slow<'a>(&'a AtomicUsize);

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        (0..20).for_each(|_| gosched());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn captures_and_results_are_gone_when_it_returns() {
    on_both(|| {
        for round in 0..50 {
            let dropped = AtomicUsize::new(0);
            scope(|s| {
                for n in 0..6 {
                    let (captured, result) = (Slow(&dropped), Slow(&dropped));
                    let handle = s.go(move || {
                        let _captured = captured;
                        result
                    });
                    match (n + round) % 6 {
                        0 => drop(handle.join()),
                        1 => drop(handle),
                        2 => {
                            gosched();
                            drop(handle);
                        }
                        3 => drop(s.go(move || drop(handle))),
                        4 => drop(s.go(move || drop(handle.join()))),
                        _ => drop(handle.join_timeout(Duration::from_micros(10))),
                    }
                }
            });
            assert_eq!(dropped.load(Ordering::Relaxed), 12);
        }
    });
}

#[test]
fn forgotten_handles_do_not_stop_it() {
    on_both(|| {
        let text = "text".to_owned();
        scope(|s| {
            for _ in 0..10 {
                std::mem::forget(s.go(|| text.as_str()));
            }
        });
    });
}

#[test]
fn a_panic_that_is_joined_is_the_joiners() {
    on_both(|| {
        scope(|s| {
            let broken = s.go(|| resume_unwind(Box::new(5u8)));
            assert_eq!(broken.join().map(|(): ()| ()).unwrap_err().downcast_ref(), Some(&5u8));
        });
    });
}

#[test]
fn a_panic_that_nobody_joins_is_the_scopes() {
    on_both(|| {
        let ended = AtomicUsize::new(0);
        let payload = payload_of(|| {
            scope(|s| {
                s.go(|| resume_unwind(Box::new(5u8)));
                s.go(|| {
                    sleep(Duration::from_millis(2));
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            });
        });
        assert_eq!(payload.downcast_ref(), Some(&"a scoped goroutine panicked"));
        assert_eq!(ended.load(Ordering::Relaxed), 1);
        // A result whose destructor panics is one too.
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                resume_unwind(Box::new(6u8));
            }
        }
        let payload = payload_of(|| scope(|s| drop(s.go(|| Bomb))));
        assert_eq!(payload.downcast_ref(), Some(&"a scoped goroutine panicked"));
    });
}

#[test]
fn a_panic_of_its_function_comes_first_and_waits() {
    on_both(|| {
        let ended = AtomicUsize::new(0);
        let payload = payload_of(|| {
            scope(|s| {
                s.go(|| {
                    sleep(Duration::from_millis(2));
                    ended.fetch_add(1, Ordering::Relaxed);
                });
                s.go(|| resume_unwind(Box::new(5u8)));
                resume_unwind(Box::new(7u8));
            });
        });
        assert_eq!(payload.downcast_ref(), Some(&7u8));
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn goexit_in_its_function_waits_and_goes_on() {
    run(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let inner = Arc::clone(&ended);
        let left = go(move || {
            let borrowed = inner;
            scope(|s| {
                for _ in 0..5 {
                    s.go(|| {
                        sleep(Duration::from_millis(1));
                        borrowed.fetch_add(1, Ordering::Relaxed);
                    });
                }
                goexit();
            });
            unreachable!("goexit goes on");
        });
        let payload = left.join().unwrap_err();
        assert!(payload.is::<Goexit>());
        assert_eq!(ended.load(Ordering::Relaxed), 5);
    });
}

#[test]
fn goexit_in_its_goroutines_is_no_panic() {
    on_both(|| {
        let value = scope(|s| {
            s.go(|| goexit());
            let joined: Result<(), _> = s.go(|| goexit()).join();
            assert!(joined.unwrap_err().is::<Goexit>());
            8
        });
        assert_eq!(value, 8);
    });
}

#[test]
fn one_within_another() {
    on_both(|| {
        let sums = Mutex::new(Vec::new());
        scope(|outer| {
            for n in 0..10usize {
                let sums = &sums;
                outer.go(move || {
                    let parts = [n, n + 1, n + 2];
                    let sum = scope(|inner| {
                        let handles = parts.each_ref().map(|part| inner.go(move || part * 2));
                        handles.map(|handle| handle.join().unwrap()).iter().sum::<usize>()
                    });
                    sums.lock().unwrap().push(sum);
                });
            }
        });
        let mut sums = sums.into_inner().unwrap();
        sums.sort_unstable();
        assert_eq!(sums, (0..10).map(|n| 6 * n + 6).collect::<Vec<_>>());
    });
}

#[test]
fn in_a_destructor_while_a_panic_unwinds() {
    struct Scoped<'a>(&'a AtomicUsize);
    impl Drop for Scoped<'_> {
        fn drop(&mut self) {
            scope(|s| {
                for _ in 0..10 {
                    s.go(|| {
                        gosched();
                        self.0.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    }
    on_both(|| {
        let count = AtomicUsize::new(0);
        let payload = payload_of(|| {
            let _scoped = Scoped(&count);
            resume_unwind(Box::new(9u8));
        });
        assert_eq!(payload.downcast_ref(), Some(&9u8));
        assert_eq!(count.load(Ordering::Relaxed), 10);
    });
}

#[test]
fn handles_say_who_they_are() {
    run(|| {
        let (tx, rx) = chan::<()>(0);
        scope(|s| {
            let wait = || rx.recv().is_err();
            let handle = GoBuilder::new().name("scoped").go_scoped(s, wait).unwrap();
            let id = handle.id();
            assert_eq!(
                format!("{handle:?}"),
                format!("ScopedJoinHandle {{ id: {id}, name: Some(\"scoped\"), .. }}")
            );
            let handle = handle.join_timeout(Duration::from_millis(1)).unwrap_err();
            assert!(!handle.is_finished());
            drop(tx);
            assert!(handle.join().unwrap());
            let refused = GoBuilder::new().stack_size(1).go_scoped(s, || ());
            assert!(matches!(refused, Err(GoError::StackSize(1))));
        });
    });
}

#[test]
fn a_guard_that_a_panic_meets_poisons_and_no_more() {
    run(|| {
        let guarded = Mutex::new(1);
        let payload = payload_of(|| {
            scope(|s| {
                s.go(|| {
                    let _guard = guarded.lock().unwrap();
                    resume_unwind(Box::new(()));
                });
            });
        });
        assert!(payload.is::<&str>());
        assert!(guarded.is_poisoned());
    });
}

#[test]
fn many_scopes_on_many_threads() {
    run(|| ());
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for n in 0..200 {
                    let mut parts = [n; 8];
                    scope(|s| {
                        parts.iter_mut().for_each(|part| drop(s.go(|| *part += 1)));
                    });
                    assert_eq!(parts, [n + 1; 8]);
                }
            });
        }
    });
}

#[test]
fn a_plain_threads_goroutines_belong_to_the_scopes_bubble() {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    let woken = unsafe {
        gort::run(|| {
            gort::test::bubble(|| {
                let woken = std::sync::atomic::AtomicBool::new(false);
                gort::scope(|s| {
                    std::thread::scope(|threads| {
                        threads.spawn(|| {
                            drop(s.go(|| {
                                gort::sleep(std::time::Duration::from_secs(3600));
                                woken.store(true, std::sync::atomic::Ordering::Relaxed);
                            }));
                        });
                    });
                });
                woken.into_inner()
            })
        })
    };
    assert!(woken);
}

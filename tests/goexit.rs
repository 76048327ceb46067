//! `goexit` and panics, in one another, in destructors, caught, and under scopes: what Go's tests of
//! Goexit and of recursive panics check, as far as Rust's unwinding lets it be the same.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::cell::RefCell;
use std::future::{Future, IntoFuture};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use gort::chan::{Receiver, Sender};
use gort::sync::WaitGroup;
use gort::{Goexit, JoinHandle, block_on, chan, go, goexit, gosched, scope, sleep};
use process::process;
use runtime::run;

/// Calls its function when it is dropped, as Go's `defer`.
struct Defer<F: FnMut()>(F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What happened, in its order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<&'static str>>>);

impl Diary {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn read(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

/// Runs `f` in a goroutine of its own: how it ended, and what it wrote.
fn in_goroutine(
    f: impl FnOnce(&Diary) + Send + 'static,
) -> (thread::Result<()>, Vec<&'static str>) {
    let diary = Diary::default();
    let own = diary.clone();
    let end = run(move || go(move || f(&own)).join());
    (end, diary.read())
}

fn is_goexit(end: &thread::Result<()>) -> bool {
    end.as_ref().is_err_and(|payload| payload.is::<Goexit>())
}

#[test]
fn deferred_calls_run_innermost_first() {
    let (end, diary) = in_goroutine(|diary| {
        let _outer = Defer(|| diary.note("outer"));
        let inner = || {
            let _inner = Defer(|| {
                diary.note("inner");
                // They may block.
                sleep(Duration::from_micros(50));
                gosched();
                diary.note("inner woke");
            });
            goexit()
        };
        inner();
        diary.note("unreachable");
    });
    assert!(is_goexit(&end));
    assert_eq!(diary, ["inner", "inner woke", "outer"]);
}

#[test]
fn a_caught_goexit_goes_on_where_it_may_block() {
    let (end, diary) = in_goroutine(|diary| {
        let _deferred = Defer(|| diary.note("deferred"));
        let caught = catch_unwind(|| goexit());
        assert!(caught.unwrap_err().is::<Goexit>());
        diary.note("caught");
        gosched();
        diary.note("unreachable");
    });
    assert!(is_goexit(&end));
    assert_eq!(diary, ["caught", "deferred"]);
}

#[test]
fn every_blocking_call_goes_on_with_a_caught_goexit() {
    fn still_exits(f: impl FnOnce() + Send + 'static) {
        let (end, diary) = in_goroutine(|diary| {
            let _ = catch_unwind(|| goexit());
            f();
            diary.note("unreachable");
        });
        assert!(is_goexit(&end) && diary.is_empty(), "{end:?} {diary:?}");
    }
    still_exits(gosched);
    still_exits(|| sleep(Duration::from_nanos(1)));
    still_exits(|| assert!(chan::<()>(0).1.recv().is_err()));
    still_exits(|| assert!(chan::<()>(1).0.send(()).is_err()));
    still_exits(|| drop(go(|| ()).join()));
    still_exits(|| drop(go(|| ()).join_timeout(Duration::from_secs(1))));
    still_exits(|| gort::block_on(std::future::pending()));
    still_exits(|| {
        let all = WaitGroup::new();
        all.add(1);
        all.wait();
    });
}

#[test]
fn one_that_never_blocks_again_returns() {
    // Where Go would go on at once, we can only at a call of ours.
    let (end, diary) = in_goroutine(|diary| {
        let _ = catch_unwind(|| goexit());
        diary.note("caught");
    });
    assert!(end.is_ok());
    assert_eq!(diary, ["caught"]);
}

#[test]
fn goexit_once_more_is_the_same_goexit() {
    let (end, diary) = in_goroutine(|diary| {
        let _deferred = Defer(|| diary.note("deferred"));
        let _ = catch_unwind(|| goexit());
        let _ = catch_unwind(|| goexit());
        diary.note("twice");
        goexit();
    });
    assert!(is_goexit(&end));
    assert_eq!(diary, ["twice", "deferred"]);
}

#[test]
fn goexit_in_a_deferred_call_ends_a_goroutine_that_returns() {
    let (end, diary) = in_goroutine(|diary| {
        let _outer = Defer(|| diary.note("outer"));
        let _inner = Defer(|| {
            diary.note("inner");
            goexit();
        });
        diary.note("body");
    });
    assert!(is_goexit(&end));
    assert_eq!(diary, ["body", "inner", "outer"]);
}

#[test]
fn a_panic_that_is_caught_in_a_deferred_call_does_not_stop_goexit() {
    let (end, diary) = in_goroutine(|diary| {
        let _outer = Defer(|| diary.note("outer"));
        let _inner = Defer(|| {
            let caught = catch_unwind(|| resume_unwind(Box::new(5u8)));
            assert_eq!(caught.map(|(): ()| ()).unwrap_err().downcast_ref(), Some(&5u8));
            diary.note("recovered");
        });
        goexit();
    });
    assert!(is_goexit(&end));
    assert_eq!(diary, ["recovered", "outer"]);
}

#[test]
fn goexit_in_a_deferred_call_of_a_panic_goes_on_after_it() {
    // Go's drops the panic. Two unwindings at once would end a Rust process, so the panic goes on,
    // and where it is caught, the next call that blocks goes on with the exit.
    let (end, diary) = in_goroutine(|diary| {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _deferred = Defer(|| {
                let caught = catch_unwind(|| goexit());
                assert!(caught.unwrap_err().is::<Goexit>());
                // The panic is still unwinding here: blocking waits.
                sleep(Duration::from_micros(10));
                diary.note("deferred");
            });
            resume_unwind(Box::new(6u8));
        }));
        assert_eq!(unwound.map(|(): ()| ()).unwrap_err().downcast_ref(), Some(&6u8));
        diary.note("recovered");
        gosched();
        diary.note("unreachable");
    });
    assert!(is_goexit(&end));
    assert_eq!(diary, ["deferred", "recovered"]);
}

#[test]
fn panics_within_panics_recover_one_by_one() {
    let (end, diary) = in_goroutine(|diary| {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _first = Defer(|| {
                let inner = catch_unwind(AssertUnwindSafe(|| {
                    let _second = Defer(|| {
                        let caught = catch_unwind(|| resume_unwind(Box::new(3u8)));
                        assert!(caught.map(|(): ()| ()).is_err());
                        diary.note("third");
                    });
                    resume_unwind(Box::new(2u8));
                }));
                assert_eq!(inner.map(|(): ()| ()).unwrap_err().downcast_ref(), Some(&2u8));
                diary.note("second");
            });
            resume_unwind(Box::new(1u8));
        }));
        assert_eq!(unwound.map(|(): ()| ()).unwrap_err().downcast_ref(), Some(&1u8));
        diary.note("first");
        assert!(!thread::panicking());
    });
    assert!(end.is_ok());
    assert_eq!(diary, ["third", "second", "first"]);
}

#[test]
fn a_panic_after_a_caught_goexit_is_the_end() {
    let (end, _) = in_goroutine(|_| {
        let _ = catch_unwind(|| goexit());
        resume_unwind(Box::new(7u8));
    });
    assert_eq!(end.unwrap_err().downcast_ref(), Some(&7u8));
}

#[test]
fn deferred_calls_of_a_scope_wait_for_its_goroutines() {
    let (end, diary) = in_goroutine(|diary| {
        let _outer = Defer(|| diary.note("outer"));
        let borrowed = String::from("borrowed");
        scope(|s| {
            let _inner = Defer(|| diary.note("inner"));
            s.go(|| {
                sleep(Duration::from_millis(2));
                assert_eq!(borrowed, "borrowed");
                diary.note("child");
            });
            goexit();
        });
    });
    assert!(is_goexit(&end));
    assert_eq!(diary, ["inner", "child", "outer"]);
}

#[test]
fn goexit_in_runs_function_is_a_panic_of_run() {
    let before = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&before);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        run(|| {
            let _deferred = Defer(|| seen.store(1, Ordering::SeqCst));
            goexit()
        })
    }));
    let payload = unwound.map(|(): ()| ()).unwrap_err();
    let text = payload.downcast_ref::<&str>().unwrap();
    assert!(text.contains("called goexit"), "{text}");
    assert_eq!(before.load(Ordering::SeqCst), 1);
    assert_eq!(run(|| 5), 5);
}

#[test]
fn goexit_while_the_stack_is_deep_and_the_thread_changed() {
    fn deep(n: usize, count: &AtomicUsize) {
        let _deferred = Defer(|| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        if n == 0 {
            gosched();
            goexit();
        }
        deep(n - 1, count);
    }
    let count = Arc::new(AtomicUsize::new(0));
    run(|| {
        let handles: Vec<JoinHandle<()>> = (0..100)
            .map(|_| Arc::clone(&count))
            .map(|count| go(move || deep(50, &count)))
            .collect();
        assert!(handles.into_iter().all(|handle| is_goexit(&handle.join())));
    });
    assert_eq!(count.load(Ordering::Relaxed), 100 * 51);
}

/// Two unwindings at once, the second of which would leave a destructor: Rust ends the process.
fn aborts(test: &str, inner: fn() -> (), outer: fn() -> ()) {
    let Some(output) = process(test, &[]) else {
        return run(|| {
            let broken = go(move || {
                let _deferred = Defer(inner);
                outer();
            });
            let _ = broken.join();
            unreachable!("the process ends");
        });
    };
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
}

#[test]
fn goexit_that_leaves_a_destructor_during_a_panic_aborts() {
    let test = "goexit_that_leaves_a_destructor_during_a_panic_aborts";
    aborts(test, || goexit(), || resume_unwind(Box::new(1)));
}

#[test]
fn a_panic_that_leaves_a_destructor_during_goexit_aborts() {
    let test = "a_panic_that_leaves_a_destructor_during_goexit_aborts";
    aborts(test, || resume_unwind(Box::new(1)), || goexit());
}

/// A future's waker that calls it.
struct Exits(AtomicUsize);

impl Wake for Exits {
    fn wake(self: Arc<Self>) {
        self.0.store(1, Ordering::Relaxed);
        goexit()
    }
}

#[test]
fn a_waker_that_calls_goexit_ends_no_process() {
    run(|| {
        let (tx, rx) = chan::<()>(0);
        let mut end = go(move || rx.recv().is_err()).into_future();
        let called = Arc::new(Exits(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&called));
        assert!(Pin::new(&mut end).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(tx);
        while called.0.load(Ordering::Relaxed) == 0 {
            gosched();
        }
        assert!(block_on(end).unwrap());
    });
}

/// Waits in its destructor, and then says so.
struct Waits(Receiver<()>, Sender<()>);

impl Drop for Waits {
    fn drop(&mut self) {
        let _ = self.0.recv();
        let _ = self.1.send(());
    }
}

gort::local! {
    static LATE: RefCell<Option<Waits>> = RefCell::default();
}

#[test]
fn a_result_that_calls_goexit_leaves_the_locals_it_made_whole() {
    struct Result(Option<Waits>);

    impl Drop for Result {
        fn drop(&mut self) {
            LATE.set(self.0.take());
            goexit()
        }
    }

    run(|| {
        let (closed, waits) = chan(0);
        let (says, said) = chan(1);
        let (begin, begun) = chan::<()>(0);
        let handle = go(move || {
            let _ = begun.recv();
            Result(Some(Waits(waits, says)))
        });
        drop(handle);
        drop(begin);
        drop(closed);
        assert_eq!(said.recv(), Ok(()));
    });
}

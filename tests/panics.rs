//! Panics that nobody joins: the policies, and runs that collect them.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Output;
use std::sync::Mutex;
use std::time::Duration;

use gort::{Builder, DetachedPanic, RunError, chan, go, gosched, scope, sleep};
use process::{assert_success, process};
use runtime::run;

/// `gort::test::run`.
fn test_run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::test::run(f) }
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("a text")
}

fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).map(drop).unwrap_err();
    text_of(&*payload).to_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts a goroutine, and lets its handle go when it has ended.
fn go_and_let_go(f: impl FnOnce() + Send + 'static) {
    let handle = go(f);
    while !handle.is_finished() {
        sleep(Duration::from_micros(200));
    }
}

/// Waits until `n` goroutines are left.
fn until_left(n: usize) {
    while gort::num_goroutine() > n {
        sleep(Duration::from_micros(200));
    }
}

/// What was logged.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Keep;

impl log::Log for Keep {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // A log sink is user code, and may use everything.
        gosched();
        drop(go(|| ()).join());
        LOGGED.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        if record.args().to_string().contains("this breaks the log") {
            panic!("a broken log");
        }
    }

    fn flush(&self) {}
}

fn keep_the_log() {
    log::set_logger(&Keep).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
}

#[test]
fn the_default_ends_the_process() {
    for policy in ["unset", "set"] {
        let environment = [("GORT_TEST_POLICY", policy)];
        let Some(output) = process("the_default_ends_the_process", &environment) else {
            let mut builder = Builder::new();
            if std::env::var("GORT_TEST_POLICY").unwrap() == "set" {
                builder = builder.detached_panic(DetachedPanic::default());
            }
            let main = || {
                go(|| panic!("alone"));
                sleep(Duration::from_secs(60));
            };
            // SAFETY: nothing here keeps a thread's own data over a blocking call.
            return unsafe { builder.run(main) }.unwrap();
        };
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(said(&output).contains("joined by nobody"), "{output:?}");
    }
}

#[test]
fn logged_panics_end_nothing() {
    let Some(output) = process("logged_panics_end_nothing", &[]) else {
        keep_the_log();
        let main = || {
            let named = gort::GoBuilder::new().name("named");
            drop(named.go(|| panic!("the first")).unwrap());
            until_left(1);
            // One that has ended when its handle goes.
            let ended = go(|| panic!("the {}", "second"));
            until_left(1);
            drop(ended);
            go(|| std::panic::panic_any(3));
            until_left(1);
            go(|| panic!("this breaks the log"));
            until_left(1);
            go(|| gort::goexit());
            until_left(1);
            assert!(go(|| panic!("joined")).join().map(|(): ()| ()).is_err());
        };
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe { Builder::new().detached_panic(DetachedPanic::Log).run(main) }.unwrap();
        let logged = LOGGED.lock().unwrap();
        let of = |text: &str| logged.iter().filter(|line| line.contains(text)).count();
        assert_eq!(of("\"named\" panicked and is joined by nobody: the first"), 1, "{logged:?}");
        assert_eq!(of("joined by nobody: the second"), 1, "{logged:?}");
        assert_eq!(of("joined by nobody: (no text)"), 1, "{logged:?}");
        assert_eq!(of("this breaks the log"), 1, "{logged:?}");
        assert_eq!(of("was created at tests/panics.rs:"), 3, "{logged:?}");
        assert_eq!(logged.len(), 7, "{logged:?}");
        assert!(logged.iter().all(|line| line.starts_with("ERROR gort: goroutine ")));
        return;
    };
    assert_success(&output);
}

#[test]
fn the_policy_is_the_first_runs() {
    let Some(output) = process("the_policy_is_the_first_runs", &[]) else {
        let with = |policy| {
            // SAFETY: nothing here keeps a thread's own data over a blocking call.
            unsafe { Builder::new().detached_panic(policy).run(|| 1) }
        };
        assert_eq!(with(DetachedPanic::Log).unwrap(), 1);
        assert_eq!(with(DetachedPanic::Log).unwrap(), 1);
        assert!(matches!(with(DetachedPanic::Abort), Err(RunError::AlreadyRunning)));
        return run(|| {
            go(|| panic!("ends nothing"));
            until_left(1);
        });
    };
    assert_success(&output);
}

#[test]
fn a_tests_run_panics_with_the_first_unseen_panic() {
    let text = panic_of(|| {
        test_run(|| {
            go_and_let_go(|| panic!("the first"));
            go_and_let_go(|| panic!("the second"));
            7
        })
    });
    assert_eq!(text, "the first");
    assert_eq!(test_run(|| 8), 8);
}

#[test]
fn descendants_panics_are_their_runs() {
    let text = panic_of(|| {
        test_run(|| {
            let child = || {
                let named = gort::GoBuilder::new().name("named");
                let grandchild = named.go(|| panic!("a grandchild")).unwrap();
                while !grandchild.is_finished() {
                    sleep(Duration::from_micros(200));
                }
            };
            go(child).join().unwrap();
        })
    });
    assert_eq!(text, "a grandchild");
}

#[test]
fn panics_that_are_seen_are_not_the_runs() {
    test_run(|| {
        assert!(go(|| panic!("joined")).join().map(|(): ()| ()).is_err());
        assert!(gort::block_on(go(|| panic!("awaited"))).map(|(): ()| ()).is_err());
        assert_eq!(
            panic_of(|| scope(|s| drop(s.go(|| panic!("scoped"))))),
            "a scoped goroutine panicked"
        );
        go_and_let_go(|| gort::goexit());
    });
}

#[test]
fn the_functions_own_panic_comes_first() {
    let text = panic_of(|| {
        test_run(|| {
            go_and_let_go(|| panic!("a goroutine's"));
            panic!("its own");
        })
    });
    assert_eq!(text, "its own");
}

#[test]
fn a_panic_after_the_run_ends_nothing() {
    let Some(output) = process("a_panic_after_the_run_ends_nothing", &[]) else {
        keep_the_log();
        let (tx, rx) = chan::<()>(0);
        test_run(move || {
            go(move || {
                let _ = rx.recv();
                panic!("late");
            });
        });
        drop(tx);
        until_left(0);
        let logged = LOGGED.lock().unwrap();
        assert!(logged[0].contains("joined by nobody: late"), "{logged:?}");
        return;
    };
    assert_success(&output);
}

#[test]
fn runs_at_the_same_time_have_their_own() {
    let threads: Vec<_> = (0..6)
        .map(|n| {
            std::thread::spawn(move || {
                let outcome = catch_unwind(|| {
                    test_run(|| {
                        for m in 0..20 {
                            let is_bad = n % 2 == 0 && m == 10;
                            go_and_let_go(move || assert!(!is_bad, "of run {n}"));
                        }
                    });
                });
                match outcome {
                    Err(payload) => assert_eq!(text_of(&*payload), format!("of run {n}")),
                    Ok(()) => assert_eq!(n % 2, 1),
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Recurses for ever, with frames that are not small.
#[allow(unconditional_recursion, reason = "that is the point")]
fn recurse(n: usize) -> usize {
    let room = std::hint::black_box([n; 32]);
    room[n % 32] + recurse(n + 1)
}

#[test]
fn recursion_past_the_stack_in_a_scope_is_reported() {
    use std::os::unix::process::ExitStatusExt;
    let Some(output) = process("recursion_past_the_stack_in_a_scope_is_reported", &[]) else {
        return run(|| {
            let text = "borrowed".to_owned();
            scope(|s| {
                s.go(|| recurse(text.len()));
                s.go(|| sleep(Duration::from_secs(60)));
            });
        });
    };
    let signal = output.status.signal();
    assert!([Some(libc::SIGSEGV), Some(libc::SIGABRT)].contains(&signal), "{output:?}");
    assert!(said(&output).contains("stack"), "{output:?}");
}

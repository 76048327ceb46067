//! Misuse, faults and ends of the process.
//!
//! Most of these run themselves again in a process of their own, see [`process`], since they end
//! it, or need its first call of `run`.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::any::Any;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gort::sync::WaitGroup;
use gort::{
    Builder, GoBuilder, GoError, Goexit, JoinHandle, RunError, chan, go, goexit, gosched, sleep,
};
use runtime::{PATIENCE, eventually, run};

/// How a process ended, and what it said.
#[derive(Debug)]
struct End {
    status: Option<i32>,
    signal: Option<i32>,
    out: String,
    err: String,
}

/// Runs the test called `test` again in a process of its own: `None` in that process, and what
/// became of it in this one. A process that hangs dies of SIGALRM.
fn process(test: &str) -> Option<End> {
    process_with(test, &[])
}

fn process_with(test: &str, environment: &[(&str, &str)]) -> Option<End> {
    let mut again = process::again(test)?;
    again.env_remove("GOMAXPROCS").env_remove("GORTDEBUG").env("RUST_BACKTRACE", "0");
    again.envs(environment.iter().copied());
    let output = again.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.contains("running 1 test"), "no such test: {out}");
    Some(End {
        status: output.status.code(),
        signal: output.status.signal(),
        out,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl End {
    fn succeeded(&self) {
        assert_eq!(self.status, Some(0), "{self:#?}");
    }

    fn died_of(&self, signal: i32) {
        assert_eq!(self.signal, Some(signal), "{self:#?}");
    }

    fn said(&self, text: &str) {
        assert!(self.err.contains(text), "not said: {text}\n{self:#?}");
    }

    fn did_not_say(&self, text: &str) {
        assert!(!self.err.contains(text), "said: {text}\n{self:#?}");
    }
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("a text")
}

fn text_of_panic<T>(f: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).map(drop).unwrap_err();
    text_of(&*payload).to_owned()
}

#[test]
fn goroutines_need_a_runtime() {
    let Some(end) = process("goroutines_need_a_runtime") else {
        let expected = "gort: no runtime: goroutines can be started once gort::run has begun";
        assert_eq!(text_of_panic(|| go(|| ())), expected);
        assert_eq!(text_of_panic(|| GoBuilder::new().name("x").go(|| ())), expected);
        assert_eq!(text_of_panic(|| WaitGroup::new().go(|| ())), expected);
        // What plain threads may use needs none.
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || tx.send(5));
        assert_eq!((rx.recv(), sender.join().unwrap()), (Ok(5), Ok(())));
        sleep(Duration::from_millis(1));
        gosched();
        assert_eq!((gort::id(), gort::name(), gort::num_goroutine()), (None, None, 0));
        assert_eq!(run(|| go(|| 5).join().unwrap()), 5);
        assert_eq!(go(|| 6).join().unwrap(), 6);
        return;
    };
    end.succeeded();
}

/// A logger to standard error.
struct Loud;

impl log::Log for Loud {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{} {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

fn log_aloud() {
    log::set_logger(&Loud).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
}

#[test]
fn gomaxprocs_of_the_environment_counts_if_it_is_positive() {
    let test = "gomaxprocs_of_the_environment_counts_if_it_is_positive";
    let digits = "9".repeat(30);
    let useless = ["0", "-1", "garbage", "", "1.5", &digits].map(|value| (value, None));
    let useful = [("1", 1), ("7", 7), ("100000", 1024)].map(|(value, n)| (value, Some(n)));
    for (value, procs) in useless.into_iter().chain(useful) {
        let expected = procs.unwrap_or_else(num_cpus::get).to_string();
        let environment = [("GOMAXPROCS", value), ("GORT_TEST_PROCS", &*expected)];
        let Some(end) = process_with(test, &environment) else {
            log_aloud();
            let procs = std::env::var("GORT_TEST_PROCS").unwrap();
            assert_eq!(run(|| gort::gomaxprocs(0)).to_string(), procs);
            return;
        };
        end.succeeded();
        let warning = format!("WARN gort: GOMAXPROCS={value} is no positive number");
        assert_eq!(end.err.contains(&warning), procs.is_none(), "{end:#?}");
    }
}

#[test]
fn the_builder_goes_before_the_environment() {
    let environment = [("GOMAXPROCS", "5")];
    let Some(end) = process_with("the_builder_goes_before_the_environment", &environment) else {
        // So does what is asked for before the first run.
        assert_eq!((gort::gomaxprocs(0), gort::gomaxprocs(4), gort::gomaxprocs(0)), (5, 5, 4));
        for n in [3, 1024, 1] {
            // SAFETY: nothing here keeps a thread's own data over a blocking call.
            let procs = unsafe { Builder::new().procs(n).run(|| gort::gomaxprocs(0)) };
            assert_eq!(procs.unwrap(), n);
        }
        assert_eq!(run(|| gort::gomaxprocs(0)), 1);
        return;
    };
    end.succeeded();
}

#[test]
fn unknown_debug_settings_are_ignored_with_a_warning() {
    let environment = [("GORTDEBUG", "nonsense=1,migrate=0,traceadvanceperiod=x,,bare")];
    let test = "unknown_debug_settings_are_ignored_with_a_warning";
    let Some(end) = process_with(test, &environment) else {
        log_aloud();
        run(|| ());
        return;
    };
    end.succeeded();
    for setting in ["nonsense=1", "traceadvanceperiod=x", "bare"] {
        end.said(&format!("WARN gort: GORTDEBUG: unknown setting \"{setting}\""));
    }
    end.did_not_say("migrate");
}

#[test]
fn settings_out_of_range_start_no_runtime() {
    let Some(end) = process("settings_out_of_range_start_no_runtime") else {
        let refused = |builder: Builder| {
            // SAFETY: nothing here keeps a thread's own data over a blocking call.
            unsafe { builder.run(|| unreachable!("it must not run")) }.map(|(): ()| ()).unwrap_err()
        };
        for procs in [0, 1025, usize::MAX] {
            let error = refused(Builder::new().procs(procs));
            assert!(matches!(error, RunError::Procs(n) if n == procs));
            let text = format!("gort: {procs} processors: it must be 1 to 1024");
            assert_eq!(error.to_string(), text);
        }
        for bytes in [0, (16 << 10) - 1, (1 << 40) + 1, usize::MAX] {
            let error = refused(Builder::new().stack_size(bytes));
            assert!(matches!(error, RunError::StackSize(n) if n == bytes));
            let text = format!("gort: a stack of {bytes} bytes: it must have 16 KiB to 1 TiB");
            assert_eq!(error.to_string(), text);
        }
        assert!(catch_unwind(|| go(|| ())).is_err());
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        let ran = unsafe { Builder::new().procs(2).stack_size(1 << 20).run(|| go(deep).join()) };
        assert_eq!(ran.unwrap().unwrap(), 800 << 10);
        // The stack size is settled by the first run.
        assert!(matches!(refused(Builder::new().stack_size(2 << 20)), RunError::AlreadyRunning));
        return;
    };
    end.succeeded();
}

/// Uses 800 KiB of stack.
fn deep() -> usize {
    fn dive(top: usize) -> usize {
        let room = black_box([0u8; 512]);
        let used = top - room.as_ptr() as usize;
        if used < 800 << 10 { dive(top) + usize::from(black_box(&room)[0]) } else { 800 << 10 }
    }
    let top = black_box(0u8);
    dive(std::ptr::from_ref(&top) as usize)
}

#[test]
fn stack_sizes_out_of_range_start_no_goroutine() {
    run(|| {
        for bytes in [0, 1, (16 << 10) - 1, (1 << 40) + 1, 1 << 45, usize::MAX] {
            let witness = Arc::new(());
            let captured = Arc::clone(&witness);
            let error = GoBuilder::new().stack_size(bytes).go(move || drop(captured)).unwrap_err();
            assert!(matches!(error, GoError::StackSize(n) if n == bytes));
            let text = format!("a goroutine's stack of {bytes} bytes: it must have from 16384 to ");
            assert_eq!(error.to_string(), text + "1099511627776");
            assert!(std::error::Error::source(&error).is_none());
            assert_eq!(Arc::strong_count(&witness), 1);
        }
    });
}

#[test]
fn goexit_runs_destructors_and_joins_as_goexit() {
    struct Note(Arc<Mutex<Vec<u32>>>, u32);
    impl Drop for Note {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(self.1);
        }
    }
    run(|| {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let (outer, inner) = (Note(Arc::clone(&notes), 1), Note(Arc::clone(&notes), 2));
        let handle = go(move || {
            let _outer = outer;
            let leave = move || -> u32 {
                let _inner = inner;
                goexit()
            };
            leave()
        });
        assert!(handle.join().unwrap_err().is::<Goexit>());
        assert_eq!(*notes.lock().unwrap(), [2, 1]);
    });
}

#[test]
fn goexit_that_is_caught_goes_on_at_the_next_blocking_call() {
    type Block = Box<dyn FnOnce() + Send>;

    fn ways() -> Vec<Block> {
        let (tx, rx) = chan(1);
        tx.send(1).unwrap();
        let (full, full_rx) = chan(1);
        full.send(1).unwrap();
        let ((room, _room_rx), (_empty_tx, empty)) = (chan(1), chan::<()>(0));
        let ended = go(|| ());
        eventually("ended", || ended.is_finished());
        let group = WaitGroup::new();
        group.add(1);
        vec![
            Box::new(gosched),
            Box::new(|| sleep(Duration::from_nanos(1))),
            Box::new(move || assert!(rx.recv().is_ok() && tx.is_empty())),
            Box::new(move || assert!(empty.recv_timeout(Duration::ZERO).is_ok())),
            Box::new(move || assert!(full.send(2).is_ok() && full_rx.is_empty())),
            Box::new(move || room.send(2).unwrap()),
            Box::new(move || ended.join().unwrap()),
            Box::new(move || group.wait()),
        ]
    }
    run(|| {
        for (n, block) in ways().into_iter().enumerate() {
            let reached = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&reached);
            let handle = go(move || {
                let caught = catch_unwind(|| goexit());
                assert!(caught.is_err_and(|payload| payload.is::<Goexit>()));
                count.fetch_add(1, Ordering::SeqCst);
                let again = catch_unwind(AssertUnwindSafe(block));
                assert!(again.is_err_and(|payload| payload.is::<Goexit>()));
                count.fetch_add(1, Ordering::SeqCst);
                gosched();
                count.fetch_add(1, Ordering::SeqCst);
            });
            assert!(handle.join().unwrap_err().is::<Goexit>(), "{n}");
            assert_eq!(reached.load(Ordering::SeqCst), 2, "{n}");
        }
        // It does not stick to the slot: the next goroutines live on.
        assert!((0..100).all(|_| go(gosched).join().is_ok()));
    });
}

#[test]
fn goexit_is_no_panic() {
    let Some(end) = process("goexit_is_no_panic") else {
        static HOOKED: AtomicUsize = AtomicUsize::new(0);
        std::panic::set_hook(Box::new(|_| {
            HOOKED.fetch_add(1, Ordering::SeqCst);
        }));
        run(|| {
            assert!(go(|| -> u8 { goexit() }).join().unwrap_err().is::<Goexit>());
            let ended = Arc::new(());
            let witness = Arc::clone(&ended);
            drop(go(move || {
                let _witness = witness;
                goexit()
            }));
            eventually("ended", || Arc::strong_count(&ended) == 1);
            sleep(Duration::from_millis(50)); // the process would be ending by now
        });
        assert_eq!(HOOKED.load(Ordering::SeqCst), 0);
        return;
    };
    end.succeeded();
}

#[test]
fn destructors_may_block_while_goexit_or_a_panic_unwinds() {
    struct Blocks(gort::chan::Receiver<u32>, Arc<AtomicUsize>);
    impl Drop for Blocks {
        fn drop(&mut self) {
            assert!(thread::panicking());
            gosched();
            sleep(Duration::from_millis(1));
            let n = self.0.recv().unwrap();
            assert!(thread::panicking());
            self.1.fetch_add(n as usize, Ordering::SeqCst);
        }
    }
    run(|| {
        let sum = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = chan(0);
        let handles: Vec<_> = (0..8)
            .map(|n| {
                let blocks = Blocks(rx.clone(), Arc::clone(&sum));
                go(move || {
                    let _blocks = blocks;
                    if n % 2 == 0 { goexit() } else { resume_unwind(Box::new("own")) }
                })
            })
            .collect();
        // To others, on whatever thread, their panics are not visible.
        let others: Vec<_> = (0..50).map(|_| go(thread::panicking)).collect();
        assert!(others.into_iter().all(|handle| !handle.join().unwrap()));
        (1..=8).for_each(|n| tx.send(n).unwrap());
        for (n, handle) in handles.into_iter().enumerate() {
            let handle: JoinHandle<()> = handle;
            assert_eq!(handle.join().unwrap_err().is::<Goexit>(), n % 2 == 0);
        }
        assert_eq!(sum.load(Ordering::SeqCst), 36);
        assert!(!thread::panicking());
        assert!((0..50).map(|_| go(thread::panicking)).all(|h| !h.join().unwrap()));
    });
}

#[test]
fn a_destructor_may_wait_by_yielding_while_a_panic_unwinds() {
    struct Waits(Arc<AtomicBool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            while !self.0.load(Ordering::SeqCst) {
                gosched();
            }
        }
    }
    let test = "a_destructor_may_wait_by_yielding_while_a_panic_unwinds";
    let Some(end) = process_with(test, &[("GOMAXPROCS", "1")]) else {
        run(|| {
            let flag = Arc::new(AtomicBool::new(false));
            let waits = Waits(Arc::clone(&flag));
            let handle: JoinHandle<()> = go(move || {
                let _waits = waits;
                resume_unwind(Box::new(5))
            });
            // It runs while the other one waits for it, on the only processor.
            let other = go(move || flag.store(true, Ordering::SeqCst));
            assert_eq!(handle.join().unwrap_err().downcast_ref(), Some(&5));
            other.join().unwrap();
        });
        return;
    };
    end.succeeded();
}

/// Recurses until there is no stack left.
fn recurse_without_end(n: usize) -> usize {
    let room = black_box([n; 30]);
    if room[0] == usize::MAX {
        return 0;
    }
    recurse_without_end(n + 1) + black_box(&room)[29]
}

/// The same with frames that step over most of a guard at once.
fn stride_without_end(n: usize) -> usize {
    let room = black_box([n; 7000]);
    if room[0] == usize::MAX {
        return 0;
    }
    stride_without_end(n + 1) + black_box(&room)[6999]
}

#[test]
fn a_stack_overflow_is_explained() {
    let Some(end) = process("a_stack_overflow_is_explained") else {
        println!("before");
        run(|| {
            let small = GoBuilder::new().name("deep one").stack_size(200 << 10);
            let handle = small.go(|| recurse_without_end(0)).unwrap();
            println!("it is {}", handle.id());
            handle.join()
        })
        .unwrap();
        return;
    };
    end.died_of(libc::SIGSEGV);
    let (_, id) = end.out.split_once("before\nit is ").expect("what was printed is kept");
    end.said("fatal error: stack overflow");
    end.said(&format!("goroutine {} \"deep one\" [running]: its stack of 200 KiB is", id.trim()));
    end.said("gort::GoBuilder::new().stack_size(1048576).go(");
    end.said("created at tests/faults.rs:");
}

#[test]
fn a_stack_overflow_tells_the_function() {
    // The handler waits for names for a while only: on a busy machine it may do without.
    let told = (0..10).any(|_| {
        let Some(end) = process("a_stack_overflow_tells_the_function") else {
            run(|| {
                gort::trace::start(std::io::sink()).unwrap();
                // Others, so that there are many guards.
                let (tx, rx) = chan::<()>(0);
                (0..50).map(|_| rx.clone()).for_each(|rx| drop(go(move || rx.recv())));
                sleep(Duration::from_millis(10));
                let _ = go(|| stride_without_end(0)).join();
                drop(tx);
            });
            return true;
        };
        end.died_of(libc::SIGSEGV);
        end.said("its stack of 192 KiB is used up");
        end.err.contains("\nfaults::stride_without_end\n\t")
    });
    assert!(told);
}

/// Touches memory that must not be touched.
fn fault() {
    // SAFETY: a fresh mapping, which is then read though that is forbidden: the process dies.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        page.cast::<u8>().read_volatile();
    }
}

#[test]
fn other_faults_stay_what_they_are() {
    for place in ["goroutine", "thread", "null", "bus"] {
        let environment = [("GORT_TEST_PLACE", place)];
        let Some(end) = process_with("other_faults_stay_what_they_are", &environment) else {
            println!("before");
            match &*std::env::var("GORT_TEST_PLACE").unwrap() {
                "goroutine" => drop(run(|| go(fault).join())),
                "thread" => {
                    run(|| ());
                    fault();
                }
                "null" => {
                    // SAFETY: an address that is never mapped: the process dies.
                    drop(run(|| go(|| unsafe { (64 as *const u8).read_volatile() }).join()));
                }
                _ => drop(run(|| go(fault_beyond_a_file).join())),
            }
            return;
        };
        end.died_of(if place == "bus" { libc::SIGBUS } else { libc::SIGSEGV });
        assert!(end.out.contains("before\n"));
        end.did_not_say("overflow");
    }
}

/// Reads beyond the end of a mapped file.
fn fault_beyond_a_file() {
    use std::os::fd::AsRawFd;

    let file = tempfile::tempfile().unwrap();
    // SAFETY: a mapping of an empty file, which faults when it is read: the process dies.
    unsafe {
        let fd = file.as_raw_fd();
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, fd, 0);
        assert_ne!(page, libc::MAP_FAILED);
        page.cast::<u8>().read_volatile();
    }
}

#[test]
fn std_still_explains_overflows_of_threads() {
    let Some(end) = process("std_still_explains_overflows_of_threads") else {
        run(|| go(|| ()).join().unwrap());
        let other = thread::Builder::new().name("other".to_owned());
        let _ = other.spawn(|| recurse_without_end(0)).unwrap().join();
        return;
    };
    end.died_of(libc::SIGABRT);
    end.said("thread 'other'");
    end.said("has overflowed its stack");
    end.did_not_say("goroutine");
}

#[test]
fn gomaxprocs_before_the_first_run_counts() {
    let Some(end) = process("gomaxprocs_before_the_first_run_counts") else {
        assert_eq!(gort::gomaxprocs(0), num_cpus::get());
        assert_eq!(gort::gomaxprocs(9), num_cpus::get());
        assert_eq!(run(|| gort::gomaxprocs(2)), 9);
        assert_eq!(run(|| gort::gomaxprocs(0)), 2);
        return;
    };
    end.succeeded();
}

/// A value that cannot be dropped.
struct Unwelcome;

impl Drop for Unwelcome {
    fn drop(&mut self) {
        panic!("it is lost");
    }
}

#[test]
fn a_panic_that_nobody_joins_ends_the_process() {
    for how in ["dropped before", "dropped after", "dropped on a thread", "by a destructor"] {
        let environment = [("GORT_TEST_HOW", how)];
        let test = "a_panic_that_nobody_joins_ends_the_process";
        let Some(end) = process_with(test, &environment) else {
            let how = std::env::var("GORT_TEST_HOW").unwrap();
            println!("a line before");
            run(move || {
                let panics = how != "by a destructor";
                let body = move || if panics { panic!("it is lost") } else { Unwelcome };
                let handle = GoBuilder::new().name("lost").go(body).unwrap();
                println!("it is {}", handle.id());
                if how == "dropped after" {
                    eventually("finished", || handle.is_finished());
                }
                match &*how {
                    "dropped on a thread" => thread::spawn(move || drop(handle)).join().unwrap(),
                    _ => drop(handle),
                }
                sleep(PATIENCE);
            });
            return;
        };
        assert_eq!(end.status, Some(2), "{end:#?}");
        let (_, id) = end.out.split_once("a line before\nit is ").expect("it is kept");
        let id = id.trim();
        end.said("it is lost");
        end.said(&format!("fatal error: goroutine {id} \"lost\" panicked and is joined by nobody"));
        end.said(&format!("\ngoroutine {id} \"lost\" [running]:\n{}::{test}::", module_path!()));
        end.said(&format!("created by {}::{test}::", module_path!()));
        end.said("\n\ttests/faults.rs:");
    }
}

#[test]
fn a_panic_that_is_joined_ends_nothing() {
    let Some(end) = process("a_panic_that_is_joined_ends_nothing") else {
        let handle = run(|| {
            for n in 0..100 {
                let handle: JoinHandle<()> = go(move || panic!("number {n}"));
                assert_eq!(text_of(&*handle.join().unwrap_err()), format!("number {n}"));
            }
            let handle: JoinHandle<()> = go(|| panic!("the last"));
            eventually("finished", || handle.is_finished());
            handle
        });
        assert_eq!(text_of(&*handle.join().unwrap_err()), "the last");
        return;
    };
    end.succeeded();
    end.said("number 99");
    end.did_not_say("fatal error");
}

#[test]
fn a_panic_in_a_destructor_during_a_panic_aborts() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            gosched();
            panic!("the second");
        }
    }
    let Some(end) = process("a_panic_in_a_destructor_during_a_panic_aborts") else {
        let _: Result<(), _> = run(|| {
            let handle = go(|| {
                let _panics = Panics;
                panic!("the first");
            });
            handle.join()
        });
        return;
    };
    end.died_of(libc::SIGABRT);
    end.said("the first");
    end.said("the second");
    end.said("panic in a destructor during cleanup");
}

#[test]
fn goexit_is_a_panic_where_it_cannot_be() {
    run(|| ());
    let text = text_of_panic(|| -> () { goexit() });
    assert_eq!(text, "gort: goexit outside of a goroutine");
    let text = text_of_panic(|| run(|| -> () { goexit() }));
    assert!(text.contains("called goexit, so there is no value"), "{text}");
}

#[test]
fn the_process_ends_while_goroutines_do_not() {
    for way in ["return", "exit"] {
        let environment = [("GORT_TEST_WAY", way)];
        let Some(end) = process_with("the_process_ends_while_goroutines_do_not", &environment)
        else {
            let (tx, rx) = chan::<()>(0);
            run(move || {
                (0..50).map(|_| rx.clone()).for_each(|rx| drop(go(move || rx.recv())));
                drop(go(|| sleep(Duration::MAX)));
                drop(go(|| {
                    loop {
                        gosched()
                    }
                }));
                sleep(Duration::from_millis(20));
                println!("ending");
                if std::env::var("GORT_TEST_WAY").unwrap() == "exit" {
                    go(|| std::process::exit(7)).join().unwrap();
                }
                std::mem::forget(tx);
            });
            return;
        };
        assert_eq!(end.status, Some(if way == "exit" { 7 } else { 0 }), "{end:#?}");
        assert!(end.out.contains("ending\n"));
    }
}

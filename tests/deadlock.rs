//! Reports that end the process: a deadlock, SIGQUIT, a panic that nobody sees. And what is no
//! deadlock, however it looks. Each in a process of its own.
//!
//! Where libtest runs there is always a thread that could do something, so there is no deadlock.
//! Therefore this program has a `main` of its own: called with a test's name it runs that one, in
//! a process started by [`process`] on its only thread.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::sync::WaitGroup;
use gort::{GoBuilder, JoinHandle, chan, go, goexit, sleep};
use runtime::run;

const DEADLOCK: &str = "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine ";
/// Longer than the search for deadlocks waits.
const A_WHILE: Duration = Duration::from_millis(1500);

/// How a process ended, and what it said.
#[derive(Debug)]
struct End {
    status: Option<i32>,
    signal: Option<i32>,
    out: String,
    err: String,
}

/// Runs the test called `test` again in a process of its own, which has no thread but those of the
/// runtime and the one that the test runs on: `None` there.
fn process(test: &str, environment: &[(&str, &str)]) -> Option<End> {
    let output = process::process(test, environment)?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some(End {
        status: output.status.code(),
        signal: output.status.signal(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    })
}

impl End {
    fn was_a_deadlock(&self) {
        assert_eq!(self.status, Some(2), "{self:#?}");
        assert!(self.err.starts_with(DEADLOCK), "{self:#?}");
    }

    fn succeeded(&self) {
        assert_eq!((self.status, self.signal), (Some(0), None), "{self:#?}");
        assert!(self.out.contains("1 passed"), "{self:#?}");
        assert!(!self.err.contains("deadlock"), "{self:#?}");
    }

    fn said(&self, text: &str) {
        assert!(self.err.contains(text), "not said: {text}\n{self:#?}");
    }
}

fn everybody_waits_for_a_channel() {
    let Some(end) = process("everybody_waits_for_a_channel", &[]) else {
        println!("before");
        run(|| {
            let (tx, rx) = chan::<u32>(0);
            let (also, other) = (rx.clone(), tx.clone());
            drop(GoBuilder::new().name("second").go(move || {
                also.recv().unwrap();
                other.send(1).unwrap();
            }));
            rx.recv().unwrap();
            drop(tx);
        });
        unreachable!("nobody ever sends");
    };
    end.was_a_deadlock();
    assert!(end.out.contains("before\n"));
    end.said("goroutine 1 [chan receive]:\n");
    end.said(" \"second\" [chan receive]:\n");
    end.said("deadlock::everybody_waits_for_a_channel");
    end.said("\ncreated by deadlock::everybody_waits_for_a_channel\n\ttests/deadlock.rs:");
    end.said("created by deadlock::everybody_waits_for_a_channel::{{closure}} in goroutine 1\n");
}

fn a_full_channel_a_mutual_join_or_a_wait_group_is_a_deadlock() {
    let test = "a_full_channel_a_mutual_join_or_a_wait_group_is_a_deadlock";
    for (way, reason) in [("send", "chan send"), ("join", "join"), ("group", "sync.WaitGroup.Wait")]
    {
        let Some(end) = process(test, &[("GORT_TEST_WAY", way)]) else {
            run(|| match &*std::env::var("GORT_TEST_WAY").unwrap() {
                "send" => {
                    let (tx, _rx) = chan(1);
                    tx.send(1).unwrap();
                    tx.send(2).unwrap();
                }
                "join" => {
                    let each = [(), ()].map(|()| chan::<JoinHandle<()>>(1));
                    let joins = each.each_ref().map(|(_, other)| {
                        let other = other.clone();
                        go(move || other.recv().unwrap().join().unwrap())
                    });
                    for (handle, (tx, _)) in joins.into_iter().zip(each.iter().rev()) {
                        tx.send(handle).unwrap();
                    }
                    let (_tx, never) = chan::<()>(0);
                    never.recv().unwrap();
                }
                _ => {
                    let group = WaitGroup::new();
                    group.add(1);
                    group.wait();
                }
            });
            return;
        };
        end.was_a_deadlock();
        end.said(&format!("[{reason}]:\n"));
    }
}

fn a_deadlock_after_work_sleep_and_goexit() {
    for procs in ["1", "2", "8"] {
        let environment = [("GOMAXPROCS", procs), ("GORTDEBUG", "migrate=1")];
        let Some(end) = process("a_deadlock_after_work_sleep_and_goexit", &environment) else {
            run(|| {
                let handles: Vec<_> = (0..100).map(|_| go(gort::gosched)).collect();
                handles.into_iter().for_each(|handle| handle.join().unwrap());
                sleep(Duration::from_millis(200));
                println!("it slept");
                drop(go(|| -> () { goexit() }));
                let (_tx, rx) = chan::<u32>(0);
                let _ = rx.recv_timeout(Duration::from_millis(200));
                println!("it waited");
                rx.recv().unwrap();
            });
            return;
        };
        end.was_a_deadlock();
        assert!(end.out.contains("it slept\n") && end.out.contains("it waited\n"));
        assert_eq!(end.err.matches("\n\ngoroutine ").count(), 1, "{end:#?}");
    }
}

fn a_deadlock_while_a_panic_unwinds() {
    struct Waits(gort::chan::Receiver<u32>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }
    let Some(end) = process("a_deadlock_while_a_panic_unwinds", &[]) else {
        run(|| {
            let (_tx, rx) = chan::<u32>(0);
            let _waits = Waits(rx);
            panic!("the panic");
        });
        return;
    };
    assert_eq!(end.status, Some(2), "{end:#?}");
    end.said("the panic");
    end.said(DEADLOCK);
    end.said("[chan receive, locked to thread]:\n");
}

fn threads_that_wait_for_each_other_in_gort_are_a_deadlock_too() {
    let test = "threads_that_wait_for_each_other_in_gort_are_a_deadlock_too";
    let Some(end) = process(test, &[]) else {
        run(|| ());
        let (tx, rx) = chan::<u32>(0);
        let other = rx.clone();
        let _thread = thread::spawn(move || other.recv());
        rx.recv().unwrap();
        drop(tx);
        return;
    };
    assert_eq!(end.status, Some(2), "{end:#?}");
    end.said("fatal error: no goroutines (a thread waits for some) - deadlock!\n");
}

/// Runs `f` in a process of its own, where all goroutines seem asleep for a while.
fn is_no_deadlock(test: &str, f: impl FnOnce()) {
    match process(test, &[]) {
        Some(end) => end.succeeded(),
        None => f(),
    }
}

fn a_timer_is_no_deadlock() {
    is_no_deadlock("a_timer_is_no_deadlock", || {
        run(|| {
            let (_tx, rx) = chan::<u32>(0);
            go(|| sleep(A_WHILE)).join().unwrap();
            assert!(rx.recv_timeout(A_WHILE).is_err());
        });
    });
}

fn a_thread_that_sleeps_is_no_deadlock() {
    is_no_deadlock("a_thread_that_sleeps_is_no_deadlock", || {
        run(|| {
            let (tx, rx) = chan::<u32>(0);
            let sends = thread::spawn(move || {
                thread::sleep(A_WHILE);
                tx.send(5).unwrap();
            });
            assert_eq!(rx.recv(), Ok(5));
            let (tx, rx) = chan::<u32>(0);
            let waits = thread::spawn(move || {
                let (_never, silence) = chan::<u32>(0);
                assert!(silence.recv_timeout(A_WHILE).is_err());
                tx.send(6).unwrap();
            });
            assert_eq!(rx.recv(), Ok(6));
            sends.join().unwrap();
            waits.join().unwrap();
        });
    });
}

fn goroutines_that_outlive_run_are_no_deadlock_while_the_thread_is_up() {
    let test = "goroutines_that_outlive_run_are_no_deadlock_while_the_thread_is_up";
    is_no_deadlock(test, || {
        let (tx, rx) = chan::<u32>(0);
        let waits = run(|| go(move || rx.recv()));
        thread::sleep(A_WHILE);
        tx.send(7).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(7));
    });
}

fn a_goroutine_that_blocks_its_thread_is_no_deadlock() {
    is_no_deadlock("a_goroutine_that_blocks_its_thread_is_no_deadlock", || {
        run(|| {
            let (tx, rx) = chan::<u32>(0);
            drop(go(move || {
                thread::sleep(A_WHILE);
                tx.send(8).unwrap();
            }));
            assert_eq!(rx.recv(), Ok(8));
        });
    });
}

/// Another process writes to the socket after a while.
fn a_wait_for_a_socket_is_no_deadlock() {
    is_no_deadlock("a_wait_for_a_socket_is_no_deadlock", || {
        run(|| {
            let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut writer = Command::new("sh");
            writer.args(["-c", &format!("sleep {}; printf x", A_WHILE.as_secs_f64())]);
            let mut writer = writer.stdout(OwnedFd::from(other)).spawn().unwrap();
            let (tx, rx) = chan::<usize>(0);
            let mut stream = gort::net::UnixStream::from_std(one).unwrap();
            drop(go(move || tx.send(stream.read(&mut [0; 8]).unwrap()).unwrap()));
            assert_eq!(rx.recv(), Ok(1));
            writer.wait().unwrap();
        });
    });
}

fn a_socket_that_nobody_waits_for_hides_no_deadlock() {
    let Some(end) = process("a_socket_that_nobody_waits_for_hides_no_deadlock", &[]) else {
        return run(|| {
            let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let (_tx, rx) = chan::<u32>(0);
            let _ = rx.recv();
            drop(listener);
        });
    };
    end.was_a_deadlock();
}

fn a_trace_that_is_written_is_no_deadlock() {
    /// Passes what it gets on to a goroutine.
    struct Forwards(gort::chan::Sender<usize>);
    impl std::io::Write for Forwards {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.len()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    is_no_deadlock("a_trace_that_is_written_is_no_deadlock", || {
        run(|| {
            let (tx, rx) = chan::<usize>(0);
            gort::trace::start(Forwards(tx)).unwrap();
            for _ in 0..4 {
                assert!(rx.recv().unwrap() > 0);
            }
            let rest = go(move || rx.iter().sum::<usize>());
            gort::trace::stop().unwrap();
            assert!(rest.join().unwrap() > 0);
        });
    });
}

/// A chain of threads of which each starts the next one and ends: at no moment is there none.
fn threads_that_come_and_go_are_no_deadlock() {
    fn chain(until: Instant, tx: gort::chan::Sender<u32>) {
        if Instant::now() >= until {
            tx.send(9).unwrap();
            return;
        }
        thread::spawn(move || chain(until, tx));
    }
    is_no_deadlock("threads_that_come_and_go_are_no_deadlock", || {
        run(|| {
            let (tx, rx) = chan::<u32>(0);
            chain(Instant::now() + 2 * A_WHILE, tx);
            assert_eq!(rx.recv(), Ok(9));
        });
    });
}

/// Threads hand a value around by channels, so most of them wait in gort at every moment.
fn threads_that_wake_each_other_are_no_deadlock() {
    is_no_deadlock("threads_that_wake_each_other_are_no_deadlock", || {
        run(|| ());
        let (first, rx) = chan::<u32>(0);
        let mut last = rx;
        for _ in 0..20 {
            let (tx, rx) = chan::<u32>(0);
            let from = std::mem::replace(&mut last, rx);
            thread::spawn(move || from.iter().for_each(|n| tx.send(n + 1).unwrap()));
        }
        let begin = Instant::now();
        while begin.elapsed() < 2 * A_WHILE {
            first.send(0).unwrap();
            assert_eq!(last.recv(), Ok(20));
        }
    });
}

/// Starts a process that says when it is ready, sends it SIGQUIT, and returns what becomes of it.
fn quit(test: &str, environment: &[(&str, &str)]) -> Option<End> {
    let mut command = process::again(test)?;
    command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("ready\n") {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "it ended: {said}");
    }
    thread::sleep(Duration::from_millis(100));
    // SAFETY: a signal to a child that has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) };
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let status = child.wait().unwrap();
    Some(End { status: status.code(), signal: status.signal(), out: said, err })
}

#[inline(never)]
fn computes(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

fn sigquit_dumps_all_goroutines_and_ends_the_process() {
    let test = "sigquit_dumps_all_goroutines_and_ends_the_process";
    for procs in ["1", "2", "3"] {
        let Some(end) = quit(test, &[("GOMAXPROCS", procs)]) else {
            run(|| {
                let (_tx, rx) = chan::<u32>(0);
                drop(GoBuilder::new().name("waits").go(move || rx.recv()));
                gort::gosched();
                for _ in 0..2 {
                    drop(go(|| computes(&AtomicBool::new(false))));
                }
                // Who dumps must not need the lock of the standard streams.
                let _lock = std::io::stderr().lock();
                println!("ready");
                computes(&AtomicBool::new(false));
            });
            return;
        };
        assert_eq!(end.status, Some(2), "{end:#?}");
        assert!(end.err.starts_with("SIGQUIT: quit\n\ngoroutine 1 [running]:\n"), "{end:#?}");
        assert_eq!(end.err.matches("\n\ngoroutine ").count(), 4, "{end:#?}");
        end.said("\"waits\" [chan receive]:\n");
        if (cfg!(gort_frame_pointers) || cfg!(feature = "unwind")) && cfg!(feature = "symbolize") {
            end.said("\ndeadlock::computes()\n\t");
        }
    }
}

fn sigquit_stays_whose_it_was() {
    let Some(end) = quit("sigquit_stays_whose_it_was", &[]) else {
        extern "C" fn own(_: libc::c_int) {
            // SAFETY: it may be called in a signal handler.
            unsafe { libc::_exit(9) };
        }
        // SAFETY: a handler that does what a handler may.
        unsafe { libc::signal(libc::SIGQUIT, own as *const () as usize) };
        run(|| {
            println!("ready");
            sleep(Duration::from_secs(60));
        });
        return;
    };
    assert_eq!((end.status, &*end.err), (Some(9), ""));
}

fn a_lost_panic_is_reported_as_much_as_asked_for() {
    let test = "a_lost_panic_is_reported_as_much_as_asked_for";
    for (level, stacks) in [("none", 0), ("single", 1), ("all", 3)] {
        let Some(end) = process(test, &[("GOTRACEBACK", level)]) else {
            run(|| {
                let (_tx, rx) = chan::<u32>(0);
                let other = GoBuilder::new().name("other").go(move || rx.recv()).unwrap();
                sleep(Duration::from_millis(20));
                drop(go(|| panic!("it is lost")));
                other.join().unwrap().unwrap();
            });
            return;
        };
        assert_eq!(end.status, Some(2), "{end:#?}");
        let (_, report) = end.err.split_once("fatal error: goroutine ").expect("a report");
        let (head, rest) = report.split_once(" panicked and is joined by nobody\n").unwrap();
        assert_eq!(rest.matches("\ngoroutine ").count(), stacks, "{end:#?}");
        if stacks > 0 {
            assert!(rest.starts_with(&format!("\ngoroutine {head} [running]:\n")), "{end:#?}");
        }
        assert_eq!(rest.contains("\"other\" [chan receive]:\n"), stacks == 3);
    }
}

const TESTS: [(&str, fn()); 17] = [
    ("everybody_waits_for_a_channel", everybody_waits_for_a_channel),
    (
        "a_full_channel_a_mutual_join_or_a_wait_group_is_a_deadlock",
        a_full_channel_a_mutual_join_or_a_wait_group_is_a_deadlock,
    ),
    ("a_deadlock_after_work_sleep_and_goexit", a_deadlock_after_work_sleep_and_goexit),
    ("a_deadlock_while_a_panic_unwinds", a_deadlock_while_a_panic_unwinds),
    (
        "threads_that_wait_for_each_other_in_gort_are_a_deadlock_too",
        threads_that_wait_for_each_other_in_gort_are_a_deadlock_too,
    ),
    ("a_timer_is_no_deadlock", a_timer_is_no_deadlock),
    ("a_thread_that_sleeps_is_no_deadlock", a_thread_that_sleeps_is_no_deadlock),
    (
        "goroutines_that_outlive_run_are_no_deadlock_while_the_thread_is_up",
        goroutines_that_outlive_run_are_no_deadlock_while_the_thread_is_up,
    ),
    (
        "a_goroutine_that_blocks_its_thread_is_no_deadlock",
        a_goroutine_that_blocks_its_thread_is_no_deadlock,
    ),
    ("a_trace_that_is_written_is_no_deadlock", a_trace_that_is_written_is_no_deadlock),
    ("threads_that_come_and_go_are_no_deadlock", threads_that_come_and_go_are_no_deadlock),
    ("threads_that_wake_each_other_are_no_deadlock", threads_that_wake_each_other_are_no_deadlock),
    (
        "sigquit_dumps_all_goroutines_and_ends_the_process",
        sigquit_dumps_all_goroutines_and_ends_the_process,
    ),
    ("sigquit_stays_whose_it_was", sigquit_stays_whose_it_was),
    ("a_wait_for_a_socket_is_no_deadlock", a_wait_for_a_socket_is_no_deadlock),
    (
        "a_socket_that_nobody_waits_for_hides_no_deadlock",
        a_socket_that_nobody_waits_for_hides_no_deadlock,
    ),
    (
        "a_lost_panic_is_reported_as_much_as_asked_for",
        a_lost_panic_is_reported_as_much_as_asked_for,
    ),
];

fn main() {
    // They sleep most of the time.
    process::main(usize::MAX, &TESTS);
}

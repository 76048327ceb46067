//! `GORT_TRACE`: traces of whole runs, however they end. Go's reader has to accept each.
//!
//! A program of its own: with libtest's thread, which could always do something, there were no
//! deadlock to report.

#[path = "support/process.rs"]
mod process;
mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::signal::{self, Signal};
use gort::trace::{self, StartError, StopError};
use gort::{chan, go, sleep};
use support::Go;
use support::runtime::{PATIENCE, run};

/// Something to trace.
fn work() {
    let (tx, rx) = chan(0);
    let sender = go(move || (0..20).for_each(|n| tx.send(n).unwrap()));
    assert_eq!(rx.iter().sum::<i32>(), 190);
    sender.join().unwrap();
    sleep(Duration::from_millis(1));
}

/// A process that is traced into a directory of its own.
struct Traced {
    folder: tempfile::TempDir,
    command: Command,
}

/// How it ended.
#[derive(Debug)]
struct End {
    folder: tempfile::TempDir,
    status: Option<i32>,
    signal: Option<i32>,
    out: String,
    err: String,
}

impl Traced {
    /// The test again, with `GORT_TRACE` set to this in its folder. `None` in that process.
    fn new(test: &str, trace: &str) -> Option<Traced> {
        let mut command = process::again(test)?;
        let folder = tempfile::tempdir().unwrap();
        for name in ["GORT_TRACE_VERSION", "GOTRACEBACK", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command.env("GORT_TRACE", folder.path().join(trace)).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Some(Traced { folder, command })
    }

    fn env(mut self, name: &str, value: &str) -> Traced {
        self.command.env(name, value);
        self
    }

    fn start(mut self) -> Running {
        let child = self.command.spawn().unwrap();
        Running { folder: self.folder, child, out: String::new() }
    }

    fn end(self) -> End {
        self.start().end()
    }
}

struct Running {
    folder: tempfile::TempDir,
    child: Child,
    out: String,
}

impl Running {
    /// Waits until it says that it is ready.
    fn ready(mut self) -> Running {
        let mut out = BufReader::new(self.child.stdout.as_mut().unwrap());
        while !self.out.contains("ready\n") {
            assert_ne!(out.read_line(&mut self.out).unwrap(), 0, "it ended: {}", self.out);
        }
        self
    }

    fn send(self, signal: i32) -> Running {
        // SAFETY: a signal to a child that has not been waited for.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
        self
    }

    fn end(self) -> End {
        let output = self.child.wait_with_output().unwrap();
        End {
            folder: self.folder,
            status: output.status.code(),
            signal: output.status.signal(),
            out: self.out + &String::from_utf8_lossy(&output.stdout),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl End {
    fn succeeded(self) -> End {
        self.exited(0)
    }

    fn exited(self, status: i32) -> End {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    fn died_of(self, signal: i32) -> End {
        assert_eq!(self.signal, Some(signal), "{self:#?}");
        self
    }

    fn said_nothing(self) -> End {
        let lines: Vec<_> = self.err.lines().filter(|line| line.contains("GORT_TRACE")).collect();
        assert!(lines.is_empty(), "{self:#?}");
        self
    }

    /// One line of the runtime's about the trace, with this in it.
    fn said(self, text: &str) -> End {
        let lines: Vec<_> = self.err.lines().filter(|line| line.contains("GORT_TRACE")).collect();
        assert_eq!(lines.len(), 1, "{self:#?}");
        assert!(lines[0].contains(text), "not said: {text}\n{self:#?}");
        self
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn file(&self) -> PathBuf {
        let files = self.files();
        assert_eq!(files.len(), 1, "{self:#?}");
        files[0].clone()
    }

    /// Its one trace, which has work in it.
    fn has_a_trace(self) -> End {
        is_trace_of_work(&self.file());
        self
    }
}

fn is_trace_of_work(file: &Path) {
    assert!(fs::read(file).unwrap().starts_with(b"go 1.26 trace\0\0\0"));
    let Some(go) = Go::find("reading a whole run's trace") else { return };
    go.check(&[file.to_owned()]).unwrap();
    let counts = go.wire_counts(file);
    assert!(counts["GoCreate"] >= 2 && counts["GoBlock"] >= 2, "{counts:?}");
}

fn a_run_is_traced_from_its_start_to_the_end_of_the_process() {
    let Some(traced) =
        Traced::new("a_run_is_traced_from_its_start_to_the_end_of_the_process", "trace.out")
    else {
        run(work);
        // Also what comes after the first run.
        run(|| go(work).join().unwrap());
        return;
    };
    let end = traced.end().succeeded().said_nothing().has_a_trace();
    assert_eq!(end.file(), end.folder.path().join("trace.out"));
    assert_eq!(fs::metadata(end.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let Some(go) = Go::find("counting goroutines") else { return };
    // Two runs, three goroutines of theirs. (The process may end before the last of them does.)
    assert_eq!(go.wire_counts(&end.file())["GoCreate"], 5, "{end:#?}");
}

fn nothing_is_traced_unasked() {
    let Some(mut traced) = Traced::new("nothing_is_traced_unasked", "trace.out") else {
        run(|| assert!(!trace::is_enabled()));
        return;
    };
    traced.command.env_remove("GORT_TRACE");
    assert!(traced.end().succeeded().said_nothing().files().is_empty());
    let traced = Traced::new("nothing_is_traced_unasked", "").unwrap().env("GORT_TRACE", "");
    assert!(traced.end().succeeded().said_nothing().files().is_empty());
}

fn every_way_to_exit() {
    let ways: [(&str, i32, fn()); 6] = [
        ("exit", 7, || {
            run(|| {
                work();
                std::process::exit(7)
            })
        }),
        ("thread", 8, || {
            run(work);
            let _ = thread::spawn(|| std::process::exit(8)).join();
        }),
        ("panic", 101, || {
            run(|| {
                work();
                panic!("the end")
            })
        }),
        ("unjoined", 2, || {
            run(|| {
                work();
                drop(go(|| panic!("the end")));
                sleep(PATIENCE);
            })
        }),
        ("deadlock", 2, || {
            run(|| {
                work();
                let (_tx, rx) = chan::<u32>(0);
                rx.recv().unwrap();
            })
        }),
        ("goexit", 101, || {
            run(|| {
                work();
                gort::goexit()
            })
        }),
    ];
    // Whoever collects CPU samples hides no deadlock either, and holds nothing up.
    for ((name, status, way), hz) in ways.iter().flat_map(|way| [(way, ""), (way, "1000")]) {
        let Some(traced) = Traced::new("every_way_to_exit", "trace.out") else {
            let wanted = std::env::var("GORT_TEST_WAY").unwrap();
            let (_, _, way) = ways.iter().find(|(name, ..)| *name == wanted).unwrap();
            return way();
        };
        let _ = way;
        let traced = traced.env("GORT_TEST_WAY", name).env("GORT_TRACE_PROFILE_HZ", hz);
        traced.end().exited(*status).said_nothing().has_a_trace();
    }
}

/// Exits when it is dropped.
struct Exits(i32);

impl Drop for Exits {
    fn drop(&mut self) {
        std::process::exit(self.0)
    }
}

gort::local! {
    static EXITS: Exits = Exits(14);
}

/// At places where not everything is as usual, with others who go on.
fn exits_at_odd_places() {
    thread_local! {
        static AT_THE_END: Exits = const { Exits(13) };
    }
    let ways: [(&str, i32, fn()); 6] = [
        ("many", 10, || {
            (0..8).for_each(|_| drop(go(|| std::process::exit(10))));
            std::process::exit(10)
        }),
        ("blocking", 11, || gort::blocking(|| std::process::exit(11))),
        ("unwinding", 12, || {
            let _exits = Exits(12);
            panic!("the end")
        }),
        ("thread", 13, || thread::spawn(|| AT_THE_END.with(|_| {})).join().unwrap()),
        ("goroutine", 14, || go(|| EXITS.with(|_| {})).join().unwrap()),
        ("child", 15, || {
            let sent = gort::process::Command::new("sleep").arg("0.01").status().unwrap();
            assert!(sent.success());
            std::process::exit(15)
        }),
    ];
    for (name, status, way) in ways {
        let Some(traced) = Traced::new("exits_at_odd_places", "trace.out") else {
            let wanted = std::env::var("GORT_TEST_WAY").unwrap();
            let (_, _, way) = ways.iter().find(|(name, ..)| *name == wanted).unwrap();
            run(|| {
                work();
                let storm = || loop {
                    go(gort::gosched).join().unwrap();
                };
                (0..4).for_each(|_| drop(go(storm)));
                way();
                sleep(PATIENCE);
            });
            unreachable!("it exits");
        };
        let _ = way;
        traced.env("GORT_TEST_WAY", name).end().exited(status).said_nothing().has_a_trace();
    }
}

/// A process that works, says that it is ready, and stays.
fn stays() {
    run(|| {
        work();
        println!("ready");
        loop {
            sleep(Duration::from_millis(1));
        }
    });
}

fn signals_that_end_a_process_end_its_trace() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        for procs in ["1", "2", "8"] {
            let Some(traced) = Traced::new("signals_that_end_a_process_end_its_trace", "t") else {
                return stays();
            };
            let running = traced.env("GOMAXPROCS", procs).start().ready().send(signal);
            running.end().died_of(signal).said_nothing().has_a_trace();
        }
    }
}

/// Also while every processor computes.
fn a_signal_ends_a_trace_of_what_computes() {
    let Some(traced) = Traced::new("a_signal_ends_a_trace_of_what_computes", "t") else {
        return run(|| {
            work();
            for _ in 0..3 {
                drop(go(|| {
                    loop {
                        std::hint::spin_loop();
                    }
                }));
            }
            println!("ready");
            loop {
                std::hint::spin_loop();
            }
        });
    };
    let running = traced.env("GOMAXPROCS", "2").start().ready().send(libc::SIGINT);
    running.end().died_of(libc::SIGINT).said_nothing().has_a_trace();
}

fn sigquit_ends_a_trace_too() {
    let Some(traced) = Traced::new("sigquit_ends_a_trace_too", "t") else { return stays() };
    let end = traced.start().ready().send(libc::SIGQUIT).end().exited(2).said_nothing();
    assert!(end.err.starts_with("SIGQUIT: quit\n"), "{end:#?}");
    end.has_a_trace();
}

extern "C" fn exits_with_9(_: libc::c_int) {
    // SAFETY: it may be called in a signal handler.
    unsafe { libc::_exit(9) };
}

/// The handler that the program has before, or installs later.
fn a_programs_own_handler_stays_its_own() {
    for when in ["before", "after"] {
        let Some(traced) = Traced::new("a_programs_own_handler_stays_its_own", "t") else {
            let install = || {
                // SAFETY: a handler that does what a handler may.
                unsafe { libc::signal(libc::SIGINT, exits_with_9 as *const () as usize) };
            };
            if std::env::var("GORT_TEST_WHEN").unwrap() == "before" {
                install();
            } else {
                run(|| ());
                install();
            }
            return stays();
        };
        let running = traced.env("GORT_TEST_WHEN", when).start().ready().send(libc::SIGINT);
        running.end().exited(9).said_nothing();
    }
}

/// A handler that calls the one before it, as some libraries' do.
fn a_handler_that_passes_on_ends_no_trace() {
    let Some(traced) = Traced::new("a_handler_that_passes_on_ends_no_trace", "t") else {
        static BEFORE: AtomicUsize = AtomicUsize::new(0);
        extern "C" fn passes_on(
            signal: libc::c_int,
            info: *mut libc::siginfo_t,
            context: *mut libc::c_void,
        ) {
            type Handler =
                unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: the handler that was there, which is of this kind.
            unsafe {
                let before = BEFORE.load(Ordering::Relaxed);
                std::mem::transmute::<usize, Handler>(before)(signal, info, context)
            };
        }
        run(|| {
            // SAFETY: nobody else installs or reads anything.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                libc::sigaction(libc::SIGINT, std::ptr::null(), &mut action);
                BEFORE.store(action.sa_sigaction, Ordering::Relaxed);
                assert_ne!(action.sa_sigaction, libc::SIG_DFL);
                action.sa_sigaction = passes_on as *const () as usize;
                libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut());
                libc::kill(libc::getpid(), libc::SIGINT);
            }
            sleep(Duration::from_millis(50));
            assert!(trace::is_enabled());
            work();
        });
        return;
    };
    traced.end().succeeded().said_nothing().has_a_trace();
}

fn a_signal_that_is_ignored_stays_so() {
    let Some(traced) = Traced::new("a_signal_that_is_ignored_stays_so", "t") else {
        // SAFETY: no handler.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
        run(|| {
            signal::ignore(&[Signal::SIGINT]).unwrap();
            for signal in [libc::SIGHUP, libc::SIGINT] {
                // SAFETY: kill has no preconditions.
                unsafe { libc::kill(libc::getpid(), signal) };
            }
            work();
        });
        return;
    };
    traced.end().succeeded().said_nothing().has_a_trace();
}

fn who_listens_to_signals_is_told_and_the_trace_goes_on() {
    let Some(traced) = Traced::new("who_listens_to_signals_is_told_and_the_trace_goes_on", "t")
    else {
        return run(|| {
            let signals = signal::notify(&[Signal::SIGINT]).unwrap();
            // SAFETY: kill has no preconditions.
            unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
            assert_eq!(signals.recv(), Signal::SIGINT);
            assert!(trace::is_enabled());
            work();
            // From here on it ends the process, and the trace.
            drop(signals);
            println!("ready");
            loop {
                sleep(PATIENCE);
            }
        });
    };
    let running = traced.start().ready().send(libc::SIGINT);
    running.end().died_of(libc::SIGINT).said_nothing().has_a_trace();
}

/// A signal that was sent while somebody listened ends nothing, though nobody listens by now.
fn what_was_sent_to_a_listener_ends_no_trace() {
    let Some(traced) = Traced::new("what_was_sent_to_a_listener_ends_no_trace", "t") else {
        return run(|| {
            work();
            for _ in 0..2000 {
                let signals = signal::notify(&[Signal::SIGINT]).unwrap();
                // SAFETY: a signal with a handler, to this thread.
                unsafe { libc::raise(libc::SIGINT) };
                drop(signals);
            }
        });
    };
    traced.end().succeeded().said_nothing().has_a_trace();
}

fn a_directory_gets_a_file_for_each_process() {
    let test = "a_directory_gets_a_file_for_each_process";
    for trace in ["", "new/"] {
        let Some(traced) = Traced::new(test, trace) else {
            // Until the test says so.
            run(work);
            println!("ready");
            std::io::stdin().read_exact(&mut [0]).unwrap();
            return;
        };
        let folder = traced.folder.path().join(trace);
        let mut command = process::again(test).unwrap();
        let mut traced = traced;
        traced.command.stdin(Stdio::piped());
        let mut first = traced.start().ready();
        // The same program, while the first one lives, and after.
        command.env("GORT_TRACE", &folder).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut second = command.spawn().unwrap();
        second.stdin.take().unwrap().write_all(b"x").unwrap();
        assert!(second.wait().unwrap().success());
        first.child.stdin.take().unwrap().write_all(b"x").unwrap();
        let first = first.end().succeeded().said_nothing();
        let program = std::env::current_exe().unwrap();
        let name = program.file_name().unwrap().to_str().unwrap();
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        let number = second.id();
        let expected = [format!("{name}.{number}.trace"), format!("{name}.trace")];
        assert_eq!(names, expected.map(|name| folder.join(name)), "{first:#?}");
        names.iter().for_each(|name| is_trace_of_work(name));
        // Cargo's names of tests have a hash.
        assert!(name.starts_with("whole_run-"), "{name}");
    }
}

fn a_file_of_a_process_that_is_no_more_is_replaced() {
    let test = "a_file_of_a_process_that_is_no_more_is_replaced";
    let Some(traced) = Traced::new(test, "t") else { return run(work) };
    fs::write(traced.folder.path().join("t"), [7; 1 << 20]).unwrap();
    traced.end().succeeded().said_nothing().has_a_trace();
}

fn the_version_may_be_chosen() {
    let test = "the_version_may_be_chosen";
    for (version, header) in [("1.23", b"go 1.23 trace"), ("1.25", b"go 1.25 trace")] {
        let Some(traced) = Traced::new(test, "t") else { return run(work) };
        let end = traced.env("GORT_TRACE_VERSION", version).end().succeeded().said_nothing();
        assert!(fs::read(end.file()).unwrap().starts_with(header));
        if let Some(go) = Go::find("reading other versions") {
            go.check(&[end.file()]).unwrap();
        }
    }
    for version in ["1.22", "2.0"] {
        let traced = Traced::new(test, "t").unwrap().env("GORT_TRACE_VERSION", version);
        let end = traced.end().succeeded().said("no such trace version");
        assert!(end.files().is_empty());
    }
}

fn a_bad_path_is_one_line_and_the_program_runs_on() {
    let Some(traced) = Traced::new("a_bad_path_is_one_line_and_the_program_runs_on", "no/t") else {
        run(work);
        println!("it worked");
        return;
    };
    let end = traced.end().succeeded().said("no trace: No such file or directory");
    assert!(end.out.contains("it worked\n"), "{end:#?}");
}

fn a_write_error_is_one_line_and_the_program_runs_on() {
    let test = "a_write_error_is_one_line_and_the_program_runs_on";
    let Some(traced) = Traced::new(test, "t") else {
        run(|| {
            work();
            let begin = Instant::now();
            // The program may take its own once that has come to its end.
            while let Err(error) = trace::start(std::io::sink()) {
                assert!(begin.elapsed() < PATIENCE, "{error}");
                sleep(Duration::from_millis(1));
            }
            work();
            assert!(trace::stop().unwrap().events() > 0);
            println!("it worked");
        });
        return;
    };
    let end = traced.env("GORT_TRACE", "/dev/full").end().succeeded();
    let end = end.said("/dev/full: the trace ended early: No space left on device");
    assert!(end.out.contains("it worked\n"), "{end:#?}");
}

fn the_program_cannot_take_a_trace_meanwhile() {
    let Some(traced) = Traced::new("the_program_cannot_take_a_trace_meanwhile", "t") else {
        return run(|| {
            assert!(trace::is_enabled());
            assert!(matches!(trace::start(std::io::sink()), Err(StartError::AlreadyEnabled)));
            assert!(matches!(trace::stop(), Err(StopError::NotEnabled)));
            assert!(trace::is_enabled());
            work();
        });
    };
    traced.end().succeeded().said_nothing().has_a_trace();
}

/// What was complete stays readable.
fn after_sigkill_the_generations_before_are_there() {
    let test = "after_sigkill_the_generations_before_are_there";
    let Some(traced) = Traced::new(test, "t") else {
        return run(|| {
            work();
            println!("ready");
            loop {
                work();
            }
        });
    };
    let running = traced.env("GORTDEBUG", "traceadvanceperiod=20000000").start().ready();
    let file = running.folder.path().join("t");
    let begin = Instant::now();
    while fs::metadata(&file).unwrap().len() < 200_000 {
        assert!(begin.elapsed() < PATIENCE, "no trace");
        thread::sleep(Duration::from_millis(5));
    }
    let end = running.send(libc::SIGKILL).end().died_of(libc::SIGKILL);
    let bytes = fs::read(&file).unwrap();
    let Some(go) = Go::find("reading a trace that was cut short") else { return };
    // As it was left, and cut at other places.
    let cut = end.folder.path().join("cut");
    for length in [bytes.len(), bytes.len() - 1, bytes.len() - 100, bytes.len() / 2] {
        fs::write(&cut, &bytes[..length]).unwrap();
        // The viewer says so when it leaves something out, and shows the rest.
        if let Err(log) = go.viewer(&cut) {
            assert!(log.contains("Encountered error, but able to proceed"), "{length}: {log}");
            let (_, lost) = log.split_once("Lost ").expect("how much it leaves out");
            let lost: f64 = lost.split_once('%').unwrap().0.parse().unwrap();
            assert!(lost < 70.0, "{length}: {log}");
        }
    }
}

/// Who reads the trace does not read on. The process ends nevertheless, and says so.
fn an_exit_does_not_wait_for_ever() {
    let Some(traced) = Traced::new("an_exit_does_not_wait_for_ever", "pipe") else {
        return run(|| (0..5000).for_each(|_| go(gort::gosched).join().unwrap()));
    };
    let path = traced.folder.path().join("pipe");
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a string that ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    // Both ends, so that opening it waits for nobody.
    let _pipe = File::options().read(true).write(true).open(&path).unwrap();
    // The same to a file, for how fast this machine is now.
    let usual = Traced::new("an_exit_does_not_wait_for_ever", "file").unwrap();
    let begin = Instant::now();
    usual.end().succeeded().said_nothing();
    let usual = begin.elapsed();
    let begin = Instant::now();
    traced.end().succeeded().said("the process ends before all is written");
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert!(took < Duration::from_secs(5) + 10 * usual, "{took:?}, and usually {usual:?}");
}

/// A child that is forked and no other program has nothing to end.
fn a_forked_child_exits_at_once() {
    let Some(traced) = Traced::new("a_forked_child_exits_at_once", "t") else {
        run(work);
        let begin = Instant::now();
        // SAFETY: the child does nothing but exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe { libc::exit(3) };
        }
        let mut status = 0;
        // SAFETY: a place for the status.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 3);
        assert!(begin.elapsed() < Duration::from_secs(2));
        run(work);
        return;
    };
    traced.end().succeeded().said_nothing().has_a_trace();
}

macro_rules! tests {
    ($($name:ident)*) => {
        const TESTS: &[(&str, fn())] = &[$((stringify!($name), $name),)*];
    };
}

tests! {
    a_run_is_traced_from_its_start_to_the_end_of_the_process
    nothing_is_traced_unasked
    every_way_to_exit
    exits_at_odd_places
    signals_that_end_a_process_end_its_trace
    a_signal_ends_a_trace_of_what_computes
    sigquit_ends_a_trace_too
    a_programs_own_handler_stays_its_own
    a_handler_that_passes_on_ends_no_trace
    a_signal_that_is_ignored_stays_so
    who_listens_to_signals_is_told_and_the_trace_goes_on
    what_was_sent_to_a_listener_ends_no_trace
    a_directory_gets_a_file_for_each_process
    a_file_of_a_process_that_is_no_more_is_replaced
    the_version_may_be_chosen
    a_bad_path_is_one_line_and_the_program_runs_on
    a_write_error_is_one_line_and_the_program_runs_on
    the_program_cannot_take_a_trace_meanwhile
    after_sigkill_the_generations_before_are_there
    an_exit_does_not_wait_for_ever
    a_forked_child_exits_at_once
}

fn main() {
    process::main(process::AT_ONCE, TESTS);
}

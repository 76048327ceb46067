//! The flight recorder: what it keeps, beside traces or without, and what makes it write. Go's reader
//! has to accept all of it.
//!
//! A program of its own: with libtest's thread, which could always do something, there were no
//! deadlock to record.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;
mod triggers;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::trace::{self, DumpError, FlightRecorder, FlightRecorderConfig, StartError, StopError};
use gort::{Context, chan, go, sleep};
use support::pieces::{self, Sink};
use support::runtime::{PATIENCE, run};
use support::traced::{contains, resident, work};
use support::{Go, parsed};
use triggers::*;

const FOLDER: &str = "GORT_TEST_FOLDER";
const SHORT: (&str, &str) = ("GORTDEBUG", "traceadvanceperiod=20000000");

fn recorder() -> FlightRecorder {
    FlightRecorder::new(FlightRecorderConfig::default())
}

fn log(message: &str) {
    trace::log(&Context::background(), "", message);
}

fn written(recorder: &FlightRecorder) -> Vec<u8> {
    let mut trace = Vec::new();
    let bytes = recorder.write_to(&mut trace).unwrap();
    assert_eq!(bytes, trace.len() as u64);
    assert!(trace.starts_with(b"go 1.26 trace\0\0\0"));
    trace
}

/// Waits for something that happens on its own.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never so: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A process of a test, which may leave files in a folder.
struct Ran {
    folder: tempfile::TempDir,
    output: Output,
}

/// Runs the test again in a process of its own, `None` there.
fn ran(test: &str, settings: &[(&str, &str)]) -> Option<Ran> {
    let folder = tempfile::tempdir().unwrap();
    let mut again = process::again(test)?;
    again.env(FOLDER, folder.path()).envs(settings.iter().copied());
    Some(Ran { output: again.output().unwrap(), folder })
}

/// In that process: a path in the folder.
fn place(name: &str) -> PathBuf {
    Path::new(&std::env::var_os(FOLDER).unwrap()).join(name)
}

/// Keeps a trace for the test's first process, as the recorder would.
fn save(name: &str, trace: &[u8]) {
    let path = place(name);
    fs::write(&path, trace).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Whether a file that the recorder makes is there and written.
fn is_written(name: &str) -> bool {
    place(name).exists() && !is_dumping()
}

/// Whether a thread writes a file.
fn is_dumping() -> bool {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let mut names = threads.map(|t| fs::read_to_string(t.unwrap().path().join("comm")));
    names.any(|name| name.is_ok_and(|name| name == "gort-dump\n"))
}

impl Ran {
    fn err(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn succeeded(self) -> Ran {
        process::assert_success(&self.output);
        self
    }

    /// The traces that it left, by name, which Go accepts and nobody else may read.
    fn traces(&self) -> Vec<(String, PathBuf)> {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap());
        let named = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), entry.path());
        let mut traces: Vec<_> =
            entries.map(named).filter(|(name, _)| name.contains("trace")).collect();
        traces.sort();
        for (name, path) in &traces {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        accept(traces.iter().map(|(_, path)| path.clone()).collect());
        traces
    }

    fn names(&self) -> Vec<String> {
        self.traces().into_iter().map(|(name, _)| name).collect()
    }
}

/// Go's reader and strict validator accept these.
fn accept(files: Vec<PathBuf>) {
    if let Some(go) = Go::find("a recorder's traces") {
        go.check(&files).unwrap();
    }
}

fn accept_bytes(traces: &[Vec<u8>]) {
    if let Some(go) = Go::find("a recorder's traces") {
        go.check_bytes(traces).unwrap();
    }
}

fn it_starts_writes_and_stops() {
    let Some(ran) = ran("it_starts_writes_and_stops", &[]) else {
        let early = recorder();
        let refused = early.start().unwrap_err();
        assert!(matches!(refused, StartError::NoRuntime));
        run(|| {
            let recorder = recorder();
            let refused = || {
                let refused = recorder.write_to(io::sink()).unwrap_err();
                assert!(matches!(refused, DumpError::NotEnabled));
                assert_eq!(refused.to_string(), "the flight recorder is not enabled");
            };
            for _ in 0..3 {
                assert!(!recorder.enabled() && !trace::is_enabled());
                refused();
                recorder.start().unwrap();
                assert!(recorder.enabled() && trace::is_enabled());
                for other in [&recorder, &early] {
                    let refused = other.start().unwrap_err();
                    assert!(matches!(refused, StartError::RecorderEnabled));
                    assert_eq!(refused.to_string(), "a flight recorder is already enabled");
                }
                assert!(matches!(trace::stop(), Err(StopError::NotEnabled)));
                log("the message");
                assert!(contains(&written(&recorder), "the message"));
                recorder.stop();
                recorder.stop();
                assert!(!trace::is_enabled());
            }
            refused();
            // The end of the last clone is the end of the recording.
            let clone = early.clone();
            clone.start().unwrap();
            drop(early);
            assert!(trace::is_enabled());
            drop(clone);
            eventually("no recording", || !trace::is_enabled());
        });
        return;
    };
    ran.succeeded();
}

/// Only one call at a time; a writer that fails fails its call, and no other.
fn writers_may_wait_and_fail() {
    let Some(ran) = ran("writers_may_wait_and_fail", &[]) else {
        struct Waits(mpsc::Sender<()>, mpsc::Receiver<()>);
        impl Write for Waits {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = (self.0.send(()), self.1.recv());
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        run(|| {
            let recorder = recorder();
            recorder.start().unwrap();
            let (tell, told) = mpsc::channel();
            let (open, gate) = mpsc::channel();
            let other = recorder.clone();
            let waits = go(move || other.write_to(Waits(tell, gate)));
            told.recv().unwrap();
            let refused = recorder.write_to(io::sink()).unwrap_err();
            assert!(matches!(refused, DumpError::InProgress), "{refused}");
            // It has its window, which stays.
            recorder.stop();
            drop(open);
            let failed = waits.join().unwrap().unwrap_err();
            assert!(matches!(failed, DumpError::Write(_)), "{failed}");
            recorder.start().unwrap();
            written(&recorder);
        });
        return;
    };
    ran.succeeded();
}

fn the_window_moves_on() {
    let Some(ran) = ran("the_window_moves_on", &[SHORT]) else {
        run(|| {
            let min_age = Duration::from_millis(200);
            let config = FlightRecorderConfig { min_age, max_bytes: 1 << 30 };
            let recorder = FlightRecorder::new(config);
            recorder.start().unwrap();
            for n in 0..4 {
                log(&format!("message {n}"));
                let begin = Instant::now();
                while begin.elapsed() < 3 * min_age {
                    work();
                }
            }
            log("the last message");
            let trace = written(&recorder);
            assert!(contains(&trace, "the last message"));
            assert!(!contains(&trace, "message 0") && !contains(&trace, "message 1"));
            save("window.trace", &trace);
        });
        return;
    };
    let ran = ran.succeeded();
    let (_, path) = &ran.traces()[0];
    let Some(go) = Go::find("the length of a window") else { return };
    let events = parsed::events(&go.parsed(path).unwrap());
    let times: Vec<_> = events.iter().map(|event| event.time).filter(|&time| time > 0).collect();
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    // An event is not at the very beginning of its generation.
    let covered = Duration::from_nanos(last - first);
    assert!(covered >= Duration::from_millis(150), "{covered:?}");
}

fn the_window_has_a_limit() {
    const LIMIT: usize = 1 << 20;
    let Some(ran) = ran("the_window_has_a_limit", &[]) else {
        run(|| {
            let min_age = Duration::from_secs(3600);
            let recorder = FlightRecorder::new(FlightRecorderConfig { min_age, max_bytes: LIMIT });
            recorder.start().unwrap();
            // The first write looks up names, which takes memory that has nothing to do with this.
            for _ in 0..3000 {
                work();
            }
            written(&recorder);
            let before = resident();
            for _ in 0..30_000 {
                work();
            }
            let grown = resident().saturating_sub(before);
            assert!(grown < 16 << 20, "{grown} bytes");
            let trace = written(&recorder);
            // Whole generations, each with its tables.
            assert!((LIMIT / 4..3 * LIMIT).contains(&trace.len()), "{} bytes", trace.len());
            assert!(pieces::generations(&trace).len() > 1);
            save("window.trace", &trace);
        });
        return;
    };
    assert_eq!(ran.succeeded().names(), ["window.trace"]);
}

/// A trace that starts while the recorder runs, and the other way round, in all orders of their
/// ends; among goroutines that have been waiting all the time.
fn traces_beside_it_are_whole() {
    let Some(ran) = ran("traces_beside_it_are_whole", &[SHORT]) else {
        run(|| {
            let (tx, rx) = chan::<()>(0);
            for _ in 0..200 {
                let rx = rx.clone();
                go(move || rx.recv());
            }
            // Plain threads have goroutines in traces, too.
            let (stop, stopped) = mpsc::channel::<()>();
            let annotator = thread::spawn(move || {
                while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    log("from a thread");
                    thread::sleep(Duration::from_micros(50));
                }
            });
            let recorder = recorder();
            let mut traces = Vec::new();
            for round in 0..24 {
                let begin = || round % 4 / 2 == 0;
                let sink = Sink::default();
                let mut starts = [true, false];
                if begin() {
                    starts.reverse();
                }
                for is_trace in starts {
                    if is_trace {
                        trace::start(sink.clone()).unwrap();
                        log(&format!("trace {round}"));
                    } else {
                        recorder.start().unwrap();
                        log(&format!("recorder {round}"));
                    }
                    (0..1 + round * round).for_each(|_| work());
                }
                let recorded = written(&recorder);
                assert!(contains(&recorded, format!("recorder {round}")));
                assert_eq!(contains(&recorded, format!("trace {round}")), begin());
                if round % 2 == 0 {
                    recorder.stop();
                }
                work();
                let summary = trace::stop().unwrap();
                let bytes = sink.bytes();
                assert_eq!(summary.bytes(), bytes.len() as u64);
                assert!(contains(&bytes, format!("trace {round}")));
                assert_eq!(contains(&bytes, format!("recorder {round}")), !begin());
                if round % 2 == 1 {
                    assert!(trace::is_enabled());
                    work();
                    traces.push(written(&recorder));
                    recorder.stop();
                }
                assert!(!trace::is_enabled());
                traces.extend([recorded, bytes]);
            }
            drop(tx);
            drop(stop);
            annotator.join().unwrap();
            for (n, trace) in traces.iter().enumerate() {
                save(&format!("{n}.trace"), trace);
            }
        });
        return;
    };
    assert_eq!(ran.succeeded().names().len(), 60);
}

/// Everybody starts, stops and writes everything at once, goroutines and threads.
fn all_at_once() {
    let Some(ran) = ran("all_at_once", &[SHORT]) else {
        run(|| ());
        let recorders = [recorder(), recorder()];
        let traces = Mutex::new(Vec::new());
        let keep = |trace: Vec<u8>| traces.lock().unwrap().push(trace);
        let contest = |who: usize| {
            let recorder = &recorders[who % 2];
            for round in 0..60 {
                work();
                match (who + round) % 4 {
                    0 if recorder.start().is_ok() => work(),
                    1 => {
                        let mut trace = Vec::new();
                        match recorder.write_to(&mut trace) {
                            Ok(_) => keep(trace),
                            Err(
                                DumpError::NotEnabled | DumpError::InProgress | DumpError::Lost,
                            ) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    2 => {
                        let sink = Sink::default();
                        if trace::start(sink.clone()).is_ok() {
                            work();
                            trace::stop().unwrap();
                            keep(sink.bytes());
                        }
                    }
                    _ => recorder.stop(),
                }
            }
        };
        thread::scope(|scope| {
            (0..4).for_each(|who| drop(scope.spawn(move || run(|| contest(who)))));
            (4..6).for_each(|who| drop(scope.spawn(move || contest(who))));
        });
        recorders.iter().for_each(FlightRecorder::stop);
        assert!(!trace::is_enabled());
        for (n, trace) in traces.lock().unwrap().iter().enumerate() {
            save(&format!("{n}.trace"), trace);
        }
        return;
    };
    assert!(ran.succeeded().names().len() > 20);
}

/// A trace whose writer hangs holds up neither the recorder nor anybody else.
fn a_trace_that_hangs_is_nothing_to_it() {
    let Some(ran) = ran("a_trace_that_hangs_is_nothing_to_it", &[SHORT]) else {
        struct Hangs(Arc<Mutex<()>>);
        impl Write for Hangs {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                drop(self.0.lock());
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        run(|| {
            let recorder = recorder();
            recorder.start().unwrap();
            let gate = Arc::new(Mutex::new(()));
            let other = Arc::clone(&gate);
            let (tell, told) = mpsc::channel();
            let (open, opened) = mpsc::channel::<()>();
            let keeper = thread::spawn(move || {
                let _shut = other.lock();
                tell.send(()).unwrap();
                let _ = opened.recv();
            });
            told.recv().unwrap();
            trace::start(Hangs(gate)).unwrap();
            (0..100).for_each(|_| work());
            log("the message");
            assert!(contains(&written(&recorder), "the message"));
            drop(open);
            keeper.join().unwrap();
            trace::stop().unwrap();
        });
        return;
    };
    ran.succeeded();
}

/// What goroutines are given is their own business; so is what panics say.
fn no_data_of_the_program_is_recorded() {
    let Some(ran) = ran("no_data_of_the_program_is_recorded", &[]) else {
        const SECRET: &str = "correct horse battery staple";
        run(|| {
            let recorder = recorder();
            let sink = Sink::default();
            recorder.start().unwrap();
            trace::start(sink.clone()).unwrap();
            let secret = SECRET.to_owned();
            let (tx, rx) = chan(1);
            let pass = go(move || tx.send(secret).unwrap());
            let takes = go(move || takes(&rx.recv().unwrap()));
            pass.join().unwrap();
            takes.join().unwrap();
            assert!(go(|| panic!("{SECRET}")).join().is_err());
            let recorded = written(&recorder);
            trace::stop().unwrap();
            for trace in [recorded, sink.bytes()] {
                assert!(!contains(&trace, SECRET));
                assert!(contains(&trace, "no_data_of_the_program_is_recorded"));
            }
            assert!(contains(&recorded_log(&recorder, SECRET), SECRET));
        });
        return;
    };
    ran.succeeded();
}

#[inline(never)]
fn takes(secret: &str) {
    sleep(Duration::from_millis(1));
    std::hint::black_box(secret);
}

/// What the program itself says is there.
fn recorded_log(recorder: &FlightRecorder, message: &str) -> Vec<u8> {
    log(message);
    written(recorder)
}

fn bytes_of_memory_are_a_trace() {
    let Some(ran) = ran("bytes_of_memory_are_a_trace", &[SHORT]) else {
        run(|| {
            let recorder = recorder();
            recorder.start().unwrap();
            let traces: Vec<_> = (0..5)
                .map(|_| {
                    (0..50).for_each(|_| work());
                    written(&recorder)
                })
                .collect();
            // From a plain thread as well.
            let other = recorder.clone();
            let last = thread::spawn(move || written(&other)).join().unwrap();
            accept_bytes(&[traces, vec![last]].concat());
        });
        return;
    };
    ran.succeeded();
}

macro_rules! tests {
    ($($test:ident)*) => { &[$((stringify!($test), $test as fn()),)*] };
}

fn main() {
    process::main(
        process::AT_ONCE,
        tests! {
            it_starts_writes_and_stops
            writers_may_wait_and_fail
            the_window_moves_on
            the_window_has_a_limit
            traces_beside_it_are_whole
            all_at_once
            a_trace_that_hangs_is_nothing_to_it
            it_dumps_on_a_deadlock
            it_dumps_on_a_panic_that_nobody_joins
            it_dumps_on_a_panic_of_main
            files_of_panics_are_limited
            it_dumps_on_a_signal
            files_of_a_signal_are_limited
            it_tells_of_goroutines_that_wait
            it_dumps_on_latency
            it_stops_while_it_tells
            what_a_closure_has_may_do_anything_at_its_end
            a_slow_cut_is_no_deadlock
            no_data_of_the_program_is_recorded
            bytes_of_memory_are_a_trace
        },
    );
}

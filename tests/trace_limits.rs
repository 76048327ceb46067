//! Traces whose writers cannot follow: nobody waits, memory has a limit, and what was written is a
//! whole trace, or several.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::trace::{self, Config, FlightRecorder, FlightRecorderConfig, StopError, Version};
use gort::{Context, chan, go, gosched, sleep};
use support::Go;
use support::pieces::{self, Sink};
use support::runtime::{PATIENCE, run};
use support::traced::{resident, turn};

const MIB: usize = 1 << 20;
/// What may be held in these tests.
const LIMIT: usize = 4 * MIB;

/// Many events.
fn work() {
    let (tx, rx) = chan(0);
    let sender = go(move || (0..500).for_each(|n| tx.send(n).unwrap()));
    assert_eq!(rx.iter().sum::<i32>(), 124_750);
    sender.join().unwrap();
}

fn work_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never so: {what}");
        work();
    }
}

/// Go's reader and strict validator accept these.
fn accept(traces: impl IntoIterator<Item = Vec<u8>>) {
    if let Some(go) = Go::find("traces of slow writers") {
        go.check_bytes(traces).unwrap();
    }
}

/// A writer that takes nothing while its gate is shut.
struct Gated {
    gate: Arc<Mutex<()>>,
    sink: Sink,
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.gate.lock());
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// A gate, shut by a thread, so that no goroutine has a guard.
struct Gate {
    gate: Arc<Mutex<()>>,
    open: Option<mpsc::Sender<()>>,
    keeper: Option<thread::JoinHandle<()>>,
}

impl Gate {
    fn shut() -> Gate {
        let gate = Arc::new(Mutex::new(()));
        let ((tell, told), (open, opened)) = (mpsc::channel(), mpsc::channel());
        let other = Arc::clone(&gate);
        let keeper = thread::spawn(move || {
            let _shut = other.lock();
            tell.send(()).unwrap();
            let _ = opened.recv();
        });
        told.recv().unwrap();
        Gate { gate, open: Some(open), keeper: Some(keeper) }
    }

    fn writer(&self, sink: &Sink) -> Gated {
        Gated { gate: Arc::clone(&self.gate), sink: sink.clone() }
    }

    fn open(&mut self) {
        drop(self.open.take());
        self.keeper.take().into_iter().for_each(|keeper| keeper.join().unwrap());
    }
}

#[test]
fn a_trace_that_holds_too_much_ends_with_what_it_has() {
    let _turn = turn();
    for version in [Version::Go123, Version::Go126] {
        let sink = Sink::default();
        let mut gate = Gate::shut();
        run(|| {
            let config = Config::new().limit_bytes(LIMIT).version(version);
            config.start(gate.writer(&sink)).unwrap();
            work_until("the trace ends", || !trace::is_enabled());
            assert!(sink.bytes().is_empty());
            gate.open();
            let error = trace::stop().unwrap_err();
            assert!(matches!(error, StopError::Overflow), "{error}");
            assert_eq!(
                error.to_string(),
                "the trace ended early: its writer could not keep up with the events"
            );
        });
        let bytes = sink.bytes();
        assert!((LIMIT / 2..2 * LIMIT).contains(&bytes.len()), "{} bytes", bytes.len());
        assert!(pieces::generations(&bytes).len() > 1);
        accept([bytes]);
    }
}

/// Texts count too, and what is too much is not kept.
#[test]
fn texts_have_the_same_limit() {
    let _turn = turn();
    let sink = Sink::default();
    let mut gate = Gate::shut();
    run(|| {
        Config::new().limit_bytes(LIMIT).start(gate.writer(&sink)).unwrap();
        let before = resident();
        let text = "x".repeat(1000);
        let begin = Instant::now();
        while trace::is_enabled() {
            assert!(begin.elapsed() < PATIENCE);
            // Not all at once: the first generation has to end before it is too much by itself.
            (0..256).for_each(|_| trace::log(&Context::background(), "", &text));
            std::thread::sleep(Duration::from_millis(5));
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 8 * LIMIT, "{grown} bytes");
        gate.open();
        assert!(matches!(trace::stop(), Err(StopError::Overflow)));
    });
    accept([sink.bytes()]);
}

#[test]
fn a_writer_that_hangs_can_be_left_alone() {
    let _turn = turn();
    let sink = Sink::default();
    let mut gate = Gate::shut();
    run(|| {
        trace::start(gate.writer(&sink)).unwrap();
        work();
        let begin = Instant::now();
        let error = trace::stop_within(Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, StopError::TimedOut), "{error}");
        assert_eq!(error.to_string(), "the trace's writer is not done yet");
        assert!(begin.elapsed() >= Duration::from_millis(50));
        // It is off, and will be written.
        let begin = Instant::now();
        while trace::is_enabled() {
            assert!(begin.elapsed() < PATIENCE);
            gosched();
        }
        assert!(matches!(trace::stop(), Err(StopError::NotEnabled)));
        assert!(trace::start(io::sink()).is_err());
        gate.open();
        let begin = Instant::now();
        while trace::start(io::sink()).is_err() {
            assert!(begin.elapsed() < PATIENCE);
            sleep(Duration::from_millis(1));
        }
        assert!(trace::stop_within(PATIENCE).unwrap().events() > 0);
    });
    accept([sink.bytes()]);
}

/// The files of a trace.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<Vec<Sink>>>);

impl Files {
    fn next(&self, number: u64) -> Sink {
        let mut files = self.0.lock().unwrap();
        assert_eq!(files.len() as u64, number);
        files.push(Sink::default());
        files[files.len() - 1].clone()
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().iter().map(Sink::bytes).collect()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[test]
fn a_trace_goes_on_in_the_next_file() {
    const FILE: usize = MIB / 2;
    let _turn = turn();
    for version in [Version::Go123, Version::Go125, Version::Go126] {
        let files = Files::default();
        let summary = run(|| {
            let first = files.next(0);
            let next = files.clone();
            let next = move |number| Ok::<_, io::Error>(next.next(number));
            let config = Config::new().version(version).limit_bytes(1 << 30);
            // So that a generation is no larger than a file.
            let recorder = FlightRecorder::new(FlightRecorderConfig {
                min_age: Duration::ZERO,
                max_bytes: FILE,
            });
            recorder.start().unwrap();
            config.roll_over(FILE as u64, next).start(first).unwrap();
            work_until("five files", || files.count() >= 5);
            trace::stop().unwrap()
        });
        let traces = files.bytes();
        assert_eq!(summary.files(), traces.len() as u64);
        assert_eq!(summary.gaps(), 0);
        assert_eq!(summary.bytes(), traces.iter().map(|trace| trace.len() as u64).sum::<u64>());
        let generations: Vec<_> =
            traces.iter().flat_map(|trace| pieces::generations(trace)).collect();
        assert_eq!(summary.generations(), generations.len() as u64);
        for pair in generations.windows(2) {
            assert_eq!(pair[1].generation, pair[0].generation + 1, "one was left out");
        }
        for trace in &traces[..traces.len() - 1] {
            assert!((FILE..4 * FILE).contains(&trace.len()), "{} bytes", trace.len());
        }
        accept(traces);
    }
}

#[test]
fn a_trace_whose_writer_was_too_slow_goes_on_in_the_next_file() {
    let _turn = turn();
    let files = Files::default();
    let mut gate = Gate::shut();
    let summary = run(|| {
        let next = files.clone();
        let next = move |number| Ok::<_, io::Error>(next.next(number));
        let config = Config::new().limit_bytes(LIMIT).roll_over(u64::MAX, next);
        config.start(gate.writer(&files.next(0))).unwrap();
        let recorder = FlightRecorder::new(FlightRecorderConfig::default());
        recorder.start().unwrap();
        // Three times what may be held.
        let begin = Instant::now();
        let mut events = 0;
        while events < 3 * LIMIT {
            assert!(begin.elapsed() < PATIENCE);
            work();
            events += 2000 * 5;
        }
        // Whoever else wants events gets them all the time.
        assert!(recorder.write_to(io::sink()).unwrap() > 0);
        gate.open();
        work_until("a second file", || files.count() == 2);
        trace::stop().unwrap()
    });
    assert_eq!((summary.files(), summary.gaps()), (2, 1));
    let traces = files.bytes();
    let of = |n: usize| pieces::generations(&traces[n]);
    assert!(of(1)[0].generation > of(0)[of(0).len() - 1].generation + 1, "none was left out");
    accept(traces);
}

#[test]
fn a_next_file_that_fails_ends_the_trace() {
    let _turn = turn();
    type Next = fn(u64) -> io::Result<Sink>;
    let fails: Next = |_| Err(io::ErrorKind::StorageFull.into());
    let panics: Next = |_| panic!("no more files");
    for (next, kind) in [(fails, io::ErrorKind::StorageFull), (panics, io::ErrorKind::Other)] {
        let sink = Sink::default();
        run(|| {
            let config = Config::new().limit_bytes(LIMIT).roll_over(MIB as u64, next);
            config.start(sink.clone()).unwrap();
            work_until("the trace ends", || !trace::is_enabled());
            let error = trace::stop().unwrap_err();
            assert!(matches!(&error, StopError::Write(error) if error.kind() == kind), "{error}");
        });
        assert!(sink.bytes().len() >= MIB);
        accept([sink.bytes()]);
    }
}

/// Generations end while earlier ones wait for their names and to be written.
#[test]
fn names_hold_up_no_generation() {
    let _turn = turn();
    let sink = Sink::default();
    let mut gate = Gate::shut();
    run(|| {
        trace::start(gate.writer(&sink)).unwrap();
        let recorder = FlightRecorder::new(FlightRecorderConfig::default());
        recorder.start().unwrap();
        // Each of these cuts a generation, while the first one waits to be written.
        for _ in 0..20 {
            work();
            recorder.write_to(io::sink()).unwrap();
        }
        assert!(sink.bytes().is_empty());
        gate.open();
        let summary = trace::stop().unwrap();
        assert!(summary.generations() >= 20, "{summary:?}");
    });
    accept([sink.bytes()]);
}

#[test]
fn no_file_is_empty() {
    let _turn = turn();
    let files = Files::default();
    let summary = run(|| {
        let first = files.next(0);
        let next = files.clone();
        let next = move |number| Ok::<_, io::Error>(next.next(number));
        Config::new().roll_over(0, next).start(first).unwrap();
        work();
        trace::stop().unwrap()
    });
    let traces = files.bytes();
    assert_eq!((summary.files(), summary.files()), (traces.len() as u64, summary.generations()));
    assert!(traces.iter().all(|trace| trace.len() > pieces::HEADER_BYTES));
    accept(traces);
}

/// What panics when it goes.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("at its end");
    }
}

impl Write for Bomb {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn all_that_is_the_users_may_panic_at_its_end() {
    let _turn = turn();
    run(|| {
        let bomb = Bomb;
        let next = move |_| {
            let _ = &bomb;
            Ok::<_, io::Error>(Bomb)
        };
        Config::new().roll_over(0, next).start(Bomb).unwrap();
        work();
        assert!(trace::stop().unwrap().files() > 0);
    });
}

/// Stops its own trace, at a write and at its end.
struct Stopping(mpsc::Sender<Result<trace::Summary, StopError>>);

impl Write for Stopping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(trace::stop()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.send(trace::stop()).unwrap();
    }
}

#[test]
fn a_writer_does_not_wait_for_itself() {
    let _turn = turn();
    run(|| {
        let (tell, told) = mpsc::channel();
        trace::start(Stopping(tell)).unwrap();
        let stopped = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(stopped, Err(StopError::TimedOut)), "{stopped:?}");
        let again = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(again, Err(StopError::NotEnabled)), "{again:?}");
        while trace::is_enabled() {
            gort::gosched();
        }
    });
}

//! What makes a flight recorder write what it has: the end of the process, a signal, or a goroutine
//! that waited too long.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use parking_lot::Mutex;

use super::flight_recorder::{FlightRecorder, Inner};
use super::{DumpError, file};
use crate::sched::fatal::{self, Cause};
use crate::sched::own_threads;
use crate::signal::{self, Signal, SignalError, Watch};
use crate::sys::signal::write_stderr;
use crate::tracer::flight_recorder::{Late, Recorder};
use crate::tracer::session;

/// How long a process that ends waits for a dump.
const LIMIT: Duration = Duration::from_secs(30);

/// The most files of one trigger that does not end the process.
const MOST_FILES: u32 = 16;

/// When a [`FlightRecorder`] writes what it has; see [`FlightRecorder::dump_on`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// A panic that nobody joins, or that leaves [`run`](crate::run). (Where panics abort, there is
    /// no such moment.)
    Panic,
    /// A [deadlock](crate#panics-and-ends).
    Deadlock,
    /// A signal, which does nothing else then, unless somebody [listens](crate::signal) too.
    Signal(Signal),
    /// A goroutine that waited longer than this from when it could run until it ran.
    Latency(Duration),
}

/// A goroutine that waited too long; see [`FlightRecorder::on_latency`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// The goroutine's number.
    pub goroutine: u64,
    /// How long it waited from when it could run until it ran.
    pub waited: Duration,
}

/// What is set.
#[derive(Default)]
pub(super) struct Triggers {
    /// With how many files it has.
    panic: Mutex<Option<(PathBuf, u32)>>,
    deadlock: Mutex<Option<PathBuf>>,
    signals: Mutex<Vec<(Signal, Watch)>>,
    late: Mutex<Option<OnLate>>,
}

/// What is done when a goroutine has waited too long.
struct OnLate {
    threshold: Duration,
    act: Arc<Mutex<Act>>,
}

type Act = dyn FnMut(&FlightRecorder, Latency) + Send;

impl FlightRecorder {
    /// Has what is recorded written to a file whenever this happens, while it records.
    ///
    /// The file is new, and its user's alone (mode 0600). If there is one of that name, the name gets
    /// a number, as in `late.1.trace`; if the path is a folder or ends with `/`, the file is called
    /// like the program. A line on standard error names it. A process that ends waits for it, 30
    /// seconds at most.
    ///
    /// A signal, panics that the program survives, and goroutines that wait too long, write 16 files
    /// each at most, and the latter one in `min_age`, so that no two show the same moment. The last call for a kind of trigger counts,
    /// of signals the last for each, and begins to count files anew.
    ///
    /// # Errors
    /// When the signal cannot be had.
    pub fn dump_on(&self, trigger: Trigger, path: impl Into<PathBuf>) -> Result<(), SignalError> {
        let path = path.into();
        let triggers = &self.inner().triggers;
        match trigger {
            Trigger::Panic => *triggers.panic.lock() = Some((path, 0)),
            Trigger::Deadlock => *triggers.deadlock.lock() = Some(path),
            Trigger::Signal(signal) => self.dump_on_signal(signal, path)?,
            Trigger::Latency(threshold) => self.dump_on_latency(threshold, path),
        }
        Ok(())
    }

    /// Calls `f` when a goroutine has waited longer than `threshold` from when it could run until it
    /// ran, while this records. Every goroutine is watched, for the price of a comparison.
    ///
    /// `f` runs on a thread of its own, and may [`write_to`](Self::write_to) somewhere. Until it
    /// has returned, and for `min_age` after that, it is not called again. The last call counts,
    /// also of `dump_on` with [`Trigger::Latency`].
    ///
    /// # Examples
    /// ```no_run
    /// # use std::time::Duration;
    /// # use gort::trace::{FlightRecorder, FlightRecorderConfig};
    /// let recorder = FlightRecorder::new(FlightRecorderConfig::default());
    /// recorder.on_latency(Duration::from_millis(50), |recorder, latency| {
    ///     eprintln!("goroutine {} waited {:?}", latency.goroutine, latency.waited);
    ///     let _ = recorder.write_to(std::net::TcpStream::connect("collector:9000").unwrap());
    /// });
    /// ```
    pub fn on_latency(
        &self,
        threshold: Duration,
        f: impl FnMut(&FlightRecorder, Latency) + Send + 'static,
    ) {
        let act: Arc<Mutex<Act>> = Arc::new(Mutex::new(f));
        // The user's, and so are their destructors: dropped when no lock is held.
        let _before = self.inner().triggers.late.lock().replace(OnLate { threshold, act });
        if let Some(recorder) = self.inner().recorder() {
            self.inner().triggers.watch_late(self.inner(), &recorder);
        }
    }

    fn dump_on_latency(&self, threshold: Duration, path: PathBuf) {
        let mut files = 0;
        self.on_latency(threshold, move |recorder, latency| {
            if files < MOST_FILES {
                files += 1;
                let why = format!("goroutine {} waited {:?}", latency.goroutine, latency.waited);
                dump(recorder.inner(), &path, &why);
            }
        });
    }

    fn dump_on_signal(&self, signal: Signal, path: PathBuf) -> Result<(), SignalError> {
        let inner = Arc::downgrade(self.inner());
        let files = Mutex::new(0);
        let came = move |signal: Signal| {
            let mut files = files.lock();
            if *files < MOST_FILES && inner.strong_count() != 0 {
                *files += 1;
                let (inner, path) = (Weak::clone(&inner), path.clone());
                spawn(move || {
                    if let Some(inner) = inner.upgrade() {
                        dump(&inner, &path, &signal.to_string());
                    }
                });
            }
        };
        let watch = signal::watch(signal, came)?;
        let mut signals = self.inner().triggers.signals.lock();
        signals.retain(|(other, _)| *other != signal);
        signals.push((signal, watch));
        Ok(())
    }
}

/// The recorder that records, for the end of the process.
static RECORDING: Mutex<Weak<Inner>> = Mutex::new(Weak::new());

impl Triggers {
    pub(super) fn recorder_started(&self, inner: &Arc<Inner>, recorder: &Arc<Recorder>) {
        *RECORDING.lock() = Arc::downgrade(inner);
        fatal::before_end(dump_before_end);
        self.watch_late(inner, recorder);
    }

    /// Where the next panic goes: a program may catch what leaves `run`, and go on.
    fn for_panic(&self) -> Option<PathBuf> {
        let mut panic = self.panic.lock();
        let (path, files) = panic.as_mut().filter(|(_, files)| *files < MOST_FILES)?;
        *files += 1;
        Some(path.clone())
    }

    fn watch_late(&self, inner: &Arc<Inner>, recorder: &Arc<Recorder>) {
        let late = self.late.lock();
        let Some(OnLate { threshold, act }) = &*late else { return };
        let (min_age, inner, act) = (inner.min_age(), Arc::downgrade(inner), Arc::downgrade(act));
        let on_late = move |recorder: &Arc<Recorder>, late: Late| {
            let rest = Rest(Arc::clone(recorder), min_age);
            act_apart(rest, Weak::clone(&inner), Weak::clone(&act), late);
        };
        let ns = u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX);
        recorder.set_on_late(ns, Box::new(on_late));
    }
}

/// Calls the user's function on a thread of its own, and watches again some time after that. The
/// caller, which cuts, locks nothing that those who wait for a cut may hold, and gets no share of
/// what is the user's, lest it be the last one and run their destructors.
fn act_apart(rest: Rest, inner: Weak<Inner>, act: Weak<Mutex<Act>>, late: Late) {
    let waited = Duration::from_nanos(late.waited_ns);
    let latency = Latency { goroutine: late.goroutine, waited };
    spawn(move || {
        let Rest(recorder, _) = &rest;
        let (Some(inner), Some(act)) = (inner.upgrade(), act.upgrade()) else { return };
        if inner.recorder().is_some_and(|other| Arc::ptr_eq(&other, recorder)) {
            act.lock()(&FlightRecorder::of(inner), latency);
        }
    });
}

/// After this, nobody watches for a while, however it ends.
struct Rest(Arc<Recorder>, Duration);

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.watch_after(self.1);
    }
}

/// Starts a thread for a dump. Where there can be none, there is none.
fn spawn(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name("gort-dump".into()).spawn(f);
    if let Err(error) = thread {
        say(&format!("gort: flight recorder: no thread for a dump: {error}\n"));
    }
}

/// The process is about to end.
fn dump_before_end(cause: Cause) {
    let Some(inner) = RECORDING.lock().upgrade() else { return };
    let path = match cause {
        Cause::Panic => inner.triggers.for_panic(),
        Cause::Deadlock => inner.triggers.deadlock.lock().clone(),
    };
    let Some(path) = path else { return };
    let why = match cause {
        Cause::Panic => "a panic",
        Cause::Deadlock => "a deadlock",
    };
    let (tx, rx) = mpsc::channel::<()>();
    spawn(move || {
        dump(&inner, &path, why);
        drop(tx);
    });
    if rx.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
        say("gort: flight recorder: the process ends before all is written\n");
    }
}

/// Writes what is recorded to a file, and says so. On a thread that does nothing else.
fn dump(inner: &Inner, path: &Path, why: &str) {
    own_threads::count_me();
    match write(inner, path) {
        Ok((path, bytes)) => {
            let path = path.display();
            say(&format!("gort: flight recorder: {bytes} bytes in {path} ({why})\n"));
        }
        Err(DumpError::NotEnabled) => {}
        Err(error) => {
            let path = path.display();
            say(&format!("gort: flight recorder: {path}: {error} ({why})\n"));
        }
    }
    own_threads::count_me_out();
}

fn write(inner: &Inner, path: &Path) -> Result<(PathBuf, u64), DumpError> {
    let recorder = inner.recorder().ok_or(DumpError::NotEnabled)?;
    let (tx, rx) = mpsc::channel();
    let kept = Box::new(move |snapshot| drop(tx.send(snapshot)));
    if !session::snapshot(&recorder, kept) {
        return Err(DumpError::NotEnabled);
    }
    let snapshot = rx.recv().map_err(|_| DumpError::Died)?;
    if snapshot.is_empty() {
        return Err(DumpError::Lost);
    }
    let (mut file, path) = file::create(path).map_err(DumpError::Write)?;
    let mut bytes = 0;
    let written = snapshot.encode(|piece| {
        bytes += piece.len() as u64;
        file.write_all(piece)
    });
    written.map(|()| (path, bytes)).map_err(DumpError::Write)
}

/// Not by way of `std`, whose lock somebody may hold who does not go on.
fn say(line: &str) {
    write_stderr(line.as_bytes());
}

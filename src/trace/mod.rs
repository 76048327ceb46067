//! Execution traces in Go's format, and annotations in them.
//!
//! [`start`] and [`stop`] take a trace of everything the scheduler does; `go tool trace` opens it.
//! [`new_task`], [`start_region`], [`with_region`] and [`log()`] say in the trace what the program
//! is about: a *task* is a logical piece of work that may span goroutines, a *region* a stretch of
//! time of one goroutine, a *log* a message at one moment. While no trace is taken a region and a log
//! cost a load and a branch, and a task a number more.
//!
//! # Annotations
//! As in Go, a [`Context`](crate::Context) carries the task from function to function. Where none is
//! at hand, a goroutine may itself *work for* a task, and those that it starts do:
//!
//! | | on a context | of the task that the goroutine works for |
//! | --- | --- | --- |
//! | a task | [`new_task`] | [`task`] |
//! | a region | [`start_region`], [`with_region`] | [`region`] |
//! | a message | [`log()`], [`logf!`](logf) | [`event`], [`eventf!`](eventf) |
//! | from one to the other | [`enter`], [`with_task`], [`Task::enter`] | [`current_task`] |
//!
//! [`labels`](crate::labels) of goroutines stand behind their names. Records of the crate `log` are
//! messages by way of a [`LogBridge`]; with the feature `tracing`, spans of the crate `tracing` are
//! regions, and those at the root tasks, by way of a `TracingLayer`.
//!
//! Whatever is annotated where and in which order, Go's reader takes the trace: tasks may begin and
//! end on any goroutine or thread, and each in another trace; a region is in the trace that it began
//! in, and its goroutine's own. A plain thread annotates in the name of a goroutine that stands for
//! it. Texts longer than 1024 bytes are cut; arguments of functions are never in a trace unless you
//! write them there.
//!
//! A [`FlightRecorder`] keeps the last seconds in memory, for when something has gone wrong.
//!
//! # When the writer cannot follow, or the process dies
//! Nobody waits for a trace's writer. What it has not taken yet waits in memory, up to a
//! [limit](Config::limit_bytes); beyond that the trace ends with what it has, and [`stop`] says so,
//! or it [goes on in another file](Config::roll_over). A trace consists of generations, of a second or
//! less; each is written with what makes it readable at its end. So a file that is cut short
//! anywhere, by the end of the process or of the disk, has all generations before that, for Go's
//! tools too, in every version of the format. Version 1.26 also marks where a generation ends. With
//! earlier ones, damage at the very beginning of a generation may cost the one before it as well.
//!
//! The version is 1.23 unless another one is asked for, as that opens in the tools of every Go since
//! then, and lacks only the wall clock. Whole runs and flight recorders are of 1.26.
//!
//! # What is in a trace
//! What goroutines do and when, the names of functions, files and lines, names of goroutines, and the
//! texts of annotations, of each the first 1024 bytes. No arguments, values or messages of panics.
//! A trace is written where the program, or `GORT_TRACE`, says, and files that gort itself makes are
//! their user's alone (mode 0600).
//!
//! # CPU samples
//! Between its events a trace can show where processor time goes: each thread, a worker or not, is
//! interrupted by SIGPROF so many times in a second of its own processor time, and its stack is
//! noted, with the processor and the goroutine that it had. [`Config::profile_hz`] asks for it, or
//! `GORT_TRACE_PROFILE_HZ=100` in the environment for each trace that does not say itself. `go tool
//! trace` marks the samples in the timeline. What a [`pprof`](crate#features) profile of processor
//! time samples meanwhile is in the trace as well, whether or not the trace asks for samples.
//!
//! Both may be taken at once, at different rates: threads are interrupted at the higher one, the
//! trace has all of the samples, and the profile counts at its own rate. The system does not
//! interrupt a thread more often than its clock ticks, mostly 250 times a second; a sample of a trace
//! then stands for more time than was asked for. A plain thread that is started later is noticed
//! within a tenth of a second. What finds no room is counted: [`Summary::lost_cpu_samples`]; and threads
//! for which the system has no timers left: [`Summary::unsampled_threads`].
//!
//! SIGPROF's handler of before gets what is not ours, and is there again afterwards; where there was
//! none, ours stays, so that no late signal ends the process. Goroutines' stacks are walked as those
//! of events are, plain threads' by frame pointers alone. Go takes samples for a trace while a CPU
//! profile is taken only, and has one rate.
//!
//! Other tools may watch a traced program: `perf record -g` walks goroutines' stacks as threads'.
//! `valgrind` warns that the "client" is "switching stacks", once, which is what goroutines do.
//!
//! # Whole runs
//! With `GORT_TRACE` in the environment, a program is traced without a word in it, from the start of
//! the runtime to the end of the process:
//!
//! ```text
//! GORT_TRACE=trace.out cargo run        # a file
//! GORT_TRACE=traces/ cargo test         # a directory: a file for each process that uses the runtime
//! go tool trace trace.out
//! ```
//!
//! What ends with `/`, or is a directory, gets a file that is called like the program, with `.trace`;
//! cargo's tests have names that are all different. (`cargo test` runs each in its package's folder,
//! where relative paths begin.) A file that another live process is writing is left alone, and the
//! name gets the process's number, as in `trace.123.out`. Files are their user's alone (mode 0600).
//!
//! The trace is complete when the process ends by the end of `main`, `exit`, a panic of `main` or one
//! that nobody joins, the report of a deadlock, SIGQUIT, and by SIGINT, SIGTERM and SIGHUP, where
//! these would do what they do by default: a handler of the program's or a
//! [listener](crate::signal::notify) gets its signal as ever, and the trace goes on. (A library that
//! refuses to install its handler over another one finds one here.) After SIGKILL, `abort` or a fault
//! the generations before are in the file, each of a second or less, and Go's viewer shows them. For
//! that the format is that of Go 1.26, unless `GORT_TRACE_VERSION` asks for another.
//!
//! The process waits at its end until the trace is written; at most two seconds for one write to the
//! file, and thirty in all. If more were needed, or the file cannot be opened or written, a line on
//! standard error says so, and nothing else changes. The program itself can take no trace meanwhile:
//! [`start`] says [`StartError::AlreadyEnabled`], [`stop`] [`StopError::NotEnabled`].
//!
//! Go has this for tests only: `go test -trace trace.out`, for one package at a time.
//!
//! # Stacks
//! Most events carry the stack of who did it: the first frame is the program's call into gort (what
//! is the runtime's own, or leads to it by way of the standard library, is left out), the last one
//! the goroutine's function. There are 128 frames at most. Functions that are inlined have frames of
//! their own; one whose last act was a call, which an optimised build may turn into a jump, has
//! none. See the [crate's documentation](crate#features) for what they take.
//!
//! # Go
//! Package `runtime/trace`.

mod config;
mod error;
mod file;
mod flight_recorder;
mod log_bridge;
mod message;
mod note;
mod region;
mod task;
#[cfg(feature = "tracing")]
mod tracing_layer;
#[cfg(feature = "tracing")]
mod tracing_registry;
mod triggers;
pub(crate) mod whole_run;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::chan::{Receiver, RecvTimeoutError};
use crate::tracer::session::{self, Number, Report};
use crate::wire::version;

pub use config::{Config, Version};
pub use error::{DumpError, StartError, StopError};
pub use flight_recorder::{FlightRecorder, FlightRecorderConfig};
pub use log_bridge::LogBridge;
pub use message::{event, log};
#[doc(hidden)]
pub use message::{event_arguments, log_arguments};
pub use region::{Region, region, start_region, with_region};
pub use task::{Task, Working, current_task, enter, new_task, task, with_task};
#[cfg(feature = "tracing")]
pub use tracing_layer::TracingLayer;
#[cfg(feature = "tracing")]
pub use tracing_registry::TracingRegistry;
pub use triggers::{Latency, Trigger};

/// Puts a message into the trace, as [`log()`]: `logf!(ctx, category, format…)`. While no trace is
/// taken, nothing is evaluated.
///
/// # Examples
/// ```
/// use gort::{Context, trace};
///
/// let ctx = Context::background();
/// trace::logf!(&ctx, "order", "number {} of {}", 1, 20);
/// ```
///
/// # Go
/// `trace.Logf`.
#[doc(inline)]
pub use crate::__trace_logf as logf;

/// Puts a message into the trace, as [`event`]: `eventf!(category, format…)`. While no trace is
/// taken, nothing is evaluated.
///
/// # Examples
/// ```
/// gort::trace::eventf!("order", "number {} of {}", 1, 20);
/// ```
#[doc(inline)]
pub use crate::__trace_eventf as eventf;

/// Starts a trace that is written to `out`, from a thread of its own, about once a second.
///
/// Nothing waits for `out`: if it is slow, memory fills, up to 1 GiB, and then the trace ends with
/// what is there by then. If it fails, the trace ends, and [`stop`] tells the error. The program goes
/// on in any case. Wrap a file in nothing: what is written comes in large pieces.
///
/// The header says Go 1.23, which every Go since then opens; `GORT_TRACE_VERSION` in the
/// environment chooses another one (`1.25`, `1.26`). [`Config`] starts a trace of another kind.
///
/// # Errors
/// When a trace is being taken already (by the program or of its [whole run](self#whole-runs)), no [`run`](crate::run) has begun yet, the version is
/// unknown, or no thread could be started.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         gort::trace::start(std::io::sink()).unwrap();
///         gort::go(|| gort::sleep(std::time::Duration::from_millis(1))).join().unwrap();
///         let summary = gort::trace::stop().unwrap();
///         assert!(summary.events() > 0);
///     })
/// };
/// ```
pub fn start(out: impl Write + Send + 'static) -> Result<(), StartError> {
    Config::new().start(out)
}

/// The version that the environment asks for.
fn version(default: version::Version) -> Result<version::Version, StartError> {
    let version = match std::env::var("GORT_TRACE_VERSION") {
        Ok(text) => text.parse().map_err(|_| StartError::Version(text))?,
        Err(_) => default,
    };
    if !version.has_status_stack() {
        return Err(StartError::Version(version.to_string()));
    }
    Ok(version)
}

/// Stops the trace, and waits until all of it is written, however long the writer takes, as Go's
/// does; [`stop_within`] waits less.
///
/// # Errors
/// When no trace is being taken but a [whole run's](self#whole-runs), or the trace ended early: its writer failed, or was too slow.
/// What had been written is a whole trace up to there. The trace's own writer, which may stop it too,
/// cannot wait for itself: it gets [`StopError::TimedOut`] at once.
pub fn stop() -> Result<Summary, StopError> {
    stop_numbered(None)
}

/// [`stop`], for a writer that may hang: waits no longer than `timeout`. The trace is off in any
/// case; the writer goes on with what is left, and another trace can start when that is over.
///
/// # Errors
/// As [`stop`], and [`StopError::TimedOut`].
pub fn stop_within(timeout: Duration) -> Result<Summary, StopError> {
    outcome(stopped(None)?.recv_timeout(timeout))
}

/// [`stop`], but no other trace than this one.
pub(crate) fn stop_numbered(only: Option<Number>) -> Result<Summary, StopError> {
    let written = stopped(only)?;
    if session::is_in_writer() {
        return Err(StopError::TimedOut);
    }
    outcome(written.recv().map_err(|_| RecvTimeoutError::Closed))
}

/// Stops the trace. What it was comes when it is written.
fn stopped(only: Option<Number>) -> Result<Receiver<Outcome>, StopError> {
    let (tx, rx) = crate::chan(1);
    // The writer thread sends; it is a plain thread, and the buffer has room.
    let done = move |result| {
        let _ = tx.try_send(result);
    };
    if !session::stop(only, Box::new(done)) {
        return Err(StopError::NotEnabled);
    }
    Ok(rx)
}

type Outcome = Result<Report, session::Failure>;

fn outcome(got: Result<Outcome, RecvTimeoutError>) -> Result<Summary, StopError> {
    match got {
        Ok(Ok(report)) => Ok(Summary::new(report)),
        Ok(Err(failure)) => Err(failure.into()),
        Err(RecvTimeoutError::Timeout) => Err(StopError::TimedOut),
        Err(_) => Err(StopError::WriterDied),
    }
}

/// Whether a trace is being taken now.
#[inline]
pub fn is_enabled() -> bool {
    crate::tracer::generation() != 0
}

/// What a trace came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    bytes: u64,
    generations: u64,
    files: u64,
    gaps: u64,
    samples: u64,
    lost_samples: u64,
    unsampled: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Summary {
    fn new(report: Report) -> Summary {
        let Report { bytes, generations, files, gaps, samples, lost_samples, unsampled, counts } =
            report;
        let counts = counts.into_iter().collect();
        Summary { bytes, generations, files, gaps, samples, lost_samples, unsampled, counts }
    }

    /// Bytes written, to all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Generations written: parts of about a second that can each be read alone.
    pub fn generations(&self) -> u64 {
        self.generations
    }

    /// Files written to: one, if the trace may not [roll over](Config::roll_over).
    pub fn files(&self) -> u64 {
        self.files
    }

    /// How often generations were left out, because the writer did not keep up. Only a trace that
    /// may [roll over](Config::roll_over) goes on then, in the next file.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// [CPU samples](self#cpu-samples) written; they are no events.
    pub fn cpu_samples(&self) -> u64 {
        self.samples
    }

    /// CPU samples that are missing, because they came faster than they were collected.
    pub fn lost_cpu_samples(&self) -> u64 {
        self.lost_samples
    }

    /// How many threads were not sampled, at most at a time, because the system had no timers left
    /// for them: each takes one of `RLIMIT_SIGPENDING`, which the user's processes share.
    pub fn unsampled_threads(&self) -> u64 {
        self.unsampled
    }

    /// Events written.
    pub fn events(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Events written, by the name of their type in the format; counted where they are emitted,
    /// not where they are written, so that the two can be compared.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }
}

//! The tracer: events into per-processor buffers, generations out of them, a file out of those.
//!
//! ```text
//! sched, annotations --emit--> buf (per P) --chunks--> session --generation--> sealed
//!                      stack_table, string_table, cpu_sample ----------^         |
//!                                                  Write <-- writer <-- outlet --+-- flight_recorder
//! ```
//! The tracer does not know the scheduler. What it needs of it (to stop everybody for a moment,
//! to visit processors and goroutines) is the trait [`World`], which the scheduler implements.

mod buf;
pub(crate) mod clock;
pub(crate) mod cpu_sample;
pub(crate) mod emit;
mod events;
pub(crate) mod flight_recorder;
pub(crate) mod frames;
pub(crate) mod generation;
mod held;
mod messages;
mod outlet;
mod pen;
mod sealed;
pub(crate) mod session;
pub(crate) mod stack_table;
pub(crate) mod status;
mod string_table;
#[cfg_attr(not(feature = "symbolize"), path = "symbolize_off.rs")]
pub(crate) mod symbolize;
pub(crate) mod unwind;
#[cfg(feature = "unwind")]
mod unwind_rules;
#[cfg_attr(not(feature = "unwind"), path = "unwind_tables_off.rs")]
pub(crate) mod unwind_tables;
mod walks;
pub(crate) mod writer;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use emit::{ProcTrace, Traced};

pub(crate) use buf::Stream;

/// The generation that events belong to; 0 while tracing is off.
///
/// It changes only while the world is stopped (`World::stopped`), so within one stay inside the
/// runtime it is a constant, and relaxed loads are enough. In a child that is forked it is 0.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The first generation of the trace that is being taken, or was last: which trace it is. As
/// [`GENERATION`].
static FIRST_GENERATION: AtomicU32 = AtomicU32::new(0);

/// Which of the process's traces this is. Inside, or under the lock of the side, and while there is
/// one, it stands still.
pub(crate) fn trace_number() -> u32 {
    FIRST_GENERATION.load(Ordering::Relaxed)
}

/// The current generation, 0 while tracing is off: the one load that tracing costs when off.
#[inline(always)]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// A processor during a stop.
pub(crate) struct ProcView<'a> {
    /// Its trace data.
    pub(crate) trace: &'a mut ProcTrace,
    /// The stream of the thread that runs it, and that thread's goroutine; `None`: it is idle.
    pub(crate) running: Option<(&'a mut Stream, Option<&'a dyn Traced>)>,
}

/// Everybody, during a stop.
pub(crate) struct Stopped<'a> {
    pub(crate) procs: Vec<ProcView<'a>>,
    /// Threads without a processor whose goroutines are in the state of a system call.
    pub(crate) away: Vec<(u64, &'a dyn Traced)>,
}

/// Samples are taken while this lives.
pub(crate) type Sampling = Box<dyn Send>;

/// The scheduler as the tracer sees it.
pub(crate) trait World: Sync {
    /// Calls `f` while no thread is inside the runtime.
    fn stopped(&self, f: &mut dyn FnMut(&mut Stopped<'_>));
    /// Calls `f` with every goroutine slot that ever lived. Goroutines run on meanwhile.
    fn each_goroutine(&self, f: &mut dyn FnMut(&dyn Traced));
    /// How many goroutines there are, roughly.
    fn goroutines(&self) -> usize;
    /// The number of processors.
    fn procs(&self) -> u32;
    /// The calling thread works for the runtime alone, until [`World::thread_ends`].
    fn thread_begins(&self);
    /// The calling thread is about to end.
    fn thread_ends(&self);
    /// Has `hz` samples taken of each second of a thread's processor time, until the result is
    /// dropped.
    fn sample(&self, hz: u32) -> io::Result<Sampling>;
    /// Hands what was sampled until now to [`cpu_sample`]; waits for those that are being taken, if
    /// these are the `last` ones.
    fn collect_samples(&self, last: bool);
}

/// A processor's trace data.
pub(crate) fn proc_trace() -> ProcTrace {
    ProcTrace::new(held::ship)
}

/// Function, file and line of each frame at these return addresses, innermost first.
pub(crate) fn symbolize_all(
    pcs: impl Iterator<Item = usize>,
) -> impl Iterator<Item = (String, String, u32)> {
    let mut symbolizer = symbolize::Symbolizer::new();
    let mut frames = Vec::new();
    pcs.for_each(|pc| symbolizer.frames(pc, &mut frames));
    frames.into_iter().map(|f| (f.func, f.file, f.line))
}

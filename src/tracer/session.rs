//! One trace from start to stop: the thread that cuts generations and writes them.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::buf::Chunk;
use super::generation;
use super::writer::GenerationWriter;
use super::{World, clock};
use crate::sys::{futex, thread};
use crate::wire::event::EventType;
use crate::wire::version::Version;

/// Nanoseconds that a generation lasts: a second, as Go's...
static GENERATION_NS: AtomicU64 = AtomicU64::new(1_000_000_000);
/// ...or until this many bytes of events are there.
const GENERATION_BYTES: usize = 32 << 20;
/// The most bytes of events held in memory, should the writing not keep up.
const HARD_CAP_BYTES: usize = 1 << 30;
/// Above this many goroutines, those nobody touched are listed in every so many generations only.
const SWEEP_ALWAYS: usize = 20_000;
const SWEEP_EVERY: u32 = 8;

/// Makes generations last `ns` nanoseconds, for tests of the cuts between them.
pub(crate) fn set_generation_ns(ns: u64) {
    GENERATION_NS.store(ns, Ordering::Relaxed);
}

static WORLD: OnceLock<&'static dyn World> = OnceLock::new();

/// The scheduler introduces itself.
pub(crate) fn set_world(world: &'static dyn World) {
    // A second scheduler cannot be.
    let _ = WORLD.set(world);
}

/// Why a trace did not start.
#[derive(Debug)]
pub(crate) enum StartFailure {
    /// There is one already.
    AlreadyEnabled,
    /// The runtime has not been started.
    NoRuntime,
    /// The writer thread could not be started.
    Thread(io::Error),
}

/// Why a trace ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The writer failed.
    Write(io::Error),
    /// Events came faster than they could be written; what was written is whole.
    Overflow,
    /// The thread that writes panicked.
    Died,
}

/// What a trace was.
#[derive(Debug, Default, Clone)]
pub(crate) struct Report {
    pub(crate) bytes: u64,
    pub(crate) generations: u64,
    /// Events emitted, by name of their type.
    pub(crate) counts: Vec<(&'static str, u64)>,
}

/// What a trace is to be like.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) version: Version,
}

/// Called once, on the writer thread, when everything is written.
pub(crate) type Done = Box<dyn FnOnce(Result<Report, Failure>) + Send>;

enum Phase {
    Off,
    /// With what is to be called when it ends, for a trace that is not the program's to stop.
    On(Option<Done>),
    /// `stop` was called.
    Stopping(Done),
    /// Ended early; `stop` has yet to ask why.
    Failed(Result<Report, Failure>),
}

struct Session {
    phase: Mutex<Phase>,
    wake: Condvar,
    shipped: Mutex<Vec<Chunk>>,
    /// Bytes of the current generation held in memory: full chunks and strings.
    held_bytes: AtomicUsize,
    /// A chunk of the current generation had to be dropped.
    dropped: AtomicBool,
    last_generation: Mutex<u32>,
}

static SESSION: Session = Session {
    phase: Mutex::new(Phase::Off),
    wake: Condvar::new(),
    shipped: Mutex::new(Vec::new()),
    held_bytes: AtomicUsize::new(0),
    dropped: AtomicBool::new(false),
    last_generation: Mutex::new(0),
};

/// A processor's full chunk. Called inside the runtime.
pub(super) fn ship(chunk: Chunk) {
    note_bytes(chunk.len());
    if SESSION.held_bytes.load(Ordering::Relaxed) < HARD_CAP_BYTES {
        SESSION.shipped.lock().push(chunk);
    } else {
        SESSION.dropped.store(true, Ordering::Relaxed);
    }
}

/// The current generation holds so many bytes more. Called inside the runtime.
pub(super) fn note_bytes(bytes: usize) {
    let before = SESSION.held_bytes.fetch_add(bytes, Ordering::Relaxed);
    if before < GENERATION_BYTES && before + bytes >= GENERATION_BYTES {
        SESSION.wake.notify_one();
    }
}

/// Adds the full chunks of the generation that just ended, and says whether there are all. Called
/// while the world is stopped.
pub(super) fn take_shipped(chunks: &mut Vec<Chunk>) -> bool {
    chunks.append(&mut SESSION.shipped.lock());
    SESSION.held_bytes.store(0, Ordering::Relaxed);
    !SESSION.dropped.swap(false, Ordering::Relaxed)
}

/// A trace among those of the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(u64);

/// The last one. Under the phase's lock.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Starts a trace. If `ended` is given, it is the whole run's: no [`stop`] ends it, but
/// [`end_whole_run`] or an error does, and `ended` is called then.
pub(crate) fn start(
    out: Box<dyn Write + Send>,
    settings: Settings,
    ended: Option<Done>,
) -> Result<Number, StartFailure> {
    let world = *WORLD.get().ok_or(StartFailure::NoRuntime)?;
    // What is the user's (the writer, the log) is used after the lock is free again only.
    let out = Arc::new(Mutex::new(Some(out)));
    let (number, earlier) = {
        let mut phase = SESSION.phase.lock();
        let earlier = start_locked(&mut phase, world, &out, settings, ended)?;
        (NUMBER.fetch_add(1, Ordering::Relaxed) + 1, earlier)
    };
    if let Some(Err(failure)) = earlier {
        log::error!("gort: the trace before ended early: {failure:?}");
    }
    Ok(Number(number))
}

/// Where the user's writer is on its way to the thread that uses it.
type Handed = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

/// Returns how the trace before ended, if that was early and nobody asked.
fn start_locked(
    phase: &mut Phase,
    world: &'static dyn World,
    out: &Handed,
    settings: Settings,
    ended: Option<Done>,
) -> Result<Option<Result<Report, Failure>>, StartFailure> {
    if matches!(phase, Phase::On(_) | Phase::Stopping(_)) {
        return Err(StartFailure::AlreadyEnabled);
    }
    clock::calibrate();
    let builder = std::thread::Builder::new().name("gort-trace".into());
    let handed = Arc::clone(out);
    // The thread waits for the phase's lock, so it begins when the first generation has.
    let run = move || {
        drop(SESSION.phase.lock());
        let out = handed.lock().take();
        let out = out.expect("it was put there before the thread was started");
        Tracer::new(world, out, settings).run();
    };
    builder.spawn(run).map_err(StartFailure::Thread)?;
    drop(generation::cut(world, next_generation()));
    if ended.is_some() {
        PROCESS.store(thread::process_id(), Ordering::Relaxed);
        WHOLE_RUN.store(LASTS, Ordering::Relaxed);
    }
    match std::mem::replace(phase, Phase::On(ended)) {
        Phase::Failed(earlier) => Ok(Some(earlier)),
        _ => Ok(None),
    }
}

fn next_generation() -> u32 {
    let mut last = SESSION.last_generation.lock();
    *last += 1;
    *last
}

/// Stops the trace, or only if it is this one. `done` is called when the last byte is written;
/// false: there is no such trace of the program's own, and it is not called.
pub(crate) fn stop(only: Option<Number>, done: Done) -> bool {
    let mut phase = SESSION.phase.lock();
    if only.is_some_and(|Number(number)| number != NUMBER.load(Ordering::Relaxed)) {
        return false;
    }
    match std::mem::replace(&mut *phase, Phase::Off) {
        Phase::On(None) => {
            *phase = Phase::Stopping(done);
            SESSION.wake.notify_one();
            true
        }
        Phase::Failed(result) => {
            drop(phase);
            done(result);
            true
        }
        other => {
            *phase = other;
            false
        }
    }
}

/// How far the whole run's trace is: [`LASTS`] or not.
static WHOLE_RUN: AtomicU32 = AtomicU32::new(0);
const LASTS: u32 = 1;

/// The process that takes it, and no child of it that is forked.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// Begins and ends of writes to its file: odd while one is under way.
static WRITES: AtomicU32 = AtomicU32::new(0);

/// How long a process that ends waits for one write...
const PATIENCE: Duration = Duration::from_secs(2);
/// ...and for all there is to do. Names are looked up, which takes a while in a large program.
const LIMIT: Duration = Duration::from_secs(30);

/// A write to the whole run's file, of some piece of it.
pub(crate) fn in_write<R>(write: impl FnOnce() -> R) -> R {
    WRITES.fetch_add(1, Ordering::Relaxed);
    let result = write();
    WRITES.fetch_add(1, Ordering::Relaxed);
    result
}

/// Called when the whole run's trace is written, or never will be.
pub(crate) fn whole_run_ended() {
    // ORDERING: Release, pairs with the Acquire in `end_whole_run`: all is written.
    WHOLE_RUN.store(0, Ordering::Release);
    futex::wake(&WHOLE_RUN, i32::MAX);
}

/// Ends the whole run's trace, if there is one, and waits until it is written, though not for ever.
/// False: it is not.
///
/// For the end of the process, by any thread that is not inside the runtime. It uses nothing of the
/// thread's own, which may be gone by now.
pub(crate) fn end_whole_run() -> bool {
    let lasts = || {
        // ORDERING: Acquire, pairs with the Release in `whole_run_ended`.
        WHOLE_RUN.load(Ordering::Acquire) == LASTS
    };
    if !lasts() || PROCESS.load(Ordering::Relaxed) != thread::process_id() {
        return true;
    }
    let begin = Instant::now();
    let Some(mut phase) = SESSION.phase.try_lock_for(PATIENCE) else { return false };
    match std::mem::replace(&mut *phase, Phase::Off) {
        Phase::On(Some(ended)) => *phase = Phase::Stopping(ended),
        other => *phase = other,
    }
    drop(phase);
    SESSION.wake.notify_one();
    let (mut seen, mut since) = (0, begin);
    while lasts() {
        futex::wait(&WHOLE_RUN, LASTS, Some(PATIENCE / 20));
        let now = WRITES.load(Ordering::Relaxed);
        if now != seen || now.is_multiple_of(2) {
            (seen, since) = (now, Instant::now());
        }
        if since.elapsed() >= PATIENCE || begin.elapsed() >= LIMIT {
            return !lasts();
        }
    }
    true
}

/// The writer thread's state.
struct Tracer {
    world: &'static dyn World,
    writer: GenerationWriter,
    since_sweep: u32,
}

impl Tracer {
    fn new(world: &'static dyn World, out: Box<dyn Write + Send>, settings: Settings) -> Tracer {
        let writer = GenerationWriter::new(out, settings.version);
        Tracer { world, writer, since_sweep: 0 }
    }

    /// Whatever happens, the trace ends and `stop` gets its answer.
    fn run(mut self) {
        let result = catch_unwind(AssertUnwindSafe(|| self.trace()));
        let result = result.unwrap_or(Err(Failure::Died));
        if result.is_err() {
            // Tracing ends here and the current generation is lost; those written are whole.
            drop(generation::cut(self.world, 0));
        }
        self.finish(result);
    }

    fn trace(&mut self) -> Result<(), Failure> {
        loop {
            self.sweep();
            self.writer.header_if_first()?;
            let last = wait_for_the_end();
            if SESSION.held_bytes.load(Ordering::Relaxed) >= HARD_CAP_BYTES {
                return Err(Failure::Overflow);
            }
            let next = if last { 0 } else { next_generation() };
            self.writer.write(generation::cut(self.world, next))?;
            if last {
                return Ok(());
            }
        }
    }

    fn sweep(&mut self) {
        if self.since_sweep == 0 || self.world.goroutines() <= SWEEP_ALWAYS {
            generation::sweep(self.world);
        }
        self.since_sweep = (self.since_sweep + 1) % SWEEP_EVERY;
    }

    fn finish(self, result: Result<(), Failure>) {
        let counts = generation::take_counts(self.world);
        let named = counts.iter().enumerate().filter(|(_, count)| **count != 0);
        let counts = named
            .filter_map(|(n, &count)| Some((EventType::from_number(n as u8)?.name(), count)))
            .collect();
        let (bytes, generations) = self.writer.totals();
        let result = result.map(|()| Report { bytes, generations, counts });
        self.writer.finish();
        let mut phase = SESSION.phase.lock();
        match std::mem::replace(&mut *phase, Phase::Off) {
            Phase::Stopping(done) | Phase::On(Some(done)) => {
                drop(phase);
                done(result);
            }
            _ => *phase = Phase::Failed(result),
        }
    }
}

/// Waits until the generation is over. True: so is the trace.
fn wait_for_the_end() -> bool {
    let end = Instant::now() + Duration::from_nanos(GENERATION_NS.load(Ordering::Relaxed));
    let mut phase = SESSION.phase.lock();
    loop {
        if matches!(*phase, Phase::Stopping(_)) {
            return true;
        }
        let full = SESSION.held_bytes.load(Ordering::Relaxed) >= GENERATION_BYTES;
        if full || SESSION.wake.wait_until(&mut phase, end).timed_out() {
            return matches!(*phase, Phase::Stopping(_));
        }
    }
}

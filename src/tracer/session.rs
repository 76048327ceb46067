//! One trace from start to stop: the thread that cuts generations and writes them.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::buf::Chunk;
use super::generation::{self, Leftovers};
use super::writer::GenerationWriter;
use super::{World, clock};
use crate::wire::event::EventType;
use crate::wire::version::Version;

/// A generation lasts this long, as Go's...
const GENERATION: Duration = Duration::from_secs(1);
/// ...or until this many bytes of events are there.
const GENERATION_BYTES: usize = 32 << 20;
/// The most bytes of events held in memory, should the writing not keep up.
const HARD_CAP_BYTES: usize = 1 << 30;
/// Above this many goroutines, those nobody touched are listed in every so many generations only.
const SWEEP_ALWAYS: usize = 20_000;
const SWEEP_EVERY: u32 = 8;

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
}

/// What a trace was.
#[derive(Debug, Default, Clone)]
pub(crate) struct Report {
    pub(crate) bytes: u64,
    pub(crate) generations: u64,
    /// Events emitted, by name of their type.
    pub(crate) counts: Vec<(&'static str, u64)>,
}

/// Called once, on the writer thread, when everything is written.
pub(crate) type Done = Box<dyn FnOnce(Result<Report, Failure>) + Send>;

enum Phase {
    Off,
    On,
    /// `stop` was called.
    Stopping(Done),
    /// Ended early; `stop` has yet to ask why.
    Failed(Result<Report, Failure>),
}

struct Session {
    phase: Mutex<Phase>,
    wake: Condvar,
    shipped: Mutex<Vec<Chunk>>,
    shipped_bytes: AtomicUsize,
    last_generation: Mutex<u32>,
}

static SESSION: Session = Session {
    phase: Mutex::new(Phase::Off),
    wake: Condvar::new(),
    shipped: Mutex::new(Vec::new()),
    shipped_bytes: AtomicUsize::new(0),
    last_generation: Mutex::new(0),
};

/// A processor's full chunk. Called inside the runtime.
pub(super) fn ship(chunk: Chunk) {
    let bytes = SESSION.shipped_bytes.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
    if bytes < HARD_CAP_BYTES {
        SESSION.shipped.lock().push(chunk);
    }
    if bytes >= GENERATION_BYTES {
        SESSION.wake.notify_one();
    }
}

/// The full chunks of the generation that just ended. Called while the world is stopped.
pub(super) fn take_shipped() -> Vec<Chunk> {
    std::mem::take(&mut SESSION.shipped.lock())
}

/// Starts a trace.
pub(crate) fn start(out: Box<dyn Write + Send>, version: Version) -> Result<(), StartFailure> {
    let world = *WORLD.get().ok_or(StartFailure::NoRuntime)?;
    let mut phase = SESSION.phase.lock();
    match &*phase {
        Phase::Off => {}
        Phase::On | Phase::Stopping(_) => return Err(StartFailure::AlreadyEnabled),
        Phase::Failed(earlier) => log::error!("gort: the trace before ended early: {earlier:?}"),
    }
    clock::calibrate();
    SESSION.shipped_bytes.store(0, Ordering::Relaxed);
    let builder = std::thread::Builder::new().name("gort-trace".into());
    let generation = next_generation();
    // The thread waits for the phase's lock, so it begins when the first generation has.
    builder
        .spawn(move || Tracer::new(world, out, version, generation).run())
        .map_err(StartFailure::Thread)?;
    generation::cut(world, generation, 0);
    *phase = Phase::On;
    Ok(())
}

fn next_generation() -> u32 {
    let mut last = SESSION.last_generation.lock();
    *last += 1;
    *last
}

/// Stops the trace. `done` is called when the last byte is written; false: there is no trace, and
/// it is not called.
pub(crate) fn stop(done: Done) -> bool {
    let mut phase = SESSION.phase.lock();
    match std::mem::replace(&mut *phase, Phase::Off) {
        Phase::On => {
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

/// The writer thread's state.
struct Tracer {
    world: &'static dyn World,
    writer: GenerationWriter,
    generation: u32,
    began: u64,
    since_sweep: u32,
}

impl Tracer {
    fn new(
        world: &'static dyn World,
        out: Box<dyn Write + Send>,
        version: Version,
        generation: u32,
    ) -> Tracer {
        let writer = GenerationWriter::new(out, version);
        Tracer { world, writer, generation, began: clock::now(), since_sweep: 0 }
    }

    fn run(mut self) {
        drop(SESSION.phase.lock());
        let result = loop {
            self.sweep();
            if let Err(failure) = self.writer.header_if_first() {
                break self.abandon(failure);
            }
            let last = wait_for_the_end();
            if SESSION.shipped_bytes.load(Ordering::Relaxed) >= HARD_CAP_BYTES {
                break self.abandon(Failure::Overflow);
            }
            let next = if last { 0 } else { next_generation() };
            let leftovers = self.cut(next);
            if let Err(failure) = self.writer.write(leftovers) {
                break if last { Err(failure) } else { self.abandon(failure) };
            }
            if last {
                break Ok(());
            }
        };
        self.finish(result);
    }

    fn sweep(&mut self) {
        if self.since_sweep == 0 || self.world.goroutines() <= SWEEP_ALWAYS {
            generation::sweep(self.world);
        }
        self.since_sweep = (self.since_sweep + 1) % SWEEP_EVERY;
    }

    fn cut(&mut self, next: u32) -> Leftovers {
        let (leftovers, now) = generation::cut(self.world, next, self.began);
        SESSION.shipped_bytes.store(0, Ordering::Relaxed);
        self.began = now;
        self.generation = next;
        leftovers
    }

    /// Tracing ends here and the current generation is lost; those written are whole.
    fn abandon(&mut self, failure: Failure) -> Result<(), Failure> {
        drop(self.cut(0));
        Err(failure)
    }

    fn finish(self, result: Result<(), Failure>) {
        let counts = generation::take_counts(self.world);
        let named = counts.iter().enumerate().filter(|(_, count)| **count != 0);
        let counts = named
            .filter_map(|(n, &count)| Some((EventType::from_number(n as u8)?.name(), count)))
            .collect();
        let (bytes, generations) = self.writer.totals();
        let result = result.map(|()| Report { bytes, generations, counts });
        drop(self.writer);
        let mut phase = SESSION.phase.lock();
        match std::mem::replace(&mut *phase, Phase::Off) {
            Phase::Stopping(done) => {
                drop(phase);
                done(result);
            }
            _ => *phase = Phase::Failed(result),
        }
    }
}

/// Waits until the generation is over. True: so is the trace.
fn wait_for_the_end() -> bool {
    let end = Instant::now() + GENERATION;
    let mut phase = SESSION.phase.lock();
    loop {
        if matches!(*phase, Phase::Stopping(_)) {
            return true;
        }
        let full = SESSION.shipped_bytes.load(Ordering::Relaxed) >= GENERATION_BYTES;
        if full || SESSION.wake.wait_until(&mut phase, end).timed_out() {
            return matches!(*phase, Phase::Stopping(_));
        }
    }
}

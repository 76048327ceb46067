//! The cut: one generation ends and the next begins, or tracing starts or ends.
//!
//! The world stops for it, which means no more than that nobody is inside the runtime: user code
//! computes on. While it stands, the buffers of the old generation are taken, the number changes,
//! and what runs gets its status of the new generation, written into the streams of the threads
//! concerned on their behalf. The cost grows with the number of processors, not of goroutines:
//! blocked and queued goroutines get theirs later, by whoever touches them first or by [`sweep`].

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::buf::Chunk;
use super::cpu_sample::Samples;
use super::emit::{EVENT_TYPES, Emitter, Side, Traced};
use super::status::Status;
use super::string_table::StringTable;
use super::{FIRST_GENERATION, GENERATION, Stopped, Stream, World, clock, cpu_sample, held};
use crate::wire::encode::Clocks;

/// Events of those without a processor.
static SIDE: Mutex<Option<Side>> = Mutex::new(None);

/// The strings of the current generation.
static STRINGS: Mutex<Option<StringTable>> = Mutex::new(None);

/// ProcsChange needs a running goroutine; set until one has written it in this generation.
static PROCS_CHANGE_DUE: AtomicBool = AtomicBool::new(false);

/// All that the threads left of a generation.
pub(crate) struct Leftovers {
    pub(super) generation: u32,
    pub(super) chunks: Vec<Chunk>,
    pub(super) strings: StringTable,
    /// The clocks when it began.
    pub(super) clocks: Clocks,
    /// Events emitted, by type: counted beside the buffers.
    pub(super) counts: [u64; EVENT_TYPES],
    /// Nothing of it had to be dropped.
    pub(super) whole: bool,
    pub(super) samples: Samples,
}

impl Leftovers {
    /// There was no generation: nobody listened.
    pub(super) fn is_of_none(&self) -> bool {
        self.generation == 0
    }
}

/// Ends the current generation and begins generation `next`, or none if it is 0.
pub(super) fn cut(world: &dyn World, next: u32) -> Leftovers {
    if super::generation() == 0 {
        cpu_sample::begin(next);
    }
    let mut result = None;
    world.stopped(&mut |all| {
        let mut side = SIDE.lock();
        let side = side.get_or_insert_with(|| Side::new(held::ship));
        let generation = super::generation();
        let mut chunks: Vec<Chunk> = all.procs.iter_mut().flat_map(|p| p.trace.take()).collect();
        chunks.extend(side.take());
        let whole = held::take(&mut chunks);
        let counts = take_counts(all, side);
        let strings = STRINGS.lock().replace(StringTable::new());
        let clocks = side.begin(next, clock::snapshot());
        if generation == 0 && next != 0 {
            FIRST_GENERATION.store(next, Ordering::Relaxed);
        }
        GENERATION.store(next, Ordering::Relaxed);
        if next != 0 {
            begin(all, side, next, world.procs());
        }
        let strings = strings.unwrap_or_else(StringTable::new);
        result = Some((generation, chunks, strings, clocks, counts, whole));
    });
    let result = result.expect("the world was stopped");
    let (generation, chunks, strings, clocks, counts, whole) = result;
    world.collect_samples(next == 0);
    let samples = cpu_sample::take(generation, next == 0);
    Leftovers { generation, chunks, strings, clocks, counts, whole, samples }
}

/// The first words of a generation.
fn begin(all: &mut Stopped<'_>, side: &mut Side, generation: u32, count: u32) {
    let mut due = true;
    for p in &mut all.procs {
        match &mut p.running {
            Some((stream, g)) => {
                let mut emitter = Emitter::new(p.trace, stream, generation);
                emitter.still_running(*g, side.began());
                if g.is_some() && std::mem::take(&mut due) {
                    emitter.procs_change(count);
                }
            }
            None => side.still_idle(p.trace, generation),
        }
    }
    for &(thread, g) in &all.away {
        side.still_away(g, thread, generation);
    }
    PROCS_CHANGE_DUE.store(due, Ordering::Relaxed);
}

/// After a goroutine started: writes the ProcsChange that this generation still lacks.
#[inline]
pub(crate) fn after_start(emitter: &mut Emitter<'_>, procs: impl FnOnce() -> u32) {
    if PROCS_CHANGE_DUE.load(Ordering::Relaxed) && PROCS_CHANGE_DUE.swap(false, Ordering::Relaxed) {
        emitter.procs_change(procs());
    }
}

/// The number of processors changed: the next goroutine to start says so.
pub(crate) fn procs_changed() {
    PROCS_CHANGE_DUE.store(true, Ordering::Relaxed);
}

/// Writes the status of every goroutine that nobody has touched in this generation.
///
/// Runs beside the goroutines; the caller sees to it that no cut happens meanwhile. The right to
/// write a status is taken under the lock of the buffer that it goes to: what the goroutine does
/// afterwards may lead to an event in the same stream, which must come behind the status.
pub(super) fn sweep(world: &dyn World) {
    let generation = super::generation();
    world.each_goroutine(&mut |g: &dyn Traced| {
        if !g.state().is_behind(generation) {
            return;
        }
        let mut side = SIDE.lock();
        if let Some(side) = &mut *side
            && let Some((status, identity)) = g.state().sweep(generation, || g.identity())
        {
            side.swept(identity, status, generation);
        }
    });
}

/// Makes a goroutine runnable from a thread that is not inside the runtime: `publish` runs under
/// the lock that a cut also takes, after the event is written.
pub(crate) fn go_unblock_outside(g: &impl Traced, publish: impl FnOnce()) {
    let mut side = SIDE.lock();
    match (super::generation(), &mut *side) {
        (0, _) | (_, None) => g.state().set(Status::Runnable),
        (generation, Some(side)) => side.go_unblock(g, generation),
    }
    publish();
}

/// As [`go_unblock_outside`], for a goroutine whose worker, inside the runtime, comes back from
/// where it had no processor, and finds none: `stream` is the worker's.
pub(crate) fn go_syscall_end_outside(g: &impl Traced, stream: &mut Stream, publish: impl FnOnce()) {
    let mut side = SIDE.lock();
    match (super::generation(), &mut *side) {
        (0, _) | (_, None) => g.state().set(Status::Runnable),
        (generation, Some(side)) => side.go_syscall_end_blocked(g, stream, generation),
    }
    publish();
}

/// Writes what a plain thread annotates, as the goroutine that stands for it; nothing if tracing is
/// off by now. With `ends`, the goroutine is no more afterwards.
pub(crate) fn annotate_outside(
    thread: u64,
    g: &impl Traced,
    ends: bool,
    f: impl FnOnce(&mut Emitter<'_>),
) {
    let mut side = SIDE.lock();
    match (super::generation(), &mut *side) {
        (0, _) | (_, None) if ends => g.state().set(Status::Dead),
        (0, _) | (_, None) => {}
        (generation, Some(side)) => side.annotate(thread, g, generation, ends, f),
    }
}

/// Runs `f` on the strings of the current generation. The caller is inside the runtime, or holds
/// the lock of the side.
pub(crate) fn strings<R>(f: impl FnOnce(&mut StringTable) -> R) -> R {
    if !held::has_room() {
        // The generation will not be written.
        return f(&mut StringTable::new());
    }
    let mut strings = STRINGS.lock();
    let strings = strings.get_or_insert_with(StringTable::new);
    let before = strings.bytes();
    let result = f(strings);
    held::note(strings.bytes() - before);
    result
}

/// Adds up the counters beside the buffers, and clears them.
fn take_counts(all: &mut Stopped<'_>, side: &mut Side) -> [u64; EVENT_TYPES] {
    let mut sum = [0; EVENT_TYPES];
    let mut add = |counts: &mut [u64; EVENT_TYPES]| {
        sum.iter_mut().zip(std::mem::replace(counts, [0; EVENT_TYPES])).for_each(|(s, c)| *s += c);
    };
    all.procs.iter_mut().for_each(|p| add(&mut p.trace.counts));
    side.counts().for_each(&mut add);
    sum
}

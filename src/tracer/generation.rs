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
use super::emit::{EVENT_TYPES, Emitter, Side, Traced};
use super::string_table::StringTable;
use super::{GENERATION, ProcView, World, clock, session};

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
    /// When it began and ended, in the clock's units.
    pub(super) began: u64,
}

/// Ends the current generation and begins generation `next`, or none if it is 0.
pub(super) fn cut(world: &dyn World, next: u32, began: u64) -> (Leftovers, u64) {
    let mut result = None;
    world.stopped(&mut |procs| {
        let mut side = SIDE.lock();
        let side = side.get_or_insert_with(|| Side::new(session::ship));
        let generation = super::generation();
        let mut chunks: Vec<Chunk> = procs.iter_mut().filter_map(|p| p.trace.take()).collect();
        chunks.extend(side.take());
        chunks.append(&mut session::take_shipped());
        let strings = STRINGS.lock().replace(StringTable::new());
        let now = clock::now();
        GENERATION.store(next, Ordering::Relaxed);
        if next != 0 {
            begin(procs, side, next, world.procs());
        }
        let strings = strings.unwrap_or_else(StringTable::new);
        result = Some((Leftovers { generation, chunks, strings, began }, now));
    });
    result.expect("the world was stopped")
}

/// The first words of a generation.
fn begin(procs: &mut [ProcView<'_>], side: &mut Side, generation: u32, count: u32) {
    let mut due = true;
    for p in procs {
        match &mut p.running {
            Some((stream, g)) => {
                let mut emitter = Emitter::new(p.trace, stream, generation);
                emitter.still_running(p.id, *g);
                if g.is_some() && std::mem::take(&mut due) {
                    emitter.procs_change(count);
                }
            }
            None => side.still_idle(p.id, p.trace, generation),
        }
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
/// Runs beside the goroutines; the caller sees to it that no cut happens meanwhile.
pub(super) fn sweep(world: &dyn World) {
    let generation = super::generation();
    world.each_goroutine(&mut |g: &dyn Traced| {
        if let Some((status, identity)) = g.state().sweep(generation, || g.identity())
            && let Some(side) = &mut *SIDE.lock()
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
        (0, _) | (_, None) => g.state().set(super::status::Status::Runnable),
        (generation, Some(side)) => side.go_unblock(g, generation),
    }
    publish();
}

/// Runs `f` on the strings of the current generation. The caller is inside the runtime.
pub(crate) fn strings<R>(f: impl FnOnce(&mut StringTable) -> R) -> R {
    f(STRINGS.lock().get_or_insert_with(StringTable::new))
}

/// Adds up the counters beside the buffers, and clears them.
pub(super) fn take_counts(world: &dyn World) -> [u64; EVENT_TYPES] {
    let mut sum = [0; EVENT_TYPES];
    let mut add = |counts: &mut [u64; EVENT_TYPES]| {
        sum.iter_mut().zip(std::mem::replace(counts, [0; EVENT_TYPES])).for_each(|(s, c)| *s += c);
    };
    world.stopped(&mut |procs| {
        procs.iter_mut().for_each(|p| add(&mut p.trace.counts));
        if let Some(side) = &mut *SIDE.lock() {
            add(side.counts());
        }
    });
    sum
}

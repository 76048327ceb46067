//! A sample: where a thread was when its timer's signal came, and how the handler notes that.
//!
//! The handler looks at its own thread's worker and stack between two of its instructions, takes
//! no lock, allocates nothing, and touches neither a processor nor a queue. Where the stack
//! pointer is within the stack of the worker's current goroutine, that stack is the thread's own up
//! to its root, and is read as it is. Any other stack (a plain thread's, the scheduler's) is read
//! through the kernel, which checks every address.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::g::{Entry, G};
use super::labels::Set;
use super::m::M;
use super::sample_ring::Ring;
use super::tls;
use crate::sys::interrupt::Interrupted;
use crate::sys::{memory, thread};
use crate::tracer::stack_table::Site;
use crate::tracer::unwind::{self, MAX_PCS, Pcs};
#[cfg(feature = "pprof")]
use crate::tracer::unwind_tables;
use crate::tracer::{self, clock};

/// Records that wait for the reader: at 250 ticks a second, eighty threads' of a tenth of a second.
const SLOTS: usize = 2048;
/// Bytes of a goroutine's name that a record has room for.
const NAME_BYTES: usize = 96;
const NAME_WORDS: usize = NAME_BYTES / size_of::<usize>();
/// The interrupted instruction, and the return addresses.
const PCS: usize = MAX_PCS + 1;
/// The words before the name: see [`Note::write`].
const HEAD: usize = 11;
const WORDS: usize = HEAD + NAME_WORDS + PCS;
/// How far apart two frames of a thread's stack may lie, and the whole stack may reach.
const MAX_STACK_BYTES: usize = 64 << 20;

/// Made at the first start, and kept: a handler may be late.
static RING: OnceLock<Ring<WORDS>> = OnceLock::new();

/// What a tick stands for, of the thread's processor time.
static PERIOD_NS: AtomicU64 = AtomicU64::new(0);

/// A thread was there when a tick came.
pub(crate) struct Sample {
    /// The generation of the trace that was being taken, 0 for none.
    pub(crate) generation: u32,
    /// When, by the trace's clock; 0 where no trace was being taken.
    pub(crate) time: u64,
    /// The kernel's number of the thread.
    pub(crate) tid: u64,
    /// The processor that the thread had, if any.
    pub(crate) proc: Option<u32>,
    /// The goroutine that ran, 0 for none.
    pub(crate) goroutine: u64,
    /// How much of the thread's processor time it stands for.
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "for profiles"))]
    pub(crate) cpu_ns: u64,
    /// Where the goroutine comes from.
    pub(crate) site: Option<Site>,
    /// The goroutine's name, or as much of it as there is room for.
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "for profiles"))]
    pub(crate) name: Option<String>,
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "for profiles"))]
    pub(crate) labels: Option<Arc<Set>>,
    /// Return addresses, innermost first; the first is one past the interrupted instruction.
    pub(crate) pcs: Box<[usize]>,
}

/// The ring that [`tick`] writes to, which does nothing before the first call of this.
pub(super) fn ring() -> &'static Ring<WORDS> {
    RING.get_or_init(|| Ring::new(SLOTS))
}

/// Takes the oldest record, if there is one. One caller at a time.
pub(super) fn take() -> Option<Sample> {
    let mut sample = None;
    RING.get()?.pop(|words| sample = Some(read(words)));
    sample
}

/// How many records were lost since this was last asked.
pub(super) fn take_lost() -> u64 {
    RING.get().map_or(0, Ring::take_lost)
}

/// How many records were ever begun, and how many of them were taken.
pub(super) fn begun_and_taken() -> (u64, u64) {
    RING.get().map_or((0, 0), Ring::begun_and_taken)
}

/// From here on a tick stands for so much of its thread's time.
pub(super) fn set_period(ns: u64) {
    PERIOD_NS.store(ns, Ordering::Relaxed);
}

/// What the handler notes.
struct Note<'a> {
    generation: u32,
    tid: u64,
    proc: Option<u32>,
    g: Option<&'a G>,
    ticks: u64,
}

/// In the signal handler.
pub(super) fn tick(at: Interrupted, ticks: u64) {
    let Some(ring) = RING.get() else { return };
    let mut pcs = Pcs::new();
    // SAFETY: null or this thread's worker, which is leaked.
    let m = unsafe { tls::current_m().as_ref() };
    let g = m.and_then(|m| walk_goroutine(m, &at, &mut pcs));
    if g.is_none() {
        let unframed = unwind::unframed_caller(at.pc, at.stack);
        let _ = unframed.into_iter().all(|pc| pcs.push(pc));
        walk_checked(at.frame, at.stack, &mut pcs);
    }
    let tid = m.map_or_else(thread::id, |m| m.tid);
    let proc = m.and_then(M::p).map(|p| p.id);
    let note = Note { generation: tracer::generation(), tid, proc, g, ticks };
    let all = [at.pc + 1].into_iter().chain(pcs.iter().copied());
    ring.push(|words| note.write(words, all));
}

/// The goroutine that the thread runs, and its stack, if that is the stack that was interrupted.
fn walk_goroutine(m: &'static M, at: &Interrupted, pcs: &mut Pcs) -> Option<&'static G> {
    let g = m.g()?;
    // SAFETY: null, or the control block, which lives as long as the process.
    let whole = unsafe { g.coro.get().as_ref() }?.bounds();
    // The thread is on this stack, so what lies above the stack pointer is its own and alive,
    // also inside the runtime, where the goroutine may be about to change.
    let is_on_it = (whole.low..whole.root).contains(&at.stack);
    is_on_it.then(|| unwind::walk_interrupted(at, whole, pcs)).map(|()| g)
}

/// Walks a stack of which nothing is known but the frame and stack pointers: where the chain of
/// frames is broken, what it leads to is wrong or missing, but never touched unseen.
fn walk_checked(mut frame: usize, stack: usize, out: &mut Pcs) {
    if !unwind::frames_hold() {
        return;
    }
    let end = stack.saturating_add(MAX_STACK_BYTES);
    while (stack..end).contains(&frame) && frame.is_multiple_of(8) {
        let Some([parent, pc]) = memory::peek(frame).filter(|words: &[_; 2]| words[1] != 0) else {
            break;
        };
        if !out.push(pc) || parent <= frame {
            break;
        }
        frame = parent;
    }
}

/// The calling thread's own stack, from its caller up; outside of signal handlers. `g`: the
/// goroutine whose stack it is.
#[cfg(feature = "pprof")]
#[inline(always)]
pub(super) fn own_stack(g: Option<&'static G>, pcs: &mut Pcs) {
    let here = unwind::registers();
    // SAFETY: null, or the control block, which lives as long as the process.
    match g.and_then(|g| unsafe { g.coro.get().as_ref() }) {
        Some(coro) => coro.own_stack(&here, None, pcs),
        None if unwind::frames_hold() => walk_checked(here.frame, here.stack, pcs),
        None => {
            let read = |address| memory::peek(address).map(|[word]| word);
            unwind_tables::walk_unbounded(&here, read, pcs);
        }
    }
}

impl Note<'_> {
    /// Writes the record; [`read`] is its other end.
    fn write(&self, words: &[AtomicUsize; WORDS], pcs: impl Iterator<Item = usize>) {
        let set = |at: usize, value: usize| words[at].store(value, Ordering::Relaxed);
        // The clock is set before the first generation begins, which all threads are made to see.
        let time = if self.generation == 0 { 0 } else { clock::now() };
        set(0, time as usize);
        set(1, self.tid as usize);
        set(2, self.proc.map_or(usize::MAX, |proc| proc as usize));
        set(3, self.g.map_or(0, |g| g.id() as usize));
        set(4, (self.ticks * PERIOD_NS.load(Ordering::Relaxed)) as usize);
        set(5, self.g.map_or(0, |g| std::ptr::from_ref(g.entry()).addr()));
        set(6, self.g.map_or(0, |g| std::ptr::from_ref(g.location()).addr()));
        let name = self.g.and_then(G::name).unwrap_or_default().as_bytes();
        let name = &name[..name.len().min(NAME_BYTES)];
        set(7, name.len());
        for (n, part) in name.chunks(size_of::<usize>()).enumerate() {
            let mut word = [0; size_of::<usize>()];
            word[..part.len()].copy_from_slice(part);
            set(HEAD + n, usize::from_ne_bytes(word));
        }
        let mut len = 0;
        for pc in pcs.take(PCS) {
            set(HEAD + NAME_WORDS + len, pc);
            len += 1;
        }
        set(8, len);
        set(9, self.generation as usize);
        // The thread is in the handler, so its goroutine keeps them meanwhile: `read` gets a share.
        let labels = self.g.and_then(G::extras).map(|extras| extras.annotations.labels.retain());
        set(10, labels.map_or(0, <*const Set>::expose_provenance));
    }
}

/// Reads a record, whose share of labels it takes: once.
fn read(words: &[AtomicUsize; WORDS]) -> Sample {
    let get = |at: usize| words[at].load(Ordering::Relaxed);
    let (entry, location) = (get(5) as *const Entry, get(6) as *const Location<'static>);
    // SAFETY: null, or from 'static references.
    let site = unsafe {
        entry.as_ref().zip(location.as_ref()).map(|(e, location)| Site { name: e.name, location })
    };
    let labels = std::ptr::with_exposed_provenance::<Set>(get(10));
    // SAFETY: null, or the share that `write` took for the one who reads it.
    let labels = (!labels.is_null()).then(|| unsafe { Arc::from_raw(labels) });
    let name: Vec<u8> = (HEAD..HEAD + NAME_WORDS).flat_map(|n| get(n).to_ne_bytes()).collect();
    let name = &name[..get(7).min(NAME_BYTES)];
    let pcs = HEAD + NAME_WORDS..HEAD + NAME_WORDS + get(8).min(PCS);
    Sample {
        generation: get(9) as u32,
        time: get(0) as u64,
        tid: get(1) as u64,
        proc: u32::try_from(get(2)).ok(),
        goroutine: get(3) as u64,
        cpu_ns: get(4) as u64,
        site,
        name: (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned()),
        labels,
        pcs: pcs.map(get).collect(),
    }
}

//! Where processor time goes: each thread is interrupted now and then, while it runs, and notes
//! where it is.
//!
//! ```text
//! SIGPROF on a thread --tick: walk its stack--> ring --drain, every 100 ms--> whoever wants samples
//! ```
//! The handler looks at its own thread's worker and stack between two of its instructions, takes
//! no lock, allocates nothing, and touches neither a processor nor a queue. Where the stack
//! pointer is within the stack of the worker's current goroutine, that stack is the thread's own up
//! to its root, and is read as it is. Any other stack (a plain thread's, the scheduler's) is read
//! through the kernel, which checks every address.
//!
//! Each thread has a timer of its own. Workers get theirs as they start; once in a while whoever
//! drains looks which other threads have come.

use std::collections::HashMap;
use std::io;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::g::{Entry, G};
use super::labels::Set;
use super::m::M;
use super::sample_ring::Ring;
use super::tls;
use crate::sys::interrupt::Interrupted;
use crate::sys::prof_timer::{self, ProcessTimer, ThreadTimer};
use crate::sys::{clock, memory, thread};
use crate::tracer::stack_table::Site;
use crate::tracer::unwind::{self, MAX_PCS, Pcs};
use crate::tracer::unwind_tables;

/// Records that wait for the reader: at 250 ticks a second, eighty threads' of a tenth of a second.
const SLOTS: usize = 2048;
/// Bytes of a goroutine's name that a record has room for.
const NAME_BYTES: usize = 96;
const NAME_WORDS: usize = NAME_BYTES / size_of::<usize>();
/// The interrupted instruction, and the return addresses.
const PCS: usize = MAX_PCS + 1;
/// The words before the name: see [`Note::write`].
const HEAD: usize = 10;
const WORDS: usize = HEAD + NAME_WORDS + PCS;
/// How far apart two frames of a thread's stack may lie, and the whole stack may reach.
const MAX_STACK_BYTES: usize = 64 << 20;

/// Made at the first start, and kept: a handler may be late.
static RING: OnceLock<Ring<WORDS>> = OnceLock::new();
/// The timers, while samples are taken.
static TIMERS: Mutex<Option<Timers>> = Mutex::new(None);

/// A thread was there when a tick came.
pub(crate) struct Sample {
    /// When, on the monotonic clock.
    #[allow(dead_code, reason = "for samples in traces")]
    pub(crate) time_ns: u64,
    /// The kernel's number of the thread.
    #[allow(dead_code, reason = "for samples in traces")]
    pub(crate) tid: u64,
    /// The processor that the thread had, if any.
    #[allow(dead_code, reason = "for samples in traces")]
    pub(crate) proc: Option<u32>,
    /// The goroutine that ran, 0 for none.
    #[allow(dead_code, reason = "for samples in traces")]
    pub(crate) goroutine: u64,
    /// How many ticks it stands for.
    pub(crate) ticks: u64,
    /// Where the goroutine comes from.
    pub(crate) site: Option<Site>,
    /// The goroutine's name, or as much of it as there is room for.
    pub(crate) name: Option<String>,
    pub(crate) labels: Option<Arc<Set>>,
    /// Return addresses, innermost first; the first is one past the interrupted instruction.
    pub(crate) pcs: Box<[usize]>,
}

struct Timers {
    of: HashMap<u64, ThreadTimer>,
    period_ns: u64,
    /// The system has no timers of threads.
    process: Option<ProcessTimer>,
}

/// Samples are taken while this lives. There is one at a time.
pub(crate) struct Sampler(());

impl Sampler {
    /// Starts to take samples, `hz` a second of each thread's processor time.
    ///
    /// # Errors
    /// When the system has no timers left.
    pub(crate) fn start(hz: u32) -> io::Result<Sampler> {
        let sampler = Sampler(());
        let ring = RING.get_or_init(|| Ring::new(SLOTS));
        while ring.pop(|words| drop(read(words))) {} // a late one of before
        ring.take_lost();
        unwind_tables::prepare();
        prof_timer::install(tick);
        let timers = Timers::new(hz).inspect_err(|_| prof_timer::uninstall())?;
        *TIMERS.lock() = Some(timers);
        sampler.look_for_threads();
        Ok(sampler)
    }

    /// Gives a timer to threads that have none yet, and takes those of threads that are gone.
    pub(crate) fn look_for_threads(&self) {
        let ids = thread::all_ids();
        let mut timers = TIMERS.lock();
        let Some(timers) = timers.as_mut().filter(|timers| timers.process.is_none()) else {
            return;
        };
        // A number may be another thread's by now.
        timers.of.retain(|_, timer| timer.is_alive());
        for id in ids {
            if !timers.of.contains_key(&id) {
                let _ = timers.start(id); // it may have ended just now
            }
        }
    }

    /// Hands over what was sampled since the last call.
    pub(crate) fn drain(&self, mut sink: impl FnMut(Sample)) {
        let Some(ring) = RING.get() else { return };
        let mut sample = None;
        while ring.pop(|words| sample = Some(read(words))) {
            sample.take().into_iter().for_each(&mut sink);
        }
    }

    /// How many samples found no room since the last call.
    pub(crate) fn take_lost(&self) -> u64 {
        RING.get().map_or(0, Ring::take_lost)
    }

    /// No more ticks; what has been sampled can still be drained.
    pub(crate) fn stop(&self) {
        let timers = TIMERS.lock().take();
        if let Some(timers) = timers {
            drop(timers);
            prof_timer::uninstall();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Timers {
    /// With a timer for the calling thread, or one for all.
    fn new(hz: u32) -> io::Result<Timers> {
        let period_ns = 1_000_000_000 / u64::from(hz);
        let mut timers = Timers { of: HashMap::new(), period_ns, process: None };
        if let Err(error) = timers.start(thread::id()) {
            // Too many timers is no reason to try another kind.
            if error.kind() == io::ErrorKind::WouldBlock {
                return Err(error);
            }
            timers.process = Some(ProcessTimer::start(period_ns)?);
        }
        Ok(timers)
    }

    fn start(&mut self, tid: u64) -> io::Result<()> {
        // The first tick comes at any time of a period, or all threads would tick in step with
        // what they begin with.
        let random = (tid ^ clock::monotonic_ns()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        let timer = ThreadTimer::start(tid, 1 + random % self.period_ns, self.period_ns)?;
        self.of.insert(tid, timer);
        Ok(())
    }
}

/// The calling thread has become a worker.
pub(super) fn worker_started(tid: u64) {
    if let Some(timers) = TIMERS.lock().as_mut().filter(|timers| timers.process.is_none()) {
        let _ = timers.start(tid); // `look_for_threads` tries again
    }
}

/// What the handler notes.
struct Note<'a> {
    tid: u64,
    proc: Option<u32>,
    g: Option<&'a G>,
    ticks: u64,
}

/// In the signal handler.
fn tick(at: Interrupted, ticks: u64) {
    let Some(ring) = RING.get() else { return };
    let mut pcs = Pcs::new();
    // SAFETY: null or this thread's worker, which is leaked.
    let m = unsafe { tls::current_m().as_ref() };
    let g = m.and_then(|m| walk_goroutine(m, &at, &mut pcs));
    if g.is_none() {
        // SAFETY: the thread is at that place, on a stack with frames above it.
        let unframed = unsafe { unwind::unframed_caller(at.pc, at.stack) };
        let _ = unframed.into_iter().all(|pc| pcs.push(pc));
        walk_checked(at.frame, at.stack, &mut pcs);
    }
    let tid = m.map_or_else(thread::id, |m| m.tid);
    let note = Note { tid, proc: m.and_then(M::p).map(|p| p.id), g, ticks };
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
        let Some([parent, pc]) = memory::peek(frame).filter(|words| words[1] != 0) else { break };
        if !out.push(pc) || parent <= frame {
            break;
        }
        frame = parent;
    }
}

/// The calling thread's own stack, from its caller up; outside of signal handlers. `g`: the
/// goroutine whose stack it is.
#[inline(always)]
pub(super) fn own_stack(g: Option<&'static G>, pcs: &mut Pcs) {
    let here = unwind::registers();
    // SAFETY: null, or the control block, which lives as long as the process.
    match g.and_then(|g| unsafe { g.coro.get().as_ref() }) {
        Some(coro) => coro.own_stack(&here, None, pcs),
        None if unwind::frames_hold() => walk_checked(here.frame, here.stack, pcs),
        None => {
            let read = |address| memory::peek(address).map(|[word, _]| word);
            unwind_tables::walk_unbounded(&here, read, pcs);
        }
    }
}

impl Note<'_> {
    /// Writes the record; [`read`] is its other end.
    fn write(&self, words: &[AtomicUsize; WORDS], pcs: impl Iterator<Item = usize>) {
        let set = |at: usize, value: usize| words[at].store(value, Ordering::Relaxed);
        set(0, clock::monotonic_ns() as usize);
        set(1, self.tid as usize);
        set(2, self.proc.map_or(usize::MAX, |proc| proc as usize));
        set(3, self.g.map_or(0, |g| g.id() as usize));
        set(4, self.ticks as usize);
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
        // The thread is in the handler, so its goroutine keeps them meanwhile: `read` gets a share.
        let labels = self.g.and_then(G::extras).map(|extras| extras.annotations.labels.retain());
        set(9, labels.map_or(0, <*const Set>::expose_provenance));
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
    let labels = std::ptr::with_exposed_provenance::<Set>(get(9));
    // SAFETY: null, or the share that `write` took for the one who reads it.
    let labels = (!labels.is_null()).then(|| unsafe { Arc::from_raw(labels) });
    let name: Vec<u8> = (HEAD..HEAD + NAME_WORDS).flat_map(|n| get(n).to_ne_bytes()).collect();
    let name = &name[..get(7).min(NAME_BYTES)];
    let pcs = HEAD + NAME_WORDS..HEAD + NAME_WORDS + get(8).min(PCS);
    Sample {
        time_ns: get(0) as u64,
        tid: get(1) as u64,
        proc: u32::try_from(get(2)).ok(),
        goroutine: get(3) as u64,
        ticks: get(4) as u64,
        site,
        name: (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned()),
        labels,
        pcs: pcs.map(get).collect(),
    }
}

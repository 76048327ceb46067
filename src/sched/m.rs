//! M: a worker thread. It needs a P to run goroutines.

use std::cell::{Cell, UnsafeCell};
use std::io;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::bed::Bed;
use super::coro::Coro;
use super::door::Door;
use super::find::Loot;
use super::g::G;
use super::hand_off::Why;
use super::p::P;
use super::park::Request;
use super::{netpoll, own_threads, sample_timers, schedule, tls};
use crate::sys::epoll::Events;
use crate::sys::{clock, futex, signal, thread};
use crate::tracer::Stream;
use crate::tracer::emit::Emitter;
use crate::tracer::unwind::{self, FewPcs, Pcs, Registers};

/// The slices of the kernel's that workers wish for: what a worker has to do when it wakes is mostly
/// short, and somebody waits for it.
const SLICE_NS: u64 = 100_000;
/// The most worker threads, as Go's.
const MAX_THREADS: usize = 10_000;

/// Whoever polls the network so often on the average will soon do so again.
const OFTEN_NS: u64 = 25_000;

/// A worker thread. All cells are its own thread's, or the door holder's.
pub(crate) struct M {
    pub(crate) door: Door,
    /// The kernel's number of the thread.
    pub(crate) tid: u64,
    /// The processor it runs, null without one. Others may look at any time.
    p: AtomicPtr<P>,
    /// The goroutine it runs, null on the scheduler's stack. Others may look at any time.
    g: AtomicPtr<G>,
    /// What the goroutine that just suspended wants.
    pub(crate) request: Cell<Request>,
    /// Since when it has no processor for its goroutine, and why (`hand_off.rs`); 0: it has one.
    away_ns: AtomicU64,
    away_why: AtomicU8,
    /// Nobody keeps time, or nobody polls, since this worker got up or a goroutine of its went to
    /// sleep: it keeps time itself if it is idle next, and wakes another one if it is not.
    pub(super) owes_keeper: Cell<bool>,
    /// The fresh goroutines that it stole last, until it is seen what became of them.
    pub(super) loot: Cell<Option<Loot>>,
    /// How many it stole in a row that were not worth it.
    pub(super) trifles: Cell<u32>,
    /// It fired a timer since it last looked for work.
    pub(super) fired: Cell<bool>,
    /// Looking for work, and counted as such.
    pub(crate) spinning: Cell<bool>,
    stream: UnsafeCell<Stream>,
    /// What a sleeping worker is given before it is called.
    given: AtomicPtr<P>,
    bed: Bed,
    /// Polls of the network: its own, and what others had made when.
    own_polls: Cell<u64>,
    others_polls: Cell<(u64, u64)>,
}

// SAFETY: see the type; what others touch is atomic.
unsafe impl Sync for M {}

/// Never locked inside the runtime: whoever stops the world holds it and waits for those inside.
static ALL: Mutex<Vec<&'static M>> = Mutex::new(Vec::new());
/// Threads started.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// All workers. While the guard lives, no new one enters the runtime.
pub(crate) fn all() -> MutexGuard<'static, Vec<&'static M>> {
    ALL.lock()
}

/// How many workers there are.
pub(super) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Starts a worker that begins with processor `p`.
pub(super) fn start(p: &'static P, spinning: bool) -> io::Result<()> {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    if number >= MAX_THREADS {
        COUNT.fetch_sub(1, Ordering::Relaxed);
        return Err(io::Error::other("there are 10,000 worker threads, which is the limit"));
    }
    let run = move || {
        let m = M::register();
        m.spinning.set(spinning);
        m.enter_idle();
        m.acquire(p);
        schedule::run(m)
    };
    let builder = std::thread::Builder::new().name(format!("gort-m{number}"));
    let started = builder.spawn(run);
    if started.is_err() {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
    started.map(drop)
}

/// The trace's number of a goroutine's stack above `from`, which was not walked from there before. Not
/// inlined: the many addresses take no room in the frames of those who park, of which a stack holds one
/// while it waits.
#[inline(never)]
fn new_stack(g: &G, coro: &Coro, from: &Registers, emitter: &mut Emitter<'_>) -> u32 {
    let mut pcs: FewPcs = Pcs::new();
    match unwind::walk_frames(from, coro.bounds(), &mut pcs) {
        // SAFETY: the stack is the caller's own.
        Some(()) => unsafe { emitter.learn_stack(g.site(), &pcs, from.frame, coro.bounds()) },
        None => long_stack(g, coro, from, emitter),
    }
}

/// As [`new_stack`], of one that frame pointers do not lead through in a few steps.
#[inline(never)]
fn long_stack(g: &G, coro: &Coro, from: &Registers, emitter: &mut Emitter<'_>) -> u32 {
    let mut pcs: Pcs = Pcs::new();
    coro.own_stack(from, Some(emitter.unwind_cache()), &mut pcs);
    emitter.stack(g.site(), &pcs)
}

impl M {
    fn register() -> &'static M {
        own_threads::count_me();
        signal::install_alternate_stack();
        let tid = thread::id();
        thread::wish_slice(tid, SLICE_NS);
        sample_timers::worker_started(tid);
        let mut all = ALL.lock();
        let m = Box::leak(Box::new(M {
            door: Door::new(),
            tid,
            p: AtomicPtr::new(std::ptr::null_mut()),
            g: AtomicPtr::new(std::ptr::null_mut()),
            request: Cell::new(Request::None),
            away_ns: AtomicU64::new(0),
            away_why: AtomicU8::new(0),
            owes_keeper: Cell::new(false),
            loot: Cell::new(None),
            trifles: Cell::new(0),
            fired: Cell::new(false),
            spinning: Cell::new(false),
            stream: UnsafeCell::new(Stream::new(tid)),
            given: AtomicPtr::new(std::ptr::null_mut()),
            bed: Bed::new(),
            own_polls: Cell::new(0),
            others_polls: Cell::new((0, 0)),
        }));
        all.push(m);
        tls::set_current_m(m);
        m
    }

    /// The processor this worker runs.
    #[inline]
    pub(crate) fn p(&self) -> Option<&'static P> {
        // SAFETY: null or a leaked processor.
        unsafe { self.p.load(Ordering::Relaxed).as_ref() }
    }

    /// The goroutine this worker runs.
    #[inline]
    pub(crate) fn g(&self) -> Option<&'static G> {
        // SAFETY: null or a slot, never unmapped.
        unsafe { self.g.load(Ordering::Relaxed).as_ref() }
    }

    #[inline]
    pub(super) fn set_g(&self, g: Option<&'static G>) {
        let g = g.map_or(std::ptr::null(), std::ptr::from_ref);
        self.g.store(g.cast_mut(), Ordering::Relaxed);
    }

    /// The stream of this worker's events.
    ///
    /// # Safety
    /// The caller is the worker, inside, or holds its door, and holds no other reference from here.
    #[allow(clippy::mut_from_ref, reason = "the owner's cell, as the safety section says")]
    pub(super) unsafe fn stream(&self) -> &mut Stream {
        // SAFETY: by the caller's promise.
        unsafe { &mut *self.stream.get() }
    }

    /// ENTER, without a goroutine or while it waits: nothing can have been taken.
    pub(super) fn enter_idle(&self) {
        let taken = self.door.enter();
        debug_assert!(!taken);
    }

    /// From `now_ns` on it has no processor. By itself, or by whoever holds its door.
    pub(super) fn gone(&self, why: Why, now_ns: u64) {
        if why == Why::Computing {
            thread::wish_slice(self.tid, 0); // it is in no hurry
        }
        self.away_why.store(why as u8, Ordering::Relaxed);
        self.away_ns.store(now_ns, Ordering::Relaxed);
    }

    /// It is inside again, since `now_ns`. Returns for how many nanoseconds it was away.
    pub(super) fn came_back(&self, now_ns: u64) -> u64 {
        if self.away().is_some_and(|(_, why)| why == Why::Computing) {
            thread::wish_slice(self.tid, SLICE_NS);
        }
        now_ns.saturating_sub(self.away_ns.swap(0, Ordering::Relaxed))
    }

    /// Since when it has had no processor for its goroutine, and why.
    pub(super) fn away(&self) -> Option<(u64, Why)> {
        let since_ns = self.away_ns.load(Ordering::Relaxed);
        let why = match self.away_why.load(Ordering::Relaxed) {
            0 => Why::Call,
            1 => Why::Blocked,
            _ => Why::Computing,
        };
        (since_ns != 0).then_some((since_ns, why))
    }

    /// Takes processor `p`, which was idle.
    pub(super) fn acquire(&self, p: &'static P) {
        debug_assert!(self.p().is_none() && self.door.is_inside());
        self.set_p(Some(p));
        p.begin_slice();
        self.emit(|e| e.proc_start());
    }

    /// Parts with the processor, which the caller then passes on.
    pub(super) fn part(&self) -> Option<&'static P> {
        let p = self.p()?;
        self.emit(|e| e.proc_stop());
        self.set_p(None);
        Some(p)
    }

    /// The processor it runs from here on. By itself, or by whoever holds its door.
    pub(super) fn set_p(&self, p: Option<&'static P>) {
        if let Some(before) = self.p() {
            before.shared.runner.store(std::ptr::null_mut(), Ordering::Relaxed);
        }
        if let Some(p) = p {
            p.shared.runner.store(std::ptr::from_ref(self).cast_mut(), Ordering::Relaxed);
        }
        let p = p.map_or(std::ptr::null(), std::ptr::from_ref);
        self.p.store(p.cast_mut(), Ordering::Relaxed);
    }

    /// Emits events if tracing is on. The worker is inside and has a processor.
    #[inline]
    pub(crate) fn emit<R>(&self, f: impl FnOnce(&mut Emitter<'_>) -> R) -> Option<R> {
        let generation = crate::tracer::generation();
        if generation == 0 {
            return None;
        }
        let p = self.p()?;
        debug_assert!(self.door.is_inside());
        // SAFETY: this worker is inside and owns the processor; `f` gets nothing but the emitter.
        Some(unsafe { f(&mut Emitter::new(p.trace(), self.stream(), generation)) })
    }

    /// The trace's number of the current goroutine's stack; 0 without a goroutine. Not inlined: what
    /// calls it may be, and its place in the user's function is where this returns to.
    #[inline(never)]
    pub(crate) fn stack_here(&self, emitter: &mut Emitter<'_>) -> u32 {
        self.stack_above(emitter)
    }

    /// As [`M::stack_here`], from where the function was called that this is inlined into. That one
    /// must not be inlined. It is a frame less to walk.
    #[inline(always)]
    pub(crate) fn stack_above(&self, emitter: &mut Emitter<'_>) -> u32 {
        let Some(g) = self.g() else { return 0 };
        // SAFETY: a running goroutine has its coroutine.
        let coro = unsafe { &*g.coro.get() };
        // SAFETY: the goroutine runs on this thread.
        match unsafe { emitter.known_stack(g.site(), unwind::frame(), coro.bounds()) } {
            0 => new_stack(g, coro, &unwind::registers(), emitter),
            known => known,
        }
    }

    /// A pseudo-random number: its processor's, so that a seed decides it.
    #[inline]
    pub(crate) fn random(&self) -> u64 {
        self.p().map_or_else(clock::monotonic_ns, P::random)
    }

    /// Sleeps until it is given a processor ([`M::give`]) or poked, at most for `timeout`.
    pub(super) fn sleep(&self, timeout: Option<Duration>) -> Option<&'static P> {
        if !self.bed.get_up() {
            futex::wait(self.bed.word(), Bed::EMPTY, timeout);
            self.bed.get_up();
        }
        self.take_given()
    }

    /// As [`M::sleep`], in the poll of the network: events end it as well.
    pub(super) fn sleep_in_poll(&self, timeout: Option<Duration>, events: &mut Events) {
        if self.bed.begin_poll() {
            netpoll::sleep(timeout, events);
        }
        self.bed.get_up();
    }

    /// Polled the network, without waiting.
    pub(super) fn count_poll(&self) {
        self.own_polls.set(self.own_polls.get() + 1);
    }

    /// Whether other workers have polled often since the last time it was asked: they will see what
    /// comes soon enough.
    pub(super) fn do_others_poll(&self) -> bool {
        let (polls, now_ns) =
            (netpoll::polls().wrapping_sub(self.own_polls.get()), clock::monotonic_ns());
        let (polls_before, before_ns) = self.others_polls.replace((polls, now_ns));
        let often = (now_ns - before_ns) / OFTEN_NS;
        polls.wrapping_sub(polls_before) > often
    }

    /// What it was given meanwhile.
    pub(super) fn take_given(&self) -> Option<&'static P> {
        // ORDERING: Acquire, pairs with the Release in `give`.
        let given = self.given.swap(std::ptr::null_mut(), Ordering::Acquire);
        // SAFETY: null or a leaked processor.
        unsafe { given.as_ref() }
    }

    /// Gives a processor to this sleeping worker, which the caller took from the idle list or
    /// which waits for the processor on behalf of its goroutine.
    pub(super) fn give(&self, p: &'static P, spinning: bool) {
        if spinning {
            self.spinning.set(true);
        }
        // ORDERING: Release, pairs with the Acquire in `take_given`.
        self.given.store(std::ptr::from_ref(p).cast_mut(), Ordering::Release);
        self.poke();
    }

    /// Wakes the worker to look around.
    pub(super) fn poke(&self) {
        if self.bed.call() {
            netpoll::interrupt();
        } else {
            futex::wake(self.bed.word(), 1);
        }
    }
}

//! P: a processor, the right to run goroutines, with all that a thread needs for it.
//!
//! A P belongs to the M that runs it, or to the idle list, or to whoever holds that M's door shut
//! (`stop.rs`, `hand_off.rs`). What others may touch at any time is in [`PShared`]; the rest is the owner's.

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};

use super::SCHED;
use super::coarse;
use super::coro::Coro;
use super::g::{self, G};
use super::m::M;
use super::metrics;
use super::runq::{self, LocalQueue, SharedQueue};
use super::timers::Timers;
use super::{seed, stack};
use crate::tracer;
use crate::tracer::emit::ProcTrace;

/// The most processors; asking for more gets this many.
pub(crate) const MAX_PROCS: usize = 1024;
/// Goroutine numbers that a processor takes at a time.
const ID_BATCH: u64 = 16;
/// Idle stacks that a processor keeps; past it, half go to the common list.
const CORO_CACHE: usize = 256;
/// Free goroutine slots that a processor keeps; past it, a batch goes to the common list.
const SLOT_CACHE: usize = 4 * g::FREE_BATCH;

/// The part of a processor that anybody may touch.
pub(crate) struct PShared {
    pub(crate) queue: SharedQueue,
    pub(crate) timers: Timers,
    /// The thread that runs it, null while it is idle or on its way.
    pub(super) runner: AtomicPtr<M>,
    /// Counts picks. Only the owner writes it.
    tick: AtomicU32,
    /// How many times in a row the owner ran its `runnext` itself, up to [`RECORD`].
    ran_next: AtomicU32,
    /// Counts yields that were switches. Only the owner writes it.
    yields: AtomicU16,
    /// Counts picks from the deques. Only the owner writes it.
    pops: AtomicU16,
    /// The turn of the coarse clock in which a thief saw, for as long as it spins, that the owner moves
    /// on with its short queue; 0: none. The low bits: one that comes round costs another look.
    keeps_short: AtomicU16,
    /// The turn in which its fresh goroutines are not worth a theft.
    trifles: AtomicU16,
    /// The running goroutines have used up their slice: `runnext` gets no further turns.
    pub(crate) slice_over: AtomicBool,
    /// Counts slices; sysmon sees by it that one lasts.
    pub(crate) slice: AtomicU32,
    /// Goroutines born and ended here.
    pub(crate) born: AtomicU64,
    pub(crate) ended: AtomicU64,
    /// Goroutines the owner took from other processors, and how often it went to look.
    pub(crate) stolen: AtomicU64,
    pub(crate) spun: AtomicU64,
}

/// So many times in a row are a record of running what one readies.
const RECORD: u32 = 16;

impl PShared {
    /// Adds to a counter that only the owner writes.
    #[inline]
    pub(crate) fn count(counter: &AtomicU64, n: u64) {
        counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    /// Counts a pick.
    #[inline]
    pub(crate) fn next_tick(&self) -> u32 {
        let tick = self.tick.load(Ordering::Relaxed).wrapping_add(1);
        self.tick.store(tick, Ordering::Relaxed);
        tick
    }

    /// A pick found nothing, and does not count. The owner alone calls it.
    pub(crate) fn take_tick_back(&self) {
        self.tick.store(self.tick.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
    }

    /// The thread that runs it.
    pub(super) fn runner(&self) -> Option<&'static M> {
        // SAFETY: null or a leaked worker.
        unsafe { self.runner.load(Ordering::Relaxed).as_ref() }
    }

    /// A number by which one sees whether the owner has picked a goroutine since.
    pub(super) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    /// What is in `runnext`, and a number by which one sees whether the owner has scheduled since.
    pub(crate) fn next_and_tick(&self) -> (*mut G, u32) {
        (self.queue.peek_next(), self.tick.load(Ordering::Relaxed))
    }

    /// The owner ran its `runnext`.
    #[inline]
    pub(crate) fn ran_next(&self) {
        let times = self.ran_next.load(Ordering::Relaxed);
        if times < RECORD {
            self.ran_next.store(times + 1, Ordering::Relaxed);
        }
    }

    /// A thief takes `runnext`, if it is still `expected`: the owner's record is broken.
    pub(crate) fn steal_next(&self, expected: *mut G) -> Option<&'static G> {
        let stolen = self.queue.steal_next(expected)?;
        self.ran_next.store(0, Ordering::Relaxed);
        Some(stolen)
    }

    /// A goroutine lets others run, and waits for none of them: its processor shares its queue.
    #[inline]
    pub(super) fn count_yield(&self) {
        self.yields.store(self.yields().wrapping_add(1), Ordering::Relaxed);
        self.set_keeps_short(false);
    }

    /// A pick came from a deque.
    #[inline]
    pub(super) fn count_pop(&self) {
        self.pops.store(self.pops().wrapping_add(1), Ordering::Relaxed);
    }

    /// A number by which one sees whether the owner has gone on with its deques: its `runnext` may
    /// be filled again and again beside them.
    #[inline]
    pub(super) fn pops(&self) -> u16 {
        self.pops.load(Ordering::Relaxed)
    }

    /// A number by which one sees whether a goroutine has yielded since.
    #[inline]
    pub(super) fn yields(&self) -> u16 {
        self.yields.load(Ordering::Relaxed)
    }

    /// A thief has found out that the owner moves on with its short queue, which holds for a turn of
    /// the coarse clock at most; or that it does not.
    #[inline]
    pub(super) fn set_keeps_short(&self, keeps: bool) {
        set_turn(&self.keeps_short, keeps);
    }

    /// A thief has found out that the fresh goroutines here start no others and end at once, which
    /// holds for a turn of the coarse clock at most; or that they do not, or are left lying.
    pub(super) fn set_has_trifles(&self, has: bool) {
        set_turn(&self.trifles, has);
    }

    /// Whether the fresh goroutines, if there are any, are not worth a theft.
    #[inline]
    fn has_trifles(&self) -> bool {
        self.queue.has_no_fresh() || is_turn(&self.trifles)
    }

    /// Whether the queue is short: a thief leaves it to an owner that moves on.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.queue.has_few_woken() && self.has_trifles()
    }

    /// Whether the queue is short and its owner is known to move on with it.
    #[inline]
    pub(crate) fn keeps_short(&self) -> bool {
        is_turn(&self.keeps_short) && self.is_short()
    }

    /// Whether there is something for a thief. What its owner is about to run counts only if nobody
    /// `watches`.
    pub(super) fn has_loot(&self, watches: bool) -> bool {
        if watches {
            return !self.queue.is_empty() && !self.keeps_short();
        }
        !self.queue.is_empty() || !self.queue.peek_next().is_null()
    }

    /// Whether the owner has a record of running what it readies.
    #[inline]
    pub(crate) fn runs_what_it_readies(&self) -> bool {
        self.ran_next.load(Ordering::Relaxed) == RECORD
    }
}

/// Notes that something holds for the coarse clock's turn, or that it does not.
#[inline]
fn set_turn(turn: &AtomicU16, holds: bool) {
    let new = if holds { coarse::now() as u16 } else { 0 };
    if turn.load(Ordering::Relaxed) != new {
        turn.store(new, Ordering::Relaxed);
    }
}

/// Whether it was noted in this turn.
#[inline]
fn is_turn(turn: &AtomicU16) -> bool {
    let turn = turn.load(Ordering::Relaxed);
    turn != 0 && turn == coarse::now() as u16
}

/// A processor. See the module documentation.
#[repr(align(128))]
pub(crate) struct P {
    pub(crate) id: u32,
    pub(crate) shared: PShared,
    pub(crate) queue: LocalQueue,
    /// Out of use since GOMAXPROCS fell below its number. Under the idle lists' lock.
    pub(crate) retired: Cell<bool>,
    ids: Cell<(u64, u64)>,
    rng: Cell<u64>,
    /// A slice and how many picks it had, with `GORTDEBUG=seed`.
    pub(super) picks: Cell<(u32, u32)>,
    /// So many goroutines are made runnable before the next one whose time in the queues is taken.
    until_sample: Cell<u32>,
    /// Polls of the network that there had been when it was last this processor's turn.
    pub(super) polls_seen: Cell<u64>,
    /// Free slots, the warmest last.
    slots: UnsafeCell<Vec<&'static G>>,
    coros: UnsafeCell<Vec<*mut Coro>>,
    trace: UnsafeCell<ProcTrace>,
}

// SAFETY: everything outside `shared` belongs to the owner (see the module documentation), and
// ownership changes under locks or through a door's release.
unsafe impl Sync for P {}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static ALL: [AtomicPtr<P>; MAX_PROCS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_PROCS];
static ALL_LEN: AtomicUsize = AtomicUsize::new(0);

/// Every processor ever made.
pub(crate) fn all() -> impl Iterator<Item = &'static P> + Clone {
    // ORDERING: Acquire, pairs with the Release in `P::make`.
    let len = ALL_LEN.load(Ordering::Acquire);
    // SAFETY: slots below the length hold leaked processors.
    ALL[..len].iter().map(|p| unsafe { &*p.load(Ordering::Relaxed) })
}

/// The processor with this number.
pub(crate) fn get(id: usize) -> Option<&'static P> {
    all().nth(id)
}

/// How many processors were ever made.
pub(crate) fn count() -> usize {
    // ORDERING: Acquire, as in `all`.
    ALL_LEN.load(Ordering::Acquire)
}

/// A number that no goroutine has had.
pub(crate) fn new_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

impl P {
    /// Makes the next processor. Under the idle lists' lock.
    pub(super) fn make() -> &'static P {
        let id = ALL_LEN.load(Ordering::Relaxed);
        let (local, shared) = runq::new();
        let p = P {
            id: id as u32,
            shared: PShared {
                queue: shared,
                timers: Timers::new(),
                runner: AtomicPtr::new(std::ptr::null_mut()),
                tick: AtomicU32::new(0),
                ran_next: AtomicU32::new(0),
                yields: AtomicU16::new(0),
                pops: AtomicU16::new(0),
                keeps_short: AtomicU16::new(0),
                trifles: AtomicU16::new(0),
                slice_over: AtomicBool::new(false),
                slice: AtomicU32::new(0),
                born: AtomicU64::new(0),
                ended: AtomicU64::new(0),
                stolen: AtomicU64::new(0),
                spun: AtomicU64::new(0),
            },
            queue: local,
            retired: Cell::new(false),
            ids: Cell::new((0, 0)),
            rng: Cell::new(seed::of_processor(id)),
            picks: Cell::new((0, 0)),
            until_sample: Cell::new(0),
            polls_seen: Cell::new(0),
            slots: UnsafeCell::new(Vec::with_capacity(SLOT_CACHE + 1)),
            coros: UnsafeCell::new(Vec::with_capacity(CORO_CACHE)),
            trace: UnsafeCell::new(tracer::proc_trace()),
        };
        let p = Box::leak(Box::new(p));
        ALL[id].store(p, Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquires in `all` and `count`.
        ALL_LEN.store(id + 1, Ordering::Release);
        p
    }

    /// The trace data.
    ///
    /// # Safety
    /// The caller owns the processor and holds no other reference from here.
    #[allow(clippy::mut_from_ref, reason = "the owner's cell, as the safety section says")]
    #[inline]
    pub(crate) unsafe fn trace(&self) -> &mut ProcTrace {
        // SAFETY: by the caller's promise.
        unsafe { &mut *self.trace.get() }
    }

    /// Makes a goroutine that was woken or spawned here the next to run, within the slice. False:
    /// thieves may have something from the queue for it.
    #[inline]
    pub(crate) fn put_next(&self, g: &'static G) -> bool {
        match self.until_sample.get() {
            0 => self.until_sample.set(metrics::begin(g)),
            n => self.until_sample.set(n - 1),
        }
        let displaced = if self.shared.slice_over.load(Ordering::Relaxed) {
            Some(g)
        } else {
            self.shared.queue.set_next(g)
        };
        if let Some(g) = displaced {
            self.queue.push(g, &SCHED.injector);
        }
        displaced.is_none()
    }

    /// Whether any of its own queues has something.
    pub(super) fn has_work(&self) -> bool {
        !self.shared.queue.is_empty() || !self.shared.queue.peek_next().is_null()
    }

    /// Takes no part any more, until GOMAXPROCS rises. By its owner, under the idle lists' lock.
    pub(super) fn retire(&self) {
        self.give_all_away();
        self.retired.set(true);
    }

    /// Gives all work and all timers away. By its owner.
    pub(super) fn give_all_away(&self) {
        if let Some(g) = self.shared.queue.take_next() {
            SCHED.injector.push_one(g);
        }
        self.queue.drain(&SCHED.injector);
        if let Some(home) = get(0) {
            self.shared.timers.move_all_to(&home.shared.timers);
        }
    }

    /// Begins a slice.
    #[inline]
    pub(crate) fn begin_slice(&self) {
        let slice = self.shared.slice.load(Ordering::Relaxed);
        self.shared.slice.store(slice.wrapping_add(1), Ordering::Relaxed);
        if self.shared.slice_over.load(Ordering::Relaxed) {
            self.shared.slice_over.store(false, Ordering::Relaxed);
        }
    }

    /// A cheap pseudo-random number: Marsaglia's xorshift64, "Xorshift RNGs", 2003.
    pub(super) fn random(&self) -> u64 {
        let mut x = self.rng.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.rng.set(x);
        x
    }

    /// A number for a new goroutine.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        let (mut next, mut end) = self.ids.get();
        if next == end {
            next = NEXT_ID.fetch_add(ID_BATCH, Ordering::Relaxed);
            end = next + ID_BATCH;
        }
        self.ids.set((next + 1, end));
        next
    }

    /// A free goroutine slot.
    #[inline]
    pub(crate) fn take_slot(&self) -> &'static G {
        // SAFETY: the owner's list, borrowed for these lines only.
        let slots = unsafe { &mut *self.slots.get() };
        if let Some(g) = slots.pop() {
            return g;
        }
        g::take_slots(slots);
        slots.pop().expect("the common list gives at least one")
    }

    /// Keeps a slot for the next goroutine.
    #[inline]
    pub(crate) fn keep_slot(&self, g: &'static G) {
        // SAFETY: the owner's list, borrowed for these lines only.
        let slots = unsafe { &mut *self.slots.get() };
        slots.push(g);
        if slots.len() > SLOT_CACHE {
            g::return_slots(slots.drain(..g::FREE_BATCH));
        }
    }

    /// An idle stack of the default size, or a new one.
    #[inline]
    pub(crate) fn take_coro(&self) -> std::io::Result<*mut Coro> {
        // SAFETY: the owner's list, borrowed for this line only.
        match unsafe { (*self.coros.get()).pop() } {
            Some(coro) => Ok(coro),
            None => stack::take(stack::default_bytes()),
        }
    }

    /// Keeps the stack of a goroutine that ended, warm, for the next one.
    #[inline]
    pub(crate) fn keep_coro(&self, coro: *mut Coro) {
        // SAFETY: the control block lives as long as the process.
        if unsafe { (*coro).region().usable() } != stack::default_bytes() {
            return stack::give(coro);
        }
        // SAFETY: the owner's list, borrowed for these lines only.
        let coros = unsafe { &mut *self.coros.get() };
        coros.push(coro);
        if coros.len() >= CORO_CACHE {
            coros.drain(..CORO_CACHE / 2).for_each(stack::give);
        }
    }
}

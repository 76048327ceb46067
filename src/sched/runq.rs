//! Run queues: each processor's own and the common one.
//!
//! A processor's queue is three: `runnext`, the goroutine it just readied or spawned, which runs
//! next and so finds its partner's data in the cache; `woken`, goroutines that have run before;
//! and `fresh`, goroutines that have not. Woken ones come first, so that they do not wait behind a
//! storm of spawns; every eighth pick tries the fresh ones first, so that these do not starve.
//!
//! The two queues are crossbeam deques (Chase and Lev, "Dynamic circular work-stealing deque",
//! SPAA 2005), kept short: past [`LOCAL_MAX`] the oldest go to the common queue as one list.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_deque::{Steal, Stealer, Worker};
use parking_lot::Mutex;

use super::g::G;
use super::glist::GList;
use super::runnext::RunNext;

/// The most goroutines in one deque of a processor. Go's 256 would send a thousand goroutines that
/// take turns on one processor through the common queue all the time.
const LOCAL_MAX: usize = 1024;
/// How many go to the common queue at a time, or come from it.
const BATCH: usize = 128;
/// Every so many picks, fresh goroutines go before woken ones.
const FRESH_TURN: u32 = 8;
/// Every so many picks, the common queue goes first: Go's number.
const INJECTOR_TURN: u32 = 61;

/// The owner's end of a processor's queue.
pub(crate) struct LocalQueue {
    woken: Worker<&'static G>,
    fresh: Worker<&'static G>,
}

/// Everybody's end of a processor's queue.
pub(crate) struct SharedQueue {
    runnext: RunNext<G>,
    woken: Stealer<&'static G>,
    fresh: Stealer<&'static G>,
}

/// A new processor's queue.
pub(crate) fn new() -> (LocalQueue, SharedQueue) {
    let local = LocalQueue { woken: Worker::new_fifo(), fresh: Worker::new_fifo() };
    let shared = SharedQueue {
        runnext: RunNext::new(),
        woken: local.woken.stealer(),
        fresh: local.fresh.stealer(),
    };
    (local, shared)
}

impl LocalQueue {
    /// Appends a goroutine to the deque it belongs in.
    #[inline]
    pub(crate) fn push(&self, g: &'static G, injector: &Injector) {
        let queue = if is_fresh(g) { &self.fresh } else { &self.woken };
        if queue.len() >= LOCAL_MAX {
            spill(queue, injector);
        }
        queue.push(g);
    }

    /// The next goroutine for a processor at its `tick`th pick.
    #[inline]
    pub(crate) fn pop(&self, tick: u32) -> Option<&'static G> {
        if tick.is_multiple_of(FRESH_TURN) {
            self.fresh.pop().or_else(|| self.woken.pop())
        } else {
            self.woken.pop().or_else(|| self.fresh.pop())
        }
    }

    /// Takes a batch from the common queue: one to run, the rest into the deques.
    pub(crate) fn refill(&self, injector: &Injector) -> Option<&'static G> {
        let mut list = injector.take()?;
        let first = list.pop();
        while let Some(g) = list.pop() {
            if is_fresh(g) { self.fresh.push(g) } else { self.woken.push(g) }
        }
        first
    }

    /// Takes about half of another processor's deques: one to run, the rest into our own.
    pub(crate) fn steal(&self, victim: &SharedQueue) -> Option<&'static G> {
        steal_from(&victim.woken, &self.woken).or_else(|| steal_from(&victim.fresh, &self.fresh))
    }

    /// Gives everything to the common queue: the processor retires.
    pub(crate) fn drain(&self, injector: &Injector) {
        let mut list = GList::new();
        while let Some(g) = self.pop(1) {
            list.push(g);
        }
        injector.push(list);
    }
}

fn is_fresh(g: &G) -> bool {
    g.coro.get().is_null()
}

#[cold]
fn spill(queue: &Worker<&'static G>, injector: &Injector) {
    let mut list = GList::new();
    for g in std::iter::from_fn(|| queue.pop()).take(BATCH) {
        list.push(g);
    }
    injector.push(list);
}

fn steal_from(victim: &Stealer<&'static G>, own: &Worker<&'static G>) -> Option<&'static G> {
    loop {
        match victim.steal_batch_with_limit_and_pop(own, BATCH) {
            Steal::Success(g) => return Some(g),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

impl SharedQueue {
    /// Puts a goroutine into `runnext` and returns the one that it displaces.
    #[inline]
    pub(crate) fn set_next(&self, g: &'static G) -> Option<&'static G> {
        self.runnext.set(g)
    }

    /// The owner takes `runnext`.
    #[inline]
    pub(crate) fn take_next(&self) -> Option<&'static G> {
        self.runnext.take()
    }

    /// What is in `runnext`, to be compared only.
    pub(crate) fn peek_next(&self) -> *mut G {
        self.runnext.peek()
    }

    /// A thief takes `runnext` if it is still `expected`.
    pub(crate) fn steal_next(&self, expected: *mut G) -> Option<&'static G> {
        self.runnext.steal(expected)
    }

    /// Whether there is nothing to take but, perhaps, `runnext`.
    pub(crate) fn is_empty(&self) -> bool {
        self.woken.is_empty() && self.fresh.is_empty()
    }
}

/// Whether the `tick`th pick of a processor tries the common queue first.
pub(crate) fn is_injector_turn(tick: u32) -> bool {
    tick.is_multiple_of(INJECTOR_TURN)
}

/// The common queue: lists of goroutines, woken ones before fresh ones.
pub(crate) struct Injector {
    lists: Mutex<Lists>,
    len: AtomicUsize,
}

struct Lists {
    woken: VecDeque<GList>,
    fresh: VecDeque<GList>,
    turn: u32,
}

// SAFETY: a list owns its members, and the queue passes whole lists on under its lock.
unsafe impl Send for GList {}

impl Injector {
    pub(crate) const fn new() -> Injector {
        let lists = Lists { woken: VecDeque::new(), fresh: VecDeque::new(), turn: 0 };
        Injector { lists: Mutex::new(lists), len: AtomicUsize::new(0) }
    }

    /// Appends a list, whose members are all woken or all fresh (else they count as fresh).
    pub(crate) fn push(&self, list: GList) {
        if list.len() == 0 {
            return;
        }
        let fresh = list.peek().is_some_and(is_fresh);
        let mut lists = self.lists.lock();
        self.len.fetch_add(list.len(), Ordering::Relaxed);
        if fresh { lists.fresh.push_back(list) } else { lists.woken.push_back(list) }
    }

    /// Appends one goroutine.
    pub(crate) fn push_one(&self, g: &'static G) {
        let mut list = GList::new();
        list.push(g);
        self.push(list);
    }

    /// Takes the oldest list.
    pub(crate) fn take(&self) -> Option<GList> {
        if self.is_empty() {
            return None;
        }
        let mut lists = self.lists.lock();
        lists.turn = lists.turn.wrapping_add(1);
        let list = if lists.turn.is_multiple_of(FRESH_TURN) {
            lists.fresh.pop_front().or_else(|| lists.woken.pop_front())
        } else {
            lists.woken.pop_front().or_else(|| lists.fresh.pop_front())
        }?;
        self.len.fetch_sub(list.len(), Ordering::Relaxed);
        Some(list)
    }

    /// Whether there is nothing to take, for orientation.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }
}

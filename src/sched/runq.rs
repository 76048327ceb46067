//! Run queues: each processor's own and the common one.
//!
//! A processor's queue is three: `runnext`, the goroutine it just readied or spawned, which runs
//! next and so finds its partner's data in the cache; `woken`, goroutines that have run before;
//! and `fresh`, goroutines that have not. Woken ones come first, so that they do not wait behind a
//! storm of spawns; every eighth pick tries the fresh ones first, so that these do not starve.
//!
//! Woken goroutines take turns. Of fresh ones the newest goes first: trees of goroutines grow depth
//! first, so that few wait, on few stacks, with warm data, and a thief, who takes the oldest, gets
//! whole branches. Every 10 ms the oldest goes first, since others may come all the time: not more
//! often, for it is a branch that is begun beside the others, and soon all of them would be.
//!
//! The two queues are crossbeam deques (Chase and Lev, "Dynamic circular work-stealing deque",
//! SPAA 2005), kept short. What does not fit into a processor's queues goes to the common one, the
//! oldest first, in arrays of pointers: a goroutine that waits there is not touched before it runs.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_deque::{Steal, Stealer, Worker};
use parking_lot::Mutex;

use super::g::G;
use super::runnext::RunNext;
use super::{SCHED, coarse, seed};

/// The most goroutines in one deque of a processor. Go's 256 would send a thousand goroutines that
/// take turns on one processor through the common queue all the time.
const LOCAL_MAX: usize = 1024;
/// How many go to the common queue at a time, or come from it, or are stolen.
const BATCH: usize = 128;
/// So many woken goroutines, or fewer, are left to an owner that moves on.
const SHORT: usize = 8;
/// Every so many picks, fresh goroutines go before woken ones.
const FRESH_TURN: u32 = 8;
/// Every so many picks, the common queue goes first: Go's number.
const INJECTOR_TURN: u32 = 61;

/// The owner's end of a processor's queue.
pub(crate) struct LocalQueue {
    /// Gives the oldest.
    woken: Worker<&'static G>,
    /// Gives the newest...
    fresh: Worker<&'static G>,
    /// ...and this the oldest.
    fresh_front: Stealer<&'static G>,
    /// The turn of the coarse clock at which the oldest of the fresh ones was taken.
    turn: Cell<u32>,
}

/// Everybody's end of a processor's queue.
pub(crate) struct SharedQueue {
    runnext: RunNext<G>,
    woken: Stealer<&'static G>,
    fresh: Stealer<&'static G>,
}

/// A new processor's queue.
pub(crate) fn new() -> (LocalQueue, SharedQueue) {
    let (woken, fresh) = (Worker::new_fifo(), Worker::new_lifo());
    let shared =
        SharedQueue { runnext: RunNext::new(), woken: woken.stealer(), fresh: fresh.stealer() };
    let fresh_front = fresh.stealer();
    (LocalQueue { woken, fresh, fresh_front, turn: Cell::new(0) }, shared)
}

impl LocalQueue {
    /// Appends a goroutine to the deque it belongs in.
    #[inline]
    pub(crate) fn push(&self, g: &'static G, injector: &Injector) {
        let are_fresh = is_fresh(g);
        let queue = if are_fresh { &self.fresh } else { &self.woken };
        if queue.len() >= LOCAL_MAX {
            self.spill(are_fresh, injector);
        }
        queue.push(g);
    }

    /// Sends the oldest of a deque to the common queue. Never in line: a theft uses what crossbeam
    /// keeps by thread, and whoever spawns may be on another one the next time.
    #[cold]
    #[inline(never)]
    fn spill(&self, are_fresh: bool, injector: &Injector) {
        let oldest = || if are_fresh { self.oldest_fresh() } else { self.woken.pop() };
        // Thieves may have been faster.
        let Some(first) = oldest() else { return };
        let mut rest = Vec::with_capacity(BATCH - 1);
        rest.extend(std::iter::from_fn(oldest).take(BATCH - 1));
        injector.push(Batch { first, rest }, are_fresh);
    }

    /// The next goroutine for a processor at its `tick`th pick.
    #[inline]
    pub(crate) fn pop(&self, tick: u32) -> Option<&'static G> {
        if tick.is_multiple_of(FRESH_TURN) {
            self.pop_fresh(tick).or_else(|| self.woken.pop())
        } else {
            self.woken.pop().or_else(|| self.pop_fresh(tick))
        }
    }

    /// The newest, but at every turn of the coarse clock the oldest; with a seed, that decides.
    #[inline]
    fn pop_fresh(&self, tick: u32) -> Option<&'static G> {
        match SCHED.is_seeded() {
            false => self.pop_fresh_at(coarse::now()),
            true if seed::takes_oldest(tick) => self.oldest_fresh(),
            true => self.fresh.pop(),
        }
    }

    /// The newest, but at every turn of the clock the oldest.
    #[inline]
    fn pop_fresh_at(&self, now: u32) -> Option<&'static G> {
        if now == self.turn.get() {
            return self.fresh.pop();
        }
        self.turn.set(now);
        self.oldest_fresh()
    }

    /// Whether there is nothing to take but, perhaps, `runnext`. A thief may take more than one sees.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.woken.is_empty() && self.fresh.is_empty()
    }

    fn oldest_fresh(&self) -> Option<&'static G> {
        until_known(|| self.fresh_front.steal())
    }

    /// Takes a batch from the common queue: one to run, the rest into a deque, so that they run in
    /// their order.
    pub(crate) fn refill(&self, injector: &Injector) -> Option<&'static G> {
        let (Batch { first, rest }, are_fresh) = injector.take()?;
        if are_fresh {
            rest.iter().rev().for_each(|g| self.fresh.push(g));
        } else {
            rest.iter().for_each(|g| self.woken.push(g));
        }
        Some(first)
    }

    /// Takes about half of another processor's woken goroutines: one to run, the rest into our own
    /// deque.
    pub(crate) fn steal_woken(&self, victim: &SharedQueue) -> Option<&'static G> {
        until_known(|| victim.woken.steal_batch_with_limit_and_pop(&self.woken, BATCH))
    }

    /// As [`LocalQueue::steal_woken`], of the fresh ones.
    pub(crate) fn steal_fresh(&self, victim: &SharedQueue) -> Option<&'static G> {
        until_known(|| victim.fresh.steal_batch_with_limit_and_pop(&self.fresh, BATCH))
    }

    /// How many of its own have not run yet.
    pub(crate) fn fresh_len(&self) -> usize {
        self.fresh.len()
    }

    /// Gives everything to the common queue: the processor retires.
    pub(crate) fn drain(&self, injector: &Injector) {
        while !self.woken.is_empty() {
            self.spill(false, injector);
        }
        while !self.fresh.is_empty() {
            self.spill(true, injector);
        }
    }
}

/// Tries again as long as somebody else was faster.
#[inline]
fn until_known(attempt: impl Fn() -> Steal<&'static G>) -> Option<&'static G> {
    loop {
        match attempt() {
            Steal::Success(g) => return Some(g),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

fn is_fresh(g: &G) -> bool {
    g.coro.get().is_null()
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

    /// Whether there are so few woken goroutines that their owner, as long as it moves on, is through
    /// with them before a thief has fetched what they use into its cache.
    #[inline]
    pub(crate) fn has_few_woken(&self) -> bool {
        self.woken.len() <= SHORT
    }

    /// Whether there are no fresh goroutines.
    #[inline]
    pub(crate) fn has_no_fresh(&self) -> bool {
        self.fresh.is_empty()
    }
}

/// Whether the `tick`th pick of a processor tries the common queue first.
pub(crate) fn is_injector_turn(tick: u32) -> bool {
    tick.is_multiple_of(INJECTOR_TURN)
}

/// The common queue, woken goroutines before fresh ones.
pub(crate) struct Injector {
    batches: Mutex<Batches>,
    len: AtomicUsize,
}

/// Up to [`BATCH`] goroutines, which it owns, all woken or all fresh.
struct Batch {
    first: &'static G,
    /// Takes no memory where there is only one.
    rest: Vec<&'static G>,
}

impl Batch {
    fn len(&self) -> usize {
        1 + self.rest.len()
    }
}

struct Batches {
    woken: VecDeque<Batch>,
    fresh: VecDeque<Batch>,
    turn: u32,
}

impl Batches {
    fn of(&mut self, fresh: bool) -> &mut VecDeque<Batch> {
        if fresh { &mut self.fresh } else { &mut self.woken }
    }
}

impl Injector {
    pub(crate) const fn new() -> Injector {
        let batches = Batches { woken: VecDeque::new(), fresh: VecDeque::new(), turn: 0 };
        Injector { batches: Mutex::new(batches), len: AtomicUsize::new(0) }
    }

    /// Appends a batch of fresh goroutines, or of woken ones.
    fn push(&self, batch: Batch, fresh: bool) {
        let mut batches = self.batches.lock();
        self.len.fetch_add(batch.len(), Ordering::Relaxed);
        batches.of(fresh).push_back(batch);
    }

    /// Appends one goroutine.
    pub(crate) fn push_one(&self, g: &'static G) {
        self.push(Batch { first: g, rest: Vec::new() }, is_fresh(g));
    }

    /// Takes the oldest batch, and says whether it is one of fresh ones.
    fn take(&self) -> Option<(Batch, bool)> {
        if self.is_empty() {
            return None;
        }
        let mut batches = self.batches.lock();
        batches.turn = batches.turn.wrapping_add(1);
        let fresh_first = batches.turn.is_multiple_of(FRESH_TURN);
        let batch = [fresh_first, !fresh_first]
            .into_iter()
            .find_map(|fresh| Some((batches.of(fresh).pop_front()?, fresh)))?;
        self.len.fetch_sub(batch.0.len(), Ordering::Relaxed);
        Some(batch)
    }

    /// Whether there is nothing to take, for orientation.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::g;

    fn fresh_ones() -> Vec<&'static G> {
        let mut slots = Vec::new();
        g::take_slots(&mut slots);
        slots
    }

    #[test]
    fn the_newest_goes_first_and_the_oldest_now_and_then() {
        let (queue, _) = new();
        let injector = Injector::new();
        let slots = fresh_ones();
        slots[..3].iter().for_each(|g| queue.push(g, &injector));
        queue.turn.set(7);
        for (now, expected) in [(7, slots[2]), (8, slots[0]), (8, slots[1])] {
            let next = queue.pop_fresh_at(now);
            assert!(next.is_some_and(|next| std::ptr::eq(next, expected)), "at {now}");
        }
        assert!(queue.is_empty() && queue.pop_fresh_at(9).is_none());
        g::return_slots(slots.into_iter());
    }

    #[test]
    fn what_does_not_fit_comes_back_in_its_order() {
        let (queue, _) = new();
        let injector = Injector::new();
        let mut slots = Vec::new();
        while slots.len() < LOCAL_MAX + BATCH {
            slots.extend(fresh_ones());
        }
        for g in &slots[..=LOCAL_MAX] {
            queue.push(g, &injector);
        }
        assert_eq!(injector.len.load(Ordering::Relaxed), BATCH);
        queue.turn.set(7);
        for oldest in &slots[..BATCH] {
            let is_spilled = !injector.is_empty();
            let next = if is_spilled { queue.refill(&injector) } else { queue.pop_fresh_at(7) };
            assert!(next.is_some_and(|next| std::ptr::eq(next, *oldest)));
        }
        queue.drain(&injector);
        assert_eq!(injector.len.load(Ordering::Relaxed), LOCAL_MAX + 1 - BATCH);
        g::return_slots(slots.into_iter());
    }
}

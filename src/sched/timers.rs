//! Timers: a heap per processor, fired by whichever thread schedules there or looks for work.
//!
//! A timer lies on the stack of the goroutine that waits for it. The heap's lock decides between
//! firing and cancelling: a timer that [`Timers::cancel`] does not find has been fired completely,
//! as far as its memory is concerned, so its goroutine may leave.
//!
//! The heap is a 4-ary one with the times in the nodes, as Go's (`runtime/time.go`): fewer levels,
//! and no look at the timers themselves while sifting, but for the place noted in those that may
//! be cancelled.

use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::g::G;
use super::glist::GList;
use super::ticket::Ticket;

const ARITY: usize = 4;
/// "No timer".
pub(crate) const NEVER: u64 = u64::MAX;

/// A timer of one goroutine.
pub(crate) struct Timer {
    when_ns: u64,
    g: &'static G,
    /// Whose claim the expiry must win; `None`: nobody else wakes the goroutine.
    ticket: Option<*const Ticket>,
    place: Cell<usize>,
    timers: AtomicPtr<Timers>,
}

impl Timer {
    /// A timer that readies `g` at `when_ns` of the monotonic clock.
    pub(crate) fn sleep(when_ns: u64, g: &'static G) -> Timer {
        let timers = AtomicPtr::new(std::ptr::null_mut());
        Timer { when_ns, g, ticket: None, place: Cell::new(0), timers }
    }

    /// A timer that readies `g` unless somebody else wins the ticket before.
    pub(crate) fn expire(when_ns: u64, g: &'static G, ticket: &Ticket) -> Timer {
        Timer { ticket: Some(ticket), ..Timer::sleep(when_ns, g) }
    }

    pub(crate) fn when_ns(&self) -> u64 {
        self.when_ns
    }

    /// Takes the timer out of its heap if it is still there. Afterwards nobody touches it.
    pub(crate) fn cancel(&self) {
        loop {
            // ORDERING: Acquire, pairs with the Releases in `add` and `move_all_to`.
            let timers = self.timers.load(Ordering::Acquire);
            // SAFETY: null or a processor's timers, which live as long as the process.
            let Some(home) = (unsafe { timers.as_ref() }) else { return };
            let mut heap = home.heap.lock();
            if self.timers.load(Ordering::Relaxed) != timers {
                continue; // moved meanwhile, with its processor's retirement, or fired
            }
            heap.remove(self.place.get());
            self.timers.store(std::ptr::null_mut(), Ordering::Relaxed);
            home.publish(&heap);
            return;
        }
    }
}

struct Node {
    when_ns: u64,
    timer: *const Timer,
    may_cancel: bool,
}

/// Timers that may be cancelled keep their place in the heap; the others are never looked at.
#[derive(Default)]
struct Heap(Vec<Node>);

// SAFETY: the pointers lead to parked goroutines' stacks and are used under the heap's lock.
unsafe impl Send for Heap {}

/// One processor's timers.
pub(crate) struct Timers {
    heap: Mutex<Heap>,
    next_ns: AtomicU64,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers { heap: Mutex::new(Heap::default()), next_ns: AtomicU64::new(NEVER) }
    }

    /// When the earliest timer is due, [`NEVER`] if there is none.
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        self.next_ns.load(Ordering::Relaxed)
    }

    /// Starts a timer.
    ///
    /// # Safety
    /// The timer stays where it is until it has fired or [`Timer::cancel`] has returned, and its
    /// goroutine is parked, or will be by the time it may be woken.
    pub(crate) unsafe fn add(&self, timer: &Timer) {
        let mut heap = self.heap.lock();
        // ORDERING: Release, pairs with `cancel`.
        timer.timers.store(std::ptr::from_ref(self).cast_mut(), Ordering::Release);
        heap.push(Node { when_ns: timer.when_ns, timer, may_cancel: timer.ticket.is_some() });
        self.publish(&heap);
    }

    /// Fires what is due at `now_ns`: the goroutines to ready.
    pub(crate) fn expired(&self, now_ns: u64) -> GList {
        let mut ready = GList::new();
        let mut heap = self.heap.lock();
        while heap.0.first().is_some_and(|node| node.when_ns <= now_ns) {
            let node = heap.remove(0);
            // SAFETY: the timer was in the heap, so its goroutine has not left (see `add`).
            let timer = unsafe { &*node.timer };
            let g = timer.g;
            let won = timer.ticket.is_none_or(|ticket| {
                // SAFETY: the ticket lies beside the timer.
                unsafe { (*ticket).claim(Ticket::EXPIRED) }
            });
            // The last touch: from here on `cancel` finds nothing to wait for.
            // ORDERING: Release, pairs with `cancel`: the ticket was touched before.
            timer.timers.store(std::ptr::null_mut(), Ordering::Release);
            if won {
                ready.push(g);
            }
        }
        self.publish(&heap);
        ready
    }

    /// Moves all timers to another processor's heap, which itself is never moved.
    pub(crate) fn move_all_to(&self, other: &Timers) {
        let (mut heap, mut others) = (self.heap.lock(), other.heap.lock());
        for node in heap.0.drain(..) {
            // SAFETY: as in `expired`. Both locks are held, so `cancel` sees the old home or the
            // new one, with the timer in it.
            let timer = unsafe { &*node.timer };
            // ORDERING: Release, pairs with `cancel`.
            timer.timers.store(std::ptr::from_ref(other).cast_mut(), Ordering::Release);
            others.push(node);
        }
        self.publish(&heap);
        other.publish(&others);
    }

    fn publish(&self, heap: &Heap) {
        let next = heap.0.first().map_or(NEVER, |node| node.when_ns);
        self.next_ns.store(next, Ordering::Relaxed);
    }
}

impl Heap {
    fn push(&mut self, node: Node) {
        self.0.push(node);
        self.up(self.0.len() - 1);
    }

    fn remove(&mut self, place: usize) -> Node {
        let node = self.0.swap_remove(place);
        if place < self.0.len() {
            self.down(place);
            self.up(place);
        }
        node
    }

    fn up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.0[parent].when_ns <= self.0[place].when_ns {
                break;
            }
            self.0.swap(parent, place);
            self.note(place);
            place = parent;
        }
        self.note(place);
    }

    fn down(&mut self, mut place: usize) {
        loop {
            let children = ARITY * place + 1..(ARITY * place + 1 + ARITY).min(self.0.len());
            let Some(least) = children.min_by_key(|&c| self.0[c].when_ns) else { break };
            if self.0[place].when_ns <= self.0[least].when_ns {
                break;
            }
            self.0.swap(place, least);
            self.note(place);
            place = least;
        }
        self.note(place);
    }

    /// Tells a timer that may be cancelled where it is.
    fn note(&self, place: usize) {
        if let Some(node) = self.0.get(place)
            && node.may_cancel
        {
            // SAFETY: a timer in the heap is alive (see `Timers::add`).
            unsafe { (*node.timer).place.set(place) };
        }
    }
}

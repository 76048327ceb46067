//! Timers: a heap per processor, fired by whichever thread schedules there or looks for work.
//!
//! What a timer does is readying a goroutine, or a short call inside the runtime. The first kind
//! lies on the stack of the goroutine that waits for it: no memory, and no look at the timer
//! itself while it sifts through the heap. The second kind lies in an `Arc`, which the heap shares
//! while the timer is in it.
//!
//! A timer is taken out of the heap under the heap's lock, at most [`BATCH`] at a time, and what it
//! does follows when the lock is free: a million timers that are due at once hold nobody up.
//! `timer_state.rs` has what decides between firing and stopping.
//!
//! The heap is a 4-ary one with the times in the nodes, as Go's (`runtime/time.go`): fewer levels,
//! and only timers that may be cancelled are told their place in it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Inside;
use super::g::G;
use super::glist::GList;
use super::ticket::Ticket;
use super::timer_state::Home;

const ARITY: usize = 4;
/// Timers taken out of a heap at a time.
const BATCH: usize = 64;
/// "No timer".
pub(crate) const NEVER: u64 = u64::MAX;

/// What a timer in an `Arc` does.
pub(crate) trait Fire: Send + Sync {
    /// Called inside the runtime, without any lock, once the timer is out of its heap. It is
    /// short, runs no user code and drops none. `turn` is what the timer was started with.
    fn fire(self: Arc<Self>, rt: &Inside, turn: u64);
}

/// What a timer does.
enum Action {
    /// Readies a goroutine. It cannot be cancelled.
    Ready(&'static G),
    /// Readies a goroutine if it wins its ticket.
    Expire(&'static G, *const Ticket),
    /// Calls its owner.
    Call,
}

/// A timer.
pub(crate) struct Timer {
    action: Action,
    /// When it fires. Like all that follows, under the lock of its heap, or its owner's if it is
    /// in none.
    when_ns: Cell<u64>,
    place: Cell<usize>,
    /// The heap's share of the owner, and the turn.
    owner: Cell<Option<Call>>,
    home: Home<Timers>,
}

/// A call that is due: of whom, with what turn.
type Call = (Arc<dyn Fire>, u64);

// SAFETY: the goroutine and the ticket are those of a parked goroutine, which waits for the timer;
// the cells are touched as they say.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

impl Timer {
    fn new(when_ns: u64, action: Action) -> Timer {
        Timer {
            action,
            when_ns: Cell::new(when_ns),
            place: Cell::new(0),
            owner: Cell::new(None),
            home: Home::none(),
        }
    }

    /// A timer that readies `g` at `when_ns` of its clock.
    pub(crate) fn sleep(when_ns: u64, g: &'static G) -> Timer {
        Timer::new(when_ns, Action::Ready(g))
    }

    /// A timer that readies `g` unless somebody else wins the ticket before.
    pub(crate) fn expire(when_ns: u64, g: &'static G, ticket: &Ticket) -> Timer {
        Timer::new(when_ns, Action::Expire(g, ticket))
    }

    /// A timer that calls its owner, started by [`Timers::keep`].
    pub(crate) fn call() -> Timer {
        Timer::new(NEVER, Action::Call)
    }

    pub(crate) fn when_ns(&self) -> u64 {
        self.when_ns.get()
    }

    /// The goroutine that it readies.
    pub(super) fn goroutine(&self) -> Option<&'static G> {
        match self.action {
            Action::Ready(g) | Action::Expire(g, _) => Some(g),
            Action::Call => None,
        }
    }

    /// Takes a goroutine's timer out of its heap if it is still there. Afterwards nobody touches
    /// it.
    pub(crate) fn cancel(&self) {
        let share = self.withdraw();
        debug_assert!(share.is_none());
    }

    /// As [`Timer::cancel`], until the timer is started again. Returns the heap's share of its
    /// owner, to be dropped outside unless the caller has another.
    pub(crate) fn withdraw(&self) -> Option<Arc<dyn Fire>> {
        loop {
            let timers = self.home.find();
            // SAFETY: null, a processor's timers, which live as long as the process, or those of a
            // bubble, which whoever may cancel this timer has a share of.
            let home = unsafe { timers.as_ref() }?;
            let mut heap = home.heap.lock();
            if !self.home.is_in(timers) {
                continue; // moved meanwhile, with its processor's retirement, or fired
            }
            heap.remove(self.place.get());
            let owner = self.owner.take();
            self.home.leave();
            home.publish(&heap);
            return owner.map(|(owner, _)| owner);
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

// SAFETY: the pointers lead to parked goroutines' stacks or into memory that the heap has a share
// of, and are used under the heap's lock.
unsafe impl Send for Heap {}

/// The timers of a processor, or of a bubble.
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

    /// Starts a timer that readies a goroutine.
    ///
    /// # Safety
    /// The timer stays where it is until it has fired or [`Timer::cancel`] has returned, and its
    /// goroutine is parked, or will be by the time it may be woken.
    pub(crate) unsafe fn add(&self, timer: &Timer) {
        let may_cancel = matches!(timer.action, Action::Expire(..));
        let mut heap = self.heap.lock();
        timer.home.enter(self);
        heap.push(Node { when_ns: timer.when_ns.get(), timer, may_cancel });
        self.publish(&heap);
    }

    /// Starts a timer that calls its owner, with this turn.
    ///
    /// # Safety
    /// The timer is a part of `owner` and in no heap; one caller at a time.
    pub(crate) unsafe fn keep(&self, timer: &Timer, when_ns: u64, owner: Arc<dyn Fire>, turn: u64) {
        let mut heap = self.heap.lock();
        timer.when_ns.set(when_ns);
        timer.owner.set(Some((owner, turn)));
        timer.home.enter(self);
        heap.push(Node { when_ns, timer, may_cancel: true });
        self.publish(&heap);
    }

    /// Takes out what is due at `now_ns`, a batch at most.
    pub(crate) fn expired(&self, now_ns: u64) -> Due {
        let mut due = Due { goroutines: GList::new(), calls: Vec::new() };
        let mut heap = self.heap.lock();
        for _ in 0..BATCH {
            if heap.0.first().is_none_or(|node| node.when_ns > now_ns) {
                break;
            }
            let node = heap.remove(0);
            // SAFETY: the timer was in the heap, so its memory is still there (see `add`, `keep`).
            due.add(unsafe { &*node.timer });
        }
        self.publish(&heap);
        due
    }

    /// Moves all timers to another processor's heap, which itself is never moved.
    pub(crate) fn move_all_to(&self, other: &Timers) {
        let (mut heap, mut others) = (self.heap.lock(), other.heap.lock());
        for node in heap.0.drain(..) {
            // SAFETY: as in `expired`. Both locks are held, so `cancel` sees the old home or the
            // new one, with the timer in it.
            unsafe { (*node.timer).home.enter(other) };
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

/// Timers that are due, out of their heap.
pub(crate) struct Due {
    goroutines: GList,
    calls: Vec<Call>,
}

impl Due {
    /// Under the lock of the heap that the timer has just left.
    fn add(&mut self, timer: &Timer) {
        match timer.action {
            Action::Ready(g) => {
                timer.home.leave();
                self.goroutines.push(g);
            }
            Action::Expire(g, ticket) => {
                // SAFETY: the ticket lies beside the timer.
                let won = unsafe { (*ticket).claim(Ticket::EXPIRED) };
                timer.home.leave();
                if won {
                    self.goroutines.push(g);
                }
            }
            Action::Call => {
                self.calls.extend(timer.owner.take());
                // The share that has just been taken keeps the timer's memory.
                timer.home.leave();
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.goroutines.len() == 0 && self.calls.is_empty()
    }

    /// Does what is due. The first one comes last: what is readied last runs next.
    pub(crate) fn fire(mut self, rt: &Inside) {
        let first = self.goroutines.pop();
        while let Some(g) = self.goroutines.pop() {
            rt.ready(g);
        }
        if let Some(g) = first {
            rt.ready(g);
        }
        if !self.calls.is_empty() {
            self.calls.rotate_left(1);
        }
        for (owner, turn) in self.calls {
            owner.fire(rt, turn);
        }
    }

    /// Puts what is due into the order that `random` gives.
    pub(super) fn shuffle(&mut self, mut random: impl FnMut() -> u64) {
        let mut goroutines: Vec<_> = std::iter::from_fn(|| self.goroutines.pop()).collect();
        shuffle(&mut goroutines, &mut random);
        shuffle(&mut self.calls, &mut random);
        goroutines.into_iter().for_each(|g| self.goroutines.push(g));
    }
}

/// By Fisher and Yates.
fn shuffle<T>(list: &mut [T], random: &mut impl FnMut() -> u64) {
    for n in (1..list.len()).rev() {
        list.swap(n, (random() % (n as u64 + 1)) as usize);
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

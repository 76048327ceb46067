//! A descriptor: what the poller knows of one socket.
//!
//! Descriptors lie in slabs that are never freed. An event of the kernel names a descriptor by its
//! number and the number of its life, so one that comes late finds that it is another's by now.
//! Even if it did not, it would do no harm but that somebody tries once in vain.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::Waker;

use super::readiness::{Look, Readiness};
use crate::sched::Inside;
use crate::sched::glist::GList;
use crate::sched::lock::RawLock;
use crate::sched::sudog::{Outcome, Sudog, WaitQueue, Waiter, WakeList};
use crate::sched::timers::NEVER;
use crate::sched::waker;
use crate::sys::epoll::Ready;
use crate::sys::memory;

/// A direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// Data comes in, or a connection.
    Read,
    /// Data goes out.
    Write,
}

/// `close` has been called.
const CLOSED: u32 = 1;
/// There was an event of more than data and room: the end, an error, urgent data. Then a call that
/// moved less than it could says nothing about the next one.
const ODD: u32 = 2;
/// Somebody may wait to write.
const WRITERS: u32 = 4;
/// There may be a waker.
const WAKERS: u32 = 8;
/// There is a timeout or a deadline.
const LIMITED: u32 = 16;

/// See the module documentation.
///
/// Whatever an event or a call mostly needs is in the first cache line: with thousands of sockets
/// each of them comes from far away.
#[repr(C, align(64))]
pub(crate) struct Descriptor {
    pub(super) lock: RawLock,
    /// Changed under the lock.
    flags: AtomicU32,
    /// Counts the descriptor's lives. Changed under the lock.
    life: AtomicU32,
    pub(super) index: u32,
    readiness: [Readiness; 2],
    state: UnsafeCell<State>,
    limits: [Limits; 2],
}

/// With the readers, which come first in the state, the first cache line is full.
const _: () = assert!(std::mem::offset_of!(Descriptor, state) == 48);

// SAFETY: the state is touched under the lock, and its members stand for parked goroutines and
// threads, which may be woken from anywhere.
unsafe impl Send for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for Descriptor {}

/// Who waits, by direction. Under the lock.
#[repr(C)]
pub(super) struct State {
    /// Those that write, only with [`WRITERS`].
    queues: [WaitQueue; 2],
    /// A future's waker: moved in and out under the lock, never called or dropped. Only with
    /// [`WAKERS`].
    wakers: [Option<Waker>; 2],
}

/// How long the calls of a direction may wait. Only with [`LIMITED`].
struct Limits {
    /// 0: as long as it takes.
    timeout_ns: AtomicU64,
    deadline_ns: AtomicU64,
}

/// Who was waiting, to be woken when the lock is free.
pub(super) struct Found {
    waiters: [Option<Waiter>; 2],
    wakers: [Option<Waker>; 2],
}

impl Descriptor {
    pub(super) fn new(index: u32) -> Descriptor {
        let limits =
            || Limits { timeout_ns: AtomicU64::new(0), deadline_ns: AtomicU64::new(NEVER) };
        let queues = [WaitQueue::new(), WaitQueue::new()];
        Descriptor {
            lock: RawLock::new(),
            flags: AtomicU32::new(0),
            life: AtomicU32::new(0),
            index,
            readiness: [Readiness::new(), Readiness::new()],
            state: UnsafeCell::new(State { queues, wakers: [None, None] }),
            limits: [limits(), limits()],
        }
    }

    /// Whoever waits.
    ///
    /// # Safety
    /// The caller has locked the descriptor and holds no other reference from here.
    #[allow(clippy::mut_from_ref, reason = "the lock's holder alone, as the safety section says")]
    pub(super) unsafe fn state(&self) -> &mut State {
        // SAFETY: by the caller's promise.
        unsafe { &mut *self.state.get() }
    }

    /// Calls `f` with the state under the lock. The caller is inside.
    pub(super) fn locked<R>(&self, _rt: &Inside, f: impl FnOnce(&mut State) -> R) -> R {
        self.lock.lock();
        // SAFETY: locked just now.
        let result = f(unsafe { self.state() });
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        result
    }

    fn readiness(&self, side: Side) -> &Readiness {
        &self.readiness[side as usize]
    }

    #[inline]
    fn has(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    /// Under the lock.
    fn set_flags(&self, flags: u32) {
        self.flags.store(self.flags.load(Ordering::Relaxed) | flags, Ordering::Relaxed);
    }

    /// Puts a waiter into the queue of its direction.
    ///
    /// # Safety
    /// The caller has locked the descriptor; the sudog stays where it is until it is out of the
    /// queue.
    pub(super) unsafe fn line_up(&self, side: Side, sudog: *mut Sudog) {
        if side == Side::Write {
            self.set_flags(WRITERS);
        }
        // SAFETY: by the caller's promise.
        unsafe { self.state().queues[side as usize].push(sudog) };
    }

    /// Keeps a waker and returns the one before. Under the lock.
    pub(super) fn keep_waker(&self, state: &mut State, side: Side, waker: Waker) -> Option<Waker> {
        self.set_flags(WAKERS);
        state.wakers[side as usize].replace(waker)
    }

    /// What a call that is about to be tried knows; `None`: it would find nothing.
    #[inline]
    pub(crate) fn look_if_ready(&self, side: Side) -> Option<Look> {
        let readiness = self.readiness(side);
        let look = readiness.look();
        readiness.is_ready(look).then_some(look)
    }

    /// As [`Descriptor::look_if_ready`], for a call that is made in any case.
    #[inline]
    pub(crate) fn look(&self, side: Side) -> Look {
        self.readiness(side).look()
    }

    /// A call would have blocked.
    #[inline]
    pub(crate) fn found_nothing(&self, side: Side, look: Look) {
        self.readiness(side).found_nothing(look);
    }

    /// A call moved less than it could, so that the next one would block, unless an event says that
    /// it is not so simple.
    #[inline]
    pub(crate) fn found_less(&self, side: Side, look: Look) {
        if !self.has(ODD) {
            self.found_nothing(side, look);
        }
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.has(CLOSED)
    }

    fn limits(&self, side: Side) -> Option<&Limits> {
        self.has(LIMITED).then(|| &self.limits[side as usize])
    }

    pub(crate) fn timeout_ns(&self, side: Side) -> u64 {
        self.limits(side).map_or(0, |limits| limits.timeout_ns.load(Ordering::Relaxed))
    }

    pub(crate) fn set_timeout_ns(&self, side: Side, timeout_ns: u64) {
        let rt = Inside::enter();
        self.locked(&rt, |_| {
            self.limits[side as usize].timeout_ns.store(timeout_ns, Ordering::Relaxed);
            self.set_flags(LIMITED);
        });
    }

    #[inline]
    pub(crate) fn deadline_ns(&self, side: Side) -> u64 {
        self.limits(side).map_or(NEVER, |limits| limits.deadline_ns.load(Ordering::Relaxed))
    }

    /// Changes the deadline; who waits looks at it anew.
    pub(crate) fn set_deadline_ns(&self, side: Side, deadline_ns: u64) {
        let rt = Inside::enter();
        let waiters = self.locked(&rt, |state| {
            self.limits[side as usize].deadline_ns.store(deadline_ns, Ordering::Relaxed);
            self.set_flags(LIMITED);
            take_all(&mut state.queues[side as usize])
        });
        waiters.wake(&rt);
    }

    /// Prefetches the place of whoever reads next, and the stack around it: what its park has saved
    /// lies just below, its callers' frames just above.
    pub(super) fn prefetch_reader(&self, rt: &Inside) {
        let first = self.locked(rt, |state| state.queues[Side::Read as usize].first());
        if !first.is_null() {
            for line in -2..2 {
                memory::prefetch(first.wrapping_byte_offset(64 * line));
            }
        }
    }

    /// An event of this life: takes out whom it wakes.
    pub(super) fn event(&self, rt: &Inside, life: u32, ready: Ready) -> Found {
        self.locked(rt, |state| {
            if self.life.load(Ordering::Relaxed) != life {
                return Found { waiters: [None, None], wakers: [None, None] };
            }
            if ready.is_odd {
                self.set_flags(ODD);
            }
            let mut one =
                |side, is_ready| if is_ready { self.edge(state, side) } else { (None, None) };
            let (reader, read_waker) = one(Side::Read, ready.read);
            let (writer, write_waker) = one(Side::Write, ready.write);
            Found { waiters: [reader, writer], wakers: [read_waker, write_waker] }
        })
    }

    /// One waiter is enough: it passes on what it leaves.
    fn edge(&self, state: &mut State, side: Side) -> (Option<Waiter>, Option<Waker>) {
        self.readiness(side).edge();
        let may_wait = side == Side::Read || self.has(WRITERS);
        let waiter = if may_wait { pop(&mut state.queues[side as usize]) } else { None };
        let waker = if self.has(WAKERS) { state.wakers[side as usize].take() } else { None };
        self.forget_flags(state);
        (waiter, waker)
    }

    /// Takes back flags that are true no longer.
    fn forget_flags(&self, state: &State) {
        let flags = self.flags.load(Ordering::Relaxed);
        if flags & (WRITERS | WAKERS) == 0 {
            return;
        }
        let mut over = 0;
        if state.queues[Side::Write as usize].is_empty() {
            over |= WRITERS;
        }
        if state.wakers.iter().all(Option::is_none) {
            over |= WAKERS;
        }
        self.flags.store(flags & !over, Ordering::Relaxed);
    }

    /// As if something had come.
    pub(super) fn assume_ready(&self, rt: &Inside, side: Side) {
        self.locked(rt, |_| self.readiness(side).edge());
    }

    /// A call that had waited is over: if it left something, the next one who waits tries.
    pub(crate) fn pass_on(&self, side: Side) {
        if self.look_if_ready(side).is_none() {
            return;
        }
        let rt = Inside::enter();
        let next = self.locked(&rt, |state| {
            let is_ready = self.look_if_ready(side).is_some();
            if is_ready { pop(&mut state.queues[side as usize]) } else { None }
        });
        if let Some(waiter) = next {
            // SAFETY: popped once, and its park was complete when we got the lock.
            unsafe { waiter.wake(&rt) };
        }
    }

    /// No call waits any more, and none will. False: it was closed already.
    pub(super) fn mark_closed(&self) -> bool {
        let rt = Inside::enter();
        let (was_closed, waiters, wakers) = self.locked(&rt, |state| {
            let was_closed = self.is_closed();
            self.set_flags(CLOSED);
            self.next_life();
            let waiters = [0, 1].map(|side| take_all(&mut state.queues[side]));
            (was_closed, waiters, std::mem::take(&mut state.wakers))
        });
        waiters.into_iter().for_each(|list| list.wake(&rt));
        drop(rt);
        wakers.into_iter().flatten().for_each(waker::call);
        !was_closed
    }

    /// Events that are still on their way are of no use. Under the lock.
    fn next_life(&self) {
        self.life.store(self.life.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// A new life, for a socket whose events carry the number that is returned.
    pub(super) fn revive(&self) -> u32 {
        let rt = Inside::enter();
        self.locked(&rt, |_| {
            for side in [Side::Read, Side::Write] {
                self.readiness(side).edge();
                let limits = &self.limits[side as usize];
                limits.timeout_ns.store(0, Ordering::Relaxed);
                limits.deadline_ns.store(NEVER, Ordering::Relaxed);
            }
            self.flags.store(0, Ordering::Relaxed);
            self.life.load(Ordering::Relaxed)
        })
    }

    /// The end of a life. Nobody waits, since nobody has the socket any more.
    pub(super) fn end(&self) {
        let rt = Inside::enter();
        let wakers = self.locked(&rt, |state| {
            debug_assert!(state.queues.iter().all(WaitQueue::is_empty));
            self.next_life();
            std::mem::take(&mut state.wakers)
        });
        drop(rt);
        drop(wakers);
    }

    /// Whether somebody waits for an event.
    pub(super) fn is_awaited(&self, rt: &Inside) -> bool {
        self.locked(rt, |state| {
            state.queues.iter().any(|queue| !queue.is_empty())
                || state.wakers.iter().any(Option::is_some)
        })
    }
}

impl State {
    /// Takes a waiter out of its queue, if it is there still.
    ///
    /// # Safety
    /// It was put into the queue of this direction.
    pub(super) unsafe fn leave(&mut self, side: Side, sudog: *mut Sudog) {
        // SAFETY: by the caller's promise.
        unsafe { self.queues[side as usize].remove(sudog) };
    }
}

impl Found {
    /// Makes them run, but for goroutines, which go to the list.
    pub(super) fn wake_into(self, rt: &Inside, goroutines: &mut GList) {
        let woken = self.wakers.into_iter().flatten().filter_map(|waker| {
            waker::notified(waker).unwrap_or_else(|waker| {
                // It may be sysmon that polls, which must not wait for what a waker waits for.
                waker::call_apart(rt, waker);
                None
            })
        });
        for waiter in woken.chain(self.waiters.into_iter().flatten()) {
            match waiter {
                Waiter::Goroutine(g) => goroutines.push(g),
                // SAFETY: it was taken out once, and its park was complete when we got the lock.
                Waiter::Thread(_) => unsafe { waiter.wake(rt) },
            }
        }
    }
}

/// Takes out the next waiter whom nobody else has woken.
fn pop(queue: &mut WaitQueue) -> Option<Waiter> {
    // SAFETY: a member of the queue is alive under the lock.
    queue.pop().map(|sudog| unsafe {
        (*sudog).outcome = Outcome::Served;
        (*sudog).waiter
    })
}

fn take_all(queue: &mut WaitQueue) -> WakeList {
    let mut list = WakeList::new();
    while let Some(sudog) = queue.pop() {
        // SAFETY: popped just now; it waits until it is woken.
        unsafe {
            (*sudog).outcome = Outcome::Served;
            list.push(sudog);
        }
    }
    list
}

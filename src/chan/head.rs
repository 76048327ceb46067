//! The part of a channel that does not depend on its elements' type: lock, queues, and the wait in
//! one of them.

use std::cell::UnsafeCell;
use std::task::Waker;

use super::hints::Hints;
use crate::sched::Inside;
use crate::sched::bubble::{self, BubbleId};
use crate::sched::deadline::{Commit, settle};
use crate::sched::lock::RawLock;
use crate::sched::park::Wait;
use crate::sched::sudog::{Outcome, Parker, Sudog, WaitQueue, Waiter, WakeList, Woken};
use crate::sched::ticket::Ticket;
use crate::sched::timers::Timer;
use crate::sched::waker::{self, wake_from_inside};
use crate::wire::reason::WaitReason;

/// Which end of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// A value goes in.
    Send,
    /// A value comes out.
    Receive,
}

impl Side {
    #[inline]
    pub(super) fn other(self) -> Side {
        match self {
            Side::Send => Side::Receive,
            Side::Receive => Side::Send,
        }
    }
}

/// What an attempt under the lock came to.
#[must_use]
pub(crate) enum Attempt {
    /// The value has moved, and this waiter is to be woken.
    Done(Woken),
    /// The channel is closed, and for receivers empty.
    Closed,
    /// One has to wait.
    Wait,
}

/// Who waits for the channel. Under its lock.
///
/// Futures that send stand among the other senders: their values are taken while they wait.
/// Futures that receive stand apart: they are only told that there is something to receive, and
/// take it when they are polled, so that a future that is dropped loses no value.
pub(crate) struct Queues {
    pub(crate) sendq: WaitQueue,
    pub(crate) recvq: WaitQueue,
    pub(crate) recv_tasks: WaitQueue,
    pub(crate) closed: bool,
}

impl Queues {
    pub(crate) fn of(&mut self, side: Side) -> &mut WaitQueue {
        match side {
            Side::Send => &mut self.sendq,
            Side::Receive => &mut self.recvq,
        }
    }

    /// There is something to receive and no goroutine or thread that waits for it: takes out a
    /// future to be told so.
    #[inline]
    pub(crate) fn tell_task(&mut self) -> Option<Waker> {
        let sudog = self.recv_tasks.pop()?;
        // SAFETY: a member of the queue is alive under the lock.
        unsafe { (*sudog).task.take() }
    }
}

/// See the module documentation.
pub(crate) struct Head {
    lock: RawLock,
    pub(super) hints: Hints,
    pub(super) capacity: usize,
    queues: UnsafeCell<Queues>,
    /// Nobody will ever send: Go's nil channel.
    nil: bool,
    /// The test bubble that the channel was made in, and whose goroutines alone may use it.
    bubble: Option<BubbleId>,
}

impl Head {
    pub(super) fn new(capacity: usize, nil: bool) -> Head {
        let queues = Queues {
            sendq: WaitQueue::new(),
            recvq: WaitQueue::new(),
            recv_tasks: WaitQueue::new(),
            closed: false,
        };
        Head {
            lock: RawLock::new(),
            hints: Hints::new(),
            capacity,
            queues: UnsafeCell::new(queues),
            nil,
            bubble: bubble::current(),
        }
    }

    /// Of no bubble, wherever it is made.
    pub(super) fn of_nobody(capacity: usize) -> Head {
        Head { bubble: None, ..Head::new(capacity, false) }
    }

    /// Sees to it that the caller may use the channel. Outside of the runtime.
    ///
    /// # Panics
    /// If the channel is a bubble's and the caller is not in the bubble.
    #[inline]
    pub(crate) fn check(&self, what: &str) {
        if let Some(id) = self.bubble {
            bubble::check_same(id, what);
        }
    }

    /// Whether only this bubble can end a wait here.
    pub(crate) fn is_of(&self, id: BubbleId) -> bool {
        self.nil || self.bubble == Some(id)
    }

    /// Locks the channel. The caller is inside the runtime.
    #[inline]
    pub(crate) fn lock(&self) {
        self.lock.lock();
    }

    /// # Safety
    /// The caller locked it, or speaks for a goroutine that did.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: by the caller's promise.
        unsafe { self.lock.unlock() };
    }

    /// The queues.
    ///
    /// # Safety
    /// The caller has locked the channel and holds no other reference from here.
    #[allow(clippy::mut_from_ref, reason = "the lock's holder alone, as the safety section says")]
    #[inline]
    pub(crate) unsafe fn queues(&self) -> &mut Queues {
        // SAFETY: by the caller's promise.
        unsafe { &mut *self.queues.get() }
    }

    /// Whether this side would probably not have to wait. Without the lock; under it, it is certain
    /// that a side has to wait that would.
    #[inline]
    pub(crate) fn offers(&self, side: Side) -> bool {
        self.hints.offer(side, self.capacity)
    }

    /// Puts a waiter into its queue.
    ///
    /// # Safety
    /// The queues are this channel's, and as for `WaitQueue::push`.
    #[inline]
    pub(crate) unsafe fn push(&self, queues: &mut Queues, side: Side, sudog: *mut Sudog) {
        // SAFETY: by the caller's promise.
        unsafe { queues.of(side).push(sudog) };
        self.hints.set_waiting(side, true);
    }

    /// Takes out the first waiter whom nobody else woke: it is the caller's to serve and wake. The
    /// queues are this channel's.
    #[inline]
    pub(crate) fn pop(&self, queues: &mut Queues, side: Side) -> Option<*mut Sudog> {
        let queue = queues.of(side);
        if queue.is_empty() {
            return None;
        }
        let first = queue.pop();
        self.hints.set_waiting(side, !queue.is_empty());
        first
    }

    /// Takes a waiter out, if it still is in.
    ///
    /// # Safety
    /// The queues are this channel's, and the sudog was pushed to that side's.
    #[inline]
    pub(crate) unsafe fn remove(&self, queues: &mut Queues, side: Side, sudog: *mut Sudog) {
        let queue = queues.of(side);
        // SAFETY: by the caller's promise.
        unsafe { queue.remove(sudog) };
        self.hints.set_waiting(side, !queue.is_empty());
    }

    /// Waits in a queue for a partner or the channel's end; the value is or goes at `place`. Comes
    /// with the lock, returns without. The frame is small: while it waits, it is what has to come
    /// back into the cache.
    ///
    /// # Safety
    /// The caller has locked the channel, and `place` suits its elements' type.
    #[inline(never)]
    pub(super) unsafe fn wait(&self, rt: Inside, side: Side, place: *mut u8) -> Outcome {
        let parker = Parker::new();
        let waiter = rt.waiter(&parker);
        let mut sudog = Sudog::new(waiter, place, std::ptr::null());
        let sudog = &raw mut sudog;
        // SAFETY: the lock is ours; the sudog is out of the queue when the wait is over.
        let told = unsafe { self.line_up(&rt, side, sudog) };
        let argument = std::ptr::from_ref(&self.lock).cast_mut().cast();
        let wait = Wait { reason: self.reason(side), commit: RawLock::commit, argument };
        // SAFETY: the lock and the sudog stay until the wait is over.
        let (rt, _) = unsafe {
            match told {
                None => rt.block(waiter, wait, None),
                told => block_and_tell(rt, waiter, wait, None, told),
            }
        };
        drop(rt);
        // SAFETY: out of every queue; volatile, since others wrote it while we were parked.
        unsafe { (&raw const (*sudog).outcome).read_volatile() }
    }

    /// As [`Head::wait`], but at most until the deadline: then it is [`Outcome::Waiting`].
    ///
    /// # Safety
    /// As for [`Head::wait`].
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn wait_until(
        &self,
        rt: Inside,
        side: Side,
        place: *mut u8,
        deadline_ns: u64,
    ) -> Outcome {
        let parker = Parker::new();
        let waiter = rt.waiter(&parker);
        let ticket = Ticket::new();
        let timer = match waiter {
            Waiter::Goroutine(g) => Some(Timer::expire(deadline_ns, g, &ticket)),
            Waiter::Thread(_) => None,
        };
        let mut sudog = Sudog::new(waiter, place, &ticket);
        let sudog = &raw mut sudog;
        // SAFETY: the lock is ours; the sudog leaves the queue before this function returns.
        let told = unsafe { self.line_up(&rt, side, sudog) };
        let commit = Commit { lock: &self.lock, timer: timer.as_ref() };
        let argument = std::ptr::from_ref(&commit).cast_mut().cast();
        let wait = Wait { reason: self.reason(side), commit: Commit::run, argument };
        // SAFETY: all of it lies on this stack until the wait is over.
        let (rt, woken) = unsafe { block_and_tell(rt, waiter, wait, Some(deadline_ns), told) };
        if settle(&ticket, timer.as_ref(), woken, &parker) {
            self.lock();
            // SAFETY: locked just now; it was pushed to this queue.
            unsafe {
                self.remove(self.queues(), side, sudog);
                self.unlock();
            }
        }
        drop(rt);
        // SAFETY: out of every queue; volatile, since others wrote it while we were parked.
        unsafe { (&raw const (*sudog).outcome).read_volatile() }
    }

    /// Puts a waiter into its queue. Returns a future to be told that there is something to receive.
    ///
    /// # Safety
    /// The caller has locked the channel, and the sudog stays where it is while it is in the queue.
    unsafe fn line_up(&self, rt: &Inside, side: Side, sudog: *mut Sudog) -> Option<Waker> {
        if self.nil {
            rt.durable();
        } else {
            rt.durable_in(self.bubble);
        }
        // SAFETY: by the caller's promise.
        unsafe {
            let queues = self.queues();
            self.push(queues, side, sudog);
            if side == Side::Send { queues.tell_task() } else { None }
        }
    }

    fn reason(&self, side: Side) -> WaitReason {
        match side {
            Side::Send => WaitReason::ChanSend,
            Side::Receive if self.nil => WaitReason::ChanReceiveNil,
            Side::Receive => WaitReason::ChanReceive,
        }
    }

    /// Closes the channel and wakes everybody. False: it was closed already. The caller holds no
    /// lock and is outside the runtime.
    pub(super) fn close(&self) -> bool {
        let rt = Inside::enter();
        let (mut waiters, mut tasks) = (WakeList::new(), Vec::new());
        self.lock();
        // SAFETY: locked just now.
        let queues = unsafe { self.queues() };
        let was_closed = std::mem::replace(&mut queues.closed, true);
        self.hints.set_closed();
        for queue in [&mut queues.recvq, &mut queues.sendq, &mut queues.recv_tasks] {
            while let Some(sudog) = queue.pop() {
                // SAFETY: a member of the queue is alive under the lock, and popped once. Who waits, and
                // is no future, does so until it is woken.
                unsafe {
                    (*sudog).outcome = Outcome::Closed;
                    match (*sudog).task.take() {
                        Some(waker) => tasks.push(waker),
                        None => waiters.push(sudog),
                    }
                }
            }
        }
        // SAFETY: locked above.
        unsafe { self.unlock() };
        waiters.wake(&rt);
        drop(rt);
        tasks.into_iter().for_each(waker::call);
        !was_closed
    }
}

/// Blocks the caller, and first tells these futures that it offers something.
///
/// # Safety
/// As for [`Inside::block`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn block_and_tell(
    rt: Inside,
    waiter: Waiter,
    wait: Wait,
    deadline_ns: Option<u64>,
    told: impl IntoIterator<Item = Waker>,
) -> (Inside, bool) {
    let told = told.into_iter();
    match waiter {
        // A goroutine cannot leave any more before it has parked.
        Waiter::Goroutine(_) => {
            told.for_each(|waker| wake_from_inside(&rt, waker));
            // SAFETY: by the caller's promise.
            unsafe { rt.block(waiter, wait, deadline_ns) }
        }
        // A thread is visible by its commit, after which it may do what it likes.
        Waiter::Thread(_) => {
            // SAFETY: by the caller's promise.
            let waits = unsafe { (wait.commit)(wait.argument) };
            drop(rt);
            told.for_each(waker::call);
            let commit = if waits { |_| true } else { |_| false };
            // SAFETY: it publishes nothing more.
            unsafe { Inside::enter().block(waiter, Wait { commit, ..wait }, deadline_ns) }
        }
    }
}

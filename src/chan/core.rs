//! A channel's inside: a ring buffer and two queues of waiters under one lock.
//!
//! The algorithm is Go's (`runtime/chan.go`): a sender that finds a receiver waiting moves the
//! value straight into the receiver's place on its stack; a receiver that finds a sender waiting
//! takes the oldest value of the buffer and moves the sender's in behind; else they wait in a
//! queue. Invariant: while receivers wait the buffer is empty, and while senders wait it is full.
//!
//! Values are moved under the lock, never dropped or cloned there: user code runs outside only.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::{CloseError, RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use crate::sched::Inside;
use crate::sched::lock::RawLock;
use crate::sched::park::{self, Wait};
use crate::sched::sudog::{Outcome, Parker, Sudog, WaitQueue, Waiter};
use crate::sched::ticket::Ticket;
use crate::sched::timers::Timer;
use crate::wire::reason::WaitReason;

/// Bytes of a buffer made at once; a larger one grows as it fills.
const EAGER_BYTES: usize = 16 << 10;

/// A channel.
pub(super) struct Core<T> {
    lock: RawLock,
    state: UnsafeCell<State<T>>,
    capacity: usize,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

struct State<T> {
    buffer: VecDeque<T>,
    sendq: WaitQueue,
    recvq: WaitQueue,
    closed: bool,
}

// SAFETY: values move from thread to thread, hence T: Send; the state is touched under the lock.
unsafe impl<T: Send> Send for Core<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Core<T> {}

/// What an attempt under the lock came to.
enum Attempt<V> {
    /// Done, or impossible for good.
    Over(V),
    /// One has to wait.
    Wait,
}

impl<T> Core<T> {
    pub(super) fn new(capacity: usize) -> Core<T> {
        Core {
            lock: RawLock::new(),
            state: UnsafeCell::new(State {
                buffer: VecDeque::with_capacity(capacity.min(EAGER_BYTES / size_of::<T>().max(1))),
                sendq: WaitQueue::new(),
                recvq: WaitQueue::new(),
                closed: false,
            }),
            capacity,
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        let rt = Inside::enter();
        let len = self.locked(|state| state.buffer.len());
        drop(rt);
        len
    }

    /// Runs `f` under the lock. The caller is inside the runtime.
    #[inline]
    fn locked<R>(&self, f: impl FnOnce(&mut State<T>) -> R) -> R {
        self.lock.lock();
        // SAFETY: the lock is ours.
        let result = f(unsafe { &mut *self.state.get() });
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        result
    }

    /// Under the lock and unlocking it: wakes `sudog`'s waiter.
    #[inline]
    fn unlock_and_wake(&self, rt: &Inside, sudog: *mut Sudog) {
        // SAFETY: popped from a queue, so its waiter waits for us; read before it can leave.
        let waiter = unsafe { (*sudog).waiter };
        // SAFETY: the caller locked it.
        unsafe { self.lock.unlock() };
        // SAFETY: it was popped once, and its park was complete when we got the lock.
        unsafe { waiter.wake(rt) };
    }

    pub(super) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let rt = Inside::enter();
        let mut value = ManuallyDrop::new(value);
        let attempt = self.send_locked(&rt, &mut value);
        let refused = |v: &mut ManuallyDrop<T>| {
            // SAFETY: the value was not moved.
            unsafe { ManuallyDrop::take(v) }
        };
        match attempt {
            Attempt::Over(true) => Ok(()),
            Attempt::Over(false) => Err(TrySendError::Closed(refused(&mut value))),
            Attempt::Wait => {
                // SAFETY: `send_locked` kept the lock.
                unsafe { self.lock.unlock() };
                Err(TrySendError::Full(refused(&mut value)))
            }
        }
    }

    /// Sends or learns that it cannot be; or keeps the lock, to wait.
    #[inline]
    fn send_locked(&self, rt: &Inside, value: &mut ManuallyDrop<T>) -> Attempt<bool> {
        self.lock.lock();
        // SAFETY: the lock is ours.
        let state = unsafe { &mut *self.state.get() };
        if state.closed {
            // SAFETY: as above.
            unsafe { self.lock.unlock() };
            return Attempt::Over(false);
        }
        if let Some(receiver) = state.recvq.pop() {
            // SAFETY: the waiter waits until we wake it; its place takes one T, and `value` is
            // not used as a T again once it is sent.
            unsafe {
                std::ptr::copy_nonoverlapping(&raw const **value, (*receiver).element.cast(), 1);
                (*receiver).outcome = Outcome::Served;
            }
            self.unlock_and_wake(rt, receiver);
            return Attempt::Over(true);
        }
        if state.buffer.len() < self.capacity {
            // SAFETY: moved once; it is not used as a T again.
            state.buffer.push_back(unsafe { ManuallyDrop::take(value) });
            // SAFETY: as above.
            unsafe { self.lock.unlock() };
            return Attempt::Over(true);
        }
        Attempt::Wait
    }

    #[inline]
    pub(super) fn send(
        &self,
        value: T,
        deadline_ns: Option<u64>,
    ) -> Result<(), SendTimeoutError<T>> {
        let rt = Inside::enter_to_block();
        let mut value = ManuallyDrop::new(value);
        let sent = match self.send_locked(&rt, &mut value) {
            Attempt::Over(sent) => {
                drop(rt);
                if sent { Outcome::Served } else { Outcome::Closed }
            }
            Attempt::Wait => {
                let place = (&raw mut *value).cast();
                self.wait(rt, WaitReason::ChanSend, place, deadline_ns)
            }
        };
        if sent == Outcome::Served {
            return Ok(());
        }
        // SAFETY: the value was not moved.
        let value = unsafe { ManuallyDrop::take(&mut value) };
        Err(match sent {
            Outcome::Closed => SendTimeoutError::Closed(value),
            _ => SendTimeoutError::Timeout(value),
        })
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let rt = Inside::enter();
        match self.recv_locked(&rt) {
            Attempt::Over(value) => {
                drop(rt);
                value.ok_or(TryRecvError::Closed)
            }
            Attempt::Wait => {
                // SAFETY: `recv_locked` kept the lock.
                unsafe { self.lock.unlock() };
                Err(TryRecvError::Empty)
            }
        }
    }

    /// Receives or learns that nothing comes any more; or keeps the lock, to wait.
    #[inline]
    fn recv_locked(&self, rt: &Inside) -> Attempt<Option<T>> {
        self.lock.lock();
        // SAFETY: the lock is ours.
        let state = unsafe { &mut *self.state.get() };
        let first = state.buffer.pop_front();
        if let Some(sender) = state.sendq.pop() {
            // SAFETY: the sender waits until we wake it, and gives its value up: it is told so.
            let sent = unsafe {
                (*sender).outcome = Outcome::Served;
                (*sender).element.cast::<T>().read()
            };
            let value = match first {
                Some(first) => {
                    state.buffer.push_back(sent);
                    first
                }
                None => sent,
            };
            self.unlock_and_wake(rt, sender);
            return Attempt::Over(Some(value));
        }
        if first.is_some() || state.closed {
            // SAFETY: locked above.
            unsafe { self.lock.unlock() };
            return Attempt::Over(first);
        }
        Attempt::Wait
    }

    #[inline]
    pub(super) fn recv(&self, deadline_ns: Option<u64>) -> Result<T, RecvTimeoutError> {
        let rt = Inside::enter_to_block();
        if let Attempt::Over(value) = self.recv_locked(&rt) {
            drop(rt);
            return value.ok_or(RecvTimeoutError::Closed);
        }
        let mut place = MaybeUninit::<T>::uninit();
        match self.wait(rt, WaitReason::ChanReceive, place.as_mut_ptr().cast(), deadline_ns) {
            // SAFETY: a sender moved its value in.
            Outcome::Served => Ok(unsafe { place.assume_init() }),
            Outcome::Closed => Err(RecvTimeoutError::Closed),
            Outcome::Waiting => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Waits in a queue. Comes with the lock, returns without; [`Outcome::Waiting`]: timed out.
    #[inline(never)]
    fn wait(
        &self,
        rt: Inside,
        reason: WaitReason,
        place: *mut u8,
        deadline_ns: Option<u64>,
    ) -> Outcome {
        let parker = Parker::new();
        let waiter = rt.waiter(&parker);
        let ticket = Ticket::new();
        let shared: *const Ticket = if deadline_ns.is_some() { &ticket } else { std::ptr::null() };
        let timer = match (deadline_ns, waiter) {
            (Some(when), Waiter::Goroutine(g)) => Some(Timer::expire(when, g, &ticket)),
            _ => None,
        };
        let mut sudog = Sudog::new(waiter, place, shared);
        let sudog_ptr = &raw mut sudog;
        // SAFETY: the lock is ours; the sudog leaves the queue before this function returns.
        unsafe {
            let state = &mut *self.state.get();
            match reason {
                WaitReason::ChanSend => state.sendq.push(sudog_ptr),
                _ => state.recvq.push(sudog_ptr),
            }
        }
        let commit = Commit { lock: &self.lock, timer: timer.as_ref() };
        let argument = std::ptr::from_ref(&commit).cast_mut().cast();
        let wait = Wait { reason, commit: Commit::run, argument };
        // SAFETY: all of it lies on this stack until the wait is over.
        let (rt, woken) = unsafe { rt.block(waiter, wait, deadline_ns) };
        if deadline_ns.is_some() {
            self.settle(sudog_ptr, &ticket, timer.as_ref(), woken, &parker, reason);
        }
        drop(rt);
        // SAFETY: out of every queue; volatile, since others wrote it while we were parked.
        unsafe { (&raw const (*sudog_ptr).outcome).read_volatile() }
    }

    /// After a wait with a deadline: leaves no trace of it behind.
    #[cold]
    fn settle(
        &self,
        sudog: *mut Sudog,
        ticket: &Ticket,
        timer: Option<&Timer>,
        woken: bool,
        parker: &Parker,
        reason: WaitReason,
    ) {
        if let Some(timer) = timer {
            timer.cancel();
        }
        // A thread that timed out must win its ticket like any other; else a partner has it and
        // is about to wake the thread.
        let expired = if woken { ticket.is_expired() } else { ticket.claim(Ticket::EXPIRED) };
        if !woken && !expired {
            parker.park(None);
        }
        if expired {
            self.locked(|state| {
                let queue = match reason {
                    WaitReason::ChanSend => &mut state.sendq,
                    _ => &mut state.recvq,
                };
                // SAFETY: it was pushed to this queue.
                unsafe { queue.remove(sudog) };
            });
        }
    }

    pub(super) fn close(&self) -> Result<(), CloseError> {
        let rt = Inside::enter();
        if self.close_and_wake(&rt) { Ok(()) } else { Err(CloseError) }
    }

    /// Closes the channel and wakes everybody. False: it was closed already.
    fn close_and_wake(&self, rt: &Inside) -> bool {
        let mut woken = Vec::new();
        let closed = self.locked(|state| {
            let (mut recvq, mut sendq) = (WaitQueue::new(), WaitQueue::new());
            std::mem::swap(&mut recvq, &mut state.recvq);
            std::mem::swap(&mut sendq, &mut state.sendq);
            for queue in [&mut recvq, &mut sendq] {
                while let Some(sudog) = queue.pop() {
                    // SAFETY: popped, so its waiter waits for us.
                    unsafe {
                        (*sudog).outcome = Outcome::Closed;
                        woken.push((*sudog).waiter);
                    }
                }
            }
            !std::mem::replace(&mut state.closed, true)
        });
        for waiter in woken {
            // SAFETY: as in `unlock_and_wake`.
            unsafe { waiter.wake(rt) };
        }
        closed
    }

    pub(super) fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_receiver(&self) {
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_sender(&self) {
        // ORDERING: AcqRel, pairs with itself: the last one acts after all others' sends.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close_and_wake(&Inside::enter());
        }
    }

    pub(super) fn remove_receiver(&self) {
        // ORDERING: AcqRel, as in `remove_sender`.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let rt = Inside::enter();
        self.close_and_wake(&rt);
        let unreceived = self.locked(|state| std::mem::take(&mut state.buffer));
        drop(rt);
        drop(unreceived);
    }
}

/// The commit of a wait: what makes the waiter visible, in this order.
struct Commit<'a> {
    lock: &'a RawLock,
    timer: Option<&'a Timer>,
}

impl Commit<'_> {
    unsafe fn run(argument: *mut ()) -> bool {
        // SAFETY: the argument of `Core::wait`. It is copied first: with the timer started the
        // waiter may be readied, though it cannot leave before it gets the lock.
        let Commit { lock, timer } = unsafe { *argument.cast::<Commit<'_>>() };
        if let Some(timer) = timer {
            // SAFETY: the waiter cancels the timer before it leaves.
            unsafe { park::start_timer(timer) };
        }
        // SAFETY: the waiter locked it.
        unsafe { lock.unlock() };
        true
    }
}

impl Clone for Commit<'_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Commit<'_> {}

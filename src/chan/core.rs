//! A channel's inside: a ring buffer and queues of waiters under one lock.
//!
//! The algorithm is Go's (`runtime/chan.go`): a sender that finds a receiver waiting moves the
//! value straight into the receiver's place on its stack; a receiver that finds a sender waiting
//! takes the oldest value of the buffer and moves the sender's in behind; else they wait in a
//! queue. Invariant: while receivers wait the buffer is empty, and while senders wait it is full.
//!
//! Invariant for futures that receive: while one of them waits in its queue and there is something
//! to receive, another one has been told so and has not been polled since. For each value that
//! nobody waits for tells one, and one that was told and is dropped passes it on.
//!
//! Values are moved under the lock, never dropped or cloned there: user code runs outside only.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use super::head::{Attempt, Head, Side};
use crate::sched::Inside;
use crate::sched::sudog::{Outcome, Sudog, Woken};

/// Bytes of a buffer made at once; a larger one grows as it fills.
const EAGER_BYTES: usize = 16 << 10;

/// A channel.
pub(crate) struct Core<T> {
    pub(crate) head: Head,
    /// Under the head's lock.
    buffer: UnsafeCell<VecDeque<T>>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// The channel of a timer or ticker, which does not show its buffer: who sends.
    timer: Option<Box<Weak<dyn Unreceived>>>,
}

/// Who sends to a channel of the clock.
pub(crate) trait Unreceived: Send + Sync {
    /// The last receiver has gone. Called outside of the runtime.
    fn unreceived(&self);
}

// SAFETY: values move from thread to thread, hence T: Send; the rest is touched under the lock.
unsafe impl<T: Send> Send for Core<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Core<T> {}

impl<T> Core<T> {
    pub(super) fn new(capacity: usize) -> Core<T> {
        Core::with_head(Head::new(capacity, false))
    }

    /// A channel of no bubble, to which somebody outside of every bubble sends.
    pub(super) fn of_nobody(capacity: usize) -> Core<T> {
        Core::with_head(Head::of_nobody(capacity))
    }

    /// The channel of a timer: it holds one value, but looks as if without a buffer. Its one
    /// sender is the timer, and never goes; the caller makes a [`Receiver`](super::Receiver).
    pub(crate) fn of_timer(timer: Weak<dyn Unreceived>) -> Core<T> {
        Core { timer: Some(Box::new(timer)), ..Core::new(1) }
    }

    /// Go's nil channel.
    pub(super) fn nil() -> Core<T> {
        Core::with_head(Head::new(0, true))
    }

    fn with_head(head: Head) -> Core<T> {
        let eager = head.capacity.min(EAGER_BYTES / size_of::<T>().max(1));
        Core {
            head,
            buffer: UnsafeCell::new(VecDeque::with_capacity(eager)),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            timer: None,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        if self.timer.is_some() { 0 } else { self.head.capacity }
    }

    pub(super) fn len(&self) -> usize {
        if self.timer.is_some() {
            return 0;
        }
        let rt = Inside::enter();
        let len = self.locked(|buffer| buffer.len());
        drop(rt);
        len
    }

    /// Runs `f` under the lock. The caller is inside the runtime.
    fn locked<R>(&self, f: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        self.head.lock();
        // SAFETY: the lock is ours.
        let result = f(unsafe { &mut *self.buffer.get() });
        // SAFETY: locked above.
        unsafe { self.head.unlock() };
        result
    }

    /// Tries to move the value at `place` into the channel. Where that is [`Attempt::Done`] the
    /// place holds no value any more.
    ///
    /// # Safety
    /// The channel is locked and there is a value at `place`.
    #[inline]
    pub(crate) unsafe fn send_locked(&self, place: *mut T) -> Attempt {
        // SAFETY: the lock is the caller's.
        let (queues, buffer) = unsafe { (self.head.queues(), &mut *self.buffer.get()) };
        if queues.closed {
            return Attempt::Closed;
        }
        if let Some(receiver) = self.head.pop(queues, Side::Receive) {
            // SAFETY: the waiter waits until we wake it; its place takes one T.
            unsafe {
                std::ptr::copy_nonoverlapping(place, (*receiver).element.cast(), 1);
                (*receiver).outcome = Outcome::Served;
                return Attempt::Done((*receiver).woken());
            }
        }
        if buffer.len() < self.head.capacity {
            // SAFETY: moved once, as the caller is told.
            buffer.push_back(unsafe { place.read() });
            self.head.hints.set_len(buffer.len());
            return Attempt::Done(queues.tell_task().map_or(Woken::Nobody, Woken::Task));
        }
        Attempt::Wait
    }

    /// Tries to move a value out of the channel to `place`, which holds one where this is
    /// [`Attempt::Done`].
    ///
    /// # Safety
    /// The channel is locked and `place` has room for a value.
    #[inline]
    pub(crate) unsafe fn recv_locked(&self, place: *mut T) -> Attempt {
        // SAFETY: the lock is the caller's.
        let (queues, buffer) = unsafe { (self.head.queues(), &mut *self.buffer.get()) };
        if let Some(sender) = self.head.pop(queues, Side::Send) {
            // SAFETY: the lock is the caller's, and so is the place; popped once.
            unsafe {
                place.write(take_from(sender, buffer));
                return Attempt::Done((*sender).woken());
            }
        }
        match buffer.pop_front() {
            Some(first) => {
                self.head.hints.set_len(buffer.len());
                // SAFETY: by the caller's promise.
                unsafe { place.write(first) };
                Attempt::Done(Woken::Nobody)
            }
            None if queues.closed => Attempt::Closed,
            None => Attempt::Wait,
        }
    }

    /// Whether a receive would find a value, or the end.
    ///
    /// # Safety
    /// The channel is locked.
    pub(super) unsafe fn is_ready_to_receive(&self) -> bool {
        // SAFETY: the lock is the caller's.
        let (queues, buffer) = unsafe { (self.head.queues(), &*self.buffer.get()) };
        !buffer.is_empty() || !queues.sendq.is_empty() || queues.closed
    }

    pub(super) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.head.check("send on a channel");
        let rt = Inside::enter();
        let mut value = ManuallyDrop::new(value);
        self.head.lock();
        // SAFETY: locked just now; the value is not used as a T again once it is sent.
        let attempt = unsafe { self.send_locked((&raw mut value).cast()) };
        // SAFETY: locked above.
        unsafe { self.head.unlock() };
        let error = match attempt {
            Attempt::Done(woken) => {
                // SAFETY: popped once, and the lock is free.
                unsafe { woken.wake_and_leave(rt) };
                return Ok(());
            }
            Attempt::Closed => TrySendError::Closed,
            Attempt::Wait => TrySendError::Full,
        };
        drop(rt);
        // SAFETY: the value was not moved.
        Err(error(unsafe { ManuallyDrop::take(&mut value) }))
    }

    /// Sends. What does not wait and has nothing to do with futures is done here.
    #[inline]
    pub(super) fn send(
        &self,
        value: T,
        deadline_ns: Option<u64>,
    ) -> Result<(), SendTimeoutError<T>> {
        self.head.check("send on a channel");
        let rt = Inside::enter_to_block();
        self.head.lock();
        // SAFETY: locked just now.
        let (queues, buffer) = unsafe { (self.head.queues(), &mut *self.buffer.get()) };
        if !queues.closed {
            if let Some(receiver) = self.head.pop(queues, Side::Receive) {
                // SAFETY: it waits until we wake it; its place takes one T. No future is in here.
                let waiter = unsafe {
                    (*receiver).element.cast::<T>().write(value);
                    (*receiver).outcome = Outcome::Served;
                    (*receiver).waiter
                };
                // SAFETY: locked above; popped once.
                unsafe {
                    self.head.unlock();
                    waiter.wake(&rt);
                }
                return Ok(());
            }
            if buffer.len() < self.head.capacity && queues.recv_tasks.is_empty() {
                buffer.push_back(value);
                self.head.hints.set_len(buffer.len());
                // SAFETY: locked above.
                unsafe { self.head.unlock() };
                return Ok(());
            }
        }
        self.send_slow(rt, value, deadline_ns)
    }

    /// No receiver waits but futures, or the channel is closed. Comes with the lock, returns without.
    #[inline(never)]
    fn send_slow(
        &self,
        rt: Inside,
        value: T,
        deadline_ns: Option<u64>,
    ) -> Result<(), SendTimeoutError<T>> {
        // SAFETY: locked by the caller.
        let (queues, buffer) = unsafe { (self.head.queues(), &mut *self.buffer.get()) };
        if queues.closed {
            // SAFETY: locked by the caller.
            unsafe { self.head.unlock() };
            drop(rt);
            return Err(SendTimeoutError::Closed(value));
        }
        if buffer.len() < self.head.capacity {
            buffer.push_back(value);
            self.head.hints.set_len(buffer.len());
            let woken = queues.tell_task().map_or(Woken::Nobody, Woken::Task);
            // SAFETY: locked by the caller; popped once.
            unsafe {
                self.head.unlock();
                woken.wake_and_leave(rt);
            }
            return Ok(());
        }
        let mut value = ManuallyDrop::new(value);
        let place = (&raw mut value).cast();
        // SAFETY: locked by the caller; the place is this type's.
        let outcome = unsafe {
            match deadline_ns {
                None => self.head.wait(rt, Side::Send, place),
                Some(when) => self.head.wait_until(rt, Side::Send, place, when),
            }
        };
        if outcome == Outcome::Served {
            return Ok(());
        }
        // SAFETY: the value was not moved.
        let value = unsafe { ManuallyDrop::take(&mut value) };
        Err(match outcome {
            Outcome::Closed => SendTimeoutError::Closed(value),
            _ => SendTimeoutError::Timeout(value),
        })
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.head.check("receive from a channel");
        let rt = Inside::enter();
        let mut place = MaybeUninit::<T>::uninit();
        self.head.lock();
        // SAFETY: locked just now.
        let attempt = unsafe { self.recv_locked(place.as_mut_ptr()) };
        // SAFETY: locked above.
        unsafe { self.head.unlock() };
        match attempt {
            Attempt::Done(woken) => {
                // SAFETY: popped once, and the lock is free.
                unsafe { woken.wake_and_leave(rt) };
                // SAFETY: a value was moved in.
                Ok(unsafe { place.assume_init() })
            }
            Attempt::Closed => Err(TryRecvError::Closed),
            Attempt::Wait => Err(TryRecvError::Empty),
        }
    }

    /// Receives. What does not wait is done here.
    #[inline]
    pub(super) fn recv(&self, deadline_ns: Option<u64>) -> Result<T, RecvTimeoutError> {
        self.head.check("receive from a channel");
        let rt = Inside::enter_to_block();
        self.head.lock();
        // SAFETY: locked just now.
        let (queues, buffer) = unsafe { (self.head.queues(), &mut *self.buffer.get()) };
        if let Some(sender) = self.head.pop(queues, Side::Send) {
            // SAFETY: the lock is ours; popped once.
            unsafe {
                let value = take_from(sender, buffer);
                let woken = (*sender).woken();
                self.head.unlock();
                woken.wake_and_leave(rt);
                return Ok(value);
            }
        }
        if let Some(value) = buffer.pop_front() {
            self.head.hints.set_len(buffer.len());
            // SAFETY: locked above.
            unsafe { self.head.unlock() };
            return Ok(value);
        }
        self.recv_slow(rt, deadline_ns)
    }

    /// There is no value. Comes with the lock, returns without.
    #[inline(never)]
    fn recv_slow(&self, rt: Inside, deadline_ns: Option<u64>) -> Result<T, RecvTimeoutError> {
        // SAFETY: locked by the caller.
        if unsafe { self.head.queues() }.closed {
            // SAFETY: as above.
            unsafe { self.head.unlock() };
            drop(rt);
            return Err(RecvTimeoutError::Closed);
        }
        let mut place = MaybeUninit::<T>::uninit();
        let element = place.as_mut_ptr().cast();
        // SAFETY: locked by the caller; the place is this type's.
        let outcome = unsafe {
            match deadline_ns {
                None => self.head.wait(rt, Side::Receive, element),
                Some(when) => self.head.wait_until(rt, Side::Receive, element, when),
            }
        };
        match outcome {
            // SAFETY: a value was moved in.
            Outcome::Served => Ok(unsafe { place.assume_init() }),
            Outcome::Closed => Err(RecvTimeoutError::Closed),
            Outcome::Waiting => Err(RecvTimeoutError::Timeout),
        }
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
            self.head.close();
        }
    }

    pub(super) fn remove_receiver(&self) {
        // ORDERING: AcqRel, as in `remove_sender`.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        self.head.close();
        if let Some(timer) = self.timer.as_ref().and_then(|timer| timer.upgrade()) {
            timer.unreceived();
        }
        let rt = Inside::enter();
        let unreceived = self.locked(|buffer| {
            self.head.hints.set_len(0);
            std::mem::take(buffer)
        });
        drop(rt);
        drop(unreceived);
    }
}

/// The oldest value of a channel where a sender waits; the sender's goes into the buffer behind.
///
/// # Safety
/// The channel is locked, and the sender was popped from its queue.
#[inline]
unsafe fn take_from<T>(sender: *mut Sudog, buffer: &mut VecDeque<T>) -> T {
    // SAFETY: the sender waits until it is woken, or is a future that looks under the lock; it
    // gives its value up and is told so.
    let sent = unsafe {
        (*sender).outcome = Outcome::Served;
        (*sender).element.cast::<T>().read()
    };
    match buffer.pop_front() {
        Some(first) => {
            buffer.push_back(sent);
            first
        }
        None => sent,
    }
}

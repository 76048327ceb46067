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
use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use super::head::{Attempt, Head, Side};
use crate::sched::Inside;
use crate::sched::sudog::{Outcome, Woken};
use crate::sched::waker::rethrow;

/// Bytes of a buffer made at once; a larger one grows as it fills.
const EAGER_BYTES: usize = 16 << 10;

/// A channel.
pub(crate) struct Core<T> {
    pub(crate) head: Head,
    /// Under the head's lock.
    buffer: UnsafeCell<VecDeque<T>>,
    capacity: usize,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

// SAFETY: values move from thread to thread, hence T: Send; the rest is touched under the lock.
unsafe impl<T: Send> Send for Core<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Core<T> {}

impl<T> Core<T> {
    pub(super) fn new(capacity: usize) -> Core<T> {
        Core::with_head(capacity, Head::new(false))
    }

    /// Go's nil channel.
    pub(super) fn nil() -> Core<T> {
        Core::with_head(0, Head::new(true))
    }

    fn with_head(capacity: usize, head: Head) -> Core<T> {
        let eager = capacity.min(EAGER_BYTES / size_of::<T>().max(1));
        Core {
            head,
            buffer: UnsafeCell::new(VecDeque::with_capacity(eager)),
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
        if let Some(receiver) = queues.recvq.pop() {
            // SAFETY: the waiter waits until we wake it; its place takes one T.
            unsafe {
                std::ptr::copy_nonoverlapping(place, (*receiver).element.cast(), 1);
                (*receiver).outcome = Outcome::Served;
                return Attempt::Done((*receiver).woken());
            }
        }
        if buffer.len() < self.capacity {
            // SAFETY: moved once, as the caller is told.
            buffer.push_back(unsafe { place.read() });
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
        let first = buffer.pop_front();
        if let Some(sender) = queues.sendq.pop() {
            // SAFETY: the sender waits until we wake it, or is a future that looks under the lock;
            // it gives its value up and is told so.
            let (sent, woken) = unsafe {
                (*sender).outcome = Outcome::Served;
                ((*sender).element.cast::<T>().read(), (*sender).woken())
            };
            let value = match first {
                Some(first) => {
                    buffer.push_back(sent);
                    first
                }
                None => sent,
            };
            // SAFETY: by the caller's promise.
            unsafe { place.write(value) };
            return Attempt::Done(woken);
        }
        match first {
            Some(first) => {
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

    #[inline]
    pub(super) fn send(
        &self,
        value: T,
        deadline_ns: Option<u64>,
    ) -> Result<(), SendTimeoutError<T>> {
        let rt = Inside::enter_to_block();
        let mut value = ManuallyDrop::new(value);
        let place: *mut T = (&raw mut value).cast();
        self.head.lock();
        // SAFETY: locked just now; the value is not used as a T again once it is sent.
        let (outcome, panic) = match unsafe { self.send_locked(place) } {
            Attempt::Done(woken) => {
                // SAFETY: locked above; popped once.
                unsafe {
                    self.head.unlock();
                    woken.wake_and_leave(rt);
                }
                return Ok(());
            }
            Attempt::Closed => {
                // SAFETY: locked above.
                unsafe { self.head.unlock() };
                drop(rt);
                (Outcome::Closed, None)
            }
            // SAFETY: locked above; the place is this type's.
            Attempt::Wait => unsafe { self.head.wait(rt, Side::Send, place.cast(), deadline_ns) },
        };
        let error = match outcome {
            Outcome::Served => {
                rethrow(panic);
                return Ok(());
            }
            Outcome::Closed => SendTimeoutError::Closed,
            Outcome::Waiting => SendTimeoutError::Timeout,
        };
        // SAFETY: the value was not moved.
        let error = error(unsafe { ManuallyDrop::take(&mut value) });
        rethrow(panic);
        Err(error)
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let rt = Inside::enter();
        let mut place = MaybeUninit::<T>::uninit();
        self.head.lock();
        // SAFETY: locked just now.
        let attempt = unsafe { self.recv_locked(place.as_mut_ptr()) };
        // SAFETY: locked above.
        unsafe { self.head.unlock() };
        match attempt {
            Attempt::Done(woken) => {
                // SAFETY: a value was moved in.
                let value = unsafe { place.assume_init() };
                // SAFETY: popped once, and the lock is free.
                unsafe { woken.wake_and_leave(rt) };
                Ok(value)
            }
            Attempt::Closed => Err(TryRecvError::Closed),
            Attempt::Wait => Err(TryRecvError::Empty),
        }
    }

    #[inline]
    pub(super) fn recv(&self, deadline_ns: Option<u64>) -> Result<T, RecvTimeoutError> {
        let rt = Inside::enter_to_block();
        let mut place = MaybeUninit::<T>::uninit();
        self.head.lock();
        // SAFETY: locked just now.
        let outcome = match unsafe { self.recv_locked(place.as_mut_ptr()) } {
            Attempt::Done(woken) => {
                // SAFETY: locked above; a value was moved in.
                let value = unsafe {
                    self.head.unlock();
                    place.assume_init()
                };
                // SAFETY: popped once.
                unsafe { woken.wake_and_leave(rt) };
                return Ok(value);
            }
            Attempt::Closed => {
                // SAFETY: locked above.
                unsafe { self.head.unlock() };
                Outcome::Closed
            }
            // SAFETY: locked above; the place is this type's.
            Attempt::Wait => unsafe {
                self.head.wait(rt, Side::Receive, place.as_mut_ptr().cast(), deadline_ns).0
            },
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
            rethrow(self.head.close().1);
        }
    }

    pub(super) fn remove_receiver(&self) {
        // ORDERING: AcqRel, as in `remove_sender`.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let (_, panic) = self.head.close();
        let rt = Inside::enter();
        let unreceived = self.locked(std::mem::take);
        drop(rt);
        drop(unreceived);
        rethrow(panic);
    }
}

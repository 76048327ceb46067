//! Sending and receiving as futures: [`SendFuture`], [`RecvFuture`].
//!
//! Both may be dropped at any time. A receive takes its value only while it is polled; a send's
//! value lies in the future until somebody takes it, and if the future goes first it goes with it.

use std::fmt;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::core::Core;
use super::error::{RecvError, SendError};
use super::head::{Attempt, Side};
use crate::sched::Inside;
use crate::sched::sudog::{Outcome, Sudog, Woken};
use crate::sched::waker;

/// The sudog of a future, which stays where it is once it has been in a queue.
struct Place {
    sudog: Sudog,
    /// It has been put into a queue and its outcome not yet been seen.
    waits: bool,
    _pinned: PhantomPinned,
}

impl Place {
    fn new() -> Place {
        Place { sudog: Sudog::of_task(), waits: false, _pinned: PhantomPinned }
    }
}

/// A send in progress. From [`Sender::send_async`](super::Sender::send_async).
#[must_use = "futures do nothing unless they are polled"]
pub struct SendFuture<'a, T> {
    core: &'a Core<T>,
    /// Moved out by a receiver while the sudog waits, by `poll` otherwise.
    value: MaybeUninit<T>,
    has_value: bool,
    place: Place,
}

// SAFETY: what others touch they touch under the channel's lock, and the waker is Send.
unsafe impl<T: Send> Send for SendFuture<'_, T> {}
// SAFETY: a shared reference gives access to nothing.
unsafe impl<T: Send> Sync for SendFuture<'_, T> {}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(core: &'a Core<T>, value: T) -> SendFuture<'a, T> {
        SendFuture { core, value: MaybeUninit::new(value), has_value: true, place: Place::new() }
    }

    /// Under the lock: sends, or queues up.
    unsafe fn begin(&mut self, waker: Waker) -> (Attempt, Option<Waker>) {
        // SAFETY: the lock is the caller's, and the value there.
        let attempt = unsafe { self.core.send_locked(self.value.as_mut_ptr()) };
        if !matches!(attempt, Attempt::Wait) {
            return (attempt, Some(waker));
        }
        let sudog = &raw mut self.place.sudog;
        // SAFETY: as above; the sudog is pinned, and leaves the queue before it goes.
        unsafe {
            (*sudog).element = self.value.as_mut_ptr().cast();
            (*sudog).task = Some(waker);
            let queues = self.core.head.queues();
            self.core.head.push(queues, Side::Send, sudog);
            self.place.waits = true;
            (attempt, queues.tell_task())
        }
    }

    /// Under the lock: what became of it in the queue, or waits on. Returns a waker to be dropped.
    fn go_on(&mut self, waker: Waker) -> (Attempt, Option<Waker>) {
        let attempt = match self.place.sudog.outcome {
            Outcome::Waiting => {
                return (Attempt::Wait, self.place.sudog.task.replace(waker));
            }
            Outcome::Served => Attempt::Done(Woken::Nobody),
            Outcome::Closed => Attempt::Closed,
        };
        self.place.waits = false;
        (attempt, Some(waker))
    }

    fn take_value(&mut self) -> T {
        self.has_value = false;
        // SAFETY: it is there and was marked as gone.
        unsafe { self.value.assume_init_read() }
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of the pinned place.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(this.has_value, "gort: a send was polled after its end");
        this.core.head.check("send on a channel");
        let waker = cx.waker().clone();
        let rt = Inside::enter();
        this.core.head.lock();
        let begun = this.place.waits;
        // SAFETY: locked just now.
        let (attempt, waker) = if begun { this.go_on(waker) } else { unsafe { this.begin(waker) } };
        // SAFETY: locked above.
        unsafe { this.core.head.unlock() };
        match attempt {
            Attempt::Done(woken) => {
                this.has_value = false;
                // SAFETY: popped once, and the lock is free.
                unsafe { woken.wake_and_leave(rt) };
                Poll::Ready(Ok(()))
            }
            Attempt::Closed => {
                drop(rt);
                Poll::Ready(Err(SendError(this.take_value())))
            }
            Attempt::Wait => {
                drop(rt);
                // A receiver to be told at first, the former waker later.
                match waker {
                    Some(told) if !begun => waker::call(told),
                    former => drop(former),
                }
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for SendFuture<'_, T> {
    fn drop(&mut self) {
        let mut waker = None;
        if self.place.waits {
            let rt = Inside::enter();
            self.core.head.lock();
            // SAFETY: locked just now; it was pushed to this queue.
            unsafe {
                let (head, sudog) = (&self.core.head, &raw mut self.place.sudog);
                head.remove(head.queues(), Side::Send, sudog);
            }
            waker = self.place.sudog.task.take();
            self.has_value = self.place.sudog.outcome != Outcome::Served;
            // SAFETY: locked above.
            unsafe { self.core.head.unlock() };
            drop(rt);
        }
        // Both are user's code: whichever panics, the other one is dropped.
        let value = self.has_value.then(|| self.take_value());
        drop(waker);
        drop(value);
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture").finish_non_exhaustive()
    }
}

/// A receive in progress. From [`Receiver::recv_async`](super::Receiver::recv_async).
#[must_use = "futures do nothing unless they are polled"]
pub struct RecvFuture<'a, T> {
    core: &'a Core<T>,
    place: Place,
}

// SAFETY: as for `SendFuture`.
unsafe impl<T: Send> Send for RecvFuture<'_, T> {}
// SAFETY: as for `SendFuture`.
unsafe impl<T: Send> Sync for RecvFuture<'_, T> {}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(core: &'a Core<T>) -> RecvFuture<'a, T> {
        RecvFuture { core, place: Place::new() }
    }

    /// Under the lock: receives to `value`, or queues up. Returns a waker to be dropped.
    unsafe fn attempt(&mut self, value: *mut T, waker: Waker) -> (Attempt, Option<Waker>) {
        // SAFETY: the lock is the caller's, and so is the place.
        let attempt = unsafe { self.core.recv_locked(value) };
        let sudog = &raw mut self.place.sudog;
        // SAFETY: as above.
        let queues = unsafe { self.core.head.queues() };
        if !matches!(attempt, Attempt::Wait) {
            self.place.waits = false;
            // SAFETY: it was pushed to this queue, if to any.
            unsafe { queues.recv_tasks.remove(sudog) };
            // The caller drops both wakers; its own goes into the sudog for that.
            return (attempt, self.place.sudog.task.replace(waker));
        }
        let former = self.place.sudog.task.replace(waker);
        if !self.place.sudog.is_queued() {
            self.place.waits = true;
            // SAFETY: the sudog is pinned, and leaves the queue before it goes.
            unsafe { queues.recv_tasks.push(sudog) };
        }
        (attempt, former)
    }

    /// Leaves the queue. If it was told that there is something, somebody else is told.
    fn withdraw(&mut self) -> (Option<Waker>, Option<Waker>) {
        let rt = Inside::enter();
        self.core.head.lock();
        // SAFETY: locked just now; it was pushed to this queue.
        let told = unsafe {
            let queues = self.core.head.queues();
            let was_told = !self.place.sudog.is_queued();
            queues.recv_tasks.remove(&raw mut self.place.sudog);
            let pass_on = was_told && self.core.is_ready_to_receive();
            if pass_on { self.core.head.queues().tell_task() } else { None }
        };
        let waker = self.place.sudog.task.take();
        // SAFETY: locked above.
        unsafe { self.core.head.unlock() };
        drop(rt);
        (waker, told)
    }
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of the pinned place.
        let this = unsafe { self.get_unchecked_mut() };
        this.core.head.check("receive from a channel");
        let waker = cx.waker().clone();
        let mut value = MaybeUninit::<T>::uninit();
        let rt = Inside::enter();
        this.core.head.lock();
        // SAFETY: locked just now.
        let (attempt, former) = unsafe { this.attempt(value.as_mut_ptr(), waker) };
        // SAFETY: locked above.
        unsafe { this.core.head.unlock() };
        let result = match attempt {
            Attempt::Done(woken) => {
                // SAFETY: a value was moved in.
                let value = unsafe { value.assume_init() };
                // SAFETY: popped once, and the lock is free.
                unsafe { woken.wake_and_leave(rt) };
                Poll::Ready(Ok(value))
            }
            Attempt::Closed => {
                drop(rt);
                Poll::Ready(Err(RecvError))
            }
            Attempt::Wait => {
                drop(rt);
                Poll::Pending
            }
        };
        drop(former);
        if result.is_ready() {
            this.place.sudog.task = None;
        }
        result
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        if self.place.waits {
            let (waker, told) = self.withdraw();
            drop(waker);
            told.into_iter().for_each(waker::call);
        }
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFuture").finish_non_exhaustive()
    }
}

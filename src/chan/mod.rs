//! Channels: [`chan`], [`Sender`], [`Receiver`].
//!
//! Any number of goroutines and plain threads may send and receive. With capacity 0 a send waits
//! for its receiver and hands the value over; with a larger one it waits only while the buffer is
//! full. A channel is closed by [`Sender::close`] or when its last sender goes; receivers then get
//! what is left in the buffer and after that learn that it is closed. When its last receiver goes,
//! sends fail.
//!
//! A blocked goroutine costs no thread; on a plain thread the same calls block the thread; and
//! [`Sender::send_async`] and [`Receiver::recv_async`] are futures, for whoever polls them.
//! [`select!`](crate::select!) waits for several channels at once.
//!
//! Every value that goes in comes out once or is dropped once: by whoever receives it, by a send
//! that failed and gives it back, or with the channel.

pub(crate) mod core;
mod error;
mod future;
pub(crate) mod head;
mod hints;

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use self::core::Core;
use crate::sched::clock::deadline_ns;

pub use error::{
    CloseError, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError,
    TrySendError,
};
pub use future::{RecvFuture, SendFuture};

/// Makes a channel that buffers up to `capacity` values.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (tx, rx) = gort::chan(0);
///         gort::go(move || (0..3).for_each(|n| tx.send(n).unwrap()));
///         assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2]);
///     })
/// };
/// ```
///
/// # Go
/// `make(chan T, capacity)`. The ends are two types; the last sender's end closes the channel,
/// and the last receiver's makes sends fail, where Go's would wait for ever.
pub fn chan<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let core = Arc::new(Core::new(capacity));
    (Sender { core: Arc::clone(&core) }, Receiver { core })
}

/// A receiver to which nobody ever sends: a receive waits for ever, and in a
/// [`select!`](crate::select!) the arm is never chosen.
///
/// # Examples
/// ```
/// let rx = gort::chan::never::<u32>();
/// assert_eq!(rx.try_recv(), Err(gort::chan::TryRecvError::Empty));
/// ```
///
/// # Go
/// A nil channel. An arm of [`select!`](crate::select!) also takes an [`Option`], which is the
/// usual way to switch an arm off.
pub fn never<T>() -> Receiver<T> {
    // Its one sender, which does not exist, never goes.
    Receiver { core: Arc::new(Core::nil()) }
}

/// As [`chan`], of no test bubble: what is sent comes from outside, and waiting for it is not
/// durable.
pub(crate) fn of_nobody<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let core = Arc::new(Core::of_nobody(capacity));
    (Sender { core: Arc::clone(&core) }, Receiver { core })
}

/// The one receiver, so far, of a channel that has just been made.
pub(crate) fn receiver_of<T>(core: Arc<Core<T>>) -> Receiver<T> {
    Receiver { core }
}

/// The end of a channel that sends.
pub struct Sender<T> {
    core: Arc<Core<T>>,
}

impl<T> Sender<T> {
    /// Sends `value`, waiting for room in the buffer or, without one, for a receiver.
    ///
    /// # Errors
    /// The value, when the channel is closed or has no receivers, or becomes so meanwhile.
    ///
    /// # Go
    /// `ch <- value`, but an error instead of a panic on a closed channel.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.core.send(value, None).map_err(|e| SendError(e.into_inner()))
    }

    /// Sends `value` if that is possible at once.
    ///
    /// # Errors
    /// The value, when the buffer is full (or no receiver waits), or the channel is closed.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.core.try_send(value)
    }

    /// Sends `value`, waiting at most for `timeout`.
    ///
    /// # Errors
    /// The value, when the time is up or the channel is closed.
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.core.send(value, deadline_ns(timeout))
    }

    /// Sends `value` as a future: it is ready when the value is in the buffer or with a receiver.
    ///
    /// It may be dropped at any time. If nobody has taken the value by then, it is dropped too.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn send_async(&self, value: T) -> SendFuture<'_, T> {
        SendFuture::new(&self.core, value)
    }

    /// Closes the channel: sends fail from here on, and receives once the buffer is empty.
    /// Senders that wait now get their values back.
    ///
    /// # Errors
    /// When it is closed already.
    ///
    /// # Go
    /// `close(ch)`.
    pub fn close(&self) -> Result<(), CloseError> {
        self.core.head.check("close of a channel");
        if self.core.head.close() { Ok(()) } else { Err(CloseError) }
    }

    /// Whether both send to the same channel.
    ///
    /// # Go
    /// `ch1 == ch2`.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }

    pub(crate) fn core(&self) -> &Core<T> {
        &self.core
    }

    /// How many values are in the buffer.
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffer's capacity.
    pub fn cap(&self) -> usize {
        self.core.capacity()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.core.add_sender();
        Sender { core: Arc::clone(&self.core) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.core.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({} of {})", self.len(), self.cap())
    }
}

/// The end of a channel that receives.
pub struct Receiver<T> {
    core: Arc<Core<T>>,
}

impl<T> Receiver<T> {
    /// Receives a value, waiting for one.
    ///
    /// # Errors
    /// When the channel is closed and its buffer empty.
    ///
    /// # Go
    /// `v, ok := <-ch`.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.core.recv(None).map_err(|_| RecvError)
    }

    /// Receives a value if there is one now.
    ///
    /// # Errors
    /// When there is none, or the channel is closed and its buffer empty.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.core.try_recv()
    }

    /// Receives a value, waiting at most for `timeout`.
    ///
    /// # Errors
    /// When the time is up, or the channel is closed and its buffer empty.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.core.recv(deadline_ns(timeout))
    }

    /// Receives a value as a future.
    ///
    /// It may be dropped at any time without losing a value: it takes one only while it is polled.
    /// For the same reason a [`try_send`](Sender::try_send) on a channel without a buffer does not
    /// succeed if only futures wait for it. Goroutines and threads that wait are served before
    /// futures.
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    ///
    /// # Examples
    /// ```
    /// // SAFETY: nothing here keeps a thread's own data over a blocking call.
    /// unsafe {
    ///     gort::run(|| {
    ///         let (tx, rx) = gort::chan(0);
    ///         gort::go(move || tx.send(42).unwrap());
    ///         assert_eq!(gort::block_on(rx.recv_async()), Ok(42));
    ///     })
    /// };
    /// ```
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(&self.core)
    }

    /// What is there now: receives until there is nothing more at the moment.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// Whether both receive from the same channel.
    ///
    /// # Go
    /// `ch1 == ch2`.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }

    pub(crate) fn core(&self) -> &Core<T> {
        &self.core
    }

    /// Receives until the channel is closed and its buffer empty.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// How many values are in the buffer.
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffer's capacity.
    pub fn cap(&self) -> usize {
        self.core.capacity()
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.core.add_receiver();
        Receiver { core: Arc::clone(&self.core) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.core.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({} of {})", self.len(), self.cap())
    }
}

/// The values of a channel until it is closed. From [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

/// The values that are in a channel. From [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

/// The values of a channel until it is closed. From `for value in receiver`.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

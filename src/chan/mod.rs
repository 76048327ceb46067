//! Channels: [`chan`], [`Sender`], [`Receiver`].
//!
//! Any number of goroutines and plain threads may send and receive. With capacity 0 a send waits
//! for its receiver and hands the value over; with a larger one it waits only while the buffer is
//! full. A channel is closed by [`Sender::close`] or when its last sender goes; receivers then get
//! what is left in the buffer and after that learn that it is closed. When its last receiver goes,
//! sends fail.
//!
//! A blocked goroutine costs no thread; on a plain thread the same calls block the thread.

mod core;
mod error;

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use self::core::Core;
use crate::sys::clock;

pub use error::{
    CloseError, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError,
    TrySendError,
};

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
        self.core.send(value, deadline(timeout))
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
        self.core.close()
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
        self.core.recv(deadline(timeout))
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

/// The moment `timeout` from now on the monotonic clock; `None`: beyond its range, never.
fn deadline(timeout: Duration) -> Option<u64> {
    let timeout_ns = u64::try_from(timeout.as_nanos()).ok()?;
    clock::monotonic_ns().checked_add(timeout_ns)
}

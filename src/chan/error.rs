//! One error type for each operation; those of sends hand the value back.

use std::error::Error;
use std::fmt;

macro_rules! texts {
    ($(impl[$($generics:tt)*] $type:ty { $($pattern:pat => $text:literal),+ $(,)? })+) => {$(
        impl<$($generics)*> fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($pattern => $text),+ })
            }
        }

        impl<$($generics)*> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($pattern => concat!(stringify!($pattern), " (", $text, ")")),+ })
            }
        }

        impl<$($generics)*> Error for $type {}
    )+};
}

texts! {
    impl[T] SendError<T> { SendError(_) => "sending on a closed channel" }
    impl[T] TrySendError<T> {
        TrySendError::Full(_) => "sending on a full channel",
        TrySendError::Closed(_) => "sending on a closed channel",
    }
    impl[T] SendTimeoutError<T> {
        SendTimeoutError::Timeout(_) => "timed out sending on a full channel",
        SendTimeoutError::Closed(_) => "sending on a closed channel",
    }
    impl[] RecvError { RecvError => "receiving on a closed and empty channel" }
    impl[] TryRecvError {
        TryRecvError::Empty => "receiving on an empty channel",
        TryRecvError::Closed => "receiving on a closed and empty channel",
    }
    impl[] RecvTimeoutError {
        RecvTimeoutError::Timeout => "timed out receiving on an empty channel",
        RecvTimeoutError::Closed => "receiving on a closed and empty channel",
    }
    impl[] CloseError { CloseError => "closing a closed channel" }
}

/// The channel is closed or has no receivers; here is the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why [`Sender::try_send`](super::Sender::try_send) did not send; with the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The buffer is full, or there is none and no receiver waits.
    Full(T),
    /// The channel is closed or has no receivers.
    Closed(T),
}

/// Why [`Sender::send_timeout`](super::Sender::send_timeout) did not send; with the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time was up first.
    Timeout(T),
    /// The channel is closed or has no receivers.
    Closed(T),
}

/// The channel is closed and its buffer empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecvError;

/// Why [`Receiver::try_recv`](super::Receiver::try_recv) received nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no value now.
    Empty,
    /// The channel is closed and its buffer empty.
    Closed,
}

/// Why [`Receiver::recv_timeout`](super::Receiver::recv_timeout) received nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time was up first.
    Timeout,
    /// The channel is closed and its buffer empty.
    Closed,
}

/// The channel was closed already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CloseError;

impl<T> SendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(value) | SendTimeoutError::Closed(value) => value,
        }
    }
}

//! [`Timer`]: one firing that can be called off or put off.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Instant;
use super::chan_timer::ChanTimer;
use super::func_timer::{self, Handle};
use crate::chan::{self, Receiver};

/// Fires once, unless it is stopped before: sends the time on a channel, or calls a function.
///
/// A timer with a channel ends with the last handle of both: the timer and all receivers of its
/// channel. One with a function fires also when it has been dropped.
///
/// # Stopping
/// [`Timer::stop`] and [`Timer::reset`] say truthfully who was first. With a channel: they return
/// true if nothing was or will be received from what the timer was set to before, be it that they
/// prevented its firing or took back a value that nobody had received. No such value is received
/// after they return. With a function: true if they prevented its call; false if it has been
/// called, though it may not yet have begun to run on its goroutine.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use gort::time::Timer;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let timer = Timer::new(Duration::from_secs(3600));
///         assert!(timer.reset(Duration::from_millis(1)));
///         timer.receiver().recv().unwrap();
///         assert!(!timer.stop());
///     })
/// };
/// ```
///
/// # Go
/// `time.Timer`, with the guarantees of Go 1.23.
pub struct Timer {
    kind: Kind,
}

enum Kind {
    Chan(Arc<ChanTimer>, Receiver<Instant>),
    /// With a receiver that never receives.
    Func(Arc<dyn Handle>, Receiver<Instant>),
}

pub(super) fn of_func(handle: Arc<dyn Handle>) -> Timer {
    Timer { kind: Kind::Func(handle, chan::never()) }
}

impl Timer {
    /// A timer that sends the time to its [receiver](Timer::receiver) after `duration`.
    ///
    /// # Panics
    /// If no [`run`](crate::run) has begun yet.
    ///
    /// # Go
    /// `time.NewTimer`.
    pub fn new(duration: Duration) -> Timer {
        let (timer, receiver) = ChanTimer::start(duration, None);
        Timer { kind: Kind::Chan(timer, receiver) }
    }

    /// A timer that calls `f` on a goroutine of its own after `duration`, and after each
    /// [`Timer::reset`] again. Calls may run side by side.
    ///
    /// # Panics
    /// If no [`run`](crate::run) has begun yet.
    ///
    /// # Go
    /// `time.AfterFunc`. See also [`after_func`](super::after_func), for functions that can be called only once.
    #[track_caller]
    pub fn with_func<F>(duration: Duration, f: F) -> Timer
    where
        F: Fn() + Send + Sync + 'static,
    {
        of_func(func_timer::again(duration, f, Location::caller()))
    }

    /// Where the time is received when the timer fires. It shows no buffer: length and capacity
    /// are zero. It is never closed. Of a timer with a function it never receives.
    ///
    /// # Go
    /// `t.C`.
    pub fn receiver(&self) -> &Receiver<Instant> {
        match &self.kind {
            Kind::Chan(_, receiver) | Kind::Func(_, receiver) => receiver,
        }
    }

    /// Stops the timer. See [Stopping](Timer#stopping) for what is returned.
    ///
    /// # Panics
    /// If it is the timer of a [test bubble](crate::test::bubble) and the caller is not in it.
    ///
    /// # Go
    /// `Timer.Stop`.
    pub fn stop(&self) -> bool {
        match &self.kind {
            Kind::Chan(timer, _) => timer.stop(),
            Kind::Func(timer, _) => timer.stop(),
        }
    }

    /// Lets the timer fire after `duration` from now, whatever it was set to before. See
    /// [Stopping](Timer#stopping) for what is returned.
    ///
    /// A timer made by [`after_func`](super::after_func) whose function has been called does nothing any more.
    ///
    /// # Panics
    /// As [`Timer::stop`].
    ///
    /// # Go
    /// `Timer.Reset`.
    pub fn reset(&self, duration: Duration) -> bool {
        match &self.kind {
            Kind::Chan(timer, _) => timer.reset(duration, None),
            Kind::Func(timer, _) => Arc::clone(timer).reset(duration),
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}

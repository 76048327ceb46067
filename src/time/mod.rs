//! Time: [`sleep`], [`after`], [`Timer`], [`Ticker`], [`Instant`].
//!
//! All of it goes by the clock of the caller: the machine's monotonic clock, or in a
//! [test bubble](crate::test::bubble) the bubble's own.
//!
//! A timer is a place in a heap. Starting, stopping and resetting one takes a logarithmic time, a
//! million of them are no burden, and no thread waits for each. Timers may be started from plain
//! threads too, once a [`run`](crate::run) has begun; before that, nobody would fire them, and it
//! is a panic.
//!
//! A duration that reaches beyond the clock's range, some centuries, means never.

mod chan_timer;
mod func_timer;
mod instant;
mod sleep_async;
mod ticker;
mod timer;

use std::panic::Location;
use std::time::Duration;

use crate::chan::Receiver;
use crate::sched::{clock, park};

pub use instant::Instant;
pub use sleep_async::{Sleep, sleep_async};
pub use ticker::{Ticker, tick};
pub use timer::Timer;

/// Puts the current goroutine to sleep for at least `duration`; on a plain thread, the thread.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe { gort::run(|| gort::time::sleep(std::time::Duration::from_millis(1))) };
/// ```
///
/// # Go
/// `time.Sleep`.
pub fn sleep(duration: Duration) {
    if !duration.is_zero() {
        park::sleep_until(deadline_ns(duration));
    }
}

/// Sleeps until `deadline`, or not at all if that has passed.
///
/// # Go
/// `time.Sleep(time.Until(deadline))`.
pub fn sleep_until(deadline: Instant) {
    if deadline > Instant::now() {
        park::sleep_until(deadline.ns());
    }
}

/// The time since `earlier`, zero if that is to come.
///
/// # Go
/// `time.Since`.
pub fn since(earlier: Instant) -> Duration {
    earlier.elapsed()
}

/// The time until `later`, zero if that has passed.
///
/// # Go
/// `time.Until`, which is negative then.
pub fn until(later: Instant) -> Duration {
    later.duration_since(Instant::now())
}

/// A channel that receives the time once `duration` is over.
///
/// Dropping the receiver frees the timer. In a [`select!`](crate::select!) the arm `after(duration)`
/// does the same without a channel.
///
/// # Panics
/// If no [`run`](crate::run) has begun yet.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let begin = gort::time::Instant::now();
///         let at = gort::time::after(Duration::from_millis(2)).recv().unwrap();
///         assert!(at - begin >= Duration::from_millis(2));
///     })
/// };
/// ```
///
/// # Go
/// `time.After`.
pub fn after(duration: Duration) -> Receiver<Instant> {
    chan_timer::ChanTimer::start(duration, None).1
}

/// Calls `f` on a goroutine of its own once `duration` is over.
///
/// The timer it returns stops or delays that. Dropping the timer does neither.
///
/// A panic in `f` is one of a goroutine that nobody joins.
///
/// # Panics
/// If no [`run`](crate::run) has begun yet.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (tx, rx) = gort::chan(1);
///         let timer = gort::time::after_func(Duration::from_millis(1), move || tx.send(42).unwrap());
///         assert_eq!(rx.recv(), Ok(42));
///         assert!(!timer.stop());
///     })
/// };
/// ```
///
/// # Go
/// `time.AfterFunc`. A function that can be called only once cannot be called again after a
/// `Reset`; [`Timer::with_func`] takes one that can.
#[track_caller]
pub fn after_func<F>(duration: Duration, f: F) -> Timer
where
    F: FnOnce() + Send + 'static,
{
    timer::of_func(func_timer::FuncTimer::once(duration, f, Location::caller()))
}

/// The moment after `timeout`.
pub(crate) fn deadline_ns(timeout: Duration) -> u64 {
    moment_ns(clock::now_ns(), timeout)
}

/// The moment `duration` after `now_ns`; the last one that the clock has, if it lies beyond.
fn moment_ns(now_ns: u64, duration: Duration) -> u64 {
    let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    now_ns.saturating_add(duration_ns).min(u64::MAX - 1)
}

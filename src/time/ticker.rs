//! [`Ticker`]: the time, again and again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Instant;
use super::chan_timer::ChanTimer;
use crate::chan::Receiver;

/// Sends the time on a channel once in every period. Ticks that nobody receives in time are left
/// out, and those that follow keep to the beat.
///
/// It ends with its last handle, itself or one of its channel's receivers.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use gort::time::Ticker;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let ticker = Ticker::new(Duration::from_millis(1));
///         let ticks: Vec<_> = ticker.receiver().iter().take(3).collect();
///         assert!(ticks.is_sorted());
///     })
/// };
/// ```
///
/// # Go
/// `time.Ticker`, with the guarantees of Go 1.23.
pub struct Ticker {
    timer: Arc<ChanTimer>,
    receiver: Receiver<Instant>,
}

impl Ticker {
    /// A ticker whose first tick comes after one period.
    ///
    /// # Panics
    /// If the period is zero. If no [`run`](crate::run) has begun yet.
    ///
    /// # Go
    /// `time.NewTicker`.
    pub fn new(period: Duration) -> Ticker {
        assert!(!period.is_zero(), "gort: a ticker's period of zero");
        let (timer, receiver) = ChanTimer::start(period, Some(period));
        Ticker { timer, receiver }
    }

    /// Where the ticks are received. It shows no buffer, and is not closed when the ticker stops.
    ///
    /// # Go
    /// `t.C`.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Stops the ticker. No tick is received afterwards, not even one that was there already.
    ///
    /// # Panics
    /// If it is the ticker of a [test bubble](crate::test::bubble) and the caller is not in it.
    ///
    /// # Go
    /// `Ticker.Stop`.
    pub fn stop(&self) {
        self.timer.stop();
    }

    /// Ticks once in every `period` from now on, whether it was stopped or not. A tick that nobody
    /// has received is taken back.
    ///
    /// # Panics
    /// If the period is zero; and as [`Ticker::stop`].
    ///
    /// # Go
    /// `Ticker.Reset`.
    pub fn reset(&self, period: Duration) {
        assert!(!period.is_zero(), "gort: a ticker's period of zero");
        self.timer.reset(period, Some(period));
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}

/// The channel of a [`Ticker`], which ends with its last receiver.
///
/// # Panics
/// As [`Ticker::new`].
///
/// # Go
/// `time.Tick`, which returns nil for a period of zero.
pub fn tick(period: Duration) -> Receiver<Instant> {
    Ticker::new(period).receiver
}

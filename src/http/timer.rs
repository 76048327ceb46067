//! [`GoTimer`]: hyper's timers are gort's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::time;

/// hyper's clock, on gort's timers: for `Builder::timer` of a server or client of hyper's own.
///
/// # Panics
/// Its sleeps, when they are made before the first [`run`](crate::run) has begun.
///
/// # Examples
/// ```
/// use gort::http::GoTimer;
///
/// let mut builder = hyper::server::conn::http1::Builder::new();
/// builder.timer(GoTimer).header_read_timeout(std::time::Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GoTimer;

impl Timer for GoTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(GoSleep(time::sleep_async(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }
}

struct GoSleep(time::Sleep);

impl Future for GoSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Sleep for GoSleep {}

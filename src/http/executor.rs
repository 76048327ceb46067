//! [`GoExecutor`]: what hyper wants to run beside a connection is a goroutine.

use std::future::Future;
use std::panic::Location;

use hyper::rt::Executor;

use crate::block_on;
use crate::go::go_named;

/// Runs each future that hyper gives it on a goroutine of its own, for HTTP/2 and for clients.
///
/// A panic in such a future is one of a goroutine that nobody joins: see [`go`](crate::go).
///
/// # Panics
/// If no [`run`](crate::run) has begun yet.
///
/// # Examples
/// ```
/// use gort::http::GoExecutor;
///
/// let builder = hyper::server::conn::http2::Builder::new(GoExecutor);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GoExecutor;

impl<F> Executor<F> for GoExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        // Named by the future, which says more than hyper's place where it starts.
        drop(go_named::<_, _, F>(move || block_on(future), Location::caller(), None));
    }
}

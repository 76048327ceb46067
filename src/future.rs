//! Futures: [`block_on`] waits for one.

use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::gosched;
use crate::sched::Inside;
use crate::sched::waker::Signal;
use crate::wire::reason::WaitReason;

/// Waits for a future and returns its value.
///
/// In a goroutine only the goroutine waits, and its thread runs others meanwhile; a plain thread
/// blocks. The future is polled here and nowhere else, so it need not be [`Send`]. Whoever it waits
/// for may wake it from any thread or goroutine. One that wakes itself while it is polled lets
/// others run before it is polled again.
///
/// gort's own futures need nothing else. Those of another runtime (tokio's sockets, say) find their
/// runtime by a thread-local: enter it within the future, for instance by `Handle::spawn`, and await
/// the result here.
///
/// Like every call that blocks it may return on another thread than it was called on, and so may
/// every `.await` in the future.
///
/// # Panics
/// With what the future panics with.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// let answer = unsafe {
///     gort::run(|| {
///         gort::block_on(async { 7 * std::future::ready(6).await })
///     })
/// };
/// assert_eq!(answer, 42);
/// ```
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    let mut future = pin!(future.into_future());
    let signal = Arc::new(Signal::new());
    let waker = signal.waker();
    let mut context = Context::from_waker(&waker);
    loop {
        signal.take();
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        if signal.is_given() {
            gosched();
        } else {
            drop(signal.wait(Inside::enter_to_block(), WaitReason::Future));
        }
    }
}

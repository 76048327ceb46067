//! Futures: [`block_on`] waits for one, and [`JoinFuture`] is a goroutine as one.

use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::sched::Inside;
use crate::sched::joiner::{self, Registered};
use crate::sched::waker::Signal;
use crate::wire::reason::WaitReason;
use crate::{JoinHandle, gosched};

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
///         let six = gort::go(|| 6);
///         gort::block_on(async { 7 * six.await.unwrap() })
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

/// The end of a goroutine as a future, made by awaiting its [`JoinHandle`].
///
/// Any executor can poll it. Dropping it detaches the goroutine, as dropping the handle does.
///
/// # Panics
/// When it is polled by its own goroutine, or after it has been ready.
#[must_use = "futures do nothing unless they are polled"]
pub struct JoinFuture<T> {
    handle: Option<JoinHandle<T>>,
    /// Where the waker is that the goroutine calls at its end.
    registered: Option<Registered>,
}

impl<T> JoinFuture<T> {
    pub(crate) fn new(handle: JoinHandle<T>) -> JoinFuture<T> {
        JoinFuture { handle: Some(handle), registered: None }
    }
}

impl<T> Future for JoinFuture<T> {
    type Output = Result<T, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.handle.as_ref().expect("gort: a JoinFuture was polled after its end");
        let g = handle.g();
        joiner::refuse_oneself(g);
        if !handle.is_finished() {
            let waker = match self.registered.take().and_then(|place| place.withdraw(g)) {
                Some(mut waker) => {
                    waker.as_mut().clone_from(context.waker());
                    waker
                }
                None => Box::new(context.waker().clone()),
            };
            if let Ok(place) = joiner::register(g, waker) {
                self.registered = Some(place);
                return Poll::Pending;
            }
        }
        // The place, if there is one, the goroutine has emptied.
        self.registered = None;
        let handle = self.handle.take().expect("it was there before");
        Poll::Ready(handle.take())
    }
}

impl<T> Drop for JoinFuture<T> {
    fn drop(&mut self) {
        if let (Some(place), Some(handle)) = (self.registered.take(), &self.handle) {
            drop(place.withdraw(handle.g()));
        }
    }
}

impl<T> fmt::Debug for JoinFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinFuture").field(&self.handle).finish()
    }
}

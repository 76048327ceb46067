//! What a piece of work carries with it from function to function and goroutine to goroutine: when
//! it must end ([`with_cancel`], [`with_deadline`]), values ([`with_value`]) and the trace task that
//! it belongs to ([`trace::new_task`](crate::trace::new_task)).
//!
//! Contexts form a tree. Each is made from another and ends with it at the latest; a context that
//! has ended does so for good, and the first reason counts.
//!
//! ```
//! use std::time::Duration;
//! use gort::context::{self, ContextError};
//!
//! // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! unsafe {
//!     gort::run(|| {
//!         let (ctx, cancel) = context::with_cancel(&context::background());
//!         let worker = gort::go(move || {
//!             let mut turns = 0;
//!             while ctx.err().is_none() {
//!                 turns += 1;
//!                 gort::sleep(Duration::from_millis(1));
//!             }
//!             (turns, ctx.err())
//!         });
//!         gort::sleep(Duration::from_millis(5));
//!         cancel.cancel();
//!         let (turns, why) = worker.join().unwrap();
//!         assert!(turns > 0 && why == Some(ContextError::Canceled));
//!     })
//! };
//! ```
//!
//! # Go
//! `context`. A context is a value here and no interface: there are no others than these. Keys of
//! values are types.

mod cancel;
mod error;
mod func;
mod node;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use self::cancel::{Cancel, End};
use self::node::{Kind, Node};
use crate::chan::{Receiver, never};
use crate::time::{self, Instant};

pub use error::{Cause, ContextError};
pub use func::{AfterFunc, CancelCauseFunc, CancelFunc};

pub(crate) use func::Registration;

/// A context. Cheap to clone; clones are the same context.
///
/// # Go
/// `context.Context`.
#[derive(Clone, Default)]
pub struct Context {
    /// `None`: the background.
    node: Option<Arc<Node>>,
}

/// The context at the root of all: it never ends, and has no values.
///
/// # Go
/// `context.Background`.
pub fn background() -> Context {
    Context::default()
}

/// As [`background`], where it is not clear yet which context it should be.
///
/// # Go
/// `context.TODO`.
pub fn todo() -> Context {
    Context::default().child(Kind::Todo)
}

/// A context that ends when the returned function is called, or dropped, or `ctx` ends.
///
/// # Go
/// `context.WithCancel`; dropping the function cancels, as does Go's `defer cancel()`.
pub fn with_cancel(ctx: &Context) -> (Context, CancelFunc) {
    let cancel = Cancel::below(ctx.cancel());
    (ctx.with_end(&cancel), CancelFunc::new(cancel))
}

/// As [`with_cancel`], with a function that is told the cause.
///
/// # Go
/// `context.WithCancelCause`.
pub fn with_cancel_cause(ctx: &Context) -> (Context, CancelCauseFunc) {
    let (ctx, cancel) = with_cancel(ctx);
    (ctx, CancelCauseFunc::new(cancel))
}

/// As [`with_cancel`]; the context also ends at `deadline`, or with `ctx`, whose deadline may be
/// earlier. If it is past already, the context has ended.
///
/// # Panics
/// If no [`run`](crate::run) has begun yet.
///
/// # Go
/// `context.WithDeadline`.
pub fn with_deadline(ctx: &Context, deadline: Instant) -> (Context, CancelFunc) {
    until(ctx, deadline, None)
}

/// As [`with_deadline`], with the cause that the context gets if its deadline ends it.
///
/// # Panics
/// As [`with_deadline`].
///
/// # Go
/// `context.WithDeadlineCause`.
pub fn with_deadline_cause(
    ctx: &Context,
    deadline: Instant,
    cause: impl Into<Box<dyn Error + Send + Sync>>,
) -> (Context, CancelFunc) {
    until(ctx, deadline, Some(Cause::from(cause.into())))
}

/// As [`with_deadline`], `timeout` from now.
///
/// # Panics
/// As [`with_deadline`].
///
/// # Go
/// `context.WithTimeout`.
pub fn with_timeout(ctx: &Context, timeout: Duration) -> (Context, CancelFunc) {
    match Instant::now().checked_add(timeout) {
        Some(deadline) => until(ctx, deadline, None),
        None => with_cancel(ctx),
    }
}

/// As [`with_timeout`], with the cause that the context gets if its deadline ends it.
///
/// # Panics
/// As [`with_deadline`].
///
/// # Go
/// `context.WithTimeoutCause`.
pub fn with_timeout_cause(
    ctx: &Context,
    timeout: Duration,
    cause: impl Into<Box<dyn Error + Send + Sync>>,
) -> (Context, CancelFunc) {
    match Instant::now().checked_add(timeout) {
        Some(deadline) => with_deadline_cause(ctx, deadline, cause),
        None => with_cancel(ctx),
    }
}

fn until(ctx: &Context, deadline: Instant, cause: Option<Cause>) -> (Context, CancelFunc) {
    if ctx.deadline().is_some_and(|earlier| earlier <= deadline) {
        return with_cancel(ctx);
    }
    let cancel = Cancel::below(ctx.cancel());
    let child = ctx.with_deadline(&cancel, deadline);
    let end = End { error: ContextError::DeadlineExceeded, cause };
    let left = time::until(deadline);
    if left.is_zero() {
        cancel.end(end);
    } else if cancel.error().is_none() {
        let target = Arc::downgrade(&cancel);
        cancel.set_timer(time::after_func(left, move || {
            if let Some(target) = target.upgrade() {
                target.end(end);
            }
        }));
    }
    (child, CancelFunc::new(cancel))
}

/// A context that also carries `value`, which [`Context::value`] finds by its type. It hides a value
/// of the same type further up. Use types of your own, not `String` or `u64`.
///
/// # Examples
/// ```
/// use gort::context;
///
/// struct RequestId(u64);
///
/// let ctx = context::with_value(&context::background(), RequestId(7));
/// assert_eq!(ctx.value::<RequestId>().unwrap().0, 7);
/// ```
///
/// # Go
/// `context.WithValue`, with the value's type as the key.
pub fn with_value<T: Send + Sync + 'static>(ctx: &Context, value: T) -> Context {
    ctx.child(Kind::value(value))
}

/// A context with the values and the task of `ctx` that does not end with it, nor has its deadline.
///
/// # Go
/// `context.WithoutCancel`.
pub fn without_cancel(ctx: &Context) -> Context {
    ctx.without_end()
}

/// Runs `f` on a goroutine of its own when `ctx` ends; at once, if it has ended. The returned
/// handle can call that off; dropping it does not.
///
/// # Panics
/// If no [`run`](crate::run) has begun by the time that `f` is to run.
///
/// # Go
/// `context.AfterFunc`.
pub fn after_func(ctx: &Context, f: impl FnOnce() + Send + 'static) -> AfterFunc {
    AfterFunc::new(ctx.cancel(), Box::new(move || drop(crate::go(f))))
}

/// Why `ctx` has ended, in the words of whoever ended it, or else [`Context::err`]. `None` if it has
/// not ended.
///
/// # Go
/// `context.Cause`.
pub fn cause(ctx: &Context) -> Option<Cause> {
    ctx.cancel()?.cause()
}

impl Context {
    /// As [`background`].
    pub fn background() -> Context {
        background()
    }

    /// The channel that is closed when the context ends; nothing is ever sent on it. If the context
    /// cannot end, this is a channel that never closes, as [`chan::never`](crate::chan::never).
    ///
    /// # Go
    /// `Context.Done`.
    pub fn done(&self) -> &Receiver<Infallible> {
        static NEVER: LazyLock<Receiver<Infallible>> = LazyLock::new(never);
        self.cancel().map_or(&*NEVER, |cancel| cancel.done())
    }

    /// Whether and why the context has ended. If it has, [`Context::done`] is closed.
    ///
    /// # Go
    /// `Context.Err`.
    pub fn err(&self) -> Option<ContextError> {
        self.cancel()?.error_when_told()
    }

    /// When the context will end at the latest, if that is known.
    ///
    /// # Go
    /// `Context.Deadline`.
    pub fn deadline(&self) -> Option<Instant> {
        self.node.as_ref()?.deadline
    }

    /// The value of this type that the context carries.
    ///
    /// # Go
    /// `Context.Value`.
    pub fn value<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.node.as_ref()?.find()
    }

    /// The task's number, 0 for none.
    pub(crate) fn task(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| node.task)
    }

    /// As [`Context::err`], for callers inside the runtime, under a lock.
    pub(crate) fn has_ended(&self) -> bool {
        self.cancel().is_some_and(|cancel| cancel.error().is_some())
    }

    /// Whether it can end at all.
    pub(crate) fn can_end(&self) -> bool {
        self.cancel().is_some()
    }

    /// Has `f` called when the context ends, by whoever ends it, outside the runtime and under no
    /// lock. `None`: the context has ended, and `f` is dropped.
    pub(crate) fn on_end(&self, f: impl FnOnce() + Send + 'static) -> Option<Registration> {
        Registration::new(self.cancel(), f)
    }

    fn cancel(&self) -> Option<&Arc<Cancel>> {
        self.node.as_ref()?.cancel.as_ref()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        node::describe(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_forgets_its_children() {
        let (parent, _cancel) = with_cancel(&background());
        let hooks = || parent.cancel().unwrap().hooks();
        for _ in 0..1000 {
            let (child, cancel) = with_cancel(&with_value(&parent, 1));
            assert_eq!(hooks(), 1);
            let stop = after_func(&parent, || ());
            let (_grandchild, forgotten) = with_cancel(&child);
            std::mem::forget(forgotten);
            assert_eq!(hooks(), 2);
            assert!(stop.stop());
            drop(cancel);
            assert_eq!(hooks(), 0);
        }
        let (child, cancel) = with_cancel(&parent);
        std::mem::forget(cancel);
        assert_eq!(hooks(), 1);
        drop(child);
        // The forgotten function keeps it.
        assert_eq!(hooks(), 1);
    }
}

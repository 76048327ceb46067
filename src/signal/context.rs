//! A context that a signal ends.

use std::error::Error;
use std::fmt;

use super::{Signal, SignalError, Signals, notify};
use crate::context::{self, CancelFunc, Context};

/// A context that ends when one of these signals comes, when the returned handle is dropped, or when
/// `ctx` ends. [`cause`](crate::context::cause) then names the signal.
///
/// The signals are listened to as long as the handle is there, also after the context has ended: so
/// a second Ctrl-C does nothing, unless the handle is dropped at the first.
///
/// # Errors
/// As [`notify`].
///
/// # Panics
/// If no [`run`](crate::run) has begun yet: a goroutine waits for the signal.
///
/// # Examples
/// ```no_run
/// use gort::context;
/// use gort::signal::{Signal, notify_context};
///
/// # // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// # unsafe { gort::run(|| {
/// let (ctx, _stop) = notify_context(&context::background(), &[Signal::SIGINT]).unwrap();
/// let _ = ctx.done().recv();
/// eprintln!("{}", context::cause(&ctx).unwrap());
/// # }) }
/// ```
///
/// # Go
/// `signal.NotifyContext`.
pub fn notify_context(ctx: &Context, signals: &[Signal]) -> Result<(Context, Stop), SignalError> {
    let listens = notify(signals)?;
    // Two, since the goroutine's end of the inner one ends no more than that.
    let (outer, cancel) = context::with_cancel(ctx);
    let (ctx, ends) = context::with_cancel_cause(&outer);
    let (receiver, waits) = (listens.receiver().clone(), ctx.clone());
    if ctx.err().is_none() {
        drop(crate::go(move || {
            crate::select! {
                recv(receiver) -> signal => if let Ok(signal) = signal {
                    ends.cancel(Received(signal));
                },
                recv(waits.done()) -> _ => {}
            }
        }));
    }
    Ok((ctx, Stop { _cancel: cancel, _listens: listens }))
}

/// Why the context has ended: the signal.
#[derive(Debug)]
struct Received(Signal);

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} signal received", self.0)
    }
}

impl Error for Received {}

/// Ends the context of [`notify_context`] when it is dropped, and listens no more.
///
/// # Go
/// The function that `signal.NotifyContext` returns.
#[must_use = "the context ends when this is dropped"]
pub struct Stop {
    // In this order: the goroutine is to end by its context, and not by a signal.
    _cancel: CancelFunc,
    _listens: Signals,
}

impl Stop {
    /// Ends the context and listens no more. The same as dropping it.
    pub fn stop(self) {}
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}

//! Signals of the system, as values on a channel.
//!
//! [`notify`] returns a receiver of the signals that were asked for; while it is there they do not do
//! what they do by default. [`notify_context`] gives a context that a signal ends, [`ctrl_c`] waits
//! for one Ctrl-C, [`ignore`] and [`reset`] say what a signal does otherwise.
//!
//! ```no_run
//! use gort::select;
//! use gort::signal::{self, Signal};
//!
//! # fn work(_: &gort::chan::Sender<u32>) {}
//! # // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! # unsafe { gort::run(|| {
//! let ends = signal::notify(&[Signal::SIGINT, Signal::SIGTERM]).unwrap();
//! let (tx, results) = gort::chan(0);
//! gort::go(move || work(&tx));
//! loop {
//!     select! {
//!         recv(ends.receiver()) -> signal => {
//!             eprintln!("{}: goodbye", signal.unwrap());
//!             break;
//!         }
//!         recv(results) -> result => match result {
//!             Ok(result) => println!("{result}"),
//!             Err(_) => break,
//!         },
//!     }
//! }
//! # }) }
//! ```
//!
//! # What listening changes
//! While somebody listens, a handler of the runtime's is in place, with `SA_RESTART`; a thread hands
//! on what it notes. Signals that come faster than that thread looks are told once, as the system
//! itself does; a signal that finds the channel's buffer full is dropped. When the last listener
//! goes, the signal does what it did before: the handler of another library comes back, or the
//! system's default, or SIGQUIT's dump of all goroutines; what was sent before that does not end the
//! process. A handler that somebody else installs meanwhile stays, and may call ours.
//!
//! Signals that are blocked in all threads come to listeners nevertheless. A process that listens
//! waits for something from outside, so it is never a [deadlock](crate#panics-and-ends).
//!
//! Refused are SIGKILL and SIGSTOP, which cannot be caught; SIGSEGV, SIGBUS, SIGFPE and SIGILL, after
//! which a thread cannot go on; SIGURG and SIGPROF, which the runtime uses itself.
//!
//! # Go
//! `os/signal`. A channel belongs to its handle here, whose end is Go's `signal.Stop`.

mod context;
mod error;
mod number;
mod table;

use std::fmt;
use std::sync::Arc;

use crate::chan::Receiver;

use self::table::{TABLE, change};

pub use context::{Stop, notify_context};
pub use error::SignalError;
pub use number::Signal;

/// Signals that [`notify`]'s channel holds until they are received.
const BUFFERED: usize = 16;

/// Listens to these signals, or, if there are none in the list, to all that may be listened to.
///
/// Its channel holds 16; [`notify_buffered`] makes one that holds more.
///
/// # Errors
/// When a signal cannot be listened to, or no thread can be started to wait for them.
///
/// # Go
/// `signal.Notify`.
pub fn notify(signals: &[Signal]) -> Result<Signals, SignalError> {
    notify_buffered(BUFFERED, signals)
}

/// As [`notify`], with a channel that holds so many signals, at least one.
///
/// # Errors
/// As [`notify`].
pub fn notify_buffered(capacity: usize, signals: &[Signal]) -> Result<Signals, SignalError> {
    let (sender, receiver) = crate::chan::of_nobody(capacity.max(1));
    let number = change(|table| table.listen(signals, sender))?;
    Ok(Signals { receiver, number })
}

/// Waits for a Ctrl-C, SIGINT. Those before the call do not count, nor do those after it.
///
/// # Errors
/// As [`notify`].
///
/// # Examples
/// ```no_run
/// gort::signal::ctrl_c().unwrap();
/// eprintln!("goodbye");
/// ```
pub fn ctrl_c() -> Result<(), SignalError> {
    notify(&[Signal::SIGINT])?.recv();
    Ok(())
}

/// Ignores these signals, or all that may be ignored. Nobody listens to them any more; programs that
/// are started ignore them too.
///
/// # Errors
/// When a signal cannot be ignored.
///
/// # Go
/// `signal.Ignore`.
pub fn ignore(signals: &[Signal]) -> Result<(), SignalError> {
    change(|table| table.take_away(signals, true))
}

/// Lets these signals, or all, do what they did before anybody called [`notify`] or [`ignore`].
/// Nobody listens to them any more.
///
/// # Errors
/// When a signal cannot be had.
///
/// # Go
/// `signal.Reset`, which always goes back to the system's default.
pub fn reset(signals: &[Signal]) -> Result<(), SignalError> {
    change(|table| table.take_away(signals, false))
}

/// Whether a signal is ignored now, by [`ignore`] or since the process was started.
///
/// # Go
/// `signal.Ignored`.
pub fn is_ignored(signal: Signal) -> bool {
    TABLE.lock().is_ignored(signal)
}

/// Has `f` called by the thread that waits for signals, when one of these comes that nobody listens
/// to and that ends the process by default. Those that do something else are left alone.
pub(crate) fn on_end(signals: &[Signal], f: fn(Signal)) -> Result<(), SignalError> {
    change(|table| table.tell_of_end(signals, f))
}

/// Has `f` called by the thread that waits for signals whenever this one comes, also when somebody
/// listens to it, but not while it is ignored. It must not take long.
pub(crate) fn watch(
    signal: Signal,
    f: impl Fn(Signal) + Send + Sync + 'static,
) -> Result<Watch, SignalError> {
    change(|table| table.watch(signal, Arc::new(f))).map(Watch)
}

/// Ends with the call of [`watch`] that returned it.
pub(crate) struct Watch(u64);

impl Drop for Watch {
    fn drop(&mut self) {
        // What it calls is dropped when the table is unlocked.
        drop(change(|table| table.unwatch(self.0)));
    }
}

/// Signals that are listened to; see [`notify`]. When it is dropped they are not any more, and its
/// channel is closed.
///
/// # Go
/// The channel that `signal.Notify` is given. Dropping is `signal.Stop`.
#[must_use = "nobody listens any more when this is dropped"]
pub struct Signals {
    receiver: Receiver<Signal>,
    number: u64,
}

impl Signals {
    /// The channel, for [`select!`](crate::select!) and everything else that channels can do. It
    /// belongs to no test bubble: whoever waits for a signal is not durably blocked.
    pub fn receiver(&self) -> &Receiver<Signal> {
        &self.receiver
    }

    /// Waits for the next signal.
    pub fn recv(&self) -> Signal {
        self.receiver.recv().expect("the channel is open as long as this is there")
    }

    /// The next signal, if it is there already.
    pub fn try_recv(&self) -> Option<Signal> {
        self.receiver.try_recv().ok()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let sender = change(|table| table.unlisten(self.number));
        // Nothing comes after this, though the thread may be about to send.
        sender.map(|sender| sender.close());
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("waiting", &self.receiver.len()).finish_non_exhaustive()
    }
}

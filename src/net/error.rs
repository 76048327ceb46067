//! What goes wrong beyond what the system reports.

use std::error::Error;
use std::fmt;
use std::io;

use crate::sched::netpoll::Refusal;

/// Within an [`io::Error`]: the socket was closed by its `close`, before the call or during it.
///
/// The error's kind is [`NotConnected`](io::ErrorKind::NotConnected).
///
/// # Examples
/// ```
/// use gort::net::{ClosedError, TcpListener};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// listener.close()?;
/// let error = listener.accept().unwrap_err();
/// assert!(error.get_ref().is_some_and(|inner| inner.is::<ClosedError>()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Go
/// `net.ErrClosed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClosedError;

impl fmt::Display for ClosedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("use of closed network connection")
    }
}

impl Error for ClosedError {}

impl From<Refusal> for io::Error {
    #[cold]
    fn from(refusal: Refusal) -> io::Error {
        match refusal {
            Refusal::Closed => io::Error::new(io::ErrorKind::NotConnected, ClosedError),
            Refusal::TimedOut => io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"),
        }
    }
}

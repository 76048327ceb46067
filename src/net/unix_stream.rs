//! [`UnixStream`]: a connection to a socket of this machine.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use super::left_some_of_others;
use super::polled::Polled;
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::blocking::blocking;
use crate::sched::netpoll::Side;
use crate::sys::socket::{self, of_std};
use crate::time::Instant;

/// A connection to a socket of this machine.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use gort::net::UnixStream;
///
/// let (mut one, mut other) = UnixStream::pair()?;
/// one.write_all(b"hello")?;
/// drop(one);
/// let mut text = String::new();
/// other.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Go
/// `net.UnixConn` of network `unix`.
pub struct UnixStream {
    pub(super) io: Polled<net::UnixStream>,
}

socket!(UnixStream, net::UnixStream);
reads!(UnixStream);
writes!(UnixStream);
stream!(UnixStream, left_some_of_others);

impl UnixStream {
    /// Connects to the socket with this path.
    ///
    /// # Errors
    /// When nobody listens there, or the system refuses.
    ///
    /// # Go
    /// `net.Dial("unix", …)`.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Connects to the socket with this address, for instance an abstract one.
    ///
    /// # Errors
    /// As for [`connect`](UnixStream::connect).
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        match socket::connect_unix(address) {
            // The listener's queue is full, and nothing tells when it is not any more.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let connect = || net::UnixStream::connect_addr(address);
                UnixStream::from_std(blocking(|| of_std(connect))?)
            }
            connected => Ok(UnixStream { io: Polled::register(connected?.into())? }),
        }
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = of_std(net::UnixStream::pair)?;
        Ok((UnixStream::from_std(one)?, UnixStream::from_std(other)?))
    }

    std_calls! {
        /// The peer's address.
        peer_addr() -> SocketAddr;
        /// Our own address.
        local_addr() -> SocketAddr;
    }
}

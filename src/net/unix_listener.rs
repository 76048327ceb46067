//! [`UnixListener`]: where connections of this machine come in.

use std::fmt;
use std::io::{self, ErrorKind};
use std::iter::FusedIterator;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};

use super::polled::Polled;
use super::unix_stream::UnixStream;
use crate::sched::netpoll::Side;
use crate::sys::socket::{self, of_std};
use crate::time::Instant;

/// Where connections of this machine come in. The path stays when it is dropped, as in std.
///
/// # Go
/// `net.UnixListener`, which removes the path when it is closed.
pub struct UnixListener {
    io: Polled<net::UnixListener>,
}

socket!(UnixListener, net::UnixListener);

impl UnixListener {
    /// Listens at this path, which must not exist.
    ///
    /// # Errors
    /// When the system refuses.
    ///
    /// # Go
    /// `net.Listen("unix", …)`.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::listen(|| net::UnixListener::bind(path))
    }

    /// Listens at this address, for instance an abstract one.
    ///
    /// # Errors
    /// As for [`bind`](UnixListener::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::listen(|| net::UnixListener::bind_addr(address))
    }

    fn listen(bind: impl FnOnce() -> io::Result<net::UnixListener>) -> io::Result<UnixListener> {
        let listener = of_std(bind)?;
        socket::lengthen_backlog(listener.as_fd())?;
        UnixListener::from_std(listener)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// When there is no descriptor left for it, the deadline has passed, or the listener was closed.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let std = self.io.std();
        let (stream, address) = self.io.call(Side::Read, |_| accept(std), |_| true)?;
        Ok((UnixStream::from_std(stream)?, address))
    }

    /// Takes a connection, without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) if there is none;
    /// [`poll_accept_ready`](UnixListener::poll_accept_ready) then waits for one.
    pub fn try_accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let std = self.io.std();
        let (stream, address) = self.io.try_call(Side::Read, |_| accept(std), |_| true)?;
        Ok((UnixStream::from_std(stream)?, address))
    }

    /// The connections, one after the other, without end. An error is an item as well.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    ready! {
        poll_accept_ready, Side::Read,
        "Ready once [`try_accept`](Self::try_accept) may find a connection."
    }

    deadline! {
        set_deadline, Side::Read, "Until when `accept` may wait",
        "`SetDeadline` of a `net.UnixListener`."
    }

    std_calls! {
        /// Where it listens.
        local_addr() -> SocketAddr;
    }
}

fn accept(listener: &net::UnixListener) -> io::Result<(net::UnixStream, SocketAddr)> {
    loop {
        match of_std(|| listener.accept()) {
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            other => return other,
        }
    }
}

/// The connections of a [`UnixListener`]. From [`UnixListener::incoming`].
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for UnixIncoming<'_> {}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> UnixIncoming<'a> {
        self.incoming()
    }
}

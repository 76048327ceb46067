//! [`TcpListener`]: where TCP connections come in.

use std::fmt;
use std::io::{self, ErrorKind};
use std::iter::FusedIterator;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

use super::lookup;
use super::polled::Polled;
use super::tcp_stream::TcpStream;
use crate::sched::netpoll::Side;
use crate::sys::socket;
use crate::time::Instant;

/// Where TCP connections come in.
///
/// Several goroutines may accept from one listener. Where the process or the system has no
/// descriptors left, `accept` says so (`EMFILE`, `ENFILE`), the connection waits on in the queue,
/// and the next call tries again: a server that loops waits a little before that.
///
/// # Examples
/// ```no_run
/// use std::io::{Read, Write};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let listener = gort::net::TcpListener::bind("127.0.0.1:7777").unwrap();
///         for connection in listener.incoming() {
///             let mut connection = connection.unwrap();
///             gort::go(move || {
///                 let mut buf = [0; 4096];
///                 while let Ok(n @ 1..) = connection.read(&mut buf) {
///                     connection.write_all(&buf[..n]).unwrap();
///                 }
///             });
///         }
///     })
/// }
/// ```
///
/// # Go
/// `net.TCPListener`.
pub struct TcpListener {
    io: Polled<std::net::TcpListener>,
}

socket!(TcpListener, std::net::TcpListener);

impl TcpListener {
    /// Listens at the first of the addresses that can be had; port 0 is any free one. The queue of
    /// connections to be accepted is as long as the system allows, at most 4,096.
    ///
    /// # Errors
    /// With the last address's error, or when the name is not known.
    ///
    /// # Go
    /// `net.Listen("tcp", …)`.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        lookup::each(address, |address| {
            let listener = crate::sys::socket::of_std(|| std::net::TcpListener::bind(address))?;
            socket::lengthen_backlog(listener.as_fd())?;
            TcpListener::from_std(listener)
        })
    }

    /// Waits for a connection. One that its peer has given up meanwhile is skipped.
    ///
    /// # Errors
    /// When there is no descriptor left for it, the deadline has passed, or the listener was closed.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, address) = self.io.call(Side::Read, accept, |_| true)?;
        Ok((TcpStream::accepted(socket)?, address))
    }

    /// Takes a connection, without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) if there is none;
    /// [`poll_accept_ready`](TcpListener::poll_accept_ready) then waits for one.
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, address) = self.io.try_call(Side::Read, accept, |_| true)?;
        Ok((TcpStream::accepted(socket)?, address))
    }

    /// The connections, one after the other, without end. An error is an item as well.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// As [`incoming`](TcpListener::incoming), with the listener in it.
    pub fn into_incoming(self) -> IntoIncoming {
        IntoIncoming { listener: self }
    }

    ready! {
        poll_accept_ready, Side::Read,
        "Ready once [`try_accept`](Self::try_accept) may find a connection."
    }

    deadline! {
        set_deadline, Side::Read, "Until when `accept` may wait",
        "`SetDeadline` of a `net.TCPListener`."
    }

    std_calls! {
        /// Where it listens.
        local_addr() -> SocketAddr;
        /// How many hops what is sent may take.
        set_ttl(ttl: u32) -> ();
        /// What [`set_ttl`](TcpListener::set_ttl) has set.
        ttl() -> u32;
    }
}

fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    loop {
        match socket::accept(fd) {
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            other => return other,
        }
    }
}

/// The connections of a [`TcpListener`]. From [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}

impl<'a> IntoIterator for &'a TcpListener {
    type Item = io::Result<TcpStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

/// The connections of a [`TcpListener`]. From [`TcpListener::into_incoming`].
#[derive(Debug)]
pub struct IntoIncoming {
    listener: TcpListener,
}

impl Iterator for IntoIncoming {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for IntoIncoming {}

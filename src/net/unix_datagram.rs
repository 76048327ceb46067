//! [`UnixDatagram`]: datagrams between sockets of this machine.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use super::polled::Polled;
use crate::sched::netpoll::Side;
use crate::sys::socket::{self, of_std};
use crate::time::Instant;

/// How long to wait before a full receiver is tried again, at first and at most.
const FULL: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(10));

/// A socket that sends and receives datagrams on this machine.
///
/// # Examples
/// ```
/// use gort::net::UnixDatagram;
///
/// let (one, other) = UnixDatagram::pair()?;
/// one.send(b"hello")?;
/// let mut buf = [0; 16];
/// assert_eq!(other.recv(&mut buf)?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Go
/// `net.UnixConn` of network `unixgram`.
pub struct UnixDatagram {
    io: Polled<net::UnixDatagram>,
}

socket!(UnixDatagram, net::UnixDatagram);
reads!(UnixDatagram);
writes!(UnixDatagram);
datagrams!(UnixDatagram, SocketAddr, socket::to_unix);

impl UnixDatagram {
    /// A socket at this path, which must not exist.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(of_std(|| net::UnixDatagram::bind(path))?)
    }

    /// A socket at this address, for instance an abstract one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(of_std(|| net::UnixDatagram::bind_addr(address))?)
    }

    /// A socket without an address.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(of_std(net::UnixDatagram::unbound)?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = of_std(net::UnixDatagram::pair)?;
        Ok((UnixDatagram::from_std(one)?, UnixDatagram::from_std(other)?))
    }

    /// Sets the peer: [`send`](UnixDatagram::send) goes to it.
    ///
    /// # Errors
    /// When there is no such socket.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.io.at_once(|socket| socket.connect(path))
    }

    /// As [`connect`](UnixDatagram::connect), to an address.
    ///
    /// # Errors
    /// When there is no such socket.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.io.at_once(|socket| socket.connect_addr(address))
    }

    /// Sends a datagram to the socket with this path.
    ///
    /// # Errors
    /// When there is no such socket, or the system refuses.
    pub fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
    }

    /// Sends a datagram to the socket with this address.
    ///
    /// Nothing tells a sender when a receiver that it is not connected to has room again: while it
    /// is full it is tried again and again, ever less often, up to every 10 ms.
    ///
    /// # Errors
    /// When there is no such socket, or the system refuses.
    pub fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        let (mut pause, most) = FULL;
        let start = Instant::now();
        loop {
            match self.try_send_to_addr(buf, address) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.io.check(Side::Write, start)?;
                    crate::sleep(pause);
                    pause = (2 * pause).min(most);
                }
                other => return other,
            }
        }
    }

    /// As [`send_to_addr`](UnixDatagram::send_to_addr), without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) if there is no room.
    pub fn try_send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        let to = socket::of_unix(address)?;
        self.io.try_call(Side::Write, |fd| socket::send_to(fd, buf, &to), |_| true)
    }

    std_calls! {
        /// The address that it was connected to.
        peer_addr() -> SocketAddr;
        /// Our own address.
        local_addr() -> SocketAddr;
        /// Ends receiving, sending or both.
        shutdown(how: Shutdown) -> ();
    }
}

//! [`TcpStream`]: a TCP connection.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};
use std::time::Duration;

use super::polled::Polled;
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{left_some_of_tcp, lookup};
use crate::sched::netpoll::Side;
use crate::sys::socket;
use crate::time::Instant;

/// A TCP connection.
///
/// Reading and writing wait for the goroutine only; on a plain thread, for the thread. One
/// goroutine may read while another writes, by a reference, [`split`](TcpStream::split) or
/// [`try_clone`](TcpStream::try_clone). `TCP_NODELAY` is as the system has it, off, unless it is set.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use gort::net::{TcpListener, TcpStream};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let listener = TcpListener::bind("127.0.0.1:0").unwrap();
///         let address = listener.local_addr().unwrap();
///         gort::go(move || {
///             let (mut connection, _) = listener.accept().unwrap();
///             connection.write_all(b"hello").unwrap();
///         });
///         let mut text = String::new();
///         TcpStream::connect(address).unwrap().read_to_string(&mut text).unwrap();
///         assert_eq!(text, "hello");
///     })
/// }
/// ```
///
/// # Go
/// `net.TCPConn`.
pub struct TcpStream {
    pub(super) io: Polled<std::net::TcpStream>,
}

socket!(TcpStream, std::net::TcpStream);
reads!(TcpStream);
writes!(TcpStream);
stream!(TcpStream, left_some_of_tcp);

impl TcpStream {
    /// Connects, to the first of the addresses that answers.
    ///
    /// # Errors
    /// With the last address's error, or when the name is not known.
    ///
    /// # Go
    /// `net.Dial("tcp", …)`, but one address after the other.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        lookup::each(address, |address| Connecting::begin(address)?.finish())
    }

    /// Connects within a time.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) when it takes longer, `InvalidInput` for a timeout of zero,
    /// or whatever the network says.
    ///
    /// # Go
    /// `net.DialTimeout`.
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout == Duration::ZERO {
            return Err(io::Error::new(ErrorKind::InvalidInput, "cannot set a 0 duration timeout"));
        }
        let connecting = Connecting::begin(address)?;
        connecting.0.io.set_deadline(Side::Write, Instant::now().checked_add(timeout));
        let stream = connecting.finish()?;
        stream.set_write_deadline(None);
        Ok(stream)
    }

    pub(super) fn accepted(socket: OwnedFd) -> io::Result<TcpStream> {
        Ok(TcpStream { io: Polled::register(socket.into())? })
    }

    std_calls! {
        /// The peer's address.
        peer_addr() -> SocketAddr;
        /// Our own address.
        local_addr() -> SocketAddr;
        /// Sends small pieces at once (true), or collects them (false, as at first).
        set_nodelay(nodelay: bool) -> ();
        /// What [`set_nodelay`](TcpStream::set_nodelay) has set.
        nodelay() -> bool;
        /// How many hops what is sent may take.
        set_ttl(ttl: u32) -> ();
        /// What [`set_ttl`](TcpStream::set_ttl) has set.
        ttl() -> u32;
    }
}

/// A connection that is being made.
struct Connecting(TcpStream);

impl Connecting {
    fn begin(address: &SocketAddr) -> io::Result<Connecting> {
        Ok(Connecting(TcpStream::accepted(socket::begin_connect(address)?)?))
    }

    fn finish(self) -> io::Result<TcpStream> {
        let is_connected = |_: BorrowedFd<'_>| match self.0.take_error()? {
            Some(error) => Err(error),
            None => match self.0.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    Err(ErrorKind::WouldBlock.into())
                }
                other => other.map(drop),
            },
        };
        self.0.io.call(Side::Write, is_connected, |()| true)?;
        Ok(self.0)
    }
}

//! The network: sockets with std's signatures, for which only the goroutine waits.
//!
//! They look as if they blocked. Beneath, each socket is registered once with the system's `epoll`,
//! and a call that cannot go on parks its goroutine until the scheduler, which polls as it looks for
//! work, readies it. On a plain thread the same calls block the thread.
//!
//! Differences from std: a timeout gives [`TimedOut`](std::io::ErrorKind::TimedOut), everywhere;
//! there are deadlines beside timeouts, and `close`, which ends what others wait for; names are
//! looked up by [`blocking`](crate::blocking()), so that nobody waits for the name server but who
//! asks. For futures, such as hyper's, there are `poll_…_ready` and `try_…` calls.
//!
//! A socket may be used by several goroutines at once. Where several read (or accept) they wait in a
//! queue, first come, first served.

#[macro_use]
mod common;
mod error;
mod lookup;
mod polled;
mod split;
mod tcp_listener;
mod tcp_stream;
mod udp_socket;
mod unix_datagram;
mod unix_listener;
mod unix_stream;

pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
    ToSocketAddrs,
};

pub use error::ClosedError;
pub use split::{Duplex, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp_listener::{Incoming, IntoIncoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use udp_socket::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::{UnixIncoming, UnixListener};
pub use unix_stream::UnixStream;

/// Whether more may be there after a call on a TCP stream moved `n` of `len` bytes: what moves less
/// has emptied or filled the socket, as epoll(7) has it. (At the end of the data there is always
/// "more": the end.)
fn left_some_of_tcp(n: usize, len: usize) -> bool {
    n == len || n == 0
}

/// Other streams may stop earlier, at a message that carries descriptors for instance.
fn left_some_of_others(_n: usize, _len: usize) -> bool {
    true
}

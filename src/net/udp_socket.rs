//! [`UdpSocket`]: datagrams over IP.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};
use std::time::Duration;

use super::lookup;
use super::polled::Polled;
use crate::sched::netpoll::Side;
use crate::sys::socket::{self, of_std};
use crate::time::Instant;

/// A UDP socket.
///
/// # Examples
/// ```
/// use gort::net::UdpSocket;
///
/// let one = UdpSocket::bind("127.0.0.1:0")?;
/// let other = UdpSocket::bind("127.0.0.1:0")?;
/// one.send_to(b"hello", other.local_addr()?)?;
/// let mut buf = [0; 16];
/// let (n, from) = other.recv_from(&mut buf)?;
/// assert_eq!((&buf[..n], from), (&b"hello"[..], one.local_addr()?));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Go
/// `net.UDPConn`.
pub struct UdpSocket {
    io: Polled<std::net::UdpSocket>,
}

socket!(UdpSocket, std::net::UdpSocket);
reads!(UdpSocket);
writes!(UdpSocket);
datagrams!(UdpSocket, SocketAddr, socket::to_ip);

impl UdpSocket {
    /// A socket at the first of the addresses that can be had; port 0 is any free one.
    ///
    /// # Errors
    /// With the last address's error, or when the name is not known.
    ///
    /// # Go
    /// `net.ListenUDP`.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        lookup::each(address, |address| {
            UdpSocket::from_std(of_std(|| std::net::UdpSocket::bind(address))?)
        })
    }

    /// Sends a datagram to the first of the addresses.
    ///
    /// # Errors
    /// When the name is not known, the datagram is too long, or the network refuses it.
    pub fn send_to(&self, buf: &[u8], address: impl ToSocketAddrs) -> io::Result<usize> {
        let to = lookup::first_address(address)?.into();
        self.io.call(Side::Write, |fd| socket::send_to(fd, buf, &to), |_| true)
    }

    /// As [`send_to`](UdpSocket::send_to), without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
    pub fn try_send_to(&self, buf: &[u8], address: SocketAddr) -> io::Result<usize> {
        let to = address.into();
        self.io.try_call(Side::Write, |fd| socket::send_to(fd, buf, &to), |_| true)
    }

    /// As [`recv_from`](UdpSocket::recv_from), but does not take the datagram out of the socket.
    ///
    /// # Errors
    /// As for [`recv_from`](UdpSocket::recv_from).
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let call = |fd: BorrowedFd<'_>| socket::recv_from(fd, buf, true);
        let (n, from) = self.io.call(Side::Read, call, |_| true)?;
        Ok((n, socket::to_ip(&from)?))
    }

    /// Sets the peer: [`send`](UdpSocket::send) and [`recv`](UdpSocket::recv) are with it alone.
    ///
    /// # Errors
    /// With the last address's error, or when the name is not known.
    pub fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        lookup::each(address, |address| self.io.at_once(|socket| socket.connect(address)))
    }

    std_calls! {
        /// The address that it was connected to.
        peer_addr() -> SocketAddr;
        /// Our own address.
        local_addr() -> SocketAddr;
        /// Allows sending to broadcast addresses.
        set_broadcast(broadcast: bool) -> ();
        /// What [`set_broadcast`](UdpSocket::set_broadcast) has set.
        broadcast() -> bool;
        /// Whether one's own multicasts come back, for IPv4.
        set_multicast_loop_v4(comes_back: bool) -> ();
        /// What [`set_multicast_loop_v4`](UdpSocket::set_multicast_loop_v4) has set.
        multicast_loop_v4() -> bool;
        /// How many hops multicasts may take, for IPv4.
        set_multicast_ttl_v4(ttl: u32) -> ();
        /// What [`set_multicast_ttl_v4`](UdpSocket::set_multicast_ttl_v4) has set.
        multicast_ttl_v4() -> u32;
        /// Whether one's own multicasts come back, for IPv6.
        set_multicast_loop_v6(comes_back: bool) -> ();
        /// What [`set_multicast_loop_v6`](UdpSocket::set_multicast_loop_v6) has set.
        multicast_loop_v6() -> bool;
        /// How many hops what is sent may take.
        set_ttl(ttl: u32) -> ();
        /// What [`set_ttl`](UdpSocket::set_ttl) has set.
        ttl() -> u32;
        /// Joins a multicast group at the interface with this address.
        join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
        /// Joins a multicast group at the interface with this number, 0 for any.
        join_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
        /// Leaves a multicast group.
        leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
        /// Leaves a multicast group.
        leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
    }
}

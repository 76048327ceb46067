//! What std's sockets do not offer without blocking: calls that return at once whatever the
//! descriptor's own mode is, an accepted socket in one call, connecting in the background.

use std::ffi::OsStr;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

/// How many connections may wait to be accepted; the kernel has a limit of its own (`somaxconn`).
const BACKLOG: libc::c_int = 4096;

/// The most buffers of one vectored call.
const MAX_SLICES: usize = 1024;

/// Receives what is there; with `peek` it stays there.
#[inline(never)]
pub(crate) fn recv(fd: BorrowedFd<'_>, buf: &mut [u8], peek: bool) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | if peek { libc::MSG_PEEK } else { 0 };
    // SAFETY: the buffer is there for the call.
    match unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

/// As [`recv`], into memory that need not be initialized: as many bytes of it are as are received.
#[cfg(feature = "http")]
#[inline(never)]
pub(crate) fn recv_uninit(fd: BorrowedFd<'_>, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: as in `recv`; the kernel writes only.
    match unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

/// Sends what there is room for. A peer that is gone is an error, not a signal.
#[inline(never)]
pub(crate) fn send(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: as in `recv`.
    match unsafe { libc::send(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len(), flags) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

/// As [`recv`], and says who it is from. Of datagrams.
#[inline(never)]
pub(crate) fn recv_from(
    fd: BorrowedFd<'_>,
    buf: &mut [u8],
    peek: bool,
) -> io::Result<(usize, SockAddr)> {
    let flags = libc::MSG_DONTWAIT | if peek { libc::MSG_PEEK } else { 0 };
    // SAFETY: the same bytes; the kernel writes initialized ones only.
    let buf = unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) };
    SockRef::from(&fd).recv_from_with_flags(buf, flags)
}

/// As [`send`], to this address.
#[inline(never)]
pub(crate) fn send_to(fd: BorrowedFd<'_>, buf: &[u8], to: &SockAddr) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    SockRef::from(&fd).send_to_with_flags(buf, to, flags)
}

/// As [`recv`], into several buffers.
#[inline(never)]
pub(crate) fn recv_vectored(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut message = message(bufs.as_mut_ptr().cast(), bufs.len());
    // SAFETY: an `IoSliceMut` is an iovec by its documentation; the buffers are there for the call.
    match unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

/// As [`send`], from several buffers.
#[inline(never)]
pub(crate) fn send_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let message = message(bufs.as_ptr().cast_mut().cast(), bufs.len());
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: as in `recv_vectored`; the kernel reads only.
    match unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

/// How many bytes a vectored call can move at most, of buffers with these lengths.
pub(crate) fn movable(lens: impl Iterator<Item = usize>) -> usize {
    lens.take(MAX_SLICES).sum()
}

fn message(slices: *mut libc::iovec, len: usize) -> libc::msghdr {
    // SAFETY: all zeroes are a message without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = slices;
    message.msg_iovlen = len.min(MAX_SLICES) as _;
    message
}

/// Takes a connection, whose descriptor does not block, and says who it is from.
#[inline(never)]
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: place and length are those of an address, which the kernel fills in.
    let accepted = unsafe {
        SockAddr::try_init(|address, len| {
            match libc::accept4(fd.as_raw_fd(), address.cast(), len, flags) {
                -1 => Err(io::Error::last_os_error()),
                // A descriptor that it returns is ours.
                fd => Ok(OwnedFd::from_raw_fd(fd)),
            }
        })
    };
    let (socket, address) = accepted?;
    let address = address.as_socket().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((socket, address))
}

/// Makes a listening socket's queue longer than std does.
#[inline(never)]
pub(crate) fn lengthen_backlog(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no pointers.
    match unsafe { libc::listen(fd.as_raw_fd(), BACKLOG) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Begins to connect a new TCP socket. It is writable at the end.
#[inline(never)]
pub(crate) fn begin_connect(address: &SocketAddr) -> io::Result<OwnedFd> {
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(*address), kind, Some(Protocol::TCP))?;
    let is_going_on =
        |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR));
    match socket.connect(&SockAddr::from(*address)) {
        Ok(()) => Ok(socket.into()),
        Err(error) if is_going_on(&error) => Ok(socket.into()),
        Err(error) => Err(error),
    }
}

/// Connects a new Unix socket, which does not block: at once, if the listener has room.
#[inline(never)]
pub(crate) fn connect_unix(address: &unix::net::SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.connect(&of_unix(address)?)?;
    Ok(socket.into())
}

/// An address as the system has it.
pub(crate) fn of_unix(address: &unix::net::SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = address.as_pathname() {
        return SockAddr::unix(path);
    }
    // It begins with a zero byte.
    let name = address.as_abstract_name().ok_or(io::ErrorKind::InvalidInput)?;
    let path: Vec<u8> = std::iter::once(0).chain(name.iter().copied()).collect();
    SockAddr::unix(OsStr::from_bytes(&path))
}

/// Where a datagram of this machine is from; mostly from a socket without an address.
pub(crate) fn to_unix(address: &SockAddr) -> io::Result<unix::net::SocketAddr> {
    match address.as_abstract_namespace() {
        Some(name) => unix::net::SocketAddr::from_abstract_name(name),
        None => {
            unix::net::SocketAddr::from_pathname(address.as_pathname().unwrap_or(Path::new("")))
        }
    }
}

/// Where a datagram is from.
pub(crate) fn to_ip(address: &SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Lets the descriptor's number stand for another file, at once: what it stood for is closed, if
/// that was its last descriptor.
#[inline(never)]
pub(crate) fn replace(fd: RawFd, by: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no pointers; both descriptors are open.
    match unsafe { libc::dup3(by.as_raw_fd(), fd, libc::O_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A socket that is connected to nothing and never will be.
pub(crate) fn unconnected() -> io::Result<OwnedFd> {
    Ok(Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?.into())
}

/// Blocks the thread until one descriptor is ready, at most for `timeout`.
#[inline(never)]
pub(crate) fn wait_for_one(fd: RawFd, write: bool, timeout: Duration) {
    let events = if write { libc::POLLOUT } else { libc::POLLIN | libc::POLLRDHUP };
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    let timeout_ms = timeout.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(libc::c_int::MAX);
    // SAFETY: one entry, which is there for the call. An error is as good as being ready: the
    // caller tries again.
    unsafe { libc::poll(&raw mut poll, 1, timeout_ms) };
}

/// Calls std for something that returns at once. It reads `errno` on the thread that it began on.
#[inline(never)]
pub(crate) fn of_std<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    call()
}

//! A socket of std's with its place in the network poller: calls that wait, calls that do not, and
//! waiting alone.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::sched::netpoll::{Refusal, Registration, Side, Waiting};
use crate::sched::timers::NEVER;
use crate::sys::socket::of_std;
use crate::time::Instant;

/// What the sockets of std have in common.
pub(super) trait StdSocket: AsFd {
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
}

macro_rules! std_sockets {
    ($($socket:ty),*) => { $(
        impl StdSocket for $socket {
            fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                of_std(|| <$socket>::set_nonblocking(self, nonblocking))
            }
        }
    )* };
}

std_sockets! {
    std::net::TcpListener, std::net::TcpStream, std::net::UdpSocket,
    std::os::unix::net::UnixListener, std::os::unix::net::UnixStream,
    std::os::unix::net::UnixDatagram
}

/// See the module documentation.
pub(super) struct Polled<S> {
    /// It goes first: the descriptor is still open then.
    registration: Registration,
    socket: S,
}

impl<S: StdSocket> Polled<S> {
    /// Takes a socket over.
    pub(super) fn new(socket: S) -> io::Result<Polled<S>> {
        socket.set_nonblocking(true)?;
        Polled::register(socket)
    }

    /// Takes over a socket that does not block.
    pub(super) fn register(socket: S) -> io::Result<Polled<S>> {
        let registration = Registration::new(socket.as_fd())?;
        Ok(Polled { registration, socket })
    }

    /// Gives the socket back, as std has it.
    pub(super) fn into_std(self) -> io::Result<S> {
        let Polled { registration, socket } = self;
        let is_closed = registration.is_closed();
        drop(registration);
        if !is_closed {
            socket.set_nonblocking(false)?;
        }
        Ok(socket)
    }
}

impl<S: AsFd> Polled<S> {
    pub(super) fn std(&self) -> &S {
        &self.socket
    }

    /// Makes a call that may have to wait until the socket is ready, and so often as it takes.
    /// `left_some` says whether the next call may find something as well.
    #[inline]
    pub(super) fn call<T>(
        &self,
        side: Side,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
        left_some: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        let place = &self.registration;
        let would_block = |result: &io::Result<T>| {
            result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        let mut waiting = Waiting::default();
        let result = loop {
            if let Err(refusal) = place.check(side) {
                break Err(refusal.into());
            }
            if place.look_if_ready(side).is_some() {
                let result = self.try_call(side, &mut call, &left_some);
                if !would_block(&result) {
                    break result;
                }
            }
            let Err(refusal) = place.wait(side, &mut waiting) else { continue };
            if refusal == Refusal::TimedOut {
                // What has come may not have been polled yet.
                let result = self.try_call(side, &mut call, &left_some);
                if !would_block(&result) {
                    break result;
                }
            }
            break Err(self.explain(refusal.into()));
        };
        if waiting.has_waited {
            place.pass_on(side);
        }
        result
    }

    /// As [`Polled::call`], but it does not wait.
    pub(super) fn try_call<T>(
        &self,
        side: Side,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
        left_some: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        let place = &self.registration;
        loop {
            if place.is_closed() {
                return Err(io::Error::from(Refusal::Closed));
            }
            let look = place.look(side);
            match call(self.socket.as_fd()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() == ErrorKind::WouldBlock {
                        place.found_nothing(side, look);
                    }
                    return Err(self.explain(error));
                }
                Ok(value) => {
                    if !left_some(&value) {
                        place.found_less(side, look);
                    }
                    return Ok(value);
                }
            }
        }
    }

    /// A call that std makes at once.
    pub(super) fn at_once<T>(&self, call: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        if self.registration.is_closed() {
            return Err(Refusal::Closed.into());
        }
        of_std(|| call(&self.socket)).map_err(|error| self.explain(error))
    }

    /// An error of a call during which the socket was closed means that.
    fn explain(&self, error: io::Error) -> io::Error {
        if self.registration.is_closed() {
            return Refusal::Closed.into();
        }
        error
    }

    /// Whether a call that began at `start` may go on.
    pub(super) fn check(&self, side: Side, start: Instant) -> io::Result<()> {
        self.registration.check(side)?;
        match self.timeout(side) {
            Some(timeout) if start.elapsed() >= timeout => Err(Refusal::TimedOut.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn poll_ready(&self, side: Side, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(side, cx).map_err(io::Error::from)
    }

    pub(super) fn close(&self) -> io::Result<()> {
        self.registration.close().map(drop)
    }

    /// # Errors
    /// When the timeout is zero, as in std.
    pub(super) fn set_timeout(&self, side: Side, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            let what = "a timeout of zero: use the calls that do not wait";
            return Err(io::Error::new(ErrorKind::InvalidInput, what));
        }
        let ns = timeout.map_or(0, |t| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX));
        self.registration.set_timeout_ns(side, ns);
        Ok(())
    }

    pub(super) fn timeout(&self, side: Side) -> Option<Duration> {
        let ns = self.registration.timeout_ns(side);
        (ns != 0).then_some(Duration::from_nanos(ns))
    }

    pub(super) fn set_deadline(&self, side: Side, deadline: Option<Instant>) {
        self.registration.set_deadline_ns(side, deadline.map_or(NEVER, Instant::ns));
    }

    /// The timeouts of another descriptor of the same socket, where std keeps them in the socket.
    pub(super) fn with_timeouts_of(self, other: &Polled<S>) -> Polled<S> {
        for side in [Side::Read, Side::Write] {
            match other.registration.timeout_ns(side) {
                0 => {}
                timeout_ns => self.registration.set_timeout_ns(side, timeout_ns),
            }
        }
        self
    }
}

impl<S: AsFd> AsFd for Polled<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<S: AsFd> AsRawFd for Polled<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_fd().as_raw_fd()
    }
}

impl<S: fmt::Debug> fmt::Debug for Polled<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

//! Readiness of file descriptors: `epoll(7)`, and an `eventfd(2)` that interrupts a wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Events taken at a time.
const BATCH: usize = 128;
/// What the events of the eventfd carry.
const INTERRUPT: u64 = u64::MAX;

/// An epoll instance and its interruption.
pub(crate) struct Epoll {
    fd: OwnedFd,
    eventfd: OwnedFd,
}

/// What an event says of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Data, the end of it, or an error.
    pub(crate) read: bool,
    /// Room for data, or an error.
    pub(crate) write: bool,
    /// More than that: an end, an error, urgent data.
    pub(crate) is_odd: bool,
}

/// Events, as the kernel fills them in.
pub(crate) struct Events {
    events: [MaybeUninit<libc::epoll_event>; BATCH],
    len: usize,
    /// The wait was interrupted.
    interrupted: bool,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        let epoll = Epoll { fd: create()?, eventfd: create_eventfd()? };
        let flags = libc::EPOLLIN as u32;
        control(&epoll, libc::EPOLL_CTL_ADD, epoll.eventfd.as_raw_fd(), flags, INTERRUPT)?;
        Ok(epoll)
    }

    /// Registers a descriptor for both directions, edge-triggered; its events carry `data`.
    pub(crate) fn add(&self, fd: RawFd, data: u64) -> io::Result<()> {
        debug_assert!(data != INTERRUPT);
        let flags = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLPRI;
        control(self, libc::EPOLL_CTL_ADD, fd, (flags | libc::EPOLLET) as u32, data)
    }

    /// Takes a descriptor out.
    pub(crate) fn delete(&self, fd: RawFd) -> io::Result<()> {
        control(self, libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Ends a wait that is going on or else the next one. Waits with a timeout of zero do not count.
    #[inline(never)]
    pub(crate) fn interrupt(&self) {
        let one = 1_u64;
        // SAFETY: eight bytes, as an eventfd wants them. It can fail only if it is full, when it
        // interrupts as well.
        unsafe { libc::write(self.eventfd.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    #[inline(never)]
    fn reset(&self) {
        let mut count = 0_u64;
        // SAFETY: room for eight bytes. Empty is as good as emptied.
        unsafe { libc::read(self.eventfd.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl Events {
    pub(crate) fn new() -> Events {
        Events { events: [MaybeUninit::uninit(); BATCH], len: 0, interrupted: false }
    }

    /// Waits for events, at most for `timeout`, or until it is interrupted or a signal comes.
    pub(crate) fn wait(&mut self, epoll: &Epoll, timeout: Option<Duration>) {
        let fd = epoll.fd.as_raw_fd();
        self.len = match timeout {
            Some(Duration::ZERO) => wait_ms(fd, &mut self.events, 0),
            timeout => wait_ns(fd, &mut self.events, timeout),
        };
        self.interrupted = self.raw().iter().any(|event| event.u64 == INTERRUPT);
        if self.interrupted && timeout != Some(Duration::ZERO) {
            epoll.reset();
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == usize::from(self.interrupted)
    }

    /// How many there are, with the interruption.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What the registered descriptors carry, and what happened to them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Ready)> {
        let events = self.raw().iter().map(|event| (event.u64, Ready::of(event.events)));
        events.filter(|(data, _)| *data != INTERRUPT)
    }

    fn raw(&self) -> &[libc::epoll_event] {
        // SAFETY: the kernel has filled in so many.
        unsafe { std::slice::from_raw_parts(self.events.as_ptr().cast(), self.len) }
    }
}

impl Ready {
    fn of(events: u32) -> Ready {
        let has = |flags: libc::c_int| events & flags as u32 != 0;
        let failed = has(libc::EPOLLERR | libc::EPOLLHUP);
        Ready {
            read: failed || has(libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLPRI),
            write: failed || has(libc::EPOLLOUT),
            is_odd: has(!(libc::EPOLLIN | libc::EPOLLOUT)),
        }
    }
}

#[inline(never)]
fn create() -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a descriptor that it returns is ours.
    match unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: as above.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

#[inline(never)]
fn create_eventfd() -> io::Result<OwnedFd> {
    // SAFETY: as in `create`.
    match unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: as above.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

#[inline(never)]
fn control(epoll: &Epoll, op: libc::c_int, fd: RawFd, events: u32, data: u64) -> io::Result<()> {
    let mut event = libc::epoll_event { events, u64: data };
    // SAFETY: the event is valid for the call; a wrong descriptor is an error return.
    match unsafe { libc::epoll_ctl(epoll.fd.as_raw_fd(), op, fd, &raw mut event) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

type Places = [MaybeUninit<libc::epoll_event>; BATCH];

/// Returns how many events there are, 0 on any error: the only one that can be is an interruption.
#[inline(never)]
fn wait_ms(fd: RawFd, places: &mut Places, timeout_ms: libc::c_int) -> usize {
    // SAFETY: the places are there for the call.
    let n = unsafe {
        libc::epoll_wait(fd, places.as_mut_ptr().cast(), BATCH as libc::c_int, timeout_ms)
    };
    usize::try_from(n).unwrap_or(0)
}

/// As [`wait_ms`], to the nanosecond where the kernel can.
#[inline(never)]
fn wait_ns(fd: RawFd, places: &mut Places, timeout: Option<Duration>) -> usize {
    static IS_OLD: AtomicBool = AtomicBool::new(false);
    if IS_OLD.load(Ordering::Relaxed) {
        return wait_ms(fd, places, whole_ms(timeout));
    }
    let time = timeout.map(|t| libc::timespec {
        tv_sec: t.as_secs().min(i64::MAX as u64 / 2) as libc::time_t,
        tv_nsec: t.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let (places_at, none) = (places.as_mut_ptr(), std::ptr::null::<libc::sigset_t>());
    // SAFETY: places and time are there for the call; no signal mask.
    let n =
        unsafe { libc::syscall(libc::SYS_epoll_pwait2, fd, places_at, BATCH, time, none, 0_usize) };
    if n == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
        IS_OLD.store(true, Ordering::Relaxed);
        return wait_ms(fd, places, whole_ms(timeout));
    }
    usize::try_from(n).unwrap_or(0)
}

/// Rounded up: who wakes early would wait once more, and again, until the time has come.
fn whole_ms(timeout: Option<Duration>) -> libc::c_int {
    let Some(timeout) = timeout else { return -1 };
    timeout.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(libc::c_int::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn an_interrupt_ends_one_wait() {
        let epoll = Epoll::new().unwrap();
        let mut events = Events::new();
        epoll.interrupt();
        epoll.interrupt();
        events.wait(&epoll, Some(Duration::ZERO));
        assert!(events.iter().next().is_none() && events.interrupted);
        let begin = Instant::now();
        events.wait(&epoll, Some(Duration::from_secs(60)));
        assert!(
            events.iter().next().is_none() && events.interrupted && begin.elapsed().as_secs() < 60
        );
        events.wait(&epoll, Some(Duration::from_micros(300)));
        assert!(events.iter().next().is_none() && !events.interrupted);
        assert!(begin.elapsed() >= Duration::from_micros(300));
    }

    #[test]
    fn edges_come_once_and_carry_their_data() {
        let epoll = Epoll::new().unwrap();
        let (one, mut other) = UnixStream::pair().unwrap();
        epoll.add(one.as_raw_fd(), 42).unwrap();
        let mut events = Events::new();
        let mut next = || {
            events.wait(&epoll, Some(Duration::ZERO));
            events.iter().collect::<Vec<_>>()
        };
        let ready = |read, is_odd| (42, Ready { read, write: true, is_odd });
        assert_eq!((next(), next()), (vec![ready(false, false)], vec![]));
        other.write_all(b"1").unwrap();
        assert_eq!((next(), next()), (vec![ready(true, false)], vec![]));
        drop(other);
        assert_eq!(next(), [ready(true, true)]);
        epoll.delete(one.as_raw_fd()).unwrap();
        assert!(epoll.delete(one.as_raw_fd()).is_err());
    }

    #[test]
    fn timeouts_are_rounded_up() {
        let ns = |ns| whole_ms(Some(Duration::from_nanos(ns)));
        assert_eq!([ns(0), ns(1), ns(1_000_000), ns(1_000_001)], [0, 1, 1, 2]);
        assert_eq!((whole_ms(None), whole_ms(Some(Duration::MAX))), (-1, libc::c_int::MAX));
    }
}

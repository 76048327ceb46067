//! The network poller: sockets, registered once with epoll, and who waits for them.
//!
//! It has no thread of its own. Who polls: workers that run out of work of their own, busy ones now
//! and then, an idle one that sleeps in the poll (`idle.rs`), and sysmon where nobody else has for a
//! while. `README.md`, section 8, has the reasons why nothing is overlooked.

mod descriptor;
mod readiness;
mod slab;
mod wait;

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::glist::GList;
use super::m::M;
use super::p::P;
use super::{Inside, SCHED};
use crate::sys::epoll::{Epoll, Events};
use crate::sys::{memory, socket};

pub(crate) use descriptor::{Descriptor, Side};
pub(crate) use wait::{Refusal, Waiting};

/// What there is one of in a process, from the first socket on.
struct Poller {
    epoll: Epoll,
    /// What the descriptor of a closed socket stands for.
    nowhere: OwnedFd,
}

/// So many events at a time are worth a look ahead.
const WORTH_PREFETCHING: usize = 4;

static POLLER: OnceLock<Poller> = OnceLock::new();
/// Sockets that are registered.
static SOCKETS: AtomicUsize = AtomicUsize::new(0);
/// Polls without waiting, which one thread at a time makes. It alone counts.
static POLLS: AtomicU64 = AtomicU64::new(0);
static IS_POLLING: AtomicBool = AtomicBool::new(false);
/// Threads that sleep in the poll: one, or for a moment two.
static ASLEEP: AtomicUsize = AtomicUsize::new(0);

fn poller() -> io::Result<&'static Poller> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if let Some(poller) = POLLER.get() {
        return Ok(poller);
    }
    let _one = ONE_AT_A_TIME.lock();
    if let Some(poller) = POLLER.get() {
        return Ok(poller);
    }
    let poller = Poller { epoll: Epoll::new()?, nowhere: socket::unconnected()? };
    Ok(POLLER.get_or_init(|| poller))
}

/// A socket's place here. Dropping it, before the socket itself, takes it out.
pub(crate) struct Registration {
    descriptor: &'static Descriptor,
    fd: RawFd,
}

impl Registration {
    /// Registers a socket, whose descriptor stays open longer than the registration.
    pub(crate) fn new(fd: BorrowedFd<'_>) -> io::Result<Registration> {
        let poller = poller()?;
        let descriptor = slab::take()?;
        let fd = fd.as_raw_fd();
        let data = u64::from(descriptor.revive()) << 32 | u64::from(descriptor.index);
        if let Err(error) = poller.epoll.add(fd, data) {
            slab::give(descriptor);
            return Err(error);
        }
        if SOCKETS.fetch_add(1, Ordering::Relaxed) == 0 {
            SCHED.idle.network_began();
        }
        Ok(Registration { descriptor, fd })
    }

    /// Closes the socket: calls that wait return, and later ones fail. Its descriptor's number
    /// stays taken until the socket is dropped, but leads nowhere. False: it was closed already.
    pub(crate) fn close(&self) -> io::Result<bool> {
        if !self.mark_closed() {
            return Ok(false);
        }
        let poller = poller()?;
        poller.epoll.delete(self.fd)?;
        socket::replace(self.fd, poller.nowhere.as_fd())?;
        Ok(true)
    }
}

impl Deref for Registration {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        self.descriptor
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if !self.is_closed()
            && let Some(poller) = POLLER.get()
        {
            // It fails only if somebody has closed the descriptor behind our back: then it is out.
            let _ = poller.epoll.delete(self.fd);
        }
        self.descriptor.end();
        slab::give(self.descriptor);
        SOCKETS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether there is anything to poll for.
#[inline]
pub(super) fn is_active() -> bool {
    SOCKETS.load(Ordering::Relaxed) != 0
}

/// How often somebody has polled without waiting.
pub(super) fn polls() -> u64 {
    POLLS.load(Ordering::Relaxed)
}

/// Whether somebody waits for a socket. For the search for deadlocks; the caller is no worker.
pub(super) fn is_awaited() -> bool {
    is_active() && {
        let rt = Inside::enter();
        slab::all().any(|descriptor| descriptor.is_awaited(&rt))
    }
}

/// Polls without waiting, unless somebody else does just now, and readies those whose sockets are
/// ready on the worker's processor. Returns whether there were any.
#[inline]
pub(super) fn poll(m: &'static M) -> bool {
    is_active() && poll_now(m)
}

fn poll_now(m: &'static M) -> bool {
    let mut events = Events::new();
    if !take_events(&mut events) {
        return false;
    }
    m.emit(|e| e.time_passes());
    m.count_poll();
    let rt = Inside::already(m);
    let goroutines = deliver(&rt, &events);
    let found = goroutines.len() != 0;
    ready(&rt, goroutines);
    std::mem::forget(rt);
    found
}

/// Takes the events that there are. False: somebody else polls.
fn take_events(events: &mut Events) -> bool {
    let Some(poller) = POLLER.get() else { return false };
    // ORDERING: Acquire, pairs with the Release below.
    if IS_POLLING.load(Ordering::Relaxed) || IS_POLLING.swap(true, Ordering::Acquire) {
        return false;
    }
    POLLS.store(polls() + 1, Ordering::Relaxed);
    events.wait(&poller.epoll, Some(Duration::ZERO));
    // ORDERING: Release, pairs with the Acquire above: polls are counted one by one.
    IS_POLLING.store(false, Ordering::Release);
    true
}

/// Sleeps in the poll, at most for `timeout`, until there are events or it is interrupted.
pub(super) fn sleep(timeout: Option<Duration>, events: &mut Events) {
    if let Some(poller) = POLLER.get() {
        ASLEEP.fetch_add(1, Ordering::Relaxed);
        events.wait(&poller.epoll, timeout);
        ASLEEP.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the sleep of whoever sleeps in the poll.
pub(super) fn interrupt() {
    if let Some(poller) = POLLER.get() {
        poller.epoll.interrupt();
    }
}

/// Tells the descriptors, wakes threads and futures, and returns the goroutines to be readied.
pub(super) fn deliver(rt: &Inside, events: &Events) -> GList {
    let mut goroutines = GList::new();
    let descriptors = || events.iter().filter_map(|(data, _)| slab::get(data as u32));
    // With thousands of sockets all of this comes from far away, but then side by side and not one
    // after the other: first the descriptors, then the stacks of those who wait for them.
    std::hint::black_box(descriptors().fold(0, |sum, descriptor| sum ^ descriptor.index));
    if events.len() >= WORTH_PREFETCHING {
        descriptors().for_each(|descriptor| descriptor.prefetch_reader(rt));
    }
    for (data, ready) in events.iter() {
        if let Some(descriptor) = slab::get(data as u32) {
            let found = descriptor.event(rt, (data >> 32) as u32, ready);
            found.wake_into(rt, &mut goroutines);
        }
    }
    goroutines
}

/// Readies goroutines. The first one comes last: what is readied last runs next.
pub(super) fn ready(rt: &Inside, mut goroutines: GList) {
    let first = goroutines.pop();
    while let Some(g) = goroutines.pop() {
        // It is not its turn yet.
        memory::prefetch(g.coro.get());
        rt.ready(g);
    }
    if let Some(g) = first {
        rt.ready(g);
    }
}

/// Polls if nobody has since the last call, which said that there had been `before` polls. By
/// sysmon, every 10 ms.
pub(super) fn poll_if_overdue(before: &mut u64) {
    let polls = polls();
    let is_overdue = std::mem::replace(before, polls) == polls;
    if !is_overdue || !is_active() || ASLEEP.load(Ordering::Relaxed) != 0 {
        return;
    }
    let mut events = Events::new();
    if take_events(&mut events) {
        let rt = Inside::enter();
        let goroutines = deliver(&rt, &events);
        ready(&rt, goroutines);
    }
}

/// A busy processor polls now and then: at every so manieth pick, if nobody has since the last time.
#[inline]
pub(super) fn poll_at_turn(m: &'static M, p: &'static P) {
    if is_active() {
        let polls = polls();
        if p.polls_seen.replace(polls) == polls {
            poll_now(m);
        }
    }
}

//! How long a connection may take: the deadlines of what it does just now.
//!
//! hyper has a limit for headers of its own, which starts and stops a timer for every request and
//! counts an idle connection's time as well. Here a timer is started only where a connection waits
//! for something that has a limit, and one that has become useless is left to go off.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::header::HeaderValue;

use super::date::DateCache;
use crate::time::{Instant, Sleep, sleep_async};

/// How long a connection is idle before it gives its buffers up. To get them again costs as much as
/// a good part of a request, so one that is busy keeps them also where its turn comes seldom.
const REST_AFTER: Duration = Duration::from_millis(400);

/// A server's limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) read_header: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) write: Option<Duration>,
}

/// What a connection does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing has come yet.
    New,
    /// A part of a request's header is there.
    Header,
    /// A request is being answered.
    Busy,
    /// The last request has been answered.
    Idle,
}

/// A connection's phase and deadlines. Its socket and its service share one.
pub(super) struct Pace {
    limits: Limits,
    phase: Cell<Phase>,
    /// When the phase must be over; set when the connection first waits in it.
    read_deadline: Cell<Option<Instant>>,
    write_deadline: Cell<Option<Instant>>,
    /// Something may wait to be written.
    is_writing: Cell<bool>,
    /// The last request had a body, which somebody may still be reading.
    has_body: Cell<bool>,
    /// When the connection became idle.
    idle_since: Cell<Instant>,
    date: RefCell<DateCache>,
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Pace {
        Pace {
            limits,
            phase: Cell::new(Phase::New),
            read_deadline: Cell::new(None),
            write_deadline: Cell::new(None),
            is_writing: Cell::new(false),
            has_body: Cell::new(false),
            idle_since: Cell::new(Instant::now()),
            date: RefCell::new(DateCache::default()),
        }
    }

    pub(super) fn date(&self) -> HeaderValue {
        self.date.borrow_mut().now()
    }

    pub(super) fn write_timeout(&self) -> Option<Duration> {
        self.limits.write
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        match self.phase.get() {
            // The time for the first header runs from the beginning of the connection.
            Phase::New => self.phase.set(Phase::Header),
            Phase::Idle => self.enter(Phase::Header),
            Phase::Header | Phase::Busy => {}
        }
    }

    /// A request's header is complete.
    pub(super) fn requested(&self, has_body: bool) {
        self.enter(Phase::Busy);
        self.has_body.set(has_body);
        self.write_deadline
            .set(self.limits.write.and_then(|limit| Instant::now().checked_add(limit)));
    }

    /// The response is complete, or will never be.
    pub(super) fn answered(&self) {
        self.enter(Phase::Idle);
        self.idle_since.set(Instant::now());
    }

    /// Something is written.
    pub(super) fn writes(&self) {
        self.is_writing.set(true);
    }

    /// Everything has been written.
    pub(super) fn has_written(&self) {
        self.is_writing.set(false);
    }

    /// When the connection, if nothing happens until then, needs no buffers any more. `None`:
    /// something is under way.
    pub(super) fn rest(&self) -> Option<Instant> {
        let is_idle = matches!(self.phase.get(), Phase::New | Phase::Idle);
        let may_rest = is_idle && !self.is_writing.get() && !self.has_body.get();
        may_rest.then(|| self.idle_since.get().checked_add(REST_AFTER)).flatten()
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.read_deadline.set(None);
    }

    /// When the connection, which waits now, must have got what it waits for. Whoever still takes
    /// the last answer is not late with the next request.
    pub(super) fn read_deadline(&self) -> Option<Instant> {
        if self.is_writing.get() {
            self.read_deadline.set(None);
            return None;
        }
        let limit = match self.phase.get() {
            Phase::New | Phase::Header => self.limits.read_header?,
            Phase::Idle => self.limits.idle?,
            Phase::Busy => return None,
        };
        if self.read_deadline.get().is_none() {
            self.read_deadline.set(Instant::now().checked_add(limit));
        }
        self.read_deadline.get()
    }

    /// When the response must have been written.
    pub(super) fn write_deadline(&self) -> Option<Instant> {
        self.write_deadline.get()
    }
}

/// Wakes a connection at its deadline. It is always polled with the same waker.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<(Instant, Sleep)>,
}

impl Alarm {
    /// Ready once the deadline has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let now = Instant::now();
        if now >= deadline {
            return Poll::Ready(());
        }
        match &self.sleep {
            // One that ends too early wakes the connection once for nothing, which costs less than
            // a new one for every request.
            Some((when, _)) if now < *when && *when <= deadline => Poll::Pending,
            _ => {
                let sleep = sleep_async(deadline.duration_since(now));
                let (_, sleep) = self.sleep.insert((deadline, sleep));
                Pin::new(sleep).poll(cx)
            }
        }
    }
}

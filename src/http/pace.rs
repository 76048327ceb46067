//! How long a connection may take: the deadlines of what it does just now.
//!
//! hyper has a limit for headers of its own, which starts and stops a timer for every request and
//! counts an idle connection's time as well. Here a timer is started only where a connection waits
//! for something that has a limit, and one that has become useless is left to go off.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::header::HeaderValue;

use super::date::DateCache;
use crate::time::{Instant, Sleep, sleep_async};

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
    date: RefCell<DateCache>,
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Pace {
        Pace {
            limits,
            phase: Cell::new(Phase::New),
            read_deadline: Cell::new(None),
            write_deadline: Cell::new(None),
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
    pub(super) fn requested(&self) {
        self.enter(Phase::Busy);
        self.write_deadline
            .set(self.limits.write.and_then(|limit| Instant::now().checked_add(limit)));
    }

    /// The response is complete, or will never be.
    pub(super) fn answered(&self) {
        self.enter(Phase::Idle);
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.read_deadline.set(None);
    }

    /// When the connection, which waits now, must have got what it waits for.
    pub(super) fn read_deadline(&self) -> Option<Instant> {
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

/// Wakes a connection at its deadline.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<(Instant, Sleep)>,
}

impl Alarm {
    /// Ready once the deadline has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        loop {
            match &mut self.sleep {
                // One that ends too early wakes the connection once for nothing, which costs less
                // than a new one for every request.
                Some((when, sleep)) if *when <= deadline => {
                    if Pin::new(sleep).poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.sleep = None;
                    if Instant::now() >= deadline {
                        return Poll::Ready(());
                    }
                }
                _ => {
                    let left = deadline.duration_since(Instant::now());
                    self.sleep = Some((deadline, sleep_async(left)));
                }
            }
        }
    }
}

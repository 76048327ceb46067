//! Events that were made, for whoever takes them away.

use super::event::Event;
use super::ids::Time;

/// As many are made at a time.
pub(crate) const AT_A_TIME: usize = 256;

/// The most that come of one event in the file.
const MOST_OF_ONE: usize = 3;

/// Events that were made.
///
/// No vector, which would ask for each of them whether it has to grow.
#[derive(Debug)]
pub(crate) struct Made {
    /// The events, and after them places for more.
    events: Box<[Event; AT_A_TIME + MOST_OF_ONE]>,
    len: usize,
}

impl Made {
    pub(crate) fn new() -> Made {
        let place = Event::sync(Time(0), 0, false);
        // Not made on the stack, which may be a goroutine's.
        let events = vec![place; AT_A_TIME + MOST_OF_ONE].try_into();
        Made { events: events.expect("as many as there are places"), len: 0 }
    }

    #[inline(always)]
    pub(crate) fn events(&self) -> &[Event] {
        &self.events[..self.len]
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are so many that the next one in the file has to wait.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.len >= AT_A_TIME
    }

    /// Adds an event; before what comes of one in the file it must not be full.
    #[inline(always)]
    pub(crate) fn push(&mut self, event: Event) {
        self.events[self.len] = event;
        self.len += 1;
    }

    /// Lets go of all but the first ones.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

//! Makes one sequence of events of a generation's threads.

use std::sync::Arc;

use super::clock::Unit;
use super::cursor::ThreadCursor;
use super::error::{Error, ErrorKind};
use super::event::Event;
use super::frontier::{Entry, Frontier};
use super::generation::{Decoded, Generation};
use super::ids::Time;
use super::names::Names;
use super::order::Order;
use super::samples::Sample;
use super::streams::Streams;

/// The threads of a generation, and how far each has come.
pub(crate) struct Merge {
    order: Order,
    generation: Option<Arc<Generation>>,
    streams: Streams,
    unit: Unit,
    cursors: Vec<ThreadCursor>,
    frontier: Frontier,
    /// Samples, the next one last.
    samples: Vec<Sample>,
    /// The time of the last event.
    last: Time,
}

/// As many events are made at a time.
const AT_A_TIME: usize = 256;

impl Merge {
    pub(crate) fn new() -> Merge {
        Merge {
            order: Order::new(),
            generation: None,
            streams: Streams::default(),
            unit: Unit::default(),
            cursors: Vec::new(),
            frontier: Frontier::default(),
            samples: Vec::new(),
            last: Time(0),
        }
    }

    /// Names that generations share.
    pub(crate) fn names(&self) -> Arc<Names> {
        self.order.names()
    }

    /// What the last event refers to.
    pub(crate) fn generation(&self) -> Option<&Arc<Generation>> {
        self.generation.as_ref()
    }

    /// Goes to the next generation, and returns the memory of the last one's bytes.
    pub(crate) fn begin(&mut self, next: Decoded) -> Result<Vec<u8>, Error> {
        let Decoded { generation, streams, mut samples, unit } = next;
        let has_events = !streams.threads().is_empty();
        self.order.begin(generation.number(), has_events, self.generation.as_deref());
        samples.reverse();
        (self.samples, self.unit) = (samples, unit);
        let spare = std::mem::replace(&mut self.streams, streams).into_bytes();
        let number = generation.number();
        self.generation = Some(Arc::new(generation));
        self.begin_threads().map_err(|error| error.in_generation(number))?;
        Ok(spare)
    }

    /// Has no more events.
    pub(crate) fn stop(&mut self) {
        self.frontier.clear();
        self.samples.clear();
    }

    /// The events that were made and not taken away.
    #[inline(always)]
    pub(crate) fn made(&self) -> &[Event] {
        &self.order.out
    }

    /// Takes away all events that were made.
    pub(crate) fn clear(&mut self) {
        self.order.out.clear();
    }

    /// Adds an event that comes of none in the file: at this time, or after the last one.
    pub(crate) fn add(&mut self, event: Event) {
        self.order.out.push(event);
        self.set_times(self.order.out.len() - 1);
    }

    /// The time of the last event.
    pub(crate) fn last(&self) -> Time {
        self.last
    }

    /// Makes events: some, or all that are left of the generation.
    pub(crate) fn fill(&mut self) -> Result<(), Error> {
        self.order.out.reserve(AT_A_TIME);
        while self.order.out.len() < AT_A_TIME {
            let before = self.order.out.len();
            match self.step() {
                Ok(true) => self.set_times(before),
                Ok(false) => break,
                Err(error) => {
                    self.order.out.truncate(before);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// What is not later than the one before happened right after it.
    #[inline(always)]
    fn set_times(&mut self, first: usize) {
        for event in &mut self.order.out[first..] {
            if event.time <= self.last {
                event.time = Time(self.last.0.wrapping_add(1));
            }
            self.last = event.time;
        }
    }

    fn begin_threads(&mut self) -> Result<(), Error> {
        self.cursors.clear();
        self.frontier.clear();
        for (at, stream) in self.streams.threads().iter().enumerate() {
            let mut cursor = ThreadCursor::new(at, self.order.thread(stream.thread));
            if cursor.next(&self.streams, self.unit)? {
                let entry = Entry { time: cursor.event.time, cursor: self.cursors.len() as u32 };
                self.frontier.insert(entry);
                self.cursors.push(cursor);
            }
        }
        Ok(())
    }

    /// Makes the next event of the generation, with those that come of it; `false` at its end.
    #[inline(always)]
    fn step(&mut self) -> Result<bool, Error> {
        let first = self.frontier.get(0);
        if let Some(sample) = self.samples.last()
            && first.is_none_or(|first| sample.time < Time(first.time))
        {
            self.order.out.push(sample.event());
            self.samples.pop();
            return Ok(true);
        }
        if first.is_none() {
            return Ok(false);
        }
        match self.advance(0) {
            Ok(false) => self.advance_other(),
            done => done,
        }
    }

    /// Tries the threads after the first, the earliest first.
    #[cold]
    #[inline(never)]
    fn advance_other(&mut self) -> Result<bool, Error> {
        self.frontier.sort();
        for at in 1..self.frontier.len() {
            if self.advance(at)? {
                return Ok(true);
            }
        }
        Err(self.stuck())
    }

    /// Lets the next event of a thread happen, if it can.
    #[inline(always)]
    fn advance(&mut self, at: usize) -> Result<bool, Error> {
        let (Some(entry), Some(generation)) = (self.frontier.get(at), &self.generation) else {
            return Ok(false);
        };
        let cursor = &mut self.cursors[entry.cursor as usize];
        match self.order.advance(&cursor.event, cursor.thread, generation) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Err(self.place(error, entry)),
        }
        match cursor.next(&self.streams, self.unit) {
            Ok(true) => self.frontier.update(at, cursor.event.time),
            Ok(false) => self.frontier.remove(at),
            Err(error) => return Err(error.in_generation(generation.number())),
        }
        Ok(true)
    }

    /// Adds the place of a thread's next event to an error.
    #[cold]
    fn place(&self, error: Error, entry: Entry) -> Error {
        let cursor = &self.cursors[entry.cursor as usize];
        let error = cursor.place(error, &self.streams, cursor.thread_id(&self.streams));
        match &self.generation {
            Some(generation) => error.in_generation(generation.number()),
            None => error,
        }
    }

    /// No thread can go on: says what the earliest waits for.
    #[cold]
    fn stuck(&self) -> Error {
        let Some(entry) = self.frontier.get(0) else {
            return Error::new(ErrorKind::Stuck, "no thread has an event");
        };
        let event = &self.cursors[entry.cursor as usize].event;
        let spec = event.event.spec();
        let mut what = format!("no thread can go on: {} waits for another event", spec.name);
        for (name, arg) in spec.args.iter().skip(1).zip(event.args) {
            what += &format!(" {name}={arg}");
        }
        let others = self.frontier.len() - 1;
        if others > 0 {
            what += &format!(", and so do the events of {others} more threads");
        }
        self.place(Error::new(ErrorKind::Stuck, what), entry)
    }
}

//! Makes one sequence of events of a generation's threads.

use std::sync::Arc;

use super::clock::Unit;
use super::cursor::ThreadCursor;
use super::decode::Times;
use super::error::{Error, ErrorKind};
use super::event::Event;
use super::frontier::{Entry, Frontier};
use super::generation::{Decoded, Generation};
use super::ids::Time;
use super::names::Names;
use super::order::{AT_A_TIME, Order};
use super::samples::Sample;
use super::streams::Streams;

/// The threads of a generation, and how far each has come.
pub(crate) struct Merge {
    order: Order,
    generation: Option<Arc<Generation>>,
    streams: Streams,
    times: Times,
    cursors: Vec<ThreadCursor>,
    frontier: Frontier,
    /// Samples, the next one last.
    samples: Vec<Sample>,
}

impl Merge {
    pub(crate) fn new() -> Merge {
        Merge {
            order: Order::new(),
            generation: None,
            streams: Streams::default(),
            times: Times::new(Unit::default()),
            cursors: Vec::new(),
            frontier: Frontier::default(),
            samples: Vec::new(),
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
        self.samples = samples;
        self.times = Times::new(unit);
        let before = std::mem::replace(&mut self.streams, streams);
        let number = generation.number();
        self.generation = Some(Arc::new(generation));
        self.begin_threads().map_err(|error| error.in_generation(number))?;
        Ok(before.into_bytes())
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
        self.order.push(event);
    }

    /// The time of the last event.
    pub(crate) fn last(&self) -> Time {
        self.order.last
    }

    /// Makes events: some, or all that are left of the generation.
    pub(crate) fn fill(&mut self) -> Result<(), Error> {
        // One in the file makes up to three.
        self.order.out.reserve(AT_A_TIME + 2);
        while self.order.out.len() < AT_A_TIME && self.some()? {}
        Ok(())
    }

    fn begin_threads(&mut self) -> Result<(), Error> {
        self.cursors.clear();
        self.frontier.clear();
        let streams = self.streams.threads();
        for (at, stream) in streams.iter().enumerate() {
            let thread = self.order.thread(stream.thread);
            let mut cursor = ThreadCursor::new(at, streams.len(), thread);
            if cursor.decode(&self.streams, &self.times)? {
                let entry = Entry { time: cursor.event().time, cursor: self.cursors.len() as u32 };
                self.frontier.insert(entry);
                self.cursors.push(cursor);
            }
        }
        Ok(())
    }

    /// Makes the next events of the generation: one at least, and those that come of it; `false` at
    /// its end.
    #[inline(always)]
    fn some(&mut self) -> Result<bool, Error> {
        let first = self.frontier.get(0);
        if let Some(sample) = self.samples.last()
            && first.is_none_or(|first| sample.time < Time(first.time))
        {
            self.order.push(sample.event());
            self.samples.pop();
            return Ok(true);
        }
        match first {
            Some(first) => self.run(first),
            None => Ok(false),
        }
    }

    /// Lets the first thread go on, as long as it is the first.
    #[inline(always)]
    fn run(&mut self, first: Entry) -> Result<bool, Error> {
        let Some(generation) = self.generation.as_deref() else { return Ok(false) };
        let sample = self.samples.last().map_or(i64::MAX, |sample| sample.time.0);
        let until = self.frontier.second().min(sample);
        let cursor = &mut self.cursors[first.cursor as usize];
        loop {
            let (happened, step) =
                self.order.run(cursor.decoded(), cursor.thread, until, generation);
            let is_over = cursor.skip(happened);
            match step {
                Ok(true) => {}
                Ok(false) => {
                    self.frontier.update(0, cursor.event().time);
                    return self.advance_other();
                }
                Err(error) => return Err(self.failed(error, first)),
            }
            if is_over {
                match cursor.decode(&self.streams, &self.times) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.frontier.remove(0);
                        return Ok(true);
                    }
                    Err(error) => return Err(self.malformed(error)),
                }
            }
            let time = cursor.event().time;
            if time > until || self.order.out.len() >= AT_A_TIME {
                self.frontier.update(0, time);
                return Ok(true);
            }
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
    fn advance(&mut self, at: usize) -> Result<bool, Error> {
        let (Some(entry), Some(generation)) = (self.frontier.get(at), &self.generation) else {
            return Ok(false);
        };
        let cursor = &mut self.cursors[entry.cursor as usize];
        let next = std::slice::from_ref(cursor.event());
        match self.order.run(next, cursor.thread, i64::MAX, generation).1 {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Err(self.failed(error, entry)),
        }
        let is_over = cursor.skip(1);
        match if is_over { cursor.decode(&self.streams, &self.times) } else { Ok(true) } {
            Ok(true) => self.frontier.update(at, cursor.event().time),
            Ok(false) => self.frontier.remove(at),
            Err(error) => return Err(self.malformed(error)),
        }
        Ok(true)
    }

    /// An event that is refused: a part of what would have come of it may be there.
    #[cold]
    #[inline(never)]
    fn failed(&mut self, error: Error, entry: Entry) -> Error {
        self.order.out.truncate(self.order.before);
        self.place(error, entry)
    }

    /// The event after one is malformed; then that one is not given either, as Go does not.
    #[cold]
    #[inline(never)]
    fn malformed(&mut self, error: Error) -> Error {
        self.order.out.truncate(self.order.before);
        let number = self.generation.as_ref().map_or(0, |generation| generation.number());
        error.in_generation(number)
    }

    /// Adds the place of a thread's next event to an error.
    #[cold]
    fn place(&self, error: Error, entry: Entry) -> Error {
        let cursor = &self.cursors[entry.cursor as usize];
        let error = cursor.place(error, &self.streams);
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
        let event = self.cursors[entry.cursor as usize].event();
        let spec = event.event.spec();
        let mut what = format!("no thread can go on: {} waits for another event", spec.name);
        for (name, arg) in spec.args.iter().skip(1).zip(event.own_args()) {
            what += &format!(" {name}={arg}");
        }
        let others = self.frontier.len() - 1;
        if others > 0 {
            what += &format!(", and so do the events of {others} more threads");
        }
        self.place(Error::new(ErrorKind::Stuck, what), entry)
    }
}

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
use super::order::{Frequent, Order};
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

/// Why events of the most frequent types do not go on.
enum Pause {
    /// Enough events were made.
    Full,
    /// A sample comes next.
    Sample,
    /// The first thread has to wait for another one.
    Waits,
    /// The next event of the first thread can never happen.
    Refused(Error),
    /// The first thread's next event is of another type, or not there.
    Other,
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
        self.order.out.events()
    }

    /// Takes away all events that were made.
    pub(crate) fn clear(&mut self) {
        self.order.out.truncate(0);
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
        while !self.order.out.is_full() && self.some()? {}
        Ok(())
    }

    fn begin_threads(&mut self) -> Result<(), Error> {
        self.cursors.clear();
        self.frontier.clear();
        let streams = self.streams.threads();
        for (at, stream) in streams.iter().enumerate() {
            let thread = self.order.thread(stream.thread);
            let mut cursor = ThreadCursor::new(at, streams.len(), thread);
            if let Some(time) = cursor.time(&self.streams, &self.times)? {
                self.frontier.insert(Entry { time, cursor: self.cursors.len() as u32 });
                self.cursors.push(cursor);
            }
        }
        Ok(())
    }

    /// Makes the next events of the generation: one at least, and those that come of it; `false` at
    /// its end.
    fn some(&mut self) -> Result<bool, Error> {
        let Some(first) = self.frontier.get(0) else { return Ok(self.sample()) };
        match self.run_frequent() {
            Pause::Full => return Ok(true),
            Pause::Sample => return Ok(self.sample()),
            Pause::Refused(error) => {
                let first = self.frontier.get(0).unwrap_or(first);
                return Err(self.failed(error, first));
            }
            Pause::Waits => return self.advance_other(),
            Pause::Other => {}
        }
        self.next_of_first()
    }

    /// Adds the next sample, if there is one.
    fn sample(&mut self) -> bool {
        let sample = self.samples.pop();
        if let Some(sample) = &sample {
            self.order.push(sample.event());
        }
        sample.is_some()
    }

    /// Lets events of the most frequent types happen, of whichever thread is the first.
    #[inline(never)]
    fn run_frequent(&mut self) -> Pause {
        let Merge { order, generation, streams, times, cursors, frontier, samples } = self;
        let Some(generation) = generation.as_deref() else { return Pause::Other };
        let sample = samples.last().map_or(i64::MAX, |sample| sample.time.0);
        let (all_bytes, made) = (streams.held().in_memory(), order.out.len());
        let pause = loop {
            let Some(first) = frontier.get(0) else { break Pause::Other };
            if first.time > sample {
                break Pause::Sample;
            }
            let until = frontier.second().min(sample);
            let cursor = &mut cursors[first.cursor as usize];
            let mut here = order.place(cursor.thread);
            let mut last = cursor.progress.last;
            let all = cursor.bytes(all_bytes);
            let mut rest = all;
            let end = loop {
                let Some(window) = rest.first_chunk() else { break Frequent::Other };
                match order.frequent(window, &mut here, (last, until), (times, generation)) {
                    Frequent::Happened(bytes, time) => {
                        last = cursor.after(time);
                        rest = &rest[bytes..];
                    }
                    end => break end,
                }
            };
            let done = all.len() - rest.len();
            order.put(&here);
            cursor.progress.at += done;
            cursor.progress.last = last;
            match end {
                Frequent::Late(time) => {
                    frontier.update_first(time);
                    if order.out.is_full() {
                        break Pause::Full;
                    }
                }
                Frequent::Waits(time) => {
                    frontier.update_first(time);
                    break Pause::Waits;
                }
                Frequent::Refused(error) => {
                    order.before = order.out.len();
                    return Pause::Refused(error);
                }
                Frequent::Happened(..) | Frequent::Other => break Pause::Other,
            }
        };
        // Of each came one.
        if order.out.len() > made {
            order.before = order.out.len() - 1;
        }
        pause
    }

    /// Looks at the next event of the first thread, whatever it is.
    #[inline(never)]
    fn next_of_first(&mut self) -> Result<bool, Error> {
        let Some(first) = self.frontier.get(0) else { return Ok(false) };
        let cursor = &mut self.cursors[first.cursor as usize];
        let time = match cursor.time(&self.streams, &self.times) {
            Ok(Some(time)) => time,
            Ok(None) => {
                self.frontier.remove(0);
                return Ok(true);
            }
            Err(error) => return Err(self.malformed(error)),
        };
        let sample = self.samples.last().map_or(i64::MAX, |sample| sample.time.0);
        if time > self.frontier.second().min(sample) || self.order.out.is_full() {
            self.frontier.update(0, time);
            return Ok(true);
        }
        if !self.happens(first)? {
            self.frontier.update(0, time);
            return self.advance_other();
        }
        // The event may be given away now, so that after it must not be one that is malformed.
        if self.order.out.is_full() { self.next_of_first() } else { Ok(true) }
    }

    /// Lets the next event of a thread happen, if it can.
    fn happens(&mut self, entry: Entry) -> Result<bool, Error> {
        let Some(generation) = &self.generation else { return Ok(false) };
        let cursor = &mut self.cursors[entry.cursor as usize];
        let happened = cursor.advance(&mut self.order, (&self.streams, &self.times, generation));
        happened.map_err(|error| self.failed(error, entry))
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

    /// As [`happens`](Self::happens), of the thread at this place, which then has another place.
    fn advance(&mut self, at: usize) -> Result<bool, Error> {
        let Some(entry) = self.frontier.get(at) else { return Ok(false) };
        if !self.happens(entry)? {
            return Ok(false);
        }
        let cursor = &mut self.cursors[entry.cursor as usize];
        match cursor.time(&self.streams, &self.times) {
            Ok(Some(time)) => self.frontier.update(at, time),
            Ok(None) => self.frontier.remove(at),
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
        let cursor = &self.cursors[entry.cursor as usize];
        let Some(event) = cursor.event(&self.streams, &self.times) else {
            return Error::new(ErrorKind::Stuck, "a thread has no event");
        };
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

//! A thread's events, one after the other.

use super::decode::{self, MAX_EVENT_BYTES, NoEvent, Progress, Timed, Times};
use super::error::{Error, ErrorKind};
use super::held::Held;
use super::streams::{Stream, Streams};
use crate::wire::encode::MAX_BATCH_BYTES;
use crate::wire::event::EventType;

/// As many events of a thread are decoded at a time.
const AT_A_TIME: usize = 128;

/// So many bytes of batches are in memory at a time, if all are as long as they can be.
const PARTS_BYTES: usize = 1 << 20;
/// The least of a batch.
const LEAST_PART_BYTES: usize = 4 << 10;

/// Where in a thread's events one is.
#[derive(Debug)]
pub(crate) struct ThreadCursor {
    /// The thread, as a place in the order's threads.
    pub(crate) thread: u32,
    /// The next event, among those that were decoded, and how many these are.
    next: usize,
    decoded: usize,
    events: Vec<Timed>,
    /// Where the first of them begins.
    first: usize,
    rest: Rest,
}

/// What comes after the events that were decoded.
#[derive(Debug)]
struct Rest {
    /// The thread, as a place in the generation's streams.
    stream: usize,
    batch: usize,
    /// In the batch, which ends there.
    progress: Progress,
    end: usize,
    /// A part of the batch that was read, and where that begins.
    part: Vec<u8>,
    part_at: usize,
    /// As much is read at a time.
    part_bytes: usize,
}

impl ThreadCursor {
    /// Before the first event of a stream, of so many.
    pub(crate) fn new(stream: usize, streams: usize, thread: u32) -> ThreadCursor {
        let part_bytes = (PARTS_BYTES / streams.max(1)).clamp(LEAST_PART_BYTES, MAX_BATCH_BYTES);
        let progress = Progress { at: 0, last: 0 };
        let (part, part_at) = (Vec::new(), 0);
        let rest = Rest { stream, batch: 0, progress, end: 0, part, part_at, part_bytes };
        ThreadCursor { thread, next: 0, decoded: 0, events: Vec::new(), first: 0, rest }
    }

    /// The next event; there must be one.
    #[inline(always)]
    pub(crate) fn event(&self) -> &Timed {
        &self.events[self.next]
    }

    /// The next events, as far as they were decoded; there must be one.
    #[inline(always)]
    pub(crate) fn decoded(&self) -> &[Timed] {
        &self.events[self.next..self.decoded]
    }

    /// Goes past events that were decoded; `true` when the next one has to be decoded.
    #[inline(always)]
    pub(crate) fn skip(&mut self, events: usize) -> bool {
        self.next += events;
        self.next == self.decoded
    }

    /// Decodes the next events of a batch, in the place of those before; `false` when there are none.
    /// Of an event that is malformed, those before it come first; it is an error when it is its turn.
    #[inline(never)]
    pub(crate) fn decode(&mut self, streams: &Streams, times: &Times) -> Result<bool, Error> {
        (self.next, self.decoded) = (0, 0);
        let rest = &mut self.rest;
        let stream = &streams.threads()[rest.stream];
        if rest.progress.at == rest.end && !rest.next_batch(stream) {
            return Ok(false);
        }
        self.first = rest.progress.at;
        // An event takes two bytes at least.
        let most = AT_A_TIME.min((rest.end - rest.progress.at) / 2 + 1);
        if self.events.len() < most {
            self.events.resize(most, Timed::NONE);
        }
        let begin = times.ns(stream.batches[rest.batch - 1].time);
        let (decoded, done) = rest.events(&mut self.events, streams.held(), (times, begin))?;
        self.decoded = decoded;
        match done {
            Err(why) if decoded == 0 => Err(self.malformed(streams, why)),
            _ => Ok(true),
        }
    }

    /// Adds the place of the next event to an error.
    #[cold]
    pub(crate) fn place(&self, error: Error, streams: &Streams) -> Error {
        let mut buffer = Vec::new();
        let bytes = streams.held().bytes(self.first..self.rest.end, &mut buffer);
        let before = bytes.map_or(0, |bytes| decode::len_of(self.next, bytes));
        let thread = streams.threads()[self.rest.stream].thread;
        error.of_thread(thread).at(streams.offset(self.first + before))
    }

    /// Why there is no event, and where.
    #[cold]
    #[inline(never)]
    fn malformed(&self, streams: &Streams, why: NoEvent) -> Error {
        let mut buffer = Vec::new();
        let type_number = match streams.held().bytes(self.first..self.first + 1, &mut buffer) {
            Ok(bytes) => bytes[0],
            Err(error) => return error,
        };
        let name = EventType::from_number(type_number).map(EventType::name);
        let what = match (why, name) {
            (NoEvent::Type, Some(name)) => {
                format!("expected an event of a thread, found {name}, which has no time")
            }
            (NoEvent::Type, None) => format!("expected an event, found a byte {type_number}"),
            (NoEvent::Number, name) => {
                format!("a number of {} takes more than 64 bits", name.unwrap_or("an event"))
            }
            (NoEvent::End, name) => format!("the batch ends within {}", name.unwrap_or("an event")),
        };
        self.place(Error::new(ErrorKind::Encoding, what), streams)
    }
}

impl Rest {
    /// Decodes events; see [`decode::events`].
    #[inline(always)]
    fn events(
        &mut self,
        to: &mut [Timed],
        held: &Held,
        times: (&Times, i64),
    ) -> Result<(usize, Result<(), NoEvent>), Error> {
        if let Held::Here(bytes) = held {
            let bytes = &bytes[..self.end];
            return Ok(decode::events(to, bytes, self.end, &mut self.progress, times));
        }
        let until = self.read_part(held)? - self.part_at;
        let Progress { at, last } = self.progress;
        let mut progress = Progress { at: at - self.part_at, last };
        let decoded = decode::events(to, &self.part, until, &mut progress, times);
        self.progress = Progress { at: progress.at + self.part_at, last: progress.last };
        Ok(decoded)
    }

    /// Makes sure that a part of the batch is there which begins with the next event or before; where
    /// in it the last one begins that is there for sure.
    fn read_part(&mut self, held: &Held) -> Result<usize, Error> {
        let until = |part_at: usize, len: usize| {
            let end = part_at + len;
            if end == self.end { end } else { end.saturating_sub(MAX_EVENT_BYTES) }
        };
        let at = until(self.part_at, self.part.len());
        if (self.part_at..at).contains(&self.progress.at) {
            return Ok(at);
        }
        self.part_at = self.progress.at;
        let place = self.part_at..self.end.min(self.part_at + self.part_bytes);
        held.bytes(place, &mut self.part)?;
        Ok(until(self.part_at, self.part.len()))
    }

    #[cold]
    fn next_batch(&mut self, stream: &Stream) -> bool {
        while let Some(part) = stream.batches.get(self.batch) {
            self.batch += 1;
            self.progress = Progress { at: part.data.start, last: 0 };
            self.end = part.data.end;
            if !part.data.is_empty() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    /// Go's reader takes the batch's time again where times come to 0.
    #[test]
    fn a_time_that_wraps_to_zero() {
        // A processor, long after a batch that is late itself, and soon after that a goroutine.
        let mut events = vec![13];
        crate::wire::varint::push(&mut events, u64::MAX);
        events.extend([0, 1, 25, 100, 1, 5, 2]);
        let mut trace = b"go 1.23 trace\0\0\0".to_vec();
        let frequency = [8, 0x80, 0x94, 0xeb, 0xdc, 0x03];
        crate::wire::encode::batch(&mut trace, 1, u64::MAX, 1, &frequency);
        crate::wire::encode::batch(&mut trace, 1, 5, u64::MAX, &events);
        let times = |reader: crate::reader::Reader<'_>| -> Vec<i64> {
            reader.map(|event| event.unwrap().time().0).collect()
        };
        // Time goes on by one where it would go back.
        let piped = times(crate::reader::Reader::new(&trace[..]).unwrap());
        assert_eq!(piped, [1, 2, 3, 4]);
        assert_eq!(times(crate::reader::Reader::at(trace).unwrap()), piped);
    }
}

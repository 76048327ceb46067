//! A thread's events, one after the other.

use super::decode::{MAX_EVENT_BYTES, NoEvent, Part, Progress, Timed, Times};
use super::error::{Error, ErrorKind};
use super::generation::Generation;
use super::held::Held;
use super::order::Order;
use super::streams::{Stream, Streams};
use crate::wire::encode::MAX_BATCH_BYTES;
use crate::wire::event::EventType;

/// So many bytes of batches are in memory at a time, if all are as long as they can be.
const PARTS_BYTES: usize = 1 << 20;
/// The least of a batch.
const LEAST_PART_BYTES: usize = 4 << 10;

/// Where in a thread's events one is.
#[derive(Debug)]
pub(crate) struct ThreadCursor {
    /// The thread, as a place in the order's threads.
    pub(crate) thread: u32,
    /// The thread, as a place in the generation's streams.
    stream: usize,
    /// The batch after the one that it is in, which has this time and ends there.
    batch: usize,
    begin: i64,
    end: usize,
    /// How far it has come in a part of the batch, and up to where events begin that are there as a
    /// whole.
    pub(crate) progress: Progress,
    until: usize,
    /// Where the bytes end that are there.
    there: usize,
    /// The part, if it had to be read, and where it begins.
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
        let [batch, end, until, there, part_at] = [0; 5];
        let part = Vec::new();
        ThreadCursor {
            thread,
            stream,
            batch,
            begin: 0,
            end,
            progress,
            until,
            there,
            part,
            part_at,
            part_bytes,
        }
    }

    /// The time of the next event; `None` when there are none.
    ///
    /// # Errors
    /// When it cannot be read, or is malformed.
    pub(crate) fn time(&mut self, streams: &Streams, times: &Times) -> Result<Option<i64>, Error> {
        if !self.is_there() && !self.more(streams, times)? {
            return Ok(None);
        }
        let mut event = Timed::NONE;
        match self.rest(streams, times).event(self.progress, &mut event) {
            Ok(_) => Ok(Some(event.time)),
            Err(why) => Err(self.malformed(streams, why)),
        }
    }

    /// The next event, which must be there and not malformed.
    pub(crate) fn event(&self, streams: &Streams, times: &Times) -> Option<Timed> {
        let mut event = Timed::NONE;
        let found = self.rest(streams, times).event(self.progress, &mut event);
        found.is_ok().then_some(event)
    }

    /// The bytes from the next event on, as far as they are there. Where all are in memory, these are
    /// needed.
    #[inline(always)]
    pub(crate) fn bytes<'a>(&'a self, in_memory: Option<&'a [u8]>) -> &'a [u8] {
        let bytes = in_memory.unwrap_or(&self.part);
        &bytes[self.progress.at..self.there]
    }

    /// What the times after this one count from; see [`Part::after`].
    #[inline(always)]
    pub(crate) fn after(&self, time: i64) -> i64 {
        if time == 0 { self.begin } else { time }
    }

    /// Lets the next event happen, if it can; `false` if not. It must be there.
    pub(crate) fn advance(
        &mut self,
        order: &mut Order,
        (streams, times, of): (&Streams, &Times, &Generation),
    ) -> Result<bool, Error> {
        let mut event = Timed::NONE;
        let found = self.rest(streams, times).event(self.progress, &mut event);
        let after = found.map_err(|why| self.malformed(streams, why))?;
        let happened = order.advance(&event, self.thread, of)?;
        if happened {
            self.progress = after;
        }
        Ok(happened)
    }

    /// The part of the batch that is there.
    #[inline(always)]
    fn rest<'a>(&'a self, streams: &'a Streams, times: &'a Times) -> Part<'a> {
        let bytes = match streams.held() {
            Held::Here(bytes) => &bytes[..self.end],
            Held::At(..) => &self.part[..],
        };
        Part { bytes, times, begin: self.begin }
    }

    /// Whether the next event is in the part.
    pub(crate) fn is_there(&self) -> bool {
        self.progress.at < self.until
    }

    /// Goes to the next part, if this one is over; `false` when there are no more events.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn more(&mut self, streams: &Streams, times: &Times) -> Result<bool, Error> {
        let stream = &streams.threads()[self.stream];
        let at = self.part_at + self.progress.at;
        if at == self.end && !self.next_batch(stream, times) {
            return Ok(false);
        }
        let held = streams.held();
        if let Held::Here(_) = held {
            [self.until, self.there] = [self.end; 2];
            return Ok(true);
        }
        // Where the batch is another one, or where the next event begins.
        self.part_at += self.progress.at;
        self.progress.at = 0;
        let part_end = self.end.min(self.part_at + self.part_bytes);
        held.bytes(self.part_at..part_end, &mut self.part)?;
        self.there = self.part.len();
        let is_last = part_end == self.end;
        self.until = self.there - if is_last { 0 } else { MAX_EVENT_BYTES };
        Ok(true)
    }

    fn next_batch(&mut self, stream: &Stream, times: &Times) -> bool {
        while let Some(batch) = stream.batches.get(self.batch) {
            self.batch += 1;
            self.begin = times.ns(batch.time);
            self.part_at = 0;
            self.progress = Progress { at: batch.data.start, last: self.begin };
            self.end = batch.data.end;
            if !batch.data.is_empty() {
                return true;
            }
        }
        false
    }

    /// Adds the place of the next event to an error.
    #[cold]
    pub(crate) fn place(&self, error: Error, streams: &Streams) -> Error {
        let thread = streams.threads()[self.stream].thread;
        error.of_thread(thread).at(streams.offset(self.part_at + self.progress.at))
    }

    /// Why there is no event, and where.
    #[cold]
    #[inline(never)]
    pub(crate) fn malformed(&self, streams: &Streams, why: NoEvent) -> Error {
        let mut buffer = Vec::new();
        let at = self.part_at + self.progress.at;
        let type_number = match streams.held().bytes(at..at + 1, &mut buffer) {
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

    /// Go's reader looks at the event after one before it gives that one.
    #[test]
    fn what_is_before_an_event_that_is_malformed_is_not_given() {
        const PROC_STATUS: [u8; 4] = [13, 1, 0, 1];
        let given = |event: &dyn Fn(usize) -> Vec<u8>, events: usize| -> usize {
            let mut data = PROC_STATUS.to_vec();
            for nth in 0..events {
                data.extend(event(nth));
            }
            data.push(200);
            let mut trace = b"go 1.23 trace\0\0\0".to_vec();
            let frequency = [8, 0x80, 0x94, 0xeb, 0xdc, 0x03];
            crate::wire::encode::batch(&mut trace, 1, u64::MAX, 1, &frequency);
            crate::wire::encode::batch(&mut trace, 1, 5, 7, &data);
            let count = |reader: crate::reader::Reader<'_>| {
                let events: Vec<_> = reader.collect();
                assert!(events.last().unwrap().is_err());
                events.iter().filter(|event| event.is_ok()).count()
            };
            let piped = count(crate::reader::Reader::new(&trace[..]).unwrap());
            assert_eq!(count(crate::reader::Reader::at(trace).unwrap()), piped);
            piped
        };
        // Among them are counts after which there is place for no more.
        for events in 1..600 {
            let heap_grows = |_| vec![37, 1, 5];
            assert_eq!(given(&heap_grows, events), 1 + events, "{events}");
            let goroutine_is_made = |nth| {
                let mut event = vec![14, 1];
                crate::wire::varint::push(&mut event, 1 + nth as u64);
                [event, vec![0, 0]].concat()
            };
            assert_eq!(given(&goroutine_is_made, events), 1 + events, "{events}");
        }
    }
}

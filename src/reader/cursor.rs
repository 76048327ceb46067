//! A thread's events, one after the other.

use super::clock::Unit;
use super::error::{Error, ErrorKind};
use super::ids::ThreadID;
use super::streams::{Stream, Streams};
use crate::wire::event::{EventType, SPECS};
use crate::wire::varint;

/// The most arguments after the time.
const MAX_ARGS: usize = 4;

/// More than any event takes, which is a byte and five numbers.
const WINDOW_BYTES: usize = 64;

/// An event of a thread as it is in the file, but for its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    pub(crate) event: EventType,
    /// In nanoseconds.
    pub(crate) time: i64,
    pub(crate) args: [u64; MAX_ARGS],
}

/// Where in a thread's events one is.
#[derive(Debug)]
pub(crate) struct ThreadCursor {
    /// The thread, as a place in the generation's streams, and in the order's threads.
    stream: usize,
    pub(crate) thread: u32,
    batch: usize,
    /// Where the next event begins, and where the batch ends.
    at: usize,
    end: usize,
    /// The time of the event before; 0 is none.
    last: i64,
    /// Where the event begins.
    begin: usize,
    pub(crate) event: Timed,
}

/// How a type of event is decoded: the number of arguments after the time, for what is timed.
const ARGS: [Option<(EventType, u8)>; 256] = {
    let mut table = [None; 256];
    let mut at = 0;
    while at < SPECS.len() {
        let spec = &SPECS[at];
        if is_timed(spec.args) {
            table[spec.event as usize] = Some((spec.event, spec.args.len() as u8 - 1));
        }
        at += 1;
    }
    table
};

const fn is_timed(args: &[&str]) -> bool {
    matches!(args, [first, ..] if matches!(first.as_bytes(), b"dt"))
}

impl ThreadCursor {
    /// Before the first event of a stream; [`next`](Self::next) goes to it.
    pub(crate) fn new(stream: usize, thread: u32) -> ThreadCursor {
        let event = Timed { event: EventType::Sync, time: 0, args: [0; MAX_ARGS] };
        ThreadCursor { stream, thread, batch: 0, at: 0, end: 0, last: 0, begin: 0, event }
    }

    /// Goes to the next event; `false` when there is none.
    #[inline(always)]
    pub(crate) fn next(&mut self, streams: &Streams, unit: Unit) -> Result<bool, Error> {
        if self.at == self.end && !self.next_batch(&streams.threads()[self.stream]) {
            return Ok(false);
        }
        if self.last == 0 {
            let stream = &streams.threads()[self.stream];
            self.last = unit.ns(stream.batches[self.batch - 1].time);
        }
        self.begin = self.at;
        let held = streams.held();
        let since = match held.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(window) => self.decode(window),
            None => self.decode(&last_window(&held[self.at..])),
        };
        match since {
            Ok(since) if self.at <= self.end => {
                self.last = self.last.wrapping_add(unit.ns(since));
                self.event.time = self.last;
                Ok(true)
            }
            failed => Err(self.malformed(streams, failed.err())),
        }
    }

    #[cold]
    fn next_batch(&mut self, stream: &Stream) -> bool {
        while let Some(part) = stream.batches.get(self.batch) {
            self.batch += 1;
            (self.at, self.end) = (part.data.start, part.data.end);
            self.last = 0;
            if self.at < self.end {
                return true;
            }
        }
        false
    }

    /// Takes an event from the front of the bytes, which may end after it; returns the time since the
    /// one before.
    #[inline(always)]
    fn decode(&mut self, window: &[u8; WINDOW_BYTES]) -> Result<u64, NoEvent> {
        let (event, args) = ARGS[usize::from(window[0])].ok_or(NoEvent::Type)?;
        let mut at = 1;
        let since = number(window, &mut at).ok_or(NoEvent::Number)?;
        self.event.event = event;
        for arg in &mut self.event.args[..usize::from(args)] {
            *arg = number(window, &mut at).ok_or(NoEvent::Number)?;
        }
        self.at += at;
        Ok(since)
    }

    /// Why there is no event, and where.
    #[cold]
    #[inline(never)]
    fn malformed(&self, streams: &Streams, why: Option<NoEvent>) -> Error {
        let type_number = streams.held()[self.begin];
        let name = EventType::from_number(type_number).map(EventType::name);
        let what = match (why, name) {
            (Some(NoEvent::Type), Some(name)) => {
                format!("expected an event of a thread, found {name}, which has no time")
            }
            (Some(NoEvent::Type), None) => format!("expected an event, found a byte {type_number}"),
            (Some(NoEvent::Number), name) => {
                format!("a number of {} takes more than 64 bits", name.unwrap_or("an event"))
            }
            (None, name) => format!("the batch ends within {}", name.unwrap_or("an event")),
        };
        let thread = streams.threads()[self.stream].thread;
        self.place(Error::new(ErrorKind::Encoding, what), streams, thread)
    }

    /// Adds the place of the event to an error.
    #[cold]
    pub(crate) fn place(&self, error: Error, streams: &Streams, thread: ThreadID) -> Error {
        error.of_thread(thread).at(streams.offset(self.begin))
    }

    /// The thread's own number.
    pub(crate) fn thread_id(&self, streams: &Streams) -> ThreadID {
        streams.threads()[self.stream].thread
    }
}

/// Why bytes are no event.
enum NoEvent {
    Type,
    Number,
}

/// The last bytes there are, and zeros, which end every number.
#[cold]
fn last_window(bytes: &[u8]) -> [u8; WINDOW_BYTES] {
    let mut window = [0; WINDOW_BYTES];
    let there = bytes.len().min(WINDOW_BYTES);
    window[..there].copy_from_slice(&bytes[..there]);
    window
}

/// The number at `at`, which goes past it.
#[inline(always)]
fn number(window: &[u8; WINDOW_BYTES], at: &mut usize) -> Option<u64> {
    let first = window[*at];
    if first < 0x80 {
        *at += 1;
        return Some(first.into());
    }
    let bytes: [u8; 8] = window[*at..*at + 8].try_into().ok()?;
    let word = u64::from_le_bytes(bytes);
    let ends = !word & 0x8080_8080_8080_8080;
    if ends == 0 {
        return long_number(window, at);
    }
    *at += ends.trailing_zeros() as usize / 8 + 1;
    Some(joined(word & (ends ^ (ends - 1))))
}

/// Joins the seven low bits of each byte.
#[inline(always)]
fn joined(word: u64) -> u64 {
    let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
    (word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4)
}

#[cold]
fn long_number(window: &[u8; WINDOW_BYTES], at: &mut usize) -> Option<u64> {
    let (value, len) = varint::read(&window[*at..])?;
    *at += len;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_lengths() {
        for bit in 0..64 {
            for value in
                [1_u64 << bit, (1 << bit) - 1, u64::MAX >> bit, 0x5a5a_5a5a_5a5a_5a5a >> bit]
            {
                let mut bytes = vec![7];
                varint::push(&mut bytes, value);
                let (len, mut at) = (bytes.len(), 1);
                bytes.resize(WINDOW_BYTES, 0xff);
                assert_eq!(number(bytes[..].try_into().unwrap(), &mut at), Some(value));
                assert_eq!(at, len);
            }
        }
        assert_eq!(number(&[0xff; WINDOW_BYTES], &mut 0), None);
    }

    #[test]
    fn what_is_decoded() {
        let decoded = ARGS.iter().flatten().count();
        // The stream's events, and the snapshot of clocks, which has a time too.
        assert_eq!(decoded, SPECS.iter().filter(|spec| spec.timed()).count());
        assert_eq!(ARGS[EventType::GoDestroy as usize], Some((EventType::GoDestroy, 0)));
        assert_eq!(ARGS[EventType::UserLog as usize], Some((EventType::UserLog, 4)));
        assert_eq!(ARGS[EventType::EventBatch as usize], None);
        assert_eq!(ARGS[0], None);
    }
}

//! A thread's events, one after the other.

use super::clock::Unit;
use super::error::{Error, ErrorKind};
use super::held::Held;
use super::streams::{Stream, Streams};
use crate::wire::event::{EventType, SPECS};
use crate::wire::varint;

/// The most arguments after the time.
const MAX_ARGS: usize = 4;

/// More than any event takes, which is a byte and five numbers: so many that a number may be looked
/// for at each place of [`PLACES`].
const WINDOW_BYTES: usize = PLACES + 8;

/// A power of two, beyond all places at which a number of an event begins.
const PLACES: usize = 64;

/// An event of a thread as it is in the file, but for its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    pub(crate) event: EventType,
    /// Where it begins, from the begin of its batch's data.
    begin: u32,
    /// In nanoseconds.
    pub(crate) time: i64,
    pub(crate) args: [u64; MAX_ARGS],
}

/// Some events of a batch, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Where the batch's data begins.
    base: usize,
    events: Vec<Timed>,
}

/// Where in a thread's events one is.
#[derive(Debug)]
pub(crate) struct ThreadCursor {
    /// The thread, as a place in the generation's streams, and in the order's threads.
    pub(crate) stream: usize,
    pub(crate) thread: u32,
    /// Which event of the block is next.
    pub(crate) next: usize,
    pub(crate) block: Block,
}

/// What comes after the events that were decoded of a thread.
#[derive(Debug)]
pub(crate) struct Decoder {
    stream: usize,
    batch: usize,
    /// Where the batch's data begins, what comes next of it, and where it ends.
    base: usize,
    at: usize,
    end: usize,
    /// The time of the event before; 0 is none.
    last: i64,
    /// A part of the batch that was read, and where that begins.
    part: Vec<u8>,
    part_at: usize,
    /// As much is read at a time.
    part_bytes: usize,
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
    /// Before the first event of a stream.
    pub(crate) fn new(stream: usize, thread: u32) -> ThreadCursor {
        ThreadCursor { stream, thread, next: 0, block: Block::default() }
    }

    /// The next event; there must be one.
    #[inline(always)]
    pub(crate) fn event(&self) -> &Timed {
        &self.block.events[self.next]
    }

    /// Goes to the next event of the block; `false` at its end.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> bool {
        self.next += 1;
        self.next < self.block.events.len()
    }

    /// Adds the place of the next event to an error.
    #[cold]
    pub(crate) fn place(&self, error: Error, streams: &Streams) -> Error {
        let begin = self.block.base + self.event().begin as usize;
        error.of_thread(streams.threads()[self.stream].thread).at(streams.offset(begin))
    }
}

impl Decoder {
    /// Before the first event of a stream. Where batches are not in memory, so many bytes of one are
    /// read at a time.
    pub(crate) fn new(stream: usize, part_bytes: usize) -> Decoder {
        let (part, part_at) = (Vec::new(), 0);
        Decoder { stream, batch: 0, base: 0, at: 0, end: 0, last: 0, part, part_at, part_bytes }
    }

    /// Decodes the next events of a batch, `most` at most; `false` when there are none. Of an event that
    /// is malformed, those before it come first; it is an error when it is its turn.
    #[inline(never)]
    pub(crate) fn block(
        &mut self,
        block: &mut Block,
        most: usize,
        streams: &Streams,
        unit: Unit,
    ) -> Result<bool, Error> {
        block.events.clear();
        if self.at == self.end && !self.next_batch(&streams.threads()[self.stream]) {
            return Ok(false);
        }
        let stream = &streams.threads()[self.stream];
        let time = unit.ns(stream.batches[self.batch - 1].time);
        block.base = self.base;
        // An event takes two bytes at least.
        block.events.reserve(most.min((self.end - self.at) / 2 + 1));
        let why = match streams.held() {
            Held::Here(bytes) => {
                let end = self.end;
                self.some(block, most, (unit, time), (bytes, 0), end)
            }
            held => {
                let until = self.read_part(held)?;
                let part = std::mem::take(&mut self.part);
                let why = self.some(block, most, (unit, time), (&part, self.part_at), until);
                self.part = part;
                why
            }
        };
        match why {
            Err(why) if block.events.is_empty() => Err(self.malformed(streams, &why)),
            _ => Ok(true),
        }
    }

    /// Makes sure that a part of the batch is there which begins with the next event or before; where
    /// in it the last one begins that is there for sure.
    fn read_part(&mut self, held: &Held) -> Result<usize, Error> {
        let until = |part_at: usize, len: usize| {
            let end = part_at + len;
            if end == self.end { end } else { end.saturating_sub(WINDOW_BYTES) }
        };
        let at = until(self.part_at, self.part.len());
        if (self.part_at..at).contains(&self.at) {
            return Ok(at);
        }
        self.part_at = self.at;
        let place = self.at..self.end.min(self.at + self.part_bytes);
        held.bytes(place, &mut self.part)?;
        Ok(until(self.part_at, self.part.len()))
    }

    /// Decodes events that begin before `until`, from bytes that begin at a place, of a batch with
    /// this time.
    fn some(
        &mut self,
        block: &mut Block,
        most: usize,
        (unit, time): (Unit, i64),
        (bytes, begin): (&[u8], usize),
        until: usize,
    ) -> Result<(), NoEvent> {
        let (mut at, mut last) = (self.at, self.last);
        let mut decode_all = || {
            while at < until && block.events.len() < most {
                let rest = &bytes[at - begin..];
                let (event, args, since, len) = match rest.first_chunk() {
                    Some(window) => decode(window)?,
                    None => decode(&last_window(rest))?,
                };
                if at + len > self.end {
                    return Err(NoEvent::End);
                }
                // To Go's reader 0 is no time, also where times become too large and come to it.
                if last == 0 {
                    last = time;
                }
                last = last.wrapping_add(unit.ns(since));
                block.events.push(Timed {
                    event,
                    begin: (at - self.base) as u32,
                    time: last,
                    args,
                });
                at += len;
            }
            Ok(())
        };
        let done = decode_all();
        (self.at, self.last) = (at, last);
        done
    }

    #[cold]
    fn next_batch(&mut self, stream: &Stream) -> bool {
        while let Some(part) = stream.batches.get(self.batch) {
            self.batch += 1;
            (self.at, self.end) = (part.data.start, part.data.end);
            self.base = self.at;
            self.last = 0;
            if self.at < self.end {
                return true;
            }
        }
        false
    }

    /// Why there is no event, and where.
    #[cold]
    #[inline(never)]
    fn malformed(&self, streams: &Streams, why: &NoEvent) -> Error {
        let mut buffer = Vec::new();
        let type_number = match streams.held().bytes(self.at..self.at + 1, &mut buffer) {
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
        let error = Error::new(ErrorKind::Encoding, what);
        error.of_thread(streams.threads()[self.stream].thread).at(streams.offset(self.at))
    }
}

/// Why bytes are no event.
enum NoEvent {
    Type,
    Number,
    /// The batch ends within it.
    End,
}

/// The event at the front of the bytes: its type, its arguments, the time since the one before, and
/// how many bytes it takes.
#[inline(always)]
fn decode(
    window: &[u8; WINDOW_BYTES],
) -> Result<(EventType, [u64; MAX_ARGS], u64, usize), NoEvent> {
    let (event, count) = ARGS[usize::from(window[0])].ok_or(NoEvent::Type)?;
    let mut at = 1;
    let mut next = || number(window, &mut at).ok_or(NoEvent::Number);
    let since = next()?;
    let mut args = [0; MAX_ARGS];
    for arg in args.iter_mut().take(usize::from(count)) {
        *arg = next()?;
    }
    Ok((event, args, since, at))
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
    let begin = *at % PLACES;
    let bytes: [u8; 8] = window[begin..begin + 8].try_into().ok()?;
    let word = u64::from_le_bytes(bytes);
    if word & 0x80 == 0 {
        *at += 1;
        return Some(word & 0x7f);
    }
    if word & 0x8000 == 0 {
        *at += 2;
        return Some((word & 0x7f) | (word >> 1 & 0x3f80));
    }
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

    /// Go's reader takes the batch's time again where times come to 0.
    #[test]
    fn a_time_that_wraps_to_zero() {
        // A processor, long after a batch that is late itself, and soon after that a goroutine.
        let mut events = vec![13];
        varint::push(&mut events, u64::MAX);
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

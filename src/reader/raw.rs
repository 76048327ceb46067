//! The events of a file as they are in it, the frame around them included, in no order but the
//! file's and unchecked.

use std::io::Read;

use super::bytes::{Bytes, Cursor, NoNumber};
use super::error::{Error, ErrorKind};
use super::version::Version;
use crate::wire::event::EventType;
use crate::wire::varint;

/// No event of a sound trace is as long.
const LONG_BYTES: usize = 128 << 10;

/// Reads what a file has, byte for byte, without asking whether it makes sense.
///
/// # Examples
/// ```no_run
/// let file = std::fs::File::open("program.trace")?;
/// for event in gort::reader::RawReader::new(file)? {
///     println!("{}", event?.name());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Go
/// `go tool trace -d=wire` prints these.
pub struct RawReader<R> {
    bytes: Bytes<R>,
    /// How much of `bytes` is done with.
    at: usize,
    version: Version,
    known: Known,
    failed: bool,
}

/// An event as it is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    event: EventType,
    offset: u64,
    bytes: usize,
    least_bytes: usize,
    args: Vec<u64>,
    data: Option<Vec<u8>>,
}

/// The types of event that are nothing but numbers, and how many.
struct Known([Option<(EventType, u8)>; 256]);

/// The type of an event, and the bytes after it that a word has.
const WINDOW_BYTES: usize = 9;

impl Known {
    fn of(version: Version) -> Known {
        Known(std::array::from_fn(|number| {
            let event = EventType::in_version(number as u8, version.format())?;
            let spec = event.spec();
            let is_more = spec.has_data() || event == EventType::Stack;
            (!is_more).then_some((event, spec.args.len() as u8))
        }))
    }

    /// The event at the front, and how many bytes it takes. `None` where that is not as simple: also
    /// where a number takes more bytes than it must.
    #[inline(always)]
    fn measure(&self, window: &[u8; WINDOW_BYTES]) -> Option<(EventType, usize)> {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let [number, word @ ..] = *window;
        let (event, numbers) = self.0[usize::from(number)]?;
        let Some(before_last) = numbers.checked_sub(1) else { return Some((event, 1)) };
        let word = u64::from_le_bytes(word);
        let mut ends = !word & HIGH;
        for _ in 0..before_last {
            ends &= ends.wrapping_sub(1);
        }
        if ends == 0 {
            return None;
        }
        // A last byte of 0 is one too many, but for a number's only byte.
        let zeros = !(((word & !HIGH) + !HIGH) | word) & HIGH;
        let all = ends ^ (ends - 1);
        if zeros & ((word & HIGH) << 8) & all != 0 {
            return None;
        }
        Some((event, 1 + ends.trailing_zeros() as usize / 8 + 1))
    }
}

/// Why a record cannot be taken from the bytes at hand.
enum Stop {
    More,
    Wrong(Error),
}

impl From<NoNumber> for Stop {
    fn from(why: NoNumber) -> Stop {
        match why {
            NoNumber::Ends => Stop::More,
            NoNumber::TooLarge => Stop::Wrong(why.error(ErrorKind::Encoding, "an argument")),
        }
    }
}

impl<R: Read> RawReader<R> {
    /// Begins to read, with the header.
    ///
    /// # Errors
    /// When the input fails, or is no trace of a version that is known.
    pub fn new(input: R) -> Result<RawReader<R>, Error> {
        let mut bytes = Bytes::new(input);
        let version = bytes.header()?;
        Ok(RawReader { bytes, at: 0, version, known: Known::of(version), failed: false })
    }

    /// The version of the file.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Reads the next event into `event`, whose memory it uses; `false` at the end of the file.
    ///
    /// # Errors
    /// When the input fails, or the bytes are those of no event. There is nothing after an error.
    pub fn read(&mut self, event: &mut RawEvent) -> Result<bool, Error> {
        if self.failed {
            return Ok(false);
        }
        let read = self.try_read(event);
        self.failed = read.is_err();
        read
    }

    /// As [`read`](Self::read), of which only the kinds and the least bytes are wanted: what `event` is
    /// besides, nothing says.
    pub(crate) fn measure(&mut self, event: &mut RawEvent) -> Result<bool, Error> {
        let window = self.bytes.held()[self.at..].first_chunk();
        match window.and_then(|window| self.known.measure(window)) {
            Some((number, bytes)) if !self.failed => {
                self.at += bytes;
                (event.event, event.bytes, event.least_bytes) = (number, bytes, bytes);
                Ok(true)
            }
            _ => self.read(event),
        }
    }

    fn try_read(&mut self, event: &mut RawEvent) -> Result<bool, Error> {
        loop {
            let offset = self.bytes.offset() + self.at as u64;
            let held = self.bytes.held();
            let is_at_end = self.at == held.len();
            if !is_at_end {
                match event.parse(held, self.at, self.version) {
                    Ok(()) => {
                        event.offset = offset;
                        self.at += event.bytes;
                        return Ok(true);
                    }
                    Err(Stop::Wrong(error)) => return Err(error.at(offset)),
                    Err(Stop::More) => {}
                }
            }
            self.bytes.drop_first(self.at);
            self.at = 0;
            if !self.more()? {
                return if is_at_end { Ok(false) } else { Err(cut_short().at(offset)) };
            }
        }
    }

    /// Waits for more of an event; `false` when there is no more. Of a long one it waits for so much
    /// that all tries to take it apart, from its begin, take no longer than a few.
    fn more(&mut self) -> Result<bool, Error> {
        let before = self.bytes.held().len();
        let enough = if before < LONG_BYTES { before + 1 } else { 2 * before };
        while self.bytes.held().len() < enough && self.bytes.more()? {}
        Ok(self.bytes.held().len() > before)
    }
}

#[cold]
fn cut_short() -> Error {
    Error::new(ErrorKind::Truncated, "the file ends within an event")
}

impl<R: Read> Iterator for RawReader<R> {
    type Item = Result<RawEvent, Error>;

    fn next(&mut self) -> Option<Result<RawEvent, Error>> {
        let mut event = RawEvent::new();
        match self.read(&mut event) {
            Ok(true) => Some(Ok(event)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl RawEvent {
    /// A place for events; see [`RawReader::read`].
    pub fn new() -> RawEvent {
        let event = EventType::EndOfGeneration;
        RawEvent { event, offset: 0, bytes: 0, least_bytes: 0, args: Vec::new(), data: None }
    }

    /// The number of its type.
    pub fn number(&self) -> u8 {
        self.event as u8
    }

    /// The name of its type.
    pub fn name(&self) -> &'static str {
        self.event.name()
    }

    /// The byte of the file it begins at.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of the file it takes.
    pub fn len_bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes it needs, where no number is longer than it must be, and the frames of a stack
    /// count as arguments.
    pub fn least_bytes(&self) -> usize {
        self.least_bytes
    }

    /// The names of its arguments.
    pub fn arg_names(&self) -> &'static [&'static str] {
        self.event.spec().args
    }

    /// Its arguments.
    pub fn args(&self) -> &[u64] {
        &self.args[..self.arg_names().len()]
    }

    /// The frames of a stack: each a program counter, the function's and the file's string, the line.
    /// `None` for all but stacks.
    pub fn frames(&self) -> Option<&[[u64; 4]]> {
        let (frames, _) = self.args[self.arg_names().len()..].as_chunks();
        self.is_stack().then_some(frames)
    }

    /// The bytes of a string or an experimental batch.
    pub fn data(&self) -> Option<&[u8]> {
        self.data.as_deref()
    }

    fn is_stack(&self) -> bool {
        self.event == EventType::Stack
    }

    fn parse(&mut self, held: &[u8], at: usize, version: Version) -> Result<(), Stop> {
        let mut cursor = Cursor::new(held, at);
        let number = cursor.byte().ok_or(Stop::More)?;
        let unknown = || Stop::Wrong(unknown_event(number, version));
        self.event = EventType::in_version(number, version.format()).ok_or_else(unknown)?;
        self.args.clear();
        self.least_bytes = 1;
        self.parse_args(self.arg_names().len(), &mut cursor)?;
        if self.is_stack() {
            self.parse_frames(&mut cursor)?;
        }
        self.data = None;
        if self.event.spec().has_data() {
            let data = data(&mut cursor)?;
            self.least_bytes += varint::len(data.len() as u64) + data.len();
            self.data = Some(data);
        }
        self.bytes = cursor.at() - at;
        Ok(())
    }

    #[inline(always)]
    fn parse_args(&mut self, args: usize, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        for _ in 0..args {
            let arg = cursor.number()?;
            self.least_bytes += varint::len(arg);
            self.args.push(arg);
        }
        Ok(())
    }

    fn parse_frames(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        // As many as there are bytes for at most, so that a wrong number takes no time.
        let frames = self.args[1];
        if frames > cursor.left() as u64 / 4 {
            return Err(Stop::More);
        }
        self.parse_args(4 * frames as usize, cursor)
    }
}

impl Default for RawEvent {
    fn default() -> RawEvent {
        RawEvent::new()
    }
}

fn data(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Stop> {
    let len = cursor.number()?;
    let bytes = usize::try_from(len).ok().and_then(|len| cursor.slice(len));
    Ok(bytes.ok_or(Stop::More)?.to_vec())
}

#[cold]
fn unknown_event(number: u8, version: Version) -> Error {
    let what = format!("expected an event, found {number}, which {version} does not know");
    Error::new(ErrorKind::Encoding, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode;

    #[test]
    fn what_is_measured_is_what_is_read() {
        let mut events = Vec::new();
        for bit in 0..64 {
            for value in [1_u64 << bit, (1 << bit) - 1, u64::MAX >> bit] {
                for number in [17, 16, 21, 44] {
                    events.push(number);
                    let event = EventType::from_number(number).unwrap();
                    for at in 0..event.spec().args.len() {
                        varint::push(&mut events, if at == bit % 3 { value } else { at as u64 });
                    }
                }
                // Zeros that say nothing.
                events.extend([16, 0x81, 0x00, 0x80, 0x80, 0x00, 0]);
                events.extend([5, 1, 2, b'h', b'i', 3, 1, 1, 1, 2, 3, 4]);
            }
        }
        let mut trace = b"go 1.26 trace\0\0\0".to_vec();
        encode::batch(&mut trace, 1, 1, 1, &events[..1000]);
        trace.extend(&events);
        for cut in [trace.len(), trace.len() - 3] {
            let (mut read, mut measured) = (RawEvent::new(), RawEvent::new());
            let mut one = RawReader::new(&trace[..cut]).unwrap();
            let mut other = RawReader::new(&trace[..cut]).unwrap();
            let mut count = 0;
            loop {
                let outcome = one.read(&mut read);
                let again = other.measure(&mut measured);
                assert_eq!(format!("{again:?}"), format!("{outcome:?}"));
                if !matches!(outcome, Ok(true)) {
                    assert_eq!(outcome.is_err(), cut < trace.len());
                    assert!(!other.measure(&mut measured).unwrap());
                    break;
                }
                assert_eq!(measured.number(), read.number());
                assert_eq!(measured.least_bytes(), read.least_bytes());
                count += 1;
            }
            assert!(count > 1000);
        }
    }
}

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
    pub(super) bytes: Bytes<R>,
    /// How much of `bytes` is done with.
    pub(super) at: usize,
    version: Version,
    pub(super) failed: bool,
}

/// An event as it is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    pub(super) event: EventType,
    offset: u64,
    pub(super) bytes: usize,
    pub(super) least_bytes: usize,
    args: Vec<u64>,
    data: Option<Vec<u8>>,
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
        Ok(RawReader { bytes, at: 0, version, failed: false })
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

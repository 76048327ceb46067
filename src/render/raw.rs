//! The events of a file one after the other, as they lie there: nothing ordered, nothing looked up.
//!
//! Frames of batches and tables are events like all others here, and what does not fit together is
//! not noticed. That is how Go's `-d=wire` and `-d=footprint` read.

use std::fmt;
use std::io::{self, Read};

use crate::wire::event::{self, EventType};
use crate::wire::varint;

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// Arguments of a frame of a stack.
pub(crate) const FRAME_FIELDS: [&str; 4] = ["pc", "func", "file", "line"];

/// The first number of the events of experiments.
const FIRST_EXPERIMENTAL: u8 = 128;
/// The events of Go's experiment `AllocFree`, by number from 128.
const EXPERIMENTAL: [(&str, &[&str]); 9] = [
    ("Span", &["dt", "id", "npages_value", "kindclass"]),
    ("SpanAlloc", &["dt", "id", "npages_value", "kindclass"]),
    ("SpanFree", &["dt", "id"]),
    ("HeapObject", &["dt", "id", "type"]),
    ("HeapObjectAlloc", &["dt", "id", "type"]),
    ("HeapObjectFree", &["dt", "id"]),
    ("GoroutineStack", &["dt", "id", "order"]),
    ("GoroutineStackAlloc", &["dt", "id", "order"]),
    ("GoroutineStackFree", &["dt", "id"]),
];

/// Why the raw events of a file end before the file does.
///
/// # Go
/// The texts are those of `go tool trace -d=wire`.
#[derive(Debug)]
#[non_exhaustive]
pub enum RawError {
    /// The file cannot be read.
    Input(io::Error),
    /// The output cannot be written.
    Output(io::Error),
    /// The file does not begin as a trace does.
    NotATrace,
    /// The file is of Go 1.N, for an N without a format of its own.
    UnknownVersion(u32),
    /// An event has a number that this version does not know.
    UnknownEvent(u8),
    /// A number has more than 64 bits.
    Overflow,
    /// The file ends inside of a number.
    UnexpectedEnd,
}

impl fmt::Display for RawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RawError::Input(error) | RawError::Output(error) => error.fmt(f),
            RawError::NotATrace => f.write_str("bad file format: not a Go execution trace?"),
            RawError::UnknownVersion(minor) => {
                write!(f, "unknown or unsupported trace version go 1.{minor}")
            }
            RawError::UnknownEvent(number) => write!(f, "invalid event type: {number}"),
            RawError::Overflow => f.write_str("binary: varint overflows a 64-bit integer"),
            RawError::UnexpectedEnd => f.write_str("unexpected EOF"),
        }
    }
}

impl std::error::Error for RawError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RawError::Input(error) | RawError::Output(error) => Some(error),
            _ => None,
        }
    }
}

/// The names that belong to a number of the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    /// Empty for numbers that no event has.
    pub(crate) event: &'static str,
    pub(crate) args: &'static [&'static str],
    pub(crate) has_data: bool,
    pub(crate) has_frames: bool,
}

/// How many numbers a version knows, gaps included. Go's tool has none for the formats of old.
pub(crate) fn known(minor: u32) -> Option<usize> {
    match minor {
        11 | 19 | 21 => Some(0),
        22 => Some(EventType::UserLog as usize + 1),
        23 => Some(EventType::ExperimentalBatch as usize + 1),
        25 => Some(EventType::ClockSnapshot as usize + 1),
        26 => Some(usize::from(FIRST_EXPERIMENTAL) + EXPERIMENTAL.len()),
        _ => None,
    }
}

/// The names of each number.
pub(crate) fn names() -> Vec<Names> {
    let mut names = vec![Names::default(); 256];
    for spec in &event::SPECS {
        names[spec.event as usize] = Names {
            event: spec.name,
            args: spec.args,
            has_data: spec.has_data(),
            has_frames: spec.event == EventType::Stack,
        };
    }
    for (number, (event, args)) in (usize::from(FIRST_EXPERIMENTAL)..).zip(EXPERIMENTAL) {
        names[number] = Names { event, args, ..Names::default() };
    }
    names
}

/// An event as it lies in the file.
#[derive(Debug)]
pub(crate) struct RawEvent<'a> {
    pub(crate) number: u8,
    /// With those of the frames, if it is a stack.
    pub(crate) args: &'a [u64],
    pub(crate) data: &'a [u8],
}

/// Reads raw events.
pub(crate) struct RawEvents<R> {
    input: R,
    names: Vec<Names>,
    known: usize,
    /// What was read and not yet used is `buffer[at..end]`.
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    is_all: bool,
    bytes_read: u64,
    args: Vec<u64>,
}

/// Why an event cannot be decoded from what is in the buffer.
enum Short {
    /// It ends after a whole number, or inside of one.
    Ends { inside: bool },
    Broken(RawError),
}

/// Where an event's data lie in the buffer, and where it ends.
struct Extent {
    data: usize,
    end: usize,
}

impl<R: Read> RawEvents<R> {
    /// Reads the header.
    pub(crate) fn open(input: R) -> Result<RawEvents<R>, RawError> {
        let mut events = RawEvents {
            input,
            names: names(),
            known: 0,
            buffer: vec![0; CHUNK_BYTES],
            at: 0,
            end: 0,
            is_all: false,
            bytes_read: 0,
            args: Vec::new(),
        };
        let minor = events.header()?;
        events.known = known(minor).ok_or(RawError::UnknownVersion(minor))?;
        Ok(events)
    }

    /// `go 1.NN trace` and three zeros: the NN.
    fn header(&mut self) -> Result<u32, RawError> {
        const LEN: usize = 16;
        while self.end < LEN && !self.is_all {
            self.fill()?;
        }
        let header = self.buffer[..self.end].first_chunk::<LEN>().ok_or(RawError::NotATrace)?;
        let rest = header.strip_prefix(b"go 1.").ok_or(RawError::NotATrace)?;
        let minor = rest.strip_suffix(b" trace\0\0\0").ok_or(RawError::NotATrace)?;
        let minor = str::from_utf8(minor).ok().filter(|m| m.bytes().all(|b| b.is_ascii_digit()));
        self.at = LEN;
        minor.and_then(|minor| minor.parse().ok()).ok_or(RawError::NotATrace)
    }

    /// How many numbers the file's version knows.
    pub(crate) fn known(&self) -> usize {
        self.known
    }

    /// Bytes read so far, the header included.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The next event, or `None` at the end; a file may end between the numbers of an event.
    pub(crate) fn next(&mut self) -> Result<Option<RawEvent<'_>>, RawError> {
        let (start, extent) = loop {
            match self.decode() {
                Ok(extent) => break (self.at, extent),
                Err(Short::Broken(error)) => return Err(error),
                Err(Short::Ends { .. }) if !self.is_all => self.fill()?,
                Err(Short::Ends { inside: true }) => return Err(RawError::UnexpectedEnd),
                Err(Short::Ends { inside: false }) => return Ok(None),
            }
        };
        self.at = extent.end;
        let data = &self.buffer[extent.data..extent.end];
        Ok(Some(RawEvent { number: self.buffer[start], args: &self.args, data }))
    }

    fn decode(&mut self) -> Result<Extent, Short> {
        let bytes = &self.buffer[..self.end];
        let mut at = self.at;
        let Some(&number) = bytes.get(at) else { return Err(Short::Ends { inside: false }) };
        if number == 0 || usize::from(number) >= self.known {
            return Err(Short::Broken(RawError::UnknownEvent(number)));
        }
        at += 1;
        let names = &self.names[usize::from(number)];
        self.args.clear();
        for _ in names.args {
            self.args.push(read(bytes, &mut at)?);
        }
        if names.has_frames {
            // As in Go, a number beyond the signed ones is none.
            let frames = i64::try_from(self.args[1]).unwrap_or(0);
            for _ in 0..frames {
                for _ in FRAME_FIELDS {
                    self.args.push(read(bytes, &mut at)?);
                }
            }
        }
        if !names.has_data {
            return Ok(Extent { data: at, end: at });
        }
        let len = i64::try_from(read(bytes, &mut at)?).unwrap_or(0);
        match usize::try_from(len) {
            Ok(len) if len <= bytes.len() - at => Ok(Extent { data: at, end: at + len }),
            _ => Err(Short::Ends { inside: false }),
        }
    }

    /// Reads more behind what is not yet used.
    fn fill(&mut self) -> Result<(), RawError> {
        self.buffer.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        let n = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(RawError::Input)?,
            }
        };
        self.is_all = n == 0;
        self.end += n;
        self.bytes_read += n as u64;
        Ok(())
    }
}

#[inline(always)]
fn read(bytes: &[u8], at: &mut usize) -> Result<u64, Short> {
    match bytes.get(*at) {
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Ok(byte.into())
        }
        Some(_) => read_long(bytes, at),
        None => Err(Short::Ends { inside: false }),
    }
}

fn read_long(bytes: &[u8], at: &mut usize) -> Result<u64, Short> {
    match varint::read(&bytes[*at..]) {
        Some((value, len)) => {
            *at += len;
            Ok(value)
        }
        None if bytes.len() - *at >= varint::MAX_BYTES => Err(Short::Broken(RawError::Overflow)),
        None => Err(Short::Ends { inside: true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(buf.len()).min(1);
            self.0.read(&mut buf[..n])
        }
    }

    fn all(bytes: &[u8]) -> (Vec<(u8, Vec<u64>, Vec<u8>)>, Option<String>) {
        let mut found = Vec::new();
        let mut events = match RawEvents::open(Drip(bytes)) {
            Ok(events) => events,
            Err(error) => return (found, Some(error.to_string())),
        };
        loop {
            match events.next() {
                Ok(Some(e)) => found.push((e.number, e.args.to_vec(), e.data.to_vec())),
                Ok(None) => return (found, None),
                Err(error) => return (found, Some(error.to_string())),
            }
        }
    }

    fn file(events: &[u8]) -> Vec<u8> {
        [b"go 1.26 trace\0\0\0", events].concat()
    }

    #[test]
    fn events_of_all_shapes() {
        let stack = [3, 7, 1, 0x80, 1, 2, 3, 4];
        let bytes = file(&[&[11, 5][..], &stack, &[5, 9, 2, b'h', b'i', 52, 128, 1, 2, 3, 4]].concat());
        let (found, error) = all(&bytes);
        assert_eq!(error, None);
        let expected: [(u8, &[u64], &[u8]); 5] = [
            (11, &[5], b""),
            (3, &[7, 1, 128, 2, 3, 4], b""),
            (5, &[9], b"hi"),
            (52, &[], b""),
            (128, &[1, 2, 3, 4], b""),
        ];
        let found: Vec<_> = found.iter().map(|(n, args, data)| (*n, &args[..], &data[..])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn ends_and_errors_are_go_s() {
        let overflow: [u8; 11] = [&[11][..], &[0xff; 10]].concat().try_into().unwrap();
        for (events, error) in [
            (&[][..], None),
            (&[11], None),
            (&[16, 1, 2], None),
            (&[16, 1, 0x80], Some("unexpected EOF")),
            (&overflow, Some("binary: varint overflows a 64-bit integer")),
            (&[0], Some("invalid event type: 0")),
            (&[137], Some("invalid event type: 137")),
            (&[5, 1, 9, b'x'], None),
            (&[53], None),
        ] {
            let (found, seen) = all(&file(events));
            assert_eq!(seen.as_deref(), error, "{events:?}");
            assert_eq!(found.len(), usize::from(events == [53]));
        }
    }

    #[test]
    fn headers() {
        for (header, error) in [
            (&b"go 1.22 trace\0\0\0"[..], None),
            (b"go 1.21 trace\0\0\0", None),
            (b"go 1.27 trace\0\0\0", Some("unknown or unsupported trace version go 1.27")),
            (b"go 1.2x trace\0\0\0", Some("bad file format: not a Go execution trace?")),
            (b"go 1.26 trace\0\0", Some("bad file format: not a Go execution trace?")),
            (b"", Some("bad file format: not a Go execution trace?")),
        ] {
            assert_eq!(all(header).1.as_deref(), error);
        }
        let unknown = all(b"go 1.22 trace\0\0\0\x30").1;
        assert_eq!(unknown.as_deref(), Some("invalid event type: 48"));
    }
}

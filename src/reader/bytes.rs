//! The bytes of a trace, as they come in.

use std::io::{self, Read};

use super::error::{Error, ErrorKind};
use super::version::{HEADER_BYTES, Version};

/// How much is asked for at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// What has come of a trace and is not done with yet.
pub(crate) struct Bytes<R> {
    input: R,
    held: Vec<u8>,
    /// Where in the file `held` begins.
    offset: u64,
    ended: bool,
}

impl<R: Read> Bytes<R> {
    pub(crate) fn new(input: R) -> Bytes<R> {
        Bytes { input, held: Vec::new(), offset: 0, ended: false }
    }

    /// Reads the header, and lets go of it.
    pub(crate) fn header(&mut self) -> Result<Version, Error> {
        while self.held.len() < HEADER_BYTES && self.more()? {}
        let end = self.held.len().min(HEADER_BYTES);
        let version = Version::of_header(&self.held[..end]).map_err(|error| error.at(0))?;
        self.drop_first(end);
        Ok(version)
    }

    /// What has come so far.
    pub(crate) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Where in the file it begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Waits for more; `false` when there is no more.
    pub(crate) fn more(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        let before = self.held.len();
        self.held.resize(before + CHUNK_BYTES, 0);
        let read = read(&mut self.input, &mut self.held[before..]);
        self.held.truncate(before + *read.as_ref().unwrap_or(&0));
        let read = read.map_err(|error| Error::io(error, self.offset + before as u64))?;
        self.ended = read == 0;
        Ok(read > 0)
    }

    /// Takes the first bytes, and uses the memory of `spare` for the rest.
    pub(crate) fn take_first(&mut self, bytes: usize, mut spare: Vec<u8>) -> Vec<u8> {
        spare.clear();
        spare.extend_from_slice(&self.held[bytes..]);
        self.held.truncate(bytes);
        self.offset += bytes as u64;
        std::mem::replace(&mut self.held, spare)
    }

    /// Lets go of the first bytes.
    pub(crate) fn drop_first(&mut self, bytes: usize) {
        self.held.drain(..bytes);
        self.offset += bytes as u64;
    }
}

fn read(input: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(to) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Bytes to be taken apart, from front to back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoNumber {
    /// The bytes end first.
    Ends,
    /// It does not fit 64 bits.
    TooLarge,
}

impl NoNumber {
    /// As an error about bytes that should have a number.
    #[cold]
    pub(crate) fn error(self, kind: ErrorKind, of_what: &str) -> Error {
        let why = match self {
            NoNumber::Ends => "the bytes end within it",
            NoNumber::TooLarge => "there is one that takes more than 64 bits",
        };
        Error::new(kind, format!("expected a number ({of_what}), but {why}"))
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { bytes, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline(always)]
    pub(crate) fn number(&mut self) -> Result<u64, NoNumber> {
        match self.bytes[self.at..] {
            [low, ..] if low < 0x80 => {
                self.at += 1;
                Ok(low.into())
            }
            [low, high, ..] if high < 0x80 => {
                self.at += 2;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, NoNumber> {
        let rest = &self.bytes[self.at..];
        match crate::wire::varint::read(rest) {
            Some((value, len)) => {
                self.at += len;
                Ok(value)
            }
            None if ends_within_number(rest) => Err(NoNumber::Ends),
            None => Err(NoNumber::TooLarge),
        }
    }

    pub(crate) fn slice(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let slice = self.bytes[self.at..].get(..bytes)?;
        self.at += bytes;
        Some(slice)
    }

    /// What is left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }
}

fn ends_within_number(bytes: &[u8]) -> bool {
    bytes.len() < crate::wire::varint::MAX_BYTES && bytes.iter().all(|byte| *byte >= 0x80)
}

//! Where batches come from: bytes that come one after the other, or can be read at any place.

use std::io::Read;
use std::sync::Arc;

use super::batch::{self, HEAD_BYTES, Piece};
use super::bytes::Bytes;
use super::error::{Error, ErrorKind};
use super::held::{Held, ReadAt, read_at};
use super::version::{HEADER_BYTES, Version};

/// The pieces of a trace, a generation at a time. Places are from its begin.
pub(crate) trait Pieces {
    /// The piece at a place, and where it ends. `None` at the end of the trace.
    fn piece(&mut self, at: usize) -> Result<(Option<Piece>, usize), Error>;

    /// Where the generation begins.
    fn offset(&self) -> u64;

    /// Whether the trace ends here.
    fn is_at_end(&mut self) -> Result<bool, Error>;

    /// Ends the generation, which takes so many bytes: those. The next one begins there.
    fn take(&mut self, bytes: usize) -> Held;

    /// Takes back the memory of a generation that is done with.
    fn reuse(&mut self, _bytes: Vec<u8>) {}
}

/// Pieces of what comes in order.
pub(crate) struct Coming<R> {
    bytes: Bytes<R>,
    spare: Vec<u8>,
}

impl<R: Read> Coming<R> {
    pub(crate) fn new(input: R) -> Result<(Version, Coming<R>), Error> {
        let mut bytes = Bytes::new(input);
        let version = bytes.header()?;
        Ok((version, Coming { bytes, spare: Vec::new() }))
    }
}

impl<R: Read> Pieces for Coming<R> {
    fn piece(&mut self, at: usize) -> Result<(Option<Piece>, usize), Error> {
        loop {
            let (piece, next) = batch::piece(self.bytes.held(), at)?;
            let Piece::More { is_end } = piece else { return Ok((Some(piece), next)) };
            if !self.bytes.more()? {
                return if is_end { Ok((None, self.bytes.held().len())) } else { Err(cut_short()) };
            }
        }
    }

    fn offset(&self) -> u64 {
        self.bytes.offset()
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        Ok(self.bytes.held().is_empty() && !self.bytes.more()?)
    }

    fn take(&mut self, bytes: usize) -> Held {
        // What did not become part of it is the next one's.
        Held::Here(self.bytes.take_first(bytes, std::mem::take(&mut self.spare)))
    }

    fn reuse(&mut self, bytes: Vec<u8>) {
        self.spare = bytes;
    }
}

/// Pieces of what can be read at any place. Only what stands before batches is read.
pub(crate) struct Placed {
    input: Arc<dyn ReadAt>,
    offset: u64,
    /// Some bytes, and where they are.
    window: Vec<u8>,
    window_at: u64,
}

/// So many bytes are read at a time: most batches are longer, those of short generations are not.
const WINDOW_BYTES: usize = 4 << 10;

impl Placed {
    pub(crate) fn new(input: Arc<dyn ReadAt>) -> Result<(Version, Placed), Error> {
        let mut header = Vec::new();
        read_at(&*input, &mut header, 0, HEADER_BYTES)?;
        let version = Version::of_header(&header).map_err(|error| error.at(0))?;
        let (offset, window) = (HEADER_BYTES as u64, Vec::new());
        Ok((version, Placed { input, offset, window, window_at: 0 }))
    }

    /// The bytes from a place on: enough for what stands before a batch, unless the input ends.
    fn window(&mut self, at: u64) -> Result<&[u8], Error> {
        let skipped = at.checked_sub(self.window_at).map_or(usize::MAX, |bytes| bytes as usize);
        if skipped.saturating_add(HEAD_BYTES) <= self.window.len() {
            return Ok(&self.window[skipped..]);
        }
        self.window_at = at;
        read_at(&*self.input, &mut self.window, at, WINDOW_BYTES)?;
        Ok(&self.window)
    }

    /// Whether there is a byte at a place.
    fn is_there(&self, at: u64) -> Result<bool, Error> {
        let end = self.window_at + self.window.len() as u64;
        if (self.window_at..end).contains(&at) {
            return Ok(true);
        }
        let mut byte = Vec::new();
        read_at(&*self.input, &mut byte, at, 1)?;
        Ok(!byte.is_empty())
    }
}

impl Pieces for Placed {
    fn piece(&mut self, at: usize) -> Result<(Option<Piece>, usize), Error> {
        let window = self.window(self.offset + at as u64)?;
        let len = window.len();
        match batch::head(window)? {
            (Piece::More { is_end: true }, _) => Ok((None, at + len)),
            (Piece::More { is_end: false }, _) => Err(cut_short()),
            (Piece::End, bytes) => Ok((Some(Piece::End), at + bytes)),
            (Piece::Batch(mut batch), bytes) => {
                let next = at + bytes;
                if !self.is_there(self.offset + next as u64 - 1)? {
                    return Err(cut_short());
                }
                batch.data = batch.data.start + at..next;
                Ok((Some(Piece::Batch(batch)), next))
            }
        }
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        Ok(!self.is_there(self.offset)?)
    }

    fn take(&mut self, bytes: usize) -> Held {
        let held = Held::At(self.input.clone(), self.offset);
        self.offset += bytes as u64;
        held
    }
}

#[cold]
fn cut_short() -> Error {
    Error::new(ErrorKind::Truncated, "the file ends within a batch")
}

//! The bytes of a generation: in memory, or in a file in which they are looked up.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::error::{Error, ErrorKind};

/// What can be read at any place, as a file.
///
/// # Examples
/// ```
/// use gort::reader::ReadAt;
///
/// let mut bytes = [0; 3];
/// assert_eq!(b"trace".to_vec().read_at(&mut bytes, 3)?, 2);
/// # std::io::Result::Ok(())
/// ```
///
/// # Go
/// `io.ReaderAt`.
pub trait ReadAt: Send + Sync {
    /// Reads bytes that begin at `at` into `to`, as many as there are at once; 0 at the end.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_at(&self, to: &mut [u8], at: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, to: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, to, at)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, to: &mut [u8], at: u64) -> io::Result<usize> {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        let bytes = to.len().min(self.len() - at);
        to[..bytes].copy_from_slice(&self[at..at + bytes]);
        Ok(bytes)
    }
}

/// Reads as many bytes of `input` as there are, `most` at most, in the place of what is in `to`.
pub(crate) fn read_at(
    input: &dyn ReadAt,
    to: &mut Vec<u8>,
    at: u64,
    most: usize,
) -> Result<(), Error> {
    to.resize(most, 0);
    let mut there = 0;
    while there < most {
        match input.read_at(&mut to[there..], at + there as u64) {
            Ok(0) => break,
            Ok(bytes) => there += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(error, at + there as u64)),
        }
    }
    to.truncate(there);
    Ok(())
}

/// The bytes of a generation.
pub(crate) enum Held {
    Here(Vec<u8>),
    /// In what can be read at any place, from this place on.
    At(Arc<dyn ReadAt>, u64),
}

impl Default for Held {
    fn default() -> Held {
        Held::Here(Vec::new())
    }
}

impl Held {
    /// All bytes, if they are in memory.
    pub(crate) fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Held::Here(bytes) => Some(bytes),
            Held::At(..) => None,
        }
    }

    /// The bytes at a place: `buffer` is for those that are not in memory.
    pub(crate) fn bytes<'a>(
        &'a self,
        place: Range<usize>,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        let (input, begin) = match self {
            Held::Here(bytes) => return Ok(&bytes[place]),
            Held::At(input, begin) => (&**input, *begin),
        };
        let at = begin + place.start as u64;
        read_at(input, buffer, at, place.len())?;
        if buffer.len() < place.len() {
            let what = "the file was made shorter while it was read";
            return Err(Error::new(ErrorKind::Truncated, what).at(at));
        }
        Ok(buffer)
    }
}

//! Bytes on their way to an output, in large pieces.

use std::io::{self, Write};

/// They are handed on when there are so many.
const FULL_BYTES: usize = 256 << 10;

/// Collects bytes for an output.
pub(crate) struct Sink<W> {
    pub(crate) bytes: Vec<u8>,
    output: W,
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(output: W) -> Sink<W> {
        Sink { bytes: Vec::with_capacity(FULL_BYTES + FULL_BYTES / 4), output }
    }

    /// Hands on what there is, if it is much.
    #[inline]
    pub(crate) fn flush_if_full(&mut self) -> io::Result<()> {
        if self.bytes.len() >= FULL_BYTES { self.hand_on() } else { Ok(()) }
    }

    #[cold]
    fn hand_on(&mut self) -> io::Result<()> {
        self.output.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    /// Hands on everything.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.output.flush()
    }
}

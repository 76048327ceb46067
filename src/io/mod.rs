//! The standard streams, and [`copy`], for goroutines.
//!
//! [`stdin`], [`stdout`] and [`stderr`] are those of [`std::io`], whose calls hand their processor
//! over ([`blocking`](crate::blocking)) and hold the stream's lock within one call only: a lock that
//! is kept over a call that blocks would be another thread's (see [Thread-locals](crate#thread-locals)),
//! so none is to be had here. `println!` works as well, of course; while it waits for a slow
//! terminal or a full pipe its goroutine keeps its processor until the runtime notices.
//!
//! Read and written is by the traits of `std`, which stand here too.
//!
//! # Go
//! `os.Stdin`, `os.Stdout`, `os.Stderr`, `io.Copy`. `std` buffers input, and output by lines.

mod input;
mod output;

pub use std::io::{
    BufRead, BufReader, BufWriter, Error, ErrorKind, IoSlice, IoSliceMut, Read, Result, Seek,
    SeekFrom, Write, empty, repeat, sink,
};

pub use input::{Lines, Stdin, stdin};
pub use output::{Stderr, Stdout, stderr, stdout};

/// Bytes that [`copy`] moves at a time.
const COPY_BYTES: usize = 64 << 10;

/// Copies all that `reader` has to `writer`, and returns how many bytes that was.
///
/// It calls nothing but their `read` and `write_all`: what those are is what they block. The types
/// of [`fs`](crate::fs), [`net`](crate::net) and [`process`](crate::process) let others run; around
/// types of `std` put [`blocking`](crate::blocking). [`fs::copy`](crate::fs::copy) copies files in
/// the kernel.
///
/// # Errors
/// The first error of either, other than [`ErrorKind::Interrupted`]. What had been read then may be
/// lost.
///
/// # Go
/// `io.Copy`.
///
/// # Examples
/// ```
/// let mut reader: &[u8] = b"hello";
/// let mut writer = Vec::new();
/// assert_eq!(gort::io::copy(&mut reader, &mut writer).unwrap(), 5);
/// assert_eq!(writer, b"hello");
/// ```
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> Result<u64>
where
    R: Read + ?Sized,
    W: Write + ?Sized,
{
    let mut buffer = vec![0; COPY_BYTES];
    let mut copied = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(n) => {
                writer.write_all(&buffer[..n])?;
                copied += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

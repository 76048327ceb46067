//! Standard output and standard error.

use std::fmt;
use std::io::{self, IoSlice, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use crate::blocking;

/// The standard output. As [`std::io::stdout`], with which it shares its buffer.
///
/// What one `write!` or `writeln!` says comes out in one piece.
///
/// # Examples
/// ```
/// use std::io::Write;
///
/// writeln!(gort::io::stdout(), "hello").unwrap();
/// ```
///
/// # Go
/// `os.Stdout`, in lines.
pub fn stdout() -> Stdout {
    Stdout(())
}

/// The standard error. As [`std::io::stderr`].
///
/// What one `write!` or `writeln!` says comes out in one piece.
///
/// # Go
/// `os.Stderr`.
pub fn stderr() -> Stderr {
    Stderr(())
}

/// The standard output; see [`stdout`].
#[derive(Debug, Clone, Copy)]
pub struct Stdout(());

/// The standard error; see [`stderr`].
#[derive(Debug, Clone, Copy)]
pub struct Stderr(());

/// The text of `text`. What formats it may fail, and tells no more than that.
fn formatted(text: fmt::Arguments<'_>) -> io::Result<String> {
    let mut line = String::new();
    let written = fmt::write(&mut line, text);
    written.map(|()| line).map_err(|_| io::Error::other("a formatter failed"))
}

/// What both can do.
macro_rules! output {
    ($name:ident, $stream:path, $fd:literal) => {
        impl $name {
            /// Whether it is a terminal.
            pub fn is_terminal(&self) -> bool {
                $stream().is_terminal()
            }
        }

        impl Write for &$name {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                blocking(|| $stream().write(bytes))
            }

            fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
                blocking(|| $stream().write_vectored(slices))
            }

            fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
                blocking(|| $stream().write_all(bytes))
            }

            /// What formats may block, so it does so before the stream is locked.
            fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
                self.write_all(formatted(text)?.as_bytes())
            }

            fn flush(&mut self) -> io::Result<()> {
                blocking(|| $stream().flush())
            }
        }

        impl Write for $name {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                (&*self).write(bytes)
            }

            fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(slices)
            }

            fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
                (&*self).write_all(bytes)
            }

            fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
                (&*self).write_fmt(text)
            }

            fn flush(&mut self) -> io::Result<()> {
                (&*self).flush()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: the number of the stream, which stays what it is.
                unsafe { BorrowedFd::borrow_raw($fd) }
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                $fd
            }
        }
    };
}

output!(Stdout, io::stdout, 1);
output!(Stderr, io::stderr, 2);

//! Standard input.

use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use crate::blocking;

/// The standard input. As [`std::io::stdin`], with which it shares its buffer.
///
/// # Examples
/// ```no_run
/// for line in gort::io::stdin().lines() {
///     println!("{}", line.unwrap().to_uppercase());
/// }
/// ```
///
/// # Go
/// `os.Stdin` in a `bufio.Reader`.
pub fn stdin() -> Stdin {
    Stdin(())
}

/// The standard input; see [`stdin`]. Several may read at once: each gets what comes in its turn.
#[derive(Debug, Clone, Copy)]
pub struct Stdin(());

impl Stdin {
    /// Adds the next line to `text`, with its end, and returns how many bytes that was; 0: there is
    /// no more. As [`std::io::Stdin::read_line`].
    ///
    /// # Errors
    /// As there.
    pub fn read_line(&self, text: &mut String) -> io::Result<usize> {
        blocking(|| io::stdin().read_line(text))
    }

    /// All lines, without their ends, each as soon as it is there.
    pub fn lines(self) -> Lines {
        Lines(self)
    }

    /// Whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }
}

impl Read for &Stdin {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        blocking(|| io::stdin().read(bytes))
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        blocking(|| io::stdin().read_to_end(bytes))
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        blocking(|| io::stdin().read_to_string(text))
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        blocking(|| io::stdin().read_exact(bytes))
    }
}

impl Read for Stdin {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self).read(bytes)
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(bytes)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(text)
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(bytes)
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the number of the standard input, which stays what it is.
        unsafe { BorrowedFd::borrow_raw(0) }
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        0
    }
}

/// The lines of the standard input; see [`Stdin::lines`].
#[derive(Debug)]
pub struct Lines(Stdin);

impl Iterator for Lines {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<io::Result<String>> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => {
                let text = line.strip_suffix('\n').unwrap_or(&line);
                let length = text.strip_suffix('\r').unwrap_or(text).len();
                let ended = line.ends_with('\n');
                line.truncate(if ended { length } else { line.len() });
                Some(Ok(line))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

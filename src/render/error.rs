//! Why something was not shown to its end.

use std::fmt;
use std::io;

use crate::reader;

/// Why a trace was not shown, or not to its end.
#[derive(Debug)]
pub enum Error {
    /// The trace is damaged, is none, or cannot be read. What comes before the damage was shown.
    Trace(reader::Error),
    /// The output cannot be written.
    Output(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Trace(error) => error.fmt(f),
            Error::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Trace(error) => Some(error),
            Error::Output(error) => Some(error),
        }
    }
}

impl From<reader::Error> for Error {
    fn from(error: reader::Error) -> Error {
        Error::Trace(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Output(error)
    }
}

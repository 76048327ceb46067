//! Versions of traces.

use std::fmt;

use crate::wire::version::Version as Format;

use super::error::{Error, ErrorKind};

/// Bytes of a file's header.
pub(crate) const HEADER_BYTES: usize = 16;

/// A version of the trace format that can be read: the Go release that first wrote it.
///
/// Go 1.24 writes that of 1.23, Go 1.27 that of 1.26.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// Of Go 1.22.
    Go122,
    /// Of Go 1.23 and 1.24, and what gort writes unless told otherwise.
    Go123,
    /// Of Go 1.25.
    Go125,
    /// Of Go 1.26 and 1.27.
    Go126,
}

impl Version {
    /// The NN of Go 1.NN.
    pub fn minor(self) -> u8 {
        self.format().minor()
    }

    pub(crate) fn format(self) -> Format {
        match self {
            Version::Go122 => Format::Go122,
            Version::Go123 => Format::Go123,
            Version::Go125 => Format::Go125,
            Version::Go126 => Format::Go126,
        }
    }

    /// The version in a file's header.
    pub(crate) fn of_header(header: &[u8]) -> Result<Version, Error> {
        match minor(header) {
            Some(22) => Ok(Version::Go122),
            Some(23) => Ok(Version::Go123),
            Some(25) => Ok(Version::Go125),
            Some(26) => Ok(Version::Go126),
            Some(old @ ..22) => Err(old_version(old)),
            Some(unknown) => Err(unknown_version(unknown)),
            None => Err(Error::new(ErrorKind::NotATrace, "this is no Go execution trace")),
        }
    }
}

/// The NN of `go 1.NN trace`.
fn minor(header: &[u8]) -> Option<u8> {
    let number = header.strip_prefix(b"go 1.")?.strip_suffix(b" trace\0\0\0")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn old_version(minor: u8) -> Error {
    let what = format!(
        "a trace of Go 1.{minor}, whose format is another one: `go tool trace` of Go 1.22 to 1.27 still \
         shows it; to read it here, take it again with a program that is built by Go 1.22 or later"
    );
    Error::new(ErrorKind::OldVersion, what)
}

fn unknown_version(minor: u8) -> Error {
    let what = format!(
        "a trace in version 1.{minor}, which is not known: there are 1.22, 1.23 (also of Go 1.24), 1.25 \
         and 1.26 (also of Go 1.27)"
    );
    Error::new(ErrorKind::UnknownVersion, what)
}

/// As in `Go 1.23`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.format().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for version in [Version::Go122, Version::Go123, Version::Go125, Version::Go126] {
            assert_eq!(Version::of_header(&version.format().header()).unwrap(), version);
        }
        let kind = |header: &[u8]| Version::of_header(header).unwrap_err().kind();
        for old in ["11", "19", "21"] {
            let header = format!("go 1.{old} trace\0\0\0");
            assert_eq!(kind(header.as_bytes()), ErrorKind::OldVersion);
        }
        for unknown in ["24", "27", "99"] {
            let header = format!("go 1.{unknown} trace\0\0\0");
            assert_eq!(kind(header.as_bytes()), ErrorKind::UnknownVersion);
        }
        for not in ["", "go 1.23 trace\0\0", "go 1.23 trace\0\0\0\0", "Go 1.23 trace\0\0\0"] {
            assert_eq!(kind(not.as_bytes()), ErrorKind::NotATrace, "{not:?}");
        }
    }
}

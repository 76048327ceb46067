//! Versions of the format.

use std::fmt;
use std::str::FromStr;

/// A version of the trace format: the Go release whose tools first read it.
///
/// There is no version of Go 1.24, which writes version 23, and none of Go 1.27, which writes 26.
/// Later tools read all earlier versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Version {
    /// The first one; no goroutine status with a stack, no coroutine switches.
    Go122,
    /// Opens in every Go tool since Go 1.23: what is written unless another one is asked for.
    #[default]
    Go123,
    /// Adds the wall clock.
    Go125,
    /// Adds a mark at the end of each generation: a trace cut short stays readable up to there.
    Go126,
}

impl Version {
    /// All versions, oldest first.
    pub(crate) const ALL: [Version; 4] =
        [Version::Go122, Version::Go123, Version::Go125, Version::Go126];

    /// The NN of Go 1.NN.
    pub(crate) const fn minor(self) -> u8 {
        match self {
            Version::Go122 => 22,
            Version::Go123 => 23,
            Version::Go125 => 25,
            Version::Go126 => 26,
        }
    }

    /// The first bytes of a file of this version.
    pub(crate) const fn header(self) -> [u8; 16] {
        match self {
            Version::Go122 => *b"go 1.22 trace\0\0\0",
            Version::Go123 => *b"go 1.23 trace\0\0\0",
            Version::Go125 => *b"go 1.25 trace\0\0\0",
            Version::Go126 => *b"go 1.26 trace\0\0\0",
        }
    }

    /// The version whose [`header`](Self::header) this is.
    pub(crate) fn from_header(header: &[u8; 16]) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.header() == *header)
    }

    /// Whether a goroutine's status can carry its stack (`GoStatusStack`, not only `GoStatus`).
    pub(crate) const fn has_status_stack(self) -> bool {
        self.minor() >= 23
    }

    /// Whether the frequency comes in a sync batch with a snapshot of the clocks, not alone.
    pub(crate) const fn sync_batch(self) -> bool {
        self.minor() >= 25
    }

    /// Whether a byte of its own ends each generation.
    pub(crate) const fn end_of_generation(self) -> bool {
        self.minor() >= 26
    }
}

/// As in `Go 1.23`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Go 1.{}", self.minor())
    }
}

/// Reads `1.23`, `go1.23`, `Go 1.23` and `23`.
impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Version, ParseVersionError> {
        let lower = text.trim().to_ascii_lowercase();
        let number = lower.strip_prefix("go").unwrap_or(&lower).trim_start();
        let minor = number.strip_prefix("1.").unwrap_or(number);
        Version::ALL
            .into_iter()
            .find(|version| version.minor().to_string() == minor)
            .ok_or_else(|| ParseVersionError { text: text.to_owned() })
    }
}

/// A text that names no version of the trace format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseVersionError {
    text: String,
}

impl fmt::Display for ParseVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a version of the trace format: there are 1.22, 1.23 (also for Go 1.24), \
             1.25 and 1.26 (also for Go 1.27)",
            self.text
        )
    }
}

impl std::error::Error for ParseVersionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for version in Version::ALL {
            let text = format!("go 1.{} trace\0\0\0", version.minor());
            assert_eq!(version.header(), text.as_bytes());
            assert_eq!(Version::from_header(&version.header()), Some(version));
        }
        assert_eq!(Version::from_header(b"go 1.24 trace\0\0\0"), None);
        assert_eq!(Version::from_header(b"go 1.21 trace\0\0\0"), None);
    }

    #[test]
    fn what_each_version_can_do() {
        let table =
            Version::ALL.map(|v| (v.has_status_stack(), v.sync_batch(), v.end_of_generation()));
        assert_eq!(
            table,
            [(false, false, false), (true, false, false), (true, true, false), (true, true, true),]
        );
        assert!(Version::Go122 < Version::Go123 && Version::Go125 < Version::Go126);
    }

    #[test]
    fn texts() {
        for version in Version::ALL {
            let minor = version.minor();
            for text in [
                format!("{minor}"),
                format!("1.{minor}"),
                format!("go1.{minor}"),
                format!("Go 1.{minor}"),
                format!(" GO1.{minor}\n"),
                version.to_string(),
            ] {
                assert_eq!(text.parse(), Ok(version), "{text:?}");
            }
        }
        for text in ["", "1", "24", "1.24", "go1.27", "1.023", "2.23", "1.23.9", "go", "023", "+23"]
        {
            let error = text.parse::<Version>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is not a version")));
        }
        assert_eq!(Version::default(), Version::Go123);
    }
}

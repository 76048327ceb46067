//! How a trace is to be taken.

use std::io::Write;

use super::StartError;
use crate::tracer::session::{self, Number, Settings};
use crate::wire::version;

/// A trace, before it is started.
///
/// What is not set is as [`start`](super::start) has it.
///
/// # Examples
/// ```
/// use gort::trace::{self, Config, Version};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         Config::new().version(Version::Go126).start(std::io::sink()).unwrap();
///         gort::gosched();
///         assert_eq!(trace::stop().unwrap().generations(), 1);
///     })
/// };
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing is traced before start"]
pub struct Config {
    version: Option<Version>,
}

impl Config {
    /// A trace as [`start`](super::start) takes it.
    pub fn new() -> Config {
        Config::default()
    }

    /// The version of the format. It goes before what `GORT_TRACE_VERSION` asks for.
    pub fn version(mut self, version: Version) -> Config {
        self.version = Some(version);
        self
    }

    /// Starts the trace; [`stop`](super::stop) ends it. See [`start`](super::start).
    ///
    /// # Errors
    /// As [`start`](super::start).
    pub fn start(self, out: impl Write + Send + 'static) -> Result<(), StartError> {
        self.start_numbered(out).map(drop)
    }

    /// [`start`](Self::start), for a trace that somebody else may replace by another one once it
    /// has failed.
    pub(crate) fn start_numbered(
        self,
        out: impl Write + Send + 'static,
    ) -> Result<Number, StartError> {
        let version = match self.version {
            Some(version) => version.into(),
            None => super::version(version::Version::default())?,
        };
        let settings = Settings { version };
        session::start(Box::new(out), settings, None).map_err(StartError::from)
    }
}

/// A version of the trace format: the Go release whose tools first read it. Later ones do too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// For every Go tool since Go 1.23.
    Go123,
    /// With the wall clock.
    Go125,
    /// With a mark at the end of each generation: a trace that is cut short stays readable.
    Go126,
}

impl From<Version> for version::Version {
    fn from(version: Version) -> version::Version {
        match version {
            Version::Go123 => version::Version::Go123,
            Version::Go125 => version::Version::Go125,
            Version::Go126 => version::Version::Go126,
        }
    }
}

//! How a trace is to be taken.

use std::io::{self, Write};

use super::StartError;
use crate::sched::sampler::MAX_HZ;
use crate::tracer::session::{self, Number, Settings};
use crate::tracer::writer::{Out, RollOver};
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
    limit_bytes: Option<usize>,
    roll_over: Option<RollOver>,
    profile_hz: Option<u32>,
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

    /// How many bytes may be held in memory while the writer does not keep up; 1 GiB unless set. The
    /// current generation counts too: it ends when it has a quarter of that, or 32 MiB, but not before
    /// it has 256 KiB. Where more comes, the trace ends behind the last generation that is in
    /// memory, or [rolls over](Self::roll_over).
    pub fn limit_bytes(mut self, bytes: usize) -> Config {
        self.limit_bytes = Some(bytes);
        self
    }

    /// Goes on in another file when the one before has `bytes` bytes, and wherever generations have
    /// to be left out because the writer does not keep up. Each file is a whole trace, of whole
    /// generations, so it gets somewhat larger than `bytes`.
    ///
    /// `next` is called with 1, 2, and so on, on the thread that writes; the first file is the one
    /// that [`start`](Self::start) gets. The file before is dropped when it has returned. If it
    /// fails, or a writer does, the trace ends.
    ///
    /// # Examples
    /// ```no_run
    /// use std::fs::File;
    ///
    /// use gort::trace::Config;
    ///
    /// // Of the last files, four stay, of 64 MiB each.
    /// let name = |number: u64| format!("part-{}.trace", number % 4);
    /// let config = Config::new().roll_over(64 << 20, move |number| File::create(name(number)));
    /// config.start(File::create(name(0)).unwrap()).unwrap();
    /// ```
    pub fn roll_over<W: Write + Send + 'static>(
        mut self,
        bytes: u64,
        mut next: impl FnMut(u64) -> io::Result<W> + Send + 'static,
    ) -> Config {
        let next = Box::new(move |number| next(number).map(|out| Box::new(out) as Out));
        self.roll_over = Some(RollOver { bytes, next });
        self
    }

    /// Samples of where processor time goes, `hz` in a second of each thread's: 1 to 10,000. It goes
    /// before what `GORT_TRACE_PROFILE_HZ` asks for. See [CPU samples](super#cpu-samples).
    pub fn profile_hz(mut self, hz: u32) -> Config {
        self.profile_hz = Some(hz);
        self
    }

    /// Starts the trace; [`stop`](super::stop) ends it. See [`start`](super::start).
    ///
    /// # Errors
    /// As [`start`](super::start); or the rate of samples is none, or they cannot be taken.
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
        let limit_bytes = self.limit_bytes.unwrap_or(session::LIMIT_BYTES);
        let profile_hz = profile_hz(self.profile_hz)?;
        let settings = Settings { version, limit_bytes, roll_over: self.roll_over, profile_hz };
        session::start(Box::new(out), settings, None).map_err(StartError::from)
    }
}

/// The rate of CPU samples: `own`, or what the environment asks for; 0 for none.
pub(super) fn profile_hz(own: Option<u32>) -> Result<u32, StartError> {
    let text = match own {
        Some(hz) => hz.to_string(),
        None => match std::env::var_os("GORT_TRACE_PROFILE_HZ").filter(|text| !text.is_empty()) {
            Some(text) => text.to_string_lossy().into_owned(),
            None => return Ok(0),
        },
    };
    let hz = text.parse().ok().filter(|hz| (1..=MAX_HZ).contains(hz));
    hz.ok_or(StartError::ProfileRate(text))
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

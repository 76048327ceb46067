//! Why a trace did not start or ended early.

use std::error::Error;
use std::fmt;
use std::io;

use crate::tracer::session::{Failure, StartFailure};

/// Why [`start`](super::start), or a [`FlightRecorder`](super::FlightRecorder), did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A trace is being taken already.
    AlreadyEnabled,
    /// A flight recorder records already.
    RecorderEnabled,
    /// No [`run`](crate::run) has begun yet.
    NoRuntime,
    /// This process was forked from one that has the runtime, and has none of its threads.
    Forked,
    /// `GORT_TRACE_VERSION` names no version that can be written.
    Version(String),
    /// The writer's thread could not be started.
    Thread(io::Error),
    /// There is no such rate of CPU samples; `GORT_TRACE_PROFILE_HZ` may have named it.
    ProfileRate(String),
    /// CPU samples could not be taken: the system has no timers or threads left.
    Samples(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::AlreadyEnabled => f.write_str("tracing is already enabled"),
            StartError::RecorderEnabled => f.write_str("a flight recorder is already enabled"),
            StartError::NoRuntime => f.write_str("tracing needs a runtime: call gort::run first"),
            StartError::Forked => f.write_str("tracing needs a runtime, which no fork has"),
            StartError::Version(text) => {
                write!(f, "no such trace version: {text} (there are 1.23, 1.25 and 1.26)")
            }
            StartError::Thread(error) => write!(f, "no thread for the trace's writer: {error}"),
            StartError::ProfileRate(text) => {
                write!(f, "no such rate of CPU samples: {text} (there are 1 to 10000 a second)")
            }
            StartError::Samples(error) => write!(f, "no CPU samples: {error}"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StartError::Thread(error) | StartError::Samples(error) => Some(error),
            _ => None,
        }
    }
}

impl StartError {
    pub(super) fn of_recorder(failure: StartFailure) -> StartError {
        match failure {
            StartFailure::AlreadyEnabled => StartError::RecorderEnabled,
            other => other.into(),
        }
    }
}

impl From<StartFailure> for StartError {
    fn from(failure: StartFailure) -> StartError {
        match failure {
            StartFailure::AlreadyEnabled => StartError::AlreadyEnabled,
            StartFailure::NoRuntime => StartError::NoRuntime,
            StartFailure::Forked => StartError::Forked,
            StartFailure::Thread(error) => StartError::Thread(error),
            StartFailure::Samples(error) => StartError::Samples(error),
        }
    }
}

/// Why [`stop`](super::stop) has no whole trace to tell of.
#[derive(Debug)]
#[non_exhaustive]
pub enum StopError {
    /// No trace is being taken.
    NotEnabled,
    /// The writer failed, and the trace ended there.
    Write(io::Error),
    /// The writer was too slow for the events, and the trace ended there.
    Overflow,
    /// A thread of the tracer's died.
    WriterDied,
    /// The writer has not taken all of it in time, and still is not done; see
    /// [`stop_within`](super::stop_within).
    TimedOut,
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopError::NotEnabled => f.write_str("tracing is not enabled"),
            StopError::Write(error) => write!(f, "the trace ended early: {error}"),
            StopError::Overflow => {
                f.write_str("the trace ended early: its writer could not keep up with the events")
            }
            StopError::WriterDied => f.write_str("the trace's writer died"),
            StopError::TimedOut => f.write_str("the trace's writer is not done yet"),
        }
    }
}

impl Error for StopError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StopError::Write(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Failure> for StopError {
    fn from(failure: Failure) -> StopError {
        match failure {
            Failure::Write(error) => StopError::Write(error),
            Failure::Overflow => StopError::Overflow,
            Failure::Died => StopError::WriterDied,
        }
    }
}

/// Why a [`FlightRecorder`](super::FlightRecorder) did not write what it has.
#[derive(Debug)]
#[non_exhaustive]
pub enum DumpError {
    /// It does not record.
    NotEnabled,
    /// Another call is under way: its result will do.
    InProgress,
    /// Events came too fast, and just now nothing is left.
    Lost,
    /// No thread could be started that looks up names.
    Thread(io::Error),
    /// The writer failed.
    Write(io::Error),
    /// A thread of the tracer's died.
    Died,
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpError::NotEnabled => f.write_str("the flight recorder is not enabled"),
            DumpError::InProgress => f.write_str("the flight recorder is being written already"),
            DumpError::Lost => f.write_str("events came too fast for the flight recorder"),
            DumpError::Thread(error) => write!(f, "no thread for the flight recorder: {error}"),
            DumpError::Write(error) => error.fmt(f),
            DumpError::Died => f.write_str("the flight recorder died"),
        }
    }
}

impl Error for DumpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            DumpError::Thread(error) | DumpError::Write(error) => Some(error),
            _ => None,
        }
    }
}

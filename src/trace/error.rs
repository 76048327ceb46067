//! Why a trace did not start or ended early.

use std::error::Error;
use std::fmt;
use std::io;

use crate::tracer::session::{Failure, StartFailure};

/// Why [`start`](super::start) did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A trace is being taken already.
    AlreadyEnabled,
    /// No [`run`](crate::run) has begun yet.
    NoRuntime,
    /// `GORT_TRACE_VERSION` names no version that can be written.
    Version(String),
    /// The writer's thread could not be started.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::AlreadyEnabled => f.write_str("tracing is already enabled"),
            StartError::NoRuntime => f.write_str("tracing needs a runtime: call gort::run first"),
            StartError::Version(text) => {
                write!(f, "no such trace version: {text} (there are 1.23, 1.25 and 1.26)")
            }
            StartError::Thread(error) => write!(f, "no thread for the trace's writer: {error}"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StartError::Thread(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StartFailure> for StartError {
    fn from(failure: StartFailure) -> StartError {
        match failure {
            StartFailure::AlreadyEnabled => StartError::AlreadyEnabled,
            StartFailure::NoRuntime => StartError::NoRuntime,
            StartFailure::Thread(error) => StartError::Thread(error),
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
    /// The thread that writes the trace died.
    WriterDied,
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

//! Why a signal cannot be had.

use std::error::Error;
use std::fmt;
use std::io;

use super::Signal;

/// Why a signal cannot be listened to, ignored or reset.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignalError {
    /// SIGKILL and SIGSTOP are the system's alone.
    Uncatchable(Signal),
    /// SIGSEGV, SIGBUS, SIGFPE and SIGILL mean that the thread cannot go on.
    Fault(Signal),
    /// SIGURG and SIGPROF are the runtime's own.
    Runtime(Signal),
    /// The system has no such signal, or keeps it for itself.
    System(Signal, io::Error),
    /// No thread could be started to wait for signals.
    Thread(io::Error),
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignalError::Uncatchable(signal) => {
                write!(f, "{signal} cannot be caught or ignored: it is the system's alone")
            }
            SignalError::Fault(signal) => {
                write!(f, "{signal} means a fault that its thread cannot go on after")
            }
            SignalError::Runtime(signal) => {
                write!(f, "{signal} is the runtime's own: it asks its threads where they are")
            }
            SignalError::System(signal, error) => write!(f, "{signal}: {error}"),
            SignalError::Thread(error) => write!(f, "no thread that waits for signals: {error}"),
        }
    }
}

impl Error for SignalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SignalError::System(_, error) | SignalError::Thread(error) => Some(error),
            _ => None,
        }
    }
}

//! Why a context has ended.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a context has ended: what [`Context::err`](super::Context::err) returns.
///
/// # Go
/// `context.Canceled` and `context.DeadlineExceeded`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ContextError {
    /// Somebody cancelled it, or a context that it comes from.
    Canceled,
    /// Its deadline has passed, or that of a context that it comes from.
    DeadlineExceeded,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContextError::Canceled => "context canceled",
            ContextError::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for ContextError {}

/// An error that says in the words of the program why a context has ended.
pub type Cause = Arc<dyn Error + Send + Sync>;

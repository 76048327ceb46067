//! Work that needs a larger stack than a connection has.

use std::io;
use std::panic::resume_unwind;

use crate::GoBuilder;

/// Reading debug information and compressing take some hundred kilobytes, mostly so in builds
/// without optimization. Untouched, they cost nothing.
const STACK_BYTES: usize = 2 << 20;

/// Runs `f` on a goroutine of its own, and waits for it; the end of the wait does not end it.
pub(super) async fn apart<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let running = GoBuilder::new().stack_size(STACK_BYTES).go(f).map_err(io::Error::other)?;
    Ok(running.await.unwrap_or_else(|panic| resume_unwind(panic)))
}

/// Lets `f` run on a goroutine of its own.
pub(super) fn detached(f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    GoBuilder::new().stack_size(STACK_BYTES).go(f).map(drop).map_err(io::Error::other)
}

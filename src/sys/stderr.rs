//! Standard error, for what has to be said: where it is closed or full, nothing happens.

use std::fmt;
use std::io::{self, Write};

/// Writes to standard error. Unlike `eprintln!`, which panics where that fails.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    // There is nobody left to tell.
    let _ = io::stderr().write_fmt(text);
}

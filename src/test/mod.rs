//! Aids for tests of concurrent code: [`leaks()`].

mod leaks;

pub use leaks::{Leaks, leaks};

//! Aids for tests: [`run`] reports every panic of its goroutines, [`bubble`] runs concurrent code in
//! a time of its own, [`leaks()`] finds goroutines that a test left behind.

mod bubble;
mod leaks;
mod run;

pub use bubble::{bubble, wait};
pub use leaks::{Leaks, leaks};
pub use run::run;

//! Aids for tests: [`run`] reports every panic of its goroutines, [`bubble`] runs concurrent code in
//! a time of its own.

mod bubble;
mod run;

pub use bubble::{bubble, wait};
pub use run::run;

//! Aids for tests: [`bubble`] runs concurrent code in a time of its own.

mod bubble;

pub use bubble::{bubble, wait};

//! Aids for tests: [`run`] reports every panic of its goroutines.

mod run;

pub use run::run;

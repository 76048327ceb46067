//! # gort: goroutines for Rust, with a tracer built in
//!
//! placeholder
//!
pub mod chan;
mod context;
mod go;
mod runtime;
mod sched;
pub mod sync;
mod sys;
pub mod time;
pub mod trace;
mod tracer;
mod wire;

pub use chan::chan;
pub use context::Context;
pub use go::{GoBuilder, GoError, Goexit, JoinHandle, go, goexit, gosched, id, name};
pub use runtime::{Builder, RunError, gomaxprocs, num_goroutine, run};
pub use time::sleep;

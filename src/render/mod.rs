//! How traces are shown: as text, as JSON, in the words of Go's own tools.
//!
//! Nothing here needs a runtime: it is for programs that look at traces, as the command
//! `gort trace` does, with [`reader`](crate::reader) and [`analysis`](crate::analysis).

#![forbid(unsafe_code)]

mod error;
pub mod footprint;
mod go_sort;
mod number;
pub mod parsed_text;
mod quote;
mod rfc3339;
mod sink;
pub mod wire_text;

pub use error::Error;

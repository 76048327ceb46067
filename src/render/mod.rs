//! How traces are shown: as text, as JSON, in the words of Go's own tools.
//!
//! Nothing here needs a runtime: it is for programs that look at traces, as the command
//! `gort trace` does, with [`reader`](crate::reader) and [`analysis`](crate::analysis).

#![forbid(unsafe_code)]

mod blocking_text;
mod cache;
mod clean;
pub mod convert;
mod difference_text;
mod duration;
mod error;
mod event_json;
mod event_text;
pub mod events;
pub mod folded;
pub mod footprint;
mod goroutines_text;
mod latency_text;
mod leaks_text;
mod mutator_text;
mod number;
pub mod parsed_text;
mod path_text;
pub mod pprof;
mod quote;
mod regions_text;
mod report;
mod rfc3339;
mod sink;
mod stack_text;
mod summary_text;
mod table;
mod tasks_text;
mod timelines_text;
mod utilization_text;
mod wakeups_text;
pub mod wire_text;

pub use error::Error;
pub use report::{Detail, Report, json, json_line};
pub use table::Style;

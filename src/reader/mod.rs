//! Reads execution traces, of gort's programs and of Go's.
//!
//! All versions of the format that Go has written since Go 1.22 are read. It needs no runtime, and no
//! part of it is `unsafe`.
//!
//! [`RawReader`] gives what is in a file, unchecked and in the file's order.
//!
//! # Go
//! The package `golang.org/x/exp/trace`.

#![forbid(unsafe_code)]

mod batch;
mod bytes;
mod clock;
mod error;
mod event;
mod framer;
mod generation;
mod hash;
mod ids;
mod kind;
mod names;
mod raw;
mod samples;
mod sort;
mod stacks;
mod streams;
mod strings;
mod table;
mod version;

pub use clock::ClockSnapshot;
pub use error::{Error, ErrorKind};
pub use event::Event;
pub use generation::{ExperimentalBatch, Generation};
pub use ids::{GoID, GoState, ProcID, ProcState, StackId, StringId, TaskID, ThreadID, Time};
pub use kind::{
    EventKind, Experimental, Label, Log, Metric, MetricName, Range, RangeName, Region, Resource,
    Task, Transition,
};
pub use raw::{RawEvent, RawReader};
pub use stacks::Frame;
pub use version::Version;

//! Reads execution traces, of gort's programs and of Go's.
//!
//! All versions of the format that Go has written since Go 1.22 are read. It needs no runtime, and no
//! part of it is `unsafe`.
//!
//! [`Reader`] gives the events in an order that is sound: whatever follows from something comes after
//! it, on whichever threads they were. It checks what it reads, as Go's own reader does, whose order
//! and whose verdict are the same. A file that is cut short or damaged yields all whole generations before
//! that, and an [`Error`] that says what was expected where.
//!
//! ```no_run
//! use gort::reader::{EventKind, Reader, Transition};
//!
//! let mut reader = Reader::open("program.trace")?;
//! while let Some(event) = reader.next() {
//!     let event = event?;
//!     if let EventKind::StateTransition(Transition::Goroutine { id, to, reason, .. }) = event.kind() {
//!         let reason = reader.generation().text(reason);
//!         println!("{} goroutine {id} is {} {reason}", event.time(), to.name());
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Of a file, [`Reader::open`] reads the events when they are needed, and takes some megabytes, however
//! large the file is. Of a pipe, [`Reader::new`] has to keep a generation. [`Follow`] is for a file that
//! grows.
//!
//! [`Index`] finds the generations of a file, for who wants some of them only. [`RawReader`] gives what
//! is in a file, unchecked and in the file's order.
//!
//! # Go
//! The package `golang.org/x/exp/trace`.

#![forbid(unsafe_code)]

mod batch;
mod bytes;
mod clock;
mod cursor;
mod decode;
mod error;
pub(crate) mod event;
mod follow;
mod framer;
mod frontier;
mod generation;
pub(crate) mod hash;
mod held;
mod ids;
mod index;
mod kind;
mod made;
#[cfg(feature = "analysis")]
pub(crate) mod measure;
mod merge;
mod names;
mod order;
mod pieces;
mod raw;
mod salvage;
mod samples;
mod sequence;
pub(crate) mod sort;
mod source;
mod stacks;
mod streams;
mod strings;
mod table;
mod version;

pub use clock::ClockSnapshot;
pub use error::{Error, ErrorKind};
pub use event::Event;
pub use follow::Follow;
pub use generation::{ExperimentalBatch, Generation};
pub use held::ReadAt;
pub use ids::{GoID, GoState, ProcID, ProcState, StackId, StringId, TaskID, ThreadID, Time};
pub use index::{GenerationRange, Index};
pub use kind::{
    EventKind, Experimental, Label, Log, Metric, MetricName, Range, RangeName, Region, Resource,
    Sync, Task, Transition,
};
pub use raw::{RawEvent, RawReader};
pub use salvage::{Salvage, SoundPart};
pub use sequence::Reader;
pub use stacks::Frame;
pub use version::Version;

//! Go's execution trace format, version 2, as data and plain functions.
//!
//! This module knows bytes and nothing else: no clock, no file, no runtime. It depends on nothing
//! in the crate, and whatever reads or writes traces gets the format from here:
//!
//! - [`event`]: the one table of events: numbers, names, arguments, first version;
//! - [`reason`]: what a goroutine can wait for, in the words of the format;
//! - [`version`]: which header a trace carries, and what that allows;
//! - [`varint`]: the number encoding;
//! - [`encode`]: headers, batches and tables, as bytes.
//!
//! # The shape of a file
//!
//! ```text
//! file        = header generation*              header: 16 bytes, "go 1.NN trace\0\0\0"
//! generation  = batch+ [end byte]               the end byte from version 26 on
//! batch       = 1 generation thread time size data
//! data        = events of one thread, in order  type, time since the previous one, arguments
//!             | part of a table                 strings, stacks, CPU samples: marker, records
//!             | clock                           one in each generation
//! ```
//!
//! A generation stands on its own: string ids, stack ids and sequence numbers mean something
//! within it only, so that a reader may start at any generation, and a flight recorder may throw
//! old ones away.

#![forbid(unsafe_code)]
#![allow(
    dead_code,
    reason = "the table covers the whole format: a good part of it (names, decoding, the events \
              of Go's garbage collector) is there for readers and for tests"
)]

pub(crate) mod encode;
pub(crate) mod event;
pub(crate) mod reason;
pub(crate) mod varint;
pub(crate) mod version;

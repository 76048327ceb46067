//! A profile in the making: stacks with values become pprof's tables.

use std::io::{self, Write};

use super::mappings;
pub(super) use crate::profile::Types;
use crate::profile::{Line, Mapping, Tables};
use crate::sched::dump::names::{Inner, Names, Placed};
use crate::sys::clock;
use crate::tracer::stack_table::Site;
use crate::tracer::symbolize::{Frame, UNKNOWN};

/// Writes a profile, compressed, that `fill` fills; `inner` says what of gort's own frames it has. That is done by a thread of its own: to look up
/// names and to compress takes more of a stack than a goroutine may have. The caller's writer is
/// called by the caller.
///
/// # Errors
/// When `out` fails, or no thread can be started.
pub(super) fn write(
    types: Types,
    inner: Inner,
    fill: impl FnOnce(&mut Builder) + Send + 'static,
    mut out: impl Write,
) -> io::Result<()> {
    // No bubble's, whose thread this is not.
    let (tx, rx) = crate::chan::of_nobody(1);
    let make = move || {
        let mut builder = Builder::new(&types, inner);
        fill(&mut builder);
        let _ = tx.try_send(builder.compressed());
    };
    std::thread::Builder::new().name("gort-pprof".into()).spawn(make)?;
    let bytes = rx.recv().map_err(|_| io::Error::other("the profile's thread has died"))??;
    out.write_all(&bytes)?;
    out.flush()
}

/// Where something was.
#[derive(Clone, Copy)]
pub(super) struct Stack<'a> {
    /// Return addresses, innermost first.
    pub(super) pcs: &'a [usize],
    /// Where the goroutine comes from, if it is one.
    pub(super) site: Option<Site>,
}

/// A profile in the making.
pub(super) struct Builder {
    tables: Tables,
    inner: Inner,
    names: Names,
}

impl Builder {
    fn new(types: &Types, inner: Inner) -> Builder {
        let tables = Tables::new(types);
        let mut builder = Builder { tables, inner, names: Names::new() };
        builder.add_mappings();
        builder
    }

    fn add_mappings(&mut self) {
        for (n, mapping) in mappings::all().into_iter().enumerate() {
            let (filename, build_id) =
                (self.tables.string(&mapping.file), self.tables.string(&mapping.build_id));
            self.tables.profile.mapping.push(Mapping {
                id: n as u64 + 1,
                memory_start: mapping.memory.start,
                memory_limit: mapping.memory.end,
                file_offset: mapping.offset,
                filename,
                build_id,
                // Where names are not known here, pprof may find them in the file.
                has_functions: cfg!(feature = "symbolize"),
                has_filenames: cfg!(feature = "symbolize"),
                has_line_numbers: cfg!(feature = "symbolize"),
                has_inline_frames: cfg!(feature = "symbolize"),
            });
        }
    }

    fn function(&mut self, frame: &Frame) -> u64 {
        let file = if frame.file == UNKNOWN { "" } else { &frame.file };
        self.tables.function(&frame.func, file)
    }

    /// The location of an address, or of none (0), with these frames.
    fn location(&mut self, address: u64, frames: &[Placed]) -> u64 {
        let of_memory = |m: &Mapping| (m.memory_start..m.memory_limit).contains(&address);
        let is_named =
            cfg!(feature = "symbolize") || !self.tables.profile.mapping.iter().any(of_memory);
        let named = frames.iter().filter(|_| is_named);
        let line = named
            .map(|Placed { frame, .. }| Line {
                function_id: self.function(frame),
                line: if frame.file == UNKNOWN { 0 } else { i64::from(frame.line) },
            })
            .collect();
        self.tables.location(address, line)
    }

    /// The stack up to where it leads to what is no code: functions without frame pointers, as in
    /// the C library, break the chain.
    fn code<'a>(&self, pcs: &'a [usize]) -> &'a [usize] {
        let is_in =
            |m: &Mapping, pc: usize| (m.memory_start..=m.memory_limit).contains(&(pc as u64));
        let is_code = |pc: usize| self.tables.profile.mapping.iter().any(|m| is_in(m, pc));
        let end = pcs.iter().skip(1).position(|&pc| !is_code(pc)).map_or(pcs.len(), |n| n + 1);
        &pcs[..end]
    }

    /// The locations of a stack, innermost first.
    fn stack(&mut self, stack: Stack<'_>) -> Vec<u64> {
        let pcs = self.code(stack.pcs);
        let placed = self.names.stack(pcs, stack.site, self.inner);
        let calls = placed.chunk_by(|a, b| a.call.is_some() && a.call == b.call);
        // What lies before a return address is the call.
        let address = |call: usize| pcs[call].wrapping_sub(1) as u64;
        calls.map(|frames| self.location(frames[0].call.map_or(0, address), frames)).collect()
    }

    /// Adds a sample: a value of each type.
    pub(super) fn add(&mut self, stack: Stack<'_>, value: Vec<i64>, labels: &[(&str, &str)]) {
        let location_id = self.stack(stack);
        self.tables.push(location_id, value, labels);
    }

    /// Adds a sample whose stack is one function, which is not in the program.
    pub(super) fn add_named(&mut self, func: &str, value: Vec<i64>) {
        let frame = Frame { func: func.to_owned(), file: UNKNOWN.to_owned(), line: 1 };
        let location = self.location(0, &[Placed { call: None, frame }]);
        self.tables.push(vec![location], value, &[]);
    }

    /// Adds a line for the reader.
    pub(super) fn comment(&mut self, text: &str) {
        let comment = self.tables.string(text);
        self.tables.profile.comment.push(comment);
    }

    /// It was taken now.
    pub(super) fn set_now(&mut self) {
        let (seconds, ns) = clock::wall();
        self.set_time(seconds * 1_000_000_000 + u64::from(ns), 0);
    }

    /// When it was taken, and over how long, in nanoseconds.
    pub(super) fn set_time(&mut self, begin_ns: u64, duration_ns: u64) {
        self.tables.profile.time_nanos = begin_ns as i64;
        self.tables.profile.duration_nanos = duration_ns as i64;
    }

    fn compressed(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.tables.write(&mut bytes)?;
        Ok(bytes)
    }
}

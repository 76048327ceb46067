//! A profile in the making: stacks with values become pprof's tables.

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::mappings;
use super::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use crate::sched::dump::names::{Inner, Names, Placed};
use crate::sys::clock;
use crate::tracer::stack_table::Site;
use crate::tracer::symbolize::{Frame, UNKNOWN};

/// Writes a profile, compressed, that `fill` fills. That is done by a thread of its own: to look up
/// names and to compress takes more of a stack than a goroutine may have. The caller's writer is
/// called by the caller.
///
/// # Errors
/// When `out` fails, or no thread can be started.
pub(super) fn write(
    types: Types,
    fill: impl FnOnce(&mut Builder) + Send + 'static,
    mut out: impl Write,
) -> io::Result<()> {
    // No bubble's, whose thread this is not.
    let (tx, rx) = crate::chan::of_nobody(1);
    let make = move || {
        let mut builder = Builder::new(&types);
        fill(&mut builder);
        let _ = tx.try_send(builder.compressed());
    };
    std::thread::Builder::new().name("gort-pprof".into()).spawn(make)?;
    let bytes = rx.recv().map_err(|_| io::Error::other("the profile's thread has died"))??;
    out.write_all(&bytes)?;
    out.flush()
}

/// What the values of a profile are.
#[derive(Clone, Copy)]
pub(super) struct Types {
    /// A name and a unit for each value of a sample.
    pub(super) values: &'static [(&'static str, &'static str)],
    /// What is sampled, in what.
    pub(super) period_type: (&'static str, &'static str),
    pub(super) period: u64,
    pub(super) inner: Inner,
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
    profile: Profile,
    inner: Inner,
    names: Names,
    strings: HashMap<String, i64>,
    functions: HashMap<(String, String), u64>,
    locations: HashMap<(u64, Vec<Line>), u64>,
}

impl Builder {
    fn new(types: &Types) -> Builder {
        let mut builder = Builder {
            profile: Profile::default(),
            inner: types.inner,
            names: Names::new(),
            strings: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
        };
        builder.string("");
        builder.profile.sample_type =
            types.values.iter().map(|of| builder.value_type(of)).collect();
        builder.profile.period_type = Some(builder.value_type(&types.period_type));
        builder.profile.period = types.period as i64;
        builder.add_mappings();
        builder
    }

    fn add_mappings(&mut self) {
        for (n, mapping) in mappings::all().into_iter().enumerate() {
            let (filename, build_id) = (self.string(&mapping.file), self.string(&mapping.build_id));
            self.profile.mapping.push(Mapping {
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

    fn string(&mut self, text: &str) -> i64 {
        if let Some(&known) = self.strings.get(text) {
            return known;
        }
        let new = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), new);
        new
    }

    fn value_type(&mut self, (name, unit): &(&str, &str)) -> ValueType {
        ValueType { r#type: self.string(name), unit: self.string(unit) }
    }

    fn function(&mut self, frame: &Frame) -> u64 {
        let key = (frame.func.clone(), frame.file.clone());
        if let Some(&known) = self.functions.get(&key) {
            return known;
        }
        let id = self.profile.function.len() as u64 + 1;
        let name = self.string(&frame.func);
        let filename = if frame.file == UNKNOWN { 0 } else { self.string(&frame.file) };
        self.profile.function.push(Function { id, name, system_name: name, filename });
        self.functions.insert(key, id);
        id
    }

    /// The location of an address, or of none (0), with these frames.
    fn location(&mut self, address: u64, frames: &[Placed]) -> u64 {
        let of_memory = |m: &&Mapping| (m.memory_start..m.memory_limit).contains(&address);
        let mapping_id = self.profile.mapping.iter().find(of_memory).map_or(0, |m| m.id);
        let is_named = cfg!(feature = "symbolize") || mapping_id == 0;
        let named = frames.iter().filter(|_| is_named);
        let line: Vec<Line> = named
            .map(|Placed { frame, .. }| Line {
                function_id: self.function(frame),
                line: if frame.file == UNKNOWN { 0 } else { i64::from(frame.line) },
            })
            .collect();
        let next = self.profile.location.len() as u64 + 1;
        let id = *self.locations.entry((address, line.clone())).or_insert(next);
        if id == next {
            self.profile.location.push(Location { id, mapping_id, address, line });
        }
        id
    }

    /// The stack up to where it leads to what is no code: functions without frame pointers, as in
    /// the C library, break the chain.
    fn code<'a>(&self, pcs: &'a [usize]) -> &'a [usize] {
        let is_in =
            |m: &Mapping, pc: usize| (m.memory_start..=m.memory_limit).contains(&(pc as u64));
        let is_code = |pc: usize| self.profile.mapping.iter().any(|m| is_in(m, pc));
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
        self.push(location_id, value, labels);
    }

    /// Adds a sample whose stack is one function, which is not in the program.
    pub(super) fn add_named(&mut self, func: &str, value: Vec<i64>) {
        let frame = Frame { func: func.to_owned(), file: UNKNOWN.to_owned(), line: 1 };
        let location = self.location(0, &[Placed { call: None, frame }]);
        self.push(vec![location], value, &[]);
    }

    fn push(&mut self, location_id: Vec<u64>, value: Vec<i64>, labels: &[(&str, &str)]) {
        let label =
            |(key, text): &(&str, &str)| Label { key: self.string(key), str: self.string(text) };
        let label = labels.iter().map(label).collect();
        self.profile.sample.push(Sample { location_id, value, label });
    }

    /// Adds a line for the reader.
    pub(super) fn comment(&mut self, text: &str) {
        let comment = self.string(text);
        self.profile.comment.push(comment);
    }

    /// It was taken now.
    pub(super) fn set_now(&mut self) {
        let (seconds, ns) = clock::wall();
        self.set_time(seconds * 1_000_000_000 + u64::from(ns), 0);
    }

    /// When it was taken, and over how long, in nanoseconds.
    pub(super) fn set_time(&mut self, begin_ns: u64, duration_ns: u64) {
        self.profile.time_nanos = begin_ns as i64;
        self.profile.duration_nanos = duration_ns as i64;
    }

    fn compressed(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        compressed(&self.profile, &mut bytes)?;
        Ok(bytes)
    }
}

/// Writes a profile, compressed.
///
/// # Errors
/// When `out` fails.
pub(super) fn compressed(profile: &Profile, out: impl Write) -> io::Result<()> {
    let mut gzip = GzEncoder::new(out, Compression::fast());
    gzip.write_all(&profile.encode_to_vec())?;
    gzip.finish()?.flush()
}

//! A generation as bytes: batches in each thread's order, then the tables, then the clock.

use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::buf::Chunk;
use super::generation::Leftovers;
use super::session::Failure;
use super::stack_table::{self, Stack};
use super::string_table::StringTable;
use super::symbolize::{Frame, Symbolizer};
use super::{buf, clock};
use crate::sys;
use crate::wire::encode::{self, Clocks, Keep, StackFrame, StacksBuilder, StringsBuilder};
use crate::wire::version::Version;

/// Where gort's own code lies: frames from there are left out at both ends of a stack.
const OWN_SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

/// Writes generations to the user's writer.
pub(super) struct GenerationWriter {
    out: Box<dyn Write + Send>,
    version: Version,
    symbols: Symbols,
    bytes: u64,
    generations: u64,
}

impl GenerationWriter {
    pub(super) fn new(out: Box<dyn Write + Send>, version: Version) -> GenerationWriter {
        GenerationWriter { out, version, symbols: Symbols::new(), bytes: 0, generations: 0 }
    }

    /// Bytes and generations written.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.bytes, self.generations)
    }

    /// Writes the file header before anything else.
    pub(super) fn header_if_first(&mut self) -> Result<(), Failure> {
        if self.bytes != 0 {
            return Ok(());
        }
        let mut bytes = Vec::new();
        encode::file_header(&mut bytes, self.version);
        self.put(&bytes)
    }

    /// Writes a generation whole.
    pub(super) fn write(&mut self, leftovers: Leftovers) -> Result<(), Failure> {
        let Leftovers { generation, chunks, mut strings, began } = leftovers;
        let number = u64::from(generation);
        let mut bytes = Vec::with_capacity(chunks.iter().map(Chunk::len).sum::<usize>() + 4096);
        let clocks = Clocks {
            frequency: clock::FREQUENCY,
            time: began,
            monotonic_ns: sys::clock::monotonic_ns(),
            wall_s: sys::clock::wall().0,
            wall_ns: sys::clock::wall().1,
        };
        encode::clock_batch(&mut bytes, self.version, number, &clocks);
        put_events(&mut bytes, number, &chunks);
        drop(chunks);
        let mut stacks = StacksBuilder::new(number, began);
        for stack in stack_table::used(generation) {
            stacks.add(stack.id.into(), &self.symbols.resolve(stack, &mut strings));
        }
        stacks.finish(&mut bytes);
        put_strings(&mut bytes, number, began, &strings);
        encode::end_of_generation(&mut bytes, self.version);
        self.put(&bytes)?;
        self.generations += 1;
        self.symbols.notice();
        Ok(())
    }

    /// Hands bytes to the user's writer, whose panic counts as an error.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let out = &mut self.out;
        let write = AssertUnwindSafe(|| out.write_all(bytes).and_then(|()| out.flush()));
        catch_unwind(write)
            .unwrap_or_else(|_| Err(io::Error::other("the trace's writer panicked")))
            .map_err(Failure::Write)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

fn put_events(bytes: &mut Vec<u8>, generation: u64, chunks: &[Chunk]) {
    let with_segments = chunks.iter().flat_map(|c| c.segments.iter().map(move |s| (c, s)));
    let mut segments: Vec<_> = with_segments.collect();
    segments.sort_unstable_by_key(|(_, s)| (s.thread, s.number));
    for pair in segments.windows(2) {
        let ((_, a), (_, b)) = (pair[0], pair[1]);
        assert!(a.thread != b.thread || a.time <= b.time, "gort: a stream went backwards");
    }
    for (chunk, segment) in segments {
        debug_assert!(segment.thread != buf::NO_THREAD || segment.time != 0);
        encode::batch(bytes, generation, segment.thread, segment.time, chunk.bytes(segment));
    }
}

fn put_strings(bytes: &mut Vec<u8>, generation: u64, time: u64, strings: &StringTable) {
    let mut builder = StringsBuilder::new(generation, time);
    for (id, text, keep) in strings.iter() {
        builder.add(id, text, keep);
    }
    builder.finish(bytes);
}

/// Addresses to frames, with what the format asks of a frame: a `pc` that is its alone.
struct Symbols {
    symbolizer: Symbolizer,
    /// The invented `pc` of each (function, file, line).
    pcs: HashMap<Frame, u64>,
    resolved: HashMap<u32, Vec<Frame>>,
}

impl Symbols {
    fn new() -> Symbols {
        let symbolizer = Symbolizer::new();
        Symbols { symbolizer, pcs: HashMap::new(), resolved: HashMap::new() }
    }

    fn resolve(&mut self, stack: &Stack, strings: &mut StringTable) -> Vec<StackFrame> {
        let symbolizer = &mut self.symbolizer;
        let frames = self.resolved.entry(stack.id).or_insert_with(|| frames(symbolizer, stack));
        let pcs = &mut self.pcs;
        frames
            .iter()
            .map(|frame| {
                let new = 0x1000 + 0x10 * pcs.len() as u64;
                let pc = match pcs.get(frame) {
                    Some(&pc) => pc,
                    None => *pcs.entry(frame.clone()).or_insert(new),
                };
                let func = strings.id_keeping(&frame.func, Keep::Tail);
                let file = strings.id_keeping(&frame.file, Keep::Tail);
                StackFrame { pc, func, file, line: frame.line.into() }
            })
            .collect()
    }

    /// Says once what the program's build lacks for good stacks.
    fn notice(&self) {
        static ONCE: Once = Once::new();
        let frame_pointers = cfg!(gort_frame_pointers);
        if frame_pointers && self.symbolizer.has_line_tables() {
            return;
        }
        ONCE.call_once(|| {
            if !frame_pointers {
                eprintln!(
                    "gort: stacks in the trace show the goroutine's function only; for whole \
                     stacks build with frame pointers, in .cargo/config.toml:\n\
                     [build]\nrustflags = [\"-Cforce-frame-pointers=yes\"]"
                );
            }
            if !self.symbolizer.has_line_tables() {
                eprintln!(
                    "gort: stacks in the trace have no line numbers; in Cargo.toml:\n\
                     [profile.release]\ndebug = \"line-tables-only\""
                );
            }
        });
    }
}

/// The frames of a stack, innermost first: the user's, with the entry function as the root.
fn frames(symbolizer: &mut Symbolizer, stack: &Stack) -> Vec<Frame> {
    let mut frames = Vec::new();
    for &pc in &stack.pcs {
        symbolizer.frames(pc, &mut frames);
    }
    let own_leaf = frames.iter().take_while(|f| is_own(f)).count();
    frames.drain(..own_leaf);
    while frames.last().is_some_and(|f| is_own(f) || is_std(f)) {
        frames.pop();
    }
    let mut entry = entry_frame(stack);
    if let Some(outermost) = frames.last()
        && is_body_of(outermost, stack)
    {
        entry.line = outermost.line;
        frames.pop();
    }
    frames.push(entry);
    frames
}

fn is_own(frame: &Frame) -> bool {
    let func = frame.func.trim_start_matches('<').trim_start_matches('&');
    frame.file.starts_with(OWN_SOURCE) || func.starts_with("gort::")
}

fn is_std(frame: &Frame) -> bool {
    let func = frame.func.trim_start_matches('<');
    frame.file.starts_with("/rustc/")
        || frame.file.contains("/lib/rustlib/src/")
        || ["std::", "core::", "alloc::", "__rust_"].iter().any(|p| func.starts_with(p))
}

/// The goroutine's function at the place that spawned it. Closures of one function differ in
/// their line only, so a closure carries it in its name.
fn entry_frame(stack: &Stack) -> Frame {
    let location = stack.site.location;
    let name = (stack.site.name)();
    let func = match name.strip_suffix("{{closure}}") {
        Some(parent) => format!("{parent}{{closure@{}}}", location.line()),
        None => name.to_owned(),
    };
    Frame { func, file: location.file().to_owned(), line: location.line() }
}

/// Whether a frame is the goroutine's own function, by whatever name the symbols know it.
fn is_body_of(frame: &Frame, stack: &Stack) -> bool {
    let name = (stack.site.name)();
    if !name.ends_with("{{closure}}") {
        return frame.func == name;
    }
    (frame.func.ends_with('}') && frame.func.contains("{closure")
        || frame.func.ends_with("{{closure}}"))
        && frame.file.ends_with(stack.site.location.file())
}

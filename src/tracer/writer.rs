//! A generation as bytes: batches in each thread's order, then the tables, then the clock.

use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use parking_lot::Mutex;

use super::buf;
use super::buf::Chunk;
use super::frames::{entry_frame, is_body_of, is_own, is_std};
use super::generation::Leftovers;
use super::session::Failure;
use super::stack_table::{self, Stack};
use super::string_table::StringTable;
use super::symbolize::{Frame, Symbolizer};
use super::unwind;
use crate::sys::stderr::say;
use crate::wire::encode::{self, Keep, StackFrame, StacksBuilder, StringsBuilder};
use crate::wire::version::Version;

/// What earlier traces learned of the program's symbols.
static KNOWN_SYMBOLS: Mutex<Option<Symbols>> = Mutex::new(None);

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
        let symbols = KNOWN_SYMBOLS.lock().take().unwrap_or_else(Symbols::new);
        GenerationWriter { out, version, symbols, bytes: 0, generations: 0 }
    }

    /// The trace is over: keeps what was learned of the program's symbols for the next one.
    pub(super) fn finish(self) {
        *KNOWN_SYMBOLS.lock() = Some(self.symbols);
        // The user's destructor, whose panic tells nobody anything any more.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(self.out))) {
            std::mem::forget(payload);
        }
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
        let Leftovers { generation, chunks, mut strings, clocks, whole } = leftovers;
        if !whole {
            return Err(Failure::Overflow);
        }
        let began = clocks.time;
        let number = u64::from(generation);
        let mut bytes = Vec::with_capacity(chunks.iter().map(Chunk::len).sum::<usize>() + 4096);
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
            .unwrap_or_else(|payload| {
                std::mem::forget(payload); // its destructor may panic as well
                Err(io::Error::other("the trace's writer panicked"))
            })
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
        assert!(a.thread != b.thread || a.last <= b.time, "gort: a stream went backwards");
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

/// Addresses to frames, with what the format asks of a frame: a `pc` that is its alone. Frames are
/// kept once each, and stacks as addresses only: there are many stacks and few places.
struct Symbols {
    symbolizer: Symbolizer,
    frames: Vec<Known>,
    by_frame: HashMap<Frame, u32>,
    /// The frames of an address, innermost first.
    by_pc: HashMap<usize, Box<[u32]>>,
}

/// A frame, and what it is for the ends of a stack.
struct Known {
    frame: Frame,
    is_own: bool,
    is_std: bool,
}

impl Symbols {
    fn new() -> Symbols {
        Symbols {
            symbolizer: Symbolizer::new(),
            frames: Vec::new(),
            by_frame: HashMap::new(),
            by_pc: HashMap::new(),
        }
    }

    fn resolve(&mut self, stack: &Stack, strings: &mut StringTable) -> Vec<StackFrame> {
        let ids = self.frames_of(stack);
        let frame = |id: u32| {
            let Frame { func, file, line } = &self.frames[id as usize].frame;
            StackFrame {
                pc: 0x1000 + 0x10 * u64::from(id),
                func: strings.id_keeping(func, Keep::Tail),
                file: strings.id_keeping(file, Keep::Tail),
                line: (*line).into(),
            }
        };
        ids.into_iter().map(frame).collect()
    }

    /// The frames of a stack, innermost first: the user's, with the entry function as the root.
    fn frames_of(&mut self, stack: &Stack) -> Vec<u32> {
        let mut ids = Vec::new();
        for &pc in &stack.pcs {
            ids.extend_from_slice(self.frames_at(pc));
        }
        let known = |id: &u32| &self.frames[*id as usize];
        // What is called by way of the standard library, such as a destructor or an iterator, is
        // the line that does. Where the thread was in the library itself, that stays.
        if ids.first().is_some_and(|id| known(id).is_own) {
            let is_users = |id: &u32| !known(id).is_own && !known(id).is_std;
            let leaf = ids.iter().position(is_users).unwrap_or(ids.len());
            ids.drain(..leaf);
        }
        while ids.last().is_some_and(|id| known(id).is_own || known(id).is_std) {
            ids.pop();
        }
        let mut entry = entry_frame(stack.site);
        if let Some(outermost) = ids.last()
            && is_body_of(&known(outermost).frame, stack.site)
        {
            entry.line = known(outermost).frame.line;
            ids.pop();
        }
        ids.push(self.id(entry));
        ids
    }

    fn frames_at(&mut self, pc: usize) -> &[u32] {
        if !self.by_pc.contains_key(&pc) {
            let mut frames = Vec::new();
            self.symbolizer.frames(pc, &mut frames);
            let ids = frames.into_iter().map(|frame| self.id(frame)).collect();
            self.by_pc.insert(pc, ids);
        }
        &self.by_pc[&pc]
    }

    fn id(&mut self, frame: Frame) -> u32 {
        if let Some(&id) = self.by_frame.get(&frame) {
            return id;
        }
        let id = self.frames.len() as u32;
        let (is_own, is_std) = (is_own(&frame), is_std(&frame));
        self.frames.push(Known { frame: frame.clone(), is_own, is_std });
        self.by_frame.insert(frame, id);
        id
    }

    /// Says once what the program's build lacks for good stacks.
    fn notice(&self) {
        static ONCE: Once = Once::new();
        let frame_pointers = unwind::is_possible();
        if frame_pointers && self.symbolizer.has_line_tables() {
            return;
        }
        ONCE.call_once(|| {
            if !frame_pointers {
                say(format_args!(
                    "gort: stacks in the trace show the goroutine's function only; for whole \
                     stacks turn on gort's feature \"unwind\", or build with frame pointers, \
                     in .cargo/config.toml:\n\
                     [build]\nrustflags = [\"-Cforce-frame-pointers=yes\"]\n"
                ));
            }
            if !self.symbolizer.has_names() {
                say(format_args!(
                    "gort: this program is stripped, so stacks in the trace have places in its \
                     file (addr2line -f -i -e FILE PLACE tells their names by a copy that is \
                     not); for names and lines, in Cargo.toml:\n\
                     [profile.release]\nstrip = \"none\"\ndebug = \"line-tables-only\"\n"
                ));
            } else if !self.symbolizer.has_line_tables() {
                say(format_args!(
                    "gort: stacks in the trace have no line numbers; in Cargo.toml:\n\
                     [profile.release]\ndebug = \"line-tables-only\"\n"
                ));
            }
        });
    }
}

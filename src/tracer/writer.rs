//! Generations as files: header, generations, and where that is set the next file.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use parking_lot::Mutex;

use super::emit::EVENT_TYPES;
use super::frames::{entry_frame, is_body_of, is_own, is_std};
use super::sealed::Sealed;
use super::session::{Failure, Report};
use super::stack_table::{Site, Stack};
use super::string_table::StringTable;
use super::symbolize::{Frame, Symbolizer};
use super::unwind;
use crate::sys::stderr::say;
use crate::wire::encode::{self, Keep, StackFrame};
use crate::wire::event::EventType;
use crate::wire::version::Version;

/// What is known of the program's symbols, for all traces.
static SYMBOLS: Mutex<Option<Symbols>> = Mutex::new(None);

/// Looks up names, one after the other.
pub(super) fn with_symbols<R>(f: impl FnOnce(&mut Symbols) -> R) -> R {
    f(SYMBOLS.lock().get_or_insert_with(Symbols::new))
}

/// Where a trace goes.
pub(crate) type Out = Box<dyn Write + Send>;

/// The user's way to the next file, which gets the file's number.
pub(crate) type NextFile = Box<dyn FnMut(u64) -> io::Result<Out> + Send>;

/// When a trace goes on in another file.
pub(crate) struct RollOver {
    /// A file that has so many bytes is full.
    pub(crate) bytes: u64,
    pub(crate) next: NextFile,
}

impl fmt::Debug for RollOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RollOver").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Writes generations to the user's writer.
pub(super) struct GenerationWriter {
    out: Out,
    version: Version,
    roll_over: Option<RollOver>,
    /// Bytes in this file.
    file_bytes: u64,
    /// Generations in this file.
    file_generations: u64,
    /// Generations are missing since the last one.
    is_broken_off: bool,
    report: Report,
    counts: [u64; EVENT_TYPES],
}

impl GenerationWriter {
    pub(super) fn new(out: Out, version: Version, roll_over: Option<RollOver>) -> GenerationWriter {
        GenerationWriter {
            out,
            version,
            roll_over,
            file_bytes: 0,
            file_generations: 0,
            is_broken_off: false,
            report: Report { files: 1, ..Report::default() },
            counts: [0; EVENT_TYPES],
        }
    }

    /// The trace is over.
    pub(super) fn finish(self) -> Report {
        // One by one: a second panic in the course of the first would end the process.
        drop_quietly(self.out);
        drop_quietly(self.roll_over);
        let named = self.counts.iter().enumerate().filter(|(_, count)| **count != 0);
        let counts = named
            .filter_map(|(n, &count)| Some((EventType::from_number(n as u8)?.name(), count)))
            .collect();
        Report { counts, ..self.report }
    }

    /// Begins a file.
    pub(super) fn header(&mut self) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        encode::file_header(&mut bytes, self.version);
        self.put(&bytes)?;
        self.flush()
    }

    /// The next generation does not follow on the last one: what came between was dropped. Only
    /// where there may be another file.
    pub(super) fn break_off(&mut self) {
        self.is_broken_off = true;
        self.report.gaps += 1;
    }

    /// Writes a generation whole.
    pub(super) fn write(&mut self, sealed: &Sealed) -> Result<(), Failure> {
        self.roll_over_if_due()?;
        let rest = with_symbols(|symbols| sealed.rest(self.version, symbols));
        sealed.events().pieces(|piece| self.put(piece))?;
        self.put(&rest)?;
        self.flush()?;
        self.file_generations += 1;
        self.report.generations += 1;
        self.report.samples += sealed.samples.len() as u64;
        self.report.lost_samples += sealed.samples.lost;
        self.report.unsampled = self.report.unsampled.max(sealed.samples.unsampled);
        self.counts.iter_mut().zip(sealed.counts).for_each(|(sum, count)| *sum += count);
        with_symbols(|symbols| symbols.notice());
        Ok(())
    }

    /// Goes on to the next file, if this one is full or ends here. All generations of a trace that
    /// may do so can be the first of a file.
    fn roll_over_if_due(&mut self) -> Result<(), Failure> {
        let number = self.report.files;
        let is_broken_off = std::mem::take(&mut self.is_broken_off);
        let Some(roll_over) = &mut self.roll_over else { return Ok(()) };
        let is_due = self.file_bytes >= roll_over.bytes || is_broken_off;
        // What has no generation yet is no trace to leave behind.
        if !is_due || self.file_generations == 0 {
            return Ok(());
        }
        let next = AssertUnwindSafe(|| (roll_over.next)(number));
        let next = no_panic("the function for the next file panicked", next);
        let before = std::mem::replace(&mut self.out, next.map_err(Failure::Write)?);
        drop_quietly(before);
        (self.file_bytes, self.file_generations) = (0, 0);
        self.report.files += 1;
        self.header()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let write = AssertUnwindSafe(|| self.out.write_all(bytes));
        no_panic("the trace's writer panicked", write).map_err(Failure::Write)?;
        self.file_bytes += bytes.len() as u64;
        self.report.bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let flush = AssertUnwindSafe(|| self.out.flush());
        no_panic("the trace's writer panicked", flush).map_err(Failure::Write)
    }
}

/// Calls a function of the user's, whose panic counts as an error.
fn no_panic<T>(what: &str, f: AssertUnwindSafe<impl FnOnce() -> io::Result<T>>) -> io::Result<T> {
    catch_unwind(f).unwrap_or_else(|payload| {
        std::mem::forget(payload); // its destructor may panic as well
        Err(io::Error::other(what))
    })
}

/// Runs the user's destructors, whose panics tell nobody anything any more.
fn drop_quietly<T>(users: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(users))) {
        std::mem::forget(payload);
    }
}

/// Addresses to frames, with what the format asks of a frame: a `pc` that is its alone. Frames are
/// kept once each, and stacks as addresses only: there are many stacks and few places.
pub(super) struct Symbols {
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

    pub(super) fn resolve(&mut self, stack: &Stack, strings: &mut StringTable) -> Vec<StackFrame> {
        let ids = self.frames_of(stack);
        self.stack_frames(ids, strings)
    }

    fn stack_frames(&self, ids: Vec<u32>, strings: &mut StringTable) -> Vec<StackFrame> {
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

    /// As [`Self::resolve`], of a CPU sample: with the runtime's own functions that it ends in, for
    /// where the time goes is the question. A thread that is no worker has no entry function.
    pub(super) fn resolve_sampled(
        &mut self,
        site: Option<Site>,
        pcs: &[usize],
        strings: &mut StringTable,
    ) -> Vec<StackFrame> {
        let mut ids = Vec::new();
        for &pc in pcs {
            ids.extend_from_slice(self.frames_at(pc));
        }
        if let Some(site) = site {
            self.end_with_entry(&mut ids, site);
        }
        self.stack_frames(ids, strings)
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
        self.end_with_entry(&mut ids, stack.site);
        ids
    }

    /// Makes the goroutine's function the root, instead of what called it.
    fn end_with_entry(&mut self, ids: &mut Vec<u32>, site: Site) {
        let known = |id: &u32| &self.frames[*id as usize];
        while ids.last().is_some_and(|id| known(id).is_own || known(id).is_std) {
            ids.pop();
        }
        let mut entry = entry_frame(site);
        if let Some(outermost) = ids.last()
            && is_body_of(&known(outermost).frame, site)
        {
            entry.line = known(outermost).frame.line;
            ids.pop();
        }
        ids.push(self.id(entry));
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
    pub(super) fn notice(&self) {
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

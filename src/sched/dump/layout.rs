//! Names for the addresses of a dump, and Go's textual layout (`runtime/traceback.go`).

use std::fmt::Write as _;

use parking_lot::Mutex;

use super::{Seen, State};
use crate::tracer::frames::{entry_frame, is_body_of, is_own, is_std};
use crate::tracer::symbolize::{Frame, Symbolizer, UNKNOWN};

/// What a build lacks for whole stacks.
const HINT: &str = "\ngort: this build has no frame pointers, so of each goroutine only its function is \
                    known; in .cargo/config.toml:\n[build]\nrustflags = \
                    [\"-Cforce-frame-pointers=yes\"]\n";

/// What earlier dumps learned of the program's symbols.
static KNOWN: Mutex<Option<Symbolizer>> = Mutex::new(None);

/// Prints goroutines.
pub(crate) struct Printer {
    symbolizer: Option<Symbolizer>,
}

impl Printer {
    pub(crate) fn new() -> Printer {
        let known = KNOWN.lock().take();
        Printer { symbolizer: Some(known.unwrap_or_else(Symbolizer::new)) }
    }

    /// The frames of a goroutine, innermost first: from the user's call into gort, if that is
    /// where it is, to the goroutine's function. Empty: its thread did not say where it is.
    pub(crate) fn frames(&mut self, seen: &Seen) -> Vec<Frame> {
        self.symbolizer.as_mut().map(|symbolizer| frames(symbolizer, seen)).unwrap_or_default()
    }

    /// Appends a goroutine, without the blank line between two.
    pub(crate) fn print(&mut self, seen: &Seen, out: &mut String) {
        put_header(seen, out);
        if seen.pcs.is_none() {
            out.push_str("\tstack unavailable: its thread did not answer\n");
        }
        for frame in self.frames(seen) {
            put_frame(&format!("{}()", frame.func), &frame.file, frame.line, out);
        }
        put_creator(seen, out);
    }

    /// Appends what the reader should know of the build, if there is something.
    pub(crate) fn hint(&self, out: &mut String) {
        if !cfg!(gort_frame_pointers) {
            out.push_str(HINT);
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        *KNOWN.lock() = self.symbolizer.take();
    }
}

/// As in `goroutine 18 "name" [chan receive, 2 minutes, locked to thread]:`.
fn put_header(seen: &Seen, out: &mut String) {
    let _ = write!(out, "goroutine {}", seen.id);
    if let Some(name) = &seen.name {
        let _ = write!(out, " {name:?}");
    }
    let state = match seen.state {
        State::Running => "running",
        State::Runnable => "runnable",
        State::Syscall(_) => "syscall",
        State::Waiting(reason, _) => reason.text(),
    };
    let _ = write!(out, " [{state}");
    let minutes = seen.state.waited().map_or(0, |waited| waited.as_secs() / 60);
    if minutes > 0 {
        let _ = write!(out, ", {minutes} minutes");
    }
    out.push_str(if seen.locked { ", locked to thread]:\n" } else { "]:\n" });
}

fn put_frame(what: &str, file: &str, line: u32, out: &mut String) {
    let _ = match file {
        UNKNOWN => writeln!(out, "{what}\n\t{UNKNOWN}"),
        _ => writeln!(out, "{what}\n\t{file}:{line}"),
    };
}

/// Who started the goroutine. The function is known of closures: the one they stand in.
fn put_creator(seen: &Seen, out: &mut String) {
    let function = creator_function((seen.site.name)());
    let who = match seen.creator {
        Some(id) => format!("created by {function} in goroutine {id}"),
        None => format!("created by {function}"),
    };
    put_frame(&who, seen.site.location.file(), seen.site.location.line(), out);
}

/// The function in which a closure of this name stands.
fn creator_function(entry: &str) -> &str {
    entry.strip_suffix("::{{closure}}").unwrap_or(UNKNOWN)
}

/// See [`Printer::frames`].
fn frames(symbolizer: &mut Symbolizer, seen: &Seen) -> Vec<Frame> {
    let Some(pcs) = &seen.pcs else { return Vec::new() };
    let mut frames = Vec::new();
    pcs.iter().for_each(|&pc| symbolizer.frames(pc, &mut frames));
    while frames.last().is_some_and(|frame| is_own(frame) || is_std(frame)) {
        frames.pop();
    }
    // Of gort's own frames at the other end, the one that the user called stays.
    let leading = frames.iter().take_while(|frame| is_own(frame) || is_std(frame)).count();
    if let Some(called) = frames[..leading].iter().rposition(is_own) {
        frames.drain(..called);
    }
    let mut entry = entry_frame(seen.site);
    if let Some(body) = frames.pop_if(|frame| is_body_of(frame, seen.site)) {
        (entry.file, entry.line) = (body.file, body.line);
    }
    frames.push(entry);
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closures_stand_in_their_creator() {
        assert_eq!(creator_function("main::work::{{closure}}"), "main::work");
        let nested = "main::work::{{closure}}::{{closure}}";
        assert_eq!(creator_function(nested), "main::work::{{closure}}");
        assert_eq!(creator_function("main::work"), UNKNOWN);
    }
}

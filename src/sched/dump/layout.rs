//! Names for the addresses of a dump, and Go's textual layout (`runtime/traceback.go`).

use std::fmt::Write as _;

use super::names::{Inner, Names};
use super::{Seen, State};
use crate::tracer::symbolize::{Frame, UNKNOWN};
use crate::tracer::unwind;

/// What a build lacks for whole stacks.
const HINT: &str = "\ngort: this build has no frame pointers, and gort's feature \"unwind\" is off, so \
                    of each goroutine only its function is known; in .cargo/config.toml:\n[build]\n\
                    rustflags = [\"-Cforce-frame-pointers=yes\"]\n";

/// Prints goroutines.
pub(crate) struct Printer {
    names: Names,
}

impl Printer {
    pub(crate) fn new() -> Printer {
        Printer { names: Names::new() }
    }

    /// The frames of a goroutine, innermost first: from the user's call into gort, if that is
    /// where it is, to the goroutine's function. Empty: its thread did not say where it is.
    pub(crate) fn frames(&mut self, seen: &Seen) -> Vec<Frame> {
        let Some(pcs) = &seen.pcs else { return Vec::new() };
        let stack = self.names.stack(pcs, Some(seen.site), Inner::Called);
        stack.into_iter().map(|placed| placed.frame).collect()
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
        if !unwind::is_possible() {
            out.push_str(HINT);
        }
    }
}

/// As in `goroutine 18 "name" [chan receive, 2 minutes, locked to thread] {key: value}:`.
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
    out.push_str(if seen.locked { ", locked to thread]" } else { "]" });
    if let Some(labels) = &seen.labels {
        let _ = write!(out, " {}", labels.text());
    }
    out.push_str(":\n");
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

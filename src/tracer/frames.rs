//! Whose code a frame is, and the frame of a goroutine's function.

use super::stack_table::Site;
use super::symbolize::{self, Frame};

/// Where gort's own code lies: frames from there are left out at both ends of a stack.
const OWN_SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
/// This file, as the compiler calls it, which may have been told to call it otherwise.
const THIS_FILE: &str = file!();

/// Whether a frame is gort's own code. Where the file is known it decides: a user's method on one
/// of gort's types has a name that begins with gort's.
pub(crate) fn is_own(frame: &Frame) -> bool {
    if frame.file == symbolize::UNKNOWN {
        return frame.func.trim_start_matches(['<', '&']).starts_with("gort::");
    }
    let renamed = THIS_FILE.trim_end_matches("tracer/frames.rs");
    frame.file.starts_with(OWN_SOURCE) || renamed != "src/" && frame.file.starts_with(renamed)
}

/// Whether a frame is the standard library's.
pub(crate) fn is_std(frame: &Frame) -> bool {
    let func = frame.func.trim_start_matches('<');
    frame.file.starts_with("/rustc/")
        || frame.file.contains("/lib/rustlib/src/")
        || ["std::", "core::", "alloc::", "__rust_"].iter().any(|p| func.starts_with(p))
}

/// The goroutine's function at the place that spawned it. Closures of one function differ in
/// their line only, so a closure carries it in its name.
pub(crate) fn entry_frame(site: Site) -> Frame {
    let location = site.location;
    let name = (site.name)();
    let func = match name.strip_suffix("{{closure}}") {
        Some(parent) => format!("{parent}{{closure@{}}}", location.line()),
        None => name.to_owned(),
    };
    Frame { func, file: location.file().to_owned(), line: location.line() }
}

/// Whether a frame is the goroutine's own function, by whatever name the symbols know it.
pub(crate) fn is_body_of(frame: &Frame, site: Site) -> bool {
    let name = (site.name)();
    if !name.ends_with("{{closure}}") {
        return frame.func == name;
    }
    (frame.func.ends_with('}') && frame.func.contains("{closure")
        || frame.func.ends_with("{{closure}}"))
        && frame.file.ends_with(site.location.file())
}

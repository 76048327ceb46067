//! Ends of the process that the runtime itself decides.

use super::g::G;
use crate::sys::stderr::say;
use crate::sys::thread;

/// Go's exit status of a crash.
const STATUS: i32 = 2;

/// A goroutine panicked and nobody will ever join it. The panic hook has printed the message and
/// where it came from, with `RUST_BACKTRACE` the stack too; this says whose panic it was.
#[cold]
pub(super) fn unjoined_panic(g: &G) -> ! {
    let name = g.name().map(|n| format!(" \"{n}\"")).unwrap_or_default();
    say(format_args!(
        "fatal error: goroutine {}{name} panicked and is joined by nobody\n\n\
         goroutine {} [running]:\n{}\ncreated at {}\n",
        g.id(),
        g.id(),
        (g.entry().name)(),
        g.location(),
    ));
    thread::abort_with_status(STATUS)
}

//! Ends of the process that the runtime itself decides, each with a report in Go's layout.

use std::sync::OnceLock;

use super::dump::{self, Printer, Seen};
use super::g::G;
use crate::sys::stderr::say;
use crate::sys::{interrupt, signal, thread};
use crate::tracer::session;

/// Go's exit status of a crash.
const STATUS: i32 = 2;

/// Why the process ends, or seems to.
#[derive(Clone, Copy)]
pub(crate) enum Cause {
    /// A panic that nobody joins, or that leaves `run`.
    Panic,
    /// A deadlock.
    Deadlock,
}

static BEFORE_END: OnceLock<fn(Cause)> = OnceLock::new();

/// Has `f` called before the end of the process, by any thread that is not inside the runtime. It
/// may take its time. There is one such function.
pub(crate) fn before_end(f: fn(Cause)) {
    // Always the same.
    let _ = BEFORE_END.set(f);
}

/// Something has happened that ends the process, or may.
#[cold]
pub(crate) fn about_to_end(cause: Cause) {
    BEFORE_END.get().into_iter().for_each(|f| f(cause));
}

/// A goroutine panicked and nobody will ever join it. The panic hook has printed the message and
/// where it came from, with `RUST_BACKTRACE` the stack too; this says whose panic it was.
///
/// The goroutine's stack is gone by now, its function is known. `GOTRACEBACK`, as in Go: `none`
/// leaves the goroutine out, `all` adds all others.
#[cold]
pub(super) fn unjoined_panic(g: &G) -> ! {
    let name = g.name().map(|n| format!(" {n:?}")).unwrap_or_default();
    let mut text =
        format!("fatal error: goroutine {}{name} panicked and is joined by nobody\n", g.id());
    let level = std::env::var("GOTRACEBACK").unwrap_or_default();
    if !matches!(&*level, "none" | "0") {
        text.push('\n');
        Printer::new().print(&Seen::of_ended(g), &mut text);
    }
    say(format_args!("{text}"));
    if matches!(&*level, "all" | "system" | "crash" | "1" | "2") {
        say_all(Some(g.id()));
    }
    about_to_end(Cause::Panic);
    thread::abort_with_status(STATUS)
}

/// A future's waker panicked, and nobody is to be told. The panic hook has printed the rest.
#[cold]
pub(super) fn waker_panic() -> ! {
    say(format_args!("fatal error: a future's waker panicked\n"));
    about_to_end(Cause::Panic);
    thread::abort_with_status(STATUS)
}

/// Nobody runs and nobody will. By sysmon.
#[cold]
pub(super) fn deadlock(goroutines: usize) -> ! {
    signal::write_stderr(if goroutines > 0 {
        b"fatal error: all goroutines are asleep - deadlock!\n"
    } else {
        b"fatal error: no goroutines (a thread waits for some) - deadlock!\n"
    });
    say_all(None);
    about_to_end(Cause::Deadlock);
    thread::abort_with_status(STATUS)
}

/// SIGQUIT. By the thread that waits for it.
#[cold]
pub(super) fn quit() -> ! {
    signal::write_stderr(b"SIGQUIT: quit\n");
    say_all(None);
    session::end_whole_run();
    interrupt::exit_now(STATUS)
}

/// Prints all goroutines but one, each after a blank line. Not by way of `std`, whose lock a
/// goroutine that hangs may hold.
fn say_all(but: Option<u64>) {
    let mut printer = Printer::new();
    let mut text = String::new();
    dump::each(&mut |seen| {
        if Some(seen.id) != but {
            text.push('\n');
            printer.print(&seen, &mut text);
            signal::write_stderr(text.as_bytes());
            text.clear();
        }
    });
    printer.hint(&mut text);
    signal::write_stderr(text.as_bytes());
}

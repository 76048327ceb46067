//! What every goroutine does: [`stacks()`] as text, [`goroutines`] as data.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::labels::Labels;
use crate::sched::dump::{self, Printer, Seen, State};

/// The stacks of all goroutines in Go's textual layout, the calling goroutine's first.
///
/// ```text
/// goroutine 18 "worker" [chan receive, 2 minutes]:
/// gort::chan::Receiver<T>::recv()
///         /path/to/gort/src/chan/mod.rs:210
/// main::main{closure@12}()
///         /path/to/main.rs:14
/// created by main::main in goroutine 1
///         /path/to/main.rs:12
/// ```
///
/// Goroutines run on meanwhile, so two of them are not seen at the same moment; but each is seen at
/// one. Parked goroutines show their whole stacks. The thread of a running one is interrupted by
/// SIGURG to say where it is; if it blocks that signal, its stack is unavailable. A system call
/// that the signal interrupts is restarted, as far as the system does that.
///
/// Whole stacks need the feature `unwind` or frame pointers, lines need line tables: see the
/// [crate's documentation](crate#features). The text of a million goroutines takes some hundred
/// megabytes; [`each`] shows them one after the other.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// let text = unsafe {
///     gort::run(|| {
///         let (tx, rx) = gort::chan::<()>(0);
///         let waits = gort::go(move || rx.recv().is_err());
///         gort::sleep(std::time::Duration::from_millis(10));
///         let text = gort::stacks();
///         drop(tx);
///         waits.join().unwrap();
///         text
///     })
/// };
/// assert!(text.contains(" [running]:\n"));
/// assert!(text.contains(" [chan receive]:\n"));
/// ```
///
/// # Go
/// `runtime.Stack(buf, true)` and `runtime/debug.Stack`. Go prints arguments and offsets, which
/// are not known here, and no names. Go stops the world for the whole dump.
pub fn stacks() -> String {
    let mut out = String::new();
    let mut printer = Printer::new();
    dump::each(&mut |seen| {
        if !out.is_empty() {
            out.push('\n');
        }
        printer.print(&seen, &mut out);
    });
    printer.hint(&mut out);
    out
}

/// All goroutines as data, the calling one first and then the oldest first. See [`stacks()`].
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// let all = unsafe { gort::run(|| gort::goroutines()) };
/// assert_eq!(all[0].state, gort::stacks::GoroutineState::Running);
/// ```
///
/// # Go
/// `pprof.Lookup("goroutine")`, roughly.
pub fn goroutines() -> Vec<GoroutineInfo> {
    let mut all = Vec::new();
    each(|info| all.push(info));
    all
}

/// Calls `f` with every goroutine, as [`goroutines`] would list them, holding only a few in memory.
///
/// Goroutines that are born meanwhile are left out, those that end meanwhile may be. `f` may block.
pub fn each(mut f: impl FnMut(GoroutineInfo)) {
    let mut printer = Printer::new();
    dump::each(&mut |seen| f(GoroutineInfo::new(seen, &mut printer)));
}

/// A goroutine, as it was at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GoroutineInfo {
    /// Its number, as [`id`](crate::id).
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Its labels.
    pub labels: Labels,
    /// What it did.
    pub state: GoroutineState,
    /// Why it waited, in Go's words where Go has them, as in `chan receive`.
    pub wait_reason: Option<&'static str>,
    /// How long it had waited, or been without a processor, to about a second.
    pub waited: Option<Duration>,
    /// Whether it could continue on its own thread only, as during a panic.
    pub locked_to_thread: bool,
    /// The goroutine that started it; `None`: a plain thread did, or [`run`](crate::run).
    pub creator: Option<u64>,
    /// Where it was started.
    pub created_at: &'static Location<'static>,
    /// Its stack, innermost first; the last one is the goroutine's function. Empty: unavailable,
    /// for its thread did not answer.
    pub frames: Vec<StackFrame>,
}

impl GoroutineInfo {
    pub(crate) fn new(seen: Seen, printer: &mut Printer) -> GoroutineInfo {
        let frames = printer.frames(&seen).into_iter();
        let (state, wait_reason) = match seen.state {
            State::Running => (GoroutineState::Running, None),
            State::Runnable => (GoroutineState::Runnable, None),
            State::Syscall(_) => (GoroutineState::Syscall, None),
            State::Waiting(reason, _) => (GoroutineState::Waiting, Some(reason.text())),
        };
        GoroutineInfo {
            id: seen.id,
            waited: seen.state.waited(),
            name: seen.name,
            labels: Labels::of(seen.labels),
            state,
            wait_reason,
            locked_to_thread: seen.locked,
            creator: seen.creator,
            created_at: seen.site.location,
            frames: frames
                .map(|f| StackFrame { function: f.func, file: f.file, line: f.line })
                .collect(),
        }
    }
}

/// What a goroutine does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GoroutineState {
    /// It runs, be it without a processor because it computes for long.
    Running,
    /// It could run and waits for a processor.
    Runnable,
    /// It blocks its thread in the system, while others use the processor.
    Syscall,
    /// It waits for something.
    Waiting,
}

impl fmt::Display for GoroutineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GoroutineState::Running => "running",
            GoroutineState::Runnable => "runnable",
            GoroutineState::Syscall => "syscall",
            GoroutineState::Waiting => "waiting",
        })
    }
}

/// A function on a goroutine's stack.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StackFrame {
    /// Its name; where nothing is known, `module+0xoffset`.
    pub function: String,
    /// The source file, `??` if it is not known.
    pub file: String,
    /// The line, 1 if it is not known.
    pub line: u32,
}

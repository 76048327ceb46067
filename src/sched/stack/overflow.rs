//! The report of a stack overflow, written by a signal handler.
//!
//! The handler runs on the alternate stack of a thread that may hold any lock, malloc's included:
//! it formats into its own memory, writes with `write(2)`, and asks a helper thread, which waits
//! since the runtime's start, for the names. The helper may hang on a lock of the faulting
//! thread's, so the handler waits for two seconds at most.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::sched::{current_g, own_threads, stack};
use crate::sys::interrupt::Interrupted;
use crate::sys::{clock, futex, signal};
use crate::tracer::unwind::{self, Bounds, Pcs};
use crate::tracer::unwind_tables;

/// Frames in the report.
const FRAMES: usize = 32;
const HELP: Duration = Duration::from_secs(2);

/// The addresses for the helper, and how far it is: 0 idle, 1 asked, 2 done.
static PCS: [AtomicUsize; FRAMES] = [const { AtomicUsize::new(0) }; FRAMES];
static STATE: AtomicU32 = AtomicU32::new(0);

/// A line buffer that needs no memory from anybody.
struct Line {
    bytes: [u8; 1024],
    len: usize,
}

impl std::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.len() - self.len;
        let take = text.len().min(room);
        self.bytes[self.len..self.len + take].copy_from_slice(&text.as_bytes()[..take]);
        self.len += take;
        Ok(())
    }
}

fn say(text: std::fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; 1024], len: 0 };
    let _ = line.write_fmt(text);
    signal::write_stderr(&line.bytes[..line.len]);
}

/// The handler's question: is the fault at `address` an overflow of the current goroutine? Then
/// reports it.
pub(crate) fn report(address: usize, at: &Interrupted) -> bool {
    let Some(g) = current_g() else { return false };
    // SAFETY: a running goroutine has its coroutine.
    let Some(coro) = (unsafe { g.coro.get().as_ref() }) else { return false };
    let region = coro.region();
    if !region.contains_guard(address) && !stack::is_guard(address) {
        return false;
    }
    let (id, usable) = (g.id(), region.usable());
    say(format_args!("\nfatal error: stack overflow\n\ngoroutine {id}"));
    if let Some(name) = g.name() {
        say(format_args!(" \"{name}\""));
    }
    say(format_args!(
        " [running]: its stack of {} KiB is used up (address {address:#x})\n\
         help: give it a larger one: gort::GoBuilder::new().stack_size({}).go(...)\n",
        usable >> 10,
        (4 * usable).next_power_of_two(),
    ));
    let n = note_frames(at, coro.bounds());
    if !ask_helper() {
        for pc in &PCS[..n] {
            say(format_args!("  {:#x}\n", pc.load(Ordering::Relaxed)));
        }
    }
    say(format_args!("created at {}:{}\n", g.location().file(), g.location().line()));
    true
}

fn note_frames(at: &Interrupted, bounds: Bounds) -> usize {
    let mut pcs = Pcs::new();
    unwind::walk_interrupted(at, bounds, &mut pcs);
    // One past the instruction, like the return addresses.
    PCS[0].store(at.pc + 1, Ordering::Relaxed);
    for (to, from) in PCS[1..].iter().zip(&*pcs) {
        to.store(*from, Ordering::Relaxed);
    }
    FRAMES.min(pcs.len() + 1)
}

/// Has the helper print the frames. False: it did not.
fn ask_helper() -> bool {
    // ORDERING: Release, pairs with the Acquire in `help`: the addresses.
    STATE.store(1, Ordering::Release);
    futex::wake(&STATE, 1);
    let end_ns = clock::monotonic_ns() + HELP.as_nanos() as u64;
    loop {
        // ORDERING: Acquire, pairs with the Release in `help`.
        if STATE.load(Ordering::Acquire) == 2 {
            return true;
        }
        // Signals interrupt the wait, as when a trace wants to know who blocks here.
        let left_ns = end_ns.saturating_sub(clock::monotonic_ns());
        if left_ns == 0 {
            return false;
        }
        futex::wait(&STATE, 1, Some(Duration::from_nanos(left_ns)));
    }
}

/// Starts the helper.
pub(crate) fn start_helper() {
    let started = std::thread::Builder::new().name("gort-overflow".into()).spawn(help);
    if let Err(error) = started {
        log::warn!("gort: stack overflows will be reported without names: {error}");
    }
}

fn help() {
    own_threads::count_me();
    if !unwind::frames_hold() {
        // When a stack has overflowed it is too late for it.
        unwind_tables::prepare();
    }
    // ORDERING: Acquire, pairs with the Release in `ask_helper`.
    while STATE.load(Ordering::Acquire) != 1 {
        futex::wait(&STATE, 0, None);
    }
    let pcs: Vec<usize> = PCS.iter().map(|pc| pc.load(Ordering::Relaxed)).collect();
    for (func, file, line) in
        crate::tracer::symbolize_all(pcs.into_iter().take_while(|&pc| pc != 0))
    {
        say(format_args!("{func}\n\t{file}:{line}\n"));
    }
    // ORDERING: Release, pairs with the Acquire in `ask_helper`.
    STATE.store(2, Ordering::Release);
    futex::wake(&STATE, 1);
}

//! Annotations from plain threads.
//!
//! The format lets only goroutines annotate. So each plain thread that does gets a goroutine that
//! stands for it in the trace, waits for the thread's annotations on a channel and writes them;
//! the thread waits until it has. It ends with its thread.

use super::annotate::Note;
use crate::GoBuilder;
use crate::chan::{Receiver, Sender};
use crate::sched::{is_started, tls};

/// The thread's line to its goroutine.
pub(crate) struct Line {
    notes: Sender<Note>,
    written: Receiver<()>,
}

/// Writes an annotation by way of the calling thread's goroutine.
pub(super) fn write(note: Note) {
    if !is_started() {
        return;
    }
    tls::with_outside_line(stand_in, |line| {
        if line.notes.send(note).is_ok() {
            // An error means that the goroutine died; then the annotation is lost with it.
            let _ = line.written.recv();
        }
    });
}

/// Starts the goroutine that stands for this thread. Without memory for it there is none.
fn stand_in() -> Option<Line> {
    let (notes, incoming) = crate::chan::<Note>(0);
    let (done, written) = crate::chan(0);
    let thread = std::thread::current();
    let name = format!("thread {}", thread.name().unwrap_or("without a name"));
    let serve = move || {
        for note in incoming {
            note.write();
            if done.send(()).is_err() {
                break;
            }
        }
    };
    GoBuilder::new().name(name).go(serve).ok().map(|_detached| Line { notes, written })
}

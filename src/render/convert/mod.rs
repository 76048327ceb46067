//! Traces in the formats of other viewers.
//!
//! What is on the stage is the same in each: a row for each processor with the goroutines that ran on
//! it, and in them system calls and ranges; rows for the garbage collector, the network and the rest of
//! the runtime, for each task and for the regions of each goroutine; who woke whom, as arrows; and
//! counters. It is written as it is read: what is kept is what lasts, not what was.

mod chrome;
mod goroutine;
mod lane;
mod perfetto;
mod proto;
mod scene;
mod stage;

use std::io::{self, Write};

use super::error::Error;
use super::sink::Sink;
use crate::reader::{Event, Generation, Reader};
use chrome::Chrome;
use perfetto::Perfetto;
use scene::Scene;
use stage::Stage;

/// A format of another viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Perfetto's own: its `Trace` message, a packet after the other.
    Perfetto,
    /// JSON in Chrome's trace event format, which many viewers read.
    Chrome,
}

/// Writes a trace in another format.
///
/// # Errors
/// When the output cannot be written, or the trace is damaged, after what comes before that was
/// written: what lasts then ends there.
///
/// # Go
/// [`Target::Chrome`] is what the page `/trace` of `go tool trace` is made of, with the same slices on
/// the rows of the processors.
pub fn write(reader: Reader<'_>, to: Target, output: impl Write) -> Result<(), Error> {
    match to {
        Target::Perfetto => show(reader, Perfetto::new(), output),
        Target::Chrome => show(reader, Chrome::new(), output),
    }
}

fn show(mut reader: Reader<'_>, stage: impl Stage, output: impl Write) -> Result<(), Error> {
    let mut sink = Sink::new(output);
    let mut scene = Scene::new(stage);
    let damage = loop {
        match reader.next() {
            Some(Ok(event)) => step(&mut scene, &mut sink, reader.generation(), &event)?,
            Some(Err(error)) => break Some(error),
            None => break None,
        }
    };
    scene.finish(reader.generation(), &mut sink.bytes);
    sink.flush()?;
    damage.map_or(Ok(()), |error| Err(error.into()))
}

fn step<W: Write>(
    scene: &mut Scene<impl Stage>,
    sink: &mut Sink<W>,
    generation: &Generation,
    event: &Event,
) -> io::Result<()> {
    if event.begins_generation() {
        scene.begin_generation();
    }
    scene.event(generation, event, &mut sink.bytes);
    sink.flush_if_full()
}

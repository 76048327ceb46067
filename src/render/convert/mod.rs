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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, varint};

    fn numbers(out: &mut Vec<u8>, numbers: &[u64]) {
        numbers.iter().for_each(|number| varint::push(out, *number));
    }

    /// So many goroutines, of each of which the only processor is taken away while it sweeps in a system
    /// call.
    fn trace(goroutines: u64) -> Vec<u8> {
        let mut trace = b"go 1.23 trace\0\0\0".to_vec();
        encode::batch(&mut trace, 1, u64::MAX, 1, &[8, 0x80, 0x94, 0xeb, 0xdc, 0x03]);
        let (mut first, mut steals) = (vec![13, 1, 0, 2], Vec::new());
        for number in 1..=goroutines {
            numbers(&mut first, &[25, 0, number, u64::MAX, 1]);
            let (thread, sequence) = (100 + number, 3 * number);
            let mut events = Vec::new();
            numbers(&mut events, &[10, 1, 0, sequence - 2]);
            if number > 1 {
                numbers(&mut events, &[33, 1, 0, 0]);
            }
            numbers(&mut events, &[16, 1, number, 1, 22, 1, sequence - 1, 0, 32, 1, 0]);
            encode::batch(&mut trace, 1, thread, 10 * number, &events);
            encode::batch(&mut trace, 1, thread, 10 * goroutines + 100 + number, &[24, 1]);
            numbers(&mut steals, &[12, 10, 0, sequence, thread]);
        }
        encode::batch(&mut trace, 1, 5, 2, &first);
        encode::batch(&mut trace, 1, 6, 9, &steals);
        trace
    }

    #[test]
    fn the_output_grows_as_the_trace_does() {
        for to in [Target::Chrome, Target::Perfetto] {
            let [one, two] = [200, 400].map(|goroutines| {
                let trace = trace(goroutines);
                let mut out = Vec::new();
                write(Reader::new(&trace[..]).unwrap(), to, &mut out).unwrap();
                out.len()
            });
            assert!(two < 3 * one, "{one} and {two} bytes");
        }
    }
}

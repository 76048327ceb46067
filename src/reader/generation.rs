//! A generation: a part of a trace that stands on its own.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::batch::{Batch, Content};
use super::clock::{Clock, ClockSnapshot, Unit};
use super::error::Error;
use super::framer::Framed;
use super::ids::{StackId, StringId, ThreadID, Time};
use super::names::Names;
use super::samples::{Sample, Samples};
use super::stacks::{Frame, Stacks, StacksBuilder};
use super::streams::Streams;
use super::strings::{Strings, StringsBuilder};
use super::version::Version;

/// The ids of strings from here on are of [`Names`], the smaller ones of the generation's own table.
pub(crate) const FIRST_NAME: u32 = 1 << 31;

/// What the events of a generation refer to.
///
/// A generation is a part of a trace, mostly about a second, that stands on its own.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    version: Version,
    range: Range<u64>,
    begin: Time,
    clocks: Option<ClockSnapshot>,
    pub(crate) strings: Strings,
    pub(crate) stacks: Stacks,
    names: Arc<Names>,
    experiments: Vec<ExperimentalBatch>,
}

/// Bytes in the format of an experiment of Go's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentalBatch {
    /// The experiment's number.
    pub experiment: u8,
    /// The thread that wrote them.
    pub thread: ThreadID,
    /// The bytes.
    pub data: Box<[u8]>,
}

impl Generation {
    /// Before the first one: nothing to refer to.
    pub(crate) fn nothing(version: Version) -> Generation {
        Generation {
            number: 0,
            version,
            range: 0..0,
            begin: Time(0),
            clocks: None,
            strings: Strings::default(),
            stacks: Stacks::default(),
            names: Arc::new(Names::new()),
            experiments: Vec::new(),
        }
    }

    /// Its number. They count up, and the first one in a file need not be 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The version of the trace.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The bytes of the file it takes.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// When it began.
    pub fn begin(&self) -> Time {
        self.begin
    }

    /// The clocks of the machine at one moment of it; only from version 1.25 on.
    pub fn clocks(&self) -> Option<ClockSnapshot> {
        self.clocks
    }

    /// The bytes of a text, which should be UTF-8 but need not be.
    pub fn bytes(&self, id: StringId) -> &[u8] {
        match id.0.checked_sub(FIRST_NAME) {
            Some(name) => self.names.get(name),
            None => self.strings.bytes(id),
        }
    }

    /// A text.
    pub fn text(&self, id: StringId) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(id))
    }

    /// The frames of a stack, innermost first.
    pub fn stack(&self, id: StackId) -> impl ExactSizeIterator<Item = Frame> {
        self.stacks.frames(id)
    }

    /// The batches of experiments, in the file's order.
    pub fn experimental_batches(&self) -> &[ExperimentalBatch] {
        &self.experiments
    }
}

/// The parts of a generation while its batches are read.
#[derive(Default)]
struct Parts {
    strings: StringsBuilder,
    stacks: StacksBuilder,
    samples: Samples,
    clock: Clock,
    experiments: Vec<ExperimentalBatch>,
    streams: Streams,
    /// The smallest time of a batch; 0 is none.
    begin: u64,
}

/// What a generation is made of: what events refer to, the threads' events, and samples.
pub(crate) struct Decoded {
    pub(crate) generation: Generation,
    pub(crate) streams: Streams,
    pub(crate) samples: Vec<Sample>,
    pub(crate) unit: Unit,
}

/// Reads everything but the threads' events.
pub(crate) fn decode(framed: Framed, names: Arc<Names>) -> Result<Decoded, Error> {
    let number = framed.number;
    decode_parts(framed, names).map_err(|error| error.in_generation(number))
}

fn decode_parts(framed: Framed, names: Arc<Names>) -> Result<Decoded, Error> {
    let Framed { version, number, held, offset, len, batches } = framed;
    let mut parts = Parts::default();
    let mut buffer = Vec::new();
    for batch in batches {
        parts.begin_at(batch.time);
        if batch.content(version) == Content::Events {
            parts.streams.add(batch);
            continue;
        }
        let base = offset + batch.data.start as u64;
        let data = held.bytes(batch.data.clone(), &mut buffer)?;
        parts.add(&batch, data, version).map_err(|error| error.at(0).shifted(base))?;
    }
    let is_sync = version.format().sync_batch();
    let (unit, clocks) = parts.clock.finish(is_sync).map_err(|error| error.at(offset))?;
    let strings = parts.strings.finish().map_err(|error| error.at(offset))?;
    let stacks = parts.stacks.finish(&strings).map_err(|error| error.at(offset))?;
    let samples = parts.samples.finish(unit, &stacks);
    let range = offset..offset + len as u64;
    let begin = Time(unit.ns(parts.begin));
    let experiments = parts.experiments;
    let generation =
        Generation { number, version, range, begin, clocks, strings, stacks, names, experiments };
    let streams = parts.streams.with_bytes(held, offset);
    Ok(Decoded { generation, streams, samples, unit })
}

impl Parts {
    /// A batch has this time.
    fn begin_at(&mut self, time: u64) {
        if self.begin == 0 || time < self.begin {
            self.begin = time;
        }
    }

    /// Adds what is not events. Errors have the place in the batch's data.
    fn add(&mut self, batch: &Batch, data: &[u8], version: Version) -> Result<(), Error> {
        match batch.content(version) {
            Content::Strings => self.strings.add(data),
            Content::Stacks => self.stacks.add(data),
            Content::Samples => self.samples.add(data),
            Content::Clock => self.clock.add(data, batch.time, version.format().sync_batch()),
            Content::EndOfGeneration => Err(super::framer::no_mark_expected()),
            Content::Experiment => {
                let &Batch { experiment, thread, .. } = batch;
                self.experiments.push(ExperimentalBatch { experiment, thread, data: data.into() });
                Ok(())
            }
            Content::Events => Ok(()),
        }
    }
}

//! Perfetto's format: packets with track events.
//!
//! The numbers of the fields are those of Perfetto's `protos/perfetto/trace/`.

use super::proto::Message;
use super::stage::{Arg, Arrow, At, Counter, Mark, Row, Stage};
use crate::reader::hash::Map;
use crate::reader::{Generation, StackId};

/// All packets are of one writer.
const SEQUENCE: u64 = 1;

/// Perfetto's format.
#[derive(Default)]
pub(super) struct Perfetto {
    /// The numbers of stacks that the reader of the packets knows as texts.
    stacks: Map<StackId, u64>,
    /// Whether it is to forget what it knows.
    forgets: bool,
    /// The counters there are.
    counters: u32,
}

/// Fields of `TracePacket`.
mod packet {
    pub(super) const TIMESTAMP: u32 = 8;
    pub(super) const SEQUENCE_ID: u32 = 10;
    pub(super) const TRACK_EVENT: u32 = 11;
    pub(super) const INTERNED_DATA: u32 = 12;
    pub(super) const SEQUENCE_FLAGS: u32 = 13;
    pub(super) const TRACK_DESCRIPTOR: u32 = 60;
    /// Values of `SequenceFlags`.
    pub(super) const CLEARED: u64 = 1;
    pub(super) const NEEDS_STATE: u64 = 2;
}

/// Fields of `TrackEvent`.
mod event {
    pub(super) const ANNOTATION: u32 = 4;
    pub(super) const TYPE: u32 = 9;
    pub(super) const TRACK: u32 = 11;
    pub(super) const NAME: u32 = 23;
    pub(super) const COUNTER_VALUE: u32 = 30;
    pub(super) const FLOW: u32 = 47;
    pub(super) const TERMINATING_FLOW: u32 = 48;
    /// Values of `Type`.
    pub(super) const BEGIN: u64 = 1;
    pub(super) const END: u64 = 2;
    pub(super) const INSTANT: u64 = 3;
    pub(super) const COUNTER: u64 = 4;
}

/// Fields of `TrackDescriptor`, and of the messages in it.
mod track {
    pub(super) const UUID: u32 = 1;
    pub(super) const NAME: u32 = 2;
    pub(super) const PARENT: u32 = 5;
    pub(super) const COUNTER: u32 = 8;
    pub(super) const CHILD_ORDERING: u32 = 11;
    pub(super) const RANK: u32 = 12;
    /// `ChildTracksOrdering`: by rank.
    pub(super) const EXPLICIT: u64 = 3;
    /// `CounterDescriptor.unit`, and its values.
    pub(super) const UNIT: u32 = 3;
    pub(super) const COUNT: u64 = 2;
    pub(super) const BYTES: u64 = 3;
}

/// Fields of `DebugAnnotation`.
mod annotation {
    pub(super) const INT: u32 = 4;
    pub(super) const TEXT: u32 = 6;
    pub(super) const NAME: u32 = 10;
    pub(super) const TEXT_ID: u32 = 17;
}

/// Fields of `InternedData` and `InternedString`.
mod interned {
    pub(super) const ANNOTATION_TEXT: u32 = 29;
    pub(super) const ID: u32 = 1;
    pub(super) const TEXT: u32 = 2;
}

/// Groups of rows, in the order in which they are shown.
const GROUPS: [&str; 4] = ["COUNTERS", "TASKS", "PROCS", "REGIONS"];

impl Perfetto {
    pub(super) fn new() -> Perfetto {
        Perfetto { forgets: true, ..Perfetto::default() }
    }

    /// A packet of the trace.
    fn packet(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Message<'_>)) {
        let forgets = std::mem::take(&mut self.forgets);
        let flags = packet::NEEDS_STATE | if forgets { packet::CLEARED } else { 0 };
        Message::new(out).message(1, |message| {
            message.number(packet::SEQUENCE_ID, SEQUENCE);
            message.number(packet::SEQUENCE_FLAGS, flags);
            fill(message);
        });
    }

    fn event(&mut self, at: &mut At<'_>, row: Row, kind: u64, mark: Mark<'_>) {
        let (stack, text) = self.stack(at.generation, mark.stack);
        let now = at.now as u64;
        self.packet(at.out, |packet| {
            packet.number(packet::TIMESTAMP, now);
            if let Some(text) = text {
                packet.message(packet::INTERNED_DATA, |data| {
                    data.message(interned::ANNOTATION_TEXT, |string| {
                        string.number(interned::ID, stack);
                        string.text(interned::TEXT, &text);
                    });
                });
            }
            packet.message(packet::TRACK_EVENT, |event| {
                event.number(event::TYPE, kind);
                event.number(event::TRACK, uuid(row));
                fill(event, mark, stack);
            });
        });
    }

    /// A stack's number, 0 for none; and its text, if that is not known yet.
    fn stack(&mut self, generation: &Generation, stack: StackId) -> (u64, Option<String>) {
        if stack.is_none() {
            return (0, None);
        }
        let next = self.stacks.len() as u64 + 1;
        let number = *self.stacks.entry(stack).or_insert(next);
        (number, (number == next).then(|| text(generation, stack)))
    }

    fn descriptor(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Message<'_>)) {
        self.packet(out, |packet| packet.message(packet::TRACK_DESCRIPTOR, fill));
    }
}

/// A line for each frame, the innermost first.
fn text(generation: &Generation, stack: StackId) -> String {
    let line = |frame: crate::reader::Frame| {
        let (function, file) = (generation.text(frame.function), generation.text(frame.file));
        format!("{function} {file}:{}\n", frame.line)
    };
    let mut text: String = generation.stack(stack).map(line).collect();
    text.pop();
    text
}

/// Name, arrow and annotations of an event.
fn fill(event: &mut Message<'_>, mark: Mark<'_>, stack: u64) {
    if !mark.name.is_empty() {
        event.text(event::NAME, mark.name);
    }
    match mark.arrow {
        Arrow::None => {}
        Arrow::From(number) => event.fixed(event::FLOW, number),
        Arrow::To(number) => event.fixed(event::TERMINATING_FLOW, number),
    }
    for (name, value) in mark.args {
        event.message(event::ANNOTATION, |message| {
            message.text(annotation::NAME, name);
            match value {
                Arg::Number(number) => message.number(annotation::INT, *number as u64),
                Arg::Text(text) => message.text(annotation::TEXT, text),
            }
        });
    }
    if stack != 0 {
        event.message(event::ANNOTATION, |message| {
            // The stack that something begins on and the one it ends on are both of the slice.
            let name = if mark.name.is_empty() { "end stack" } else { "stack" };
            message.text(annotation::NAME, name);
            message.number(annotation::TEXT_ID, stack);
        });
    }
}

/// The number of a row's track: groups and counters have the small ones.
fn uuid(row: Row) -> u64 {
    let (kind, id) = match row {
        Row::Collector => (1, 0),
        Row::Network => (1, 1),
        Row::Runtime => (1, 2),
        Row::Proc(id) => (2, id as u64),
        Row::Task(id) => (3, id),
        Row::Regions(id) => (4, id as u64),
    };
    (kind << 60) | (id & ((1 << 60) - 1))
}

fn group(row: Row) -> usize {
    match row {
        Row::Task(_) => 1,
        Row::Regions(_) => 3,
        Row::Proc(_) | Row::Collector | Row::Network | Row::Runtime => 2,
    }
}

fn rank(row: Row) -> u64 {
    match row {
        Row::Collector => 0,
        Row::Network => 1,
        Row::Runtime => 2,
        Row::Proc(id) => 3 + (id as u64).min(1 << 30),
        // In the order in which they come.
        Row::Task(_) | Row::Regions(_) => 0,
    }
}

fn counter_name(counter: Counter) -> (&'static str, u64) {
    match counter {
        Counter::Running => ("goroutines running", track::COUNT),
        Counter::Runnable => ("goroutines runnable", track::COUNT),
        Counter::Waiting => ("goroutines waiting", track::COUNT),
        Counter::Syscall => ("goroutines in system calls", track::COUNT),
        Counter::Threads => ("threads with a processor", track::COUNT),
        Counter::HeapAllocated => ("heap allocated", track::BYTES),
        Counter::HeapGoal => ("heap goal", track::BYTES),
        Counter::MaxProcs => ("GOMAXPROCS", track::COUNT),
    }
}

/// The tracks of counters come after those of groups.
fn counter_uuid(counter: Counter) -> u64 {
    1 + GROUPS.len() as u64 + counter as u64
}

impl Stage for Perfetto {
    fn open(&mut self, out: &mut Vec<u8>) {
        for (rank, name) in GROUPS.into_iter().enumerate() {
            self.descriptor(out, |message| {
                message.number(track::UUID, 1 + rank as u64);
                message.text(track::NAME, name);
                message.number(track::CHILD_ORDERING, track::EXPLICIT);
                message.number(track::RANK, rank as u64);
            });
        }
    }

    fn begin_generation(&mut self) {
        self.stacks.clear();
        self.forgets = true;
    }

    fn row(&mut self, row: Row, name: &str, out: &mut Vec<u8>) {
        self.descriptor(out, |message| {
            message.number(track::UUID, uuid(row));
            message.text(track::NAME, name);
            message.number(track::PARENT, 1 + group(row) as u64);
            message.number(track::RANK, rank(row));
        });
    }

    fn begin(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>) {
        // What has no name would be taken for an end.
        let name = if mark.name.is_empty() { "(no name)" } else { mark.name };
        self.event(at, row, event::BEGIN, Mark { name, ..mark });
    }

    fn end(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>) {
        self.event(at, row, event::END, mark);
    }

    fn instant(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>) {
        let name = if mark.name.is_empty() { "(no name)" } else { mark.name };
        self.event(at, row, event::INSTANT, Mark { name, ..mark });
    }

    fn count(&mut self, at: &mut At<'_>, counter: Counter, value: i64) {
        let bit = 1 << counter as u32;
        if self.counters & bit == 0 {
            self.counters |= bit;
            let (name, unit) = counter_name(counter);
            self.descriptor(at.out, |message| {
                message.number(track::UUID, counter_uuid(counter));
                message.text(track::NAME, name);
                message.number(track::PARENT, 1);
                message.number(track::RANK, counter as u64);
                message.message(track::COUNTER, |message| message.number(track::UNIT, unit));
            });
        }
        let now = at.now as u64;
        self.packet(at.out, |packet| {
            packet.number(packet::TIMESTAMP, now);
            packet.message(packet::TRACK_EVENT, |message| {
                message.number(event::TYPE, event::COUNTER);
                message.number(event::TRACK, counter_uuid(counter));
                message.number(event::COUNTER_VALUE, value as u64);
            });
        });
    }

    fn close(&mut self, _: &mut Vec<u8>) {}
}

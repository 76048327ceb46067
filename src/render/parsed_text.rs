//! Events in the words of Go's tool.

use std::io::Write;

use super::cache::Cache;
use super::error::Error;
use super::rfc3339;
use super::sink::Sink;
use super::{number, quote};
use crate::reader::{
    ClockSnapshot, Event, EventKind, Experimental, Generation, Label, Log, Metric, Range,
    RangeName, Reader, Region, Resource, StackId, StringId, Sync, Task, Transition,
};

/// Writes all events of a trace, in order, with their stacks.
///
/// `utc_offset_s` gives the difference of local time from UTC at a moment, in seconds since 1970: the
/// clocks of traces from version 1.25 on are shown in local time.
///
/// # Errors
/// When the output cannot be written; and when the trace is damaged, after what comes before that was
/// written.
///
/// # Go
/// What `go tool trace -d=parsed` prints, byte for byte.
pub fn write(
    mut reader: Reader<'_>,
    output: impl Write,
    utc_offset_s: impl Fn(i64) -> i32,
) -> Result<(), Error> {
    let mut sink = Sink::new(output);
    let mut lines = Lines::new(utc_offset_s);
    let outcome = loop {
        match reader.next() {
            Some(Ok(event)) => lines.event(reader.generation(), &event, &mut sink.bytes),
            Some(Err(error)) => break Err(error.into()),
            None => break Ok(()),
        }
        sink.flush_if_full()?;
    };
    sink.flush()?;
    outcome
}

struct Lines<Z> {
    utc_offset_s: Z,
    stacks: Cache<StackId>,
    /// Texts between quotes.
    quoted: Cache<StringId>,
}

impl<Z: Fn(i64) -> i32> Lines<Z> {
    fn new(utc_offset_s: Z) -> Lines<Z> {
        Lines { utc_offset_s, stacks: Cache::new(stack_lines), quoted: Cache::new(quoted) }
    }

    /// Another generation begins, with ids of its own.
    fn begin(&mut self) {
        self.stacks.clear();
        self.quoted.clear();
    }

    fn event(&mut self, generation: &Generation, event: &Event, out: &mut Vec<u8>) {
        let kind = event.kind();
        labelled(out, "M=", event.thread().0);
        labelled(out, " P=", event.proc().0);
        labelled(out, " G=", event.goroutine().0);
        out.push(b' ');
        out.extend_from_slice(kind.name().as_bytes());
        labelled(out, " Time=", event.time().0);
        let mut words = Words { lines: self, generation, out };
        words.kind(kind);
        if !event.stack().is_none() {
            words.out.extend_from_slice(b"\nStack=\n");
            words.stack(event.stack());
        }
        out.push(b'\n');
    }
}

#[inline]
fn labelled(out: &mut Vec<u8>, label: &str, value: i64) {
    out.extend_from_slice(label.as_bytes());
    number::signed(out, value);
}

/// An event in the making.
struct Words<'a, Z> {
    lines: &'a mut Lines<Z>,
    generation: &'a Generation,
    out: &'a mut Vec<u8>,
}

impl<Z: Fn(i64) -> i32> Words<'_, Z> {
    fn kind(&mut self, kind: EventKind) {
        match kind {
            EventKind::StateTransition(transition) => self.transition(transition),
            EventKind::Sync(sync) => self.sync(sync),
            EventKind::Metric(metric) => self.metric(metric),
            EventKind::Label(label) => self.label(label),
            EventKind::RangeBegin(range) | EventKind::RangeActive(range) => self.range(range),
            EventKind::RangeEnd(range) => self.range_end(range),
            EventKind::TaskBegin(task) | EventKind::TaskEnd(task) => self.task(task),
            EventKind::RegionBegin(region) | EventKind::RegionEnd(region) => self.region(region),
            EventKind::Log(log) => self.log(log),
            EventKind::Experimental(experimental) => self.experimental(experimental),
            EventKind::StackSample => {}
        }
    }

    fn transition(&mut self, transition: Transition) {
        match transition {
            Transition::Goroutine { id, from, to, reason, stack } => {
                labelled(self.out, " GoID=", id.0);
                self.states(from.name(), to.name());
                self.text(" Reason=", reason);
                if !stack.is_none() {
                    self.word("\nTransitionStack=\n");
                    self.stack(stack);
                }
            }
            Transition::Proc { id, from, to } => {
                labelled(self.out, " ProcID=", id.0);
                self.states(from.name(), to.name());
                self.word(" Reason=\"\"");
            }
        }
    }

    fn states(&mut self, from: &str, to: &str) {
        self.out.push(b' ');
        self.word(from);
        self.word("->");
        self.word(to);
    }

    fn sync(&mut self, sync: Sync) {
        self.lines.begin();
        self.number(" N=", sync.number);
        if let Some(clocks) = self.generation.clocks().filter(|_| !sync.is_end) {
            self.clocks(clocks);
        }
    }

    fn clocks(&mut self, clocks: ClockSnapshot) {
        labelled(self.out, " Trace=", clocks.trace.0);
        self.number(" Mono=", clocks.monotonic_ns);
        self.word(" Wall=");
        let offset_s = (self.lines.utc_offset_s)(clocks.wall_s);
        let wall = rfc3339::text(clocks.wall_s, clocks.wall_ns, offset_s);
        self.word(&wall);
    }

    fn metric(&mut self, metric: Metric) {
        self.word(" Name=\"");
        self.word(metric.name.name());
        self.word("\" Value=");
        self.value(metric.value);
    }

    fn label(&mut self, label: Label) {
        self.text(" Label=", label.label);
        self.word(" Resource=");
        self.resource(Resource::Goroutine(label.goroutine));
    }

    fn range(&mut self, range: Range) {
        self.word(" Name=");
        match range.name {
            RangeName::StopTheWorld(reason) => {
                let mut name = format!("{} (", range.name.name()).into_bytes();
                name.extend_from_slice(self.generation.bytes(reason));
                name.push(b')');
                quote::go(self.out, &name);
            }
            name => quote::go(self.out, name.name().as_bytes()),
        }
        self.word(" Scope=");
        self.resource(range.scope);
    }

    fn range_end(&mut self, range: Range) {
        self.range(range);
        self.word(" Attributes=[");
        if let Some((swept, reclaimed)) = range.swept {
            self.word("\"bytes swept\"=");
            self.value(swept);
            self.word(" \"bytes reclaimed\"=");
            self.value(reclaimed);
        }
        self.word("]");
    }

    fn task(&mut self, task: Task) {
        self.number(" ID=", task.id.0);
        self.number(" Parent=", task.parent.0);
        self.text(" Type=", task.name);
    }

    fn region(&mut self, region: Region) {
        self.number(" Task=", region.task.0);
        self.text(" Type=", region.name);
    }

    fn log(&mut self, log: Log) {
        self.number(" Task=", log.task.0);
        self.text(" Category=", log.category);
        self.text(" Message=", log.message);
    }

    fn experimental(&mut self, event: Experimental) {
        self.word(" Name=");
        self.word(event.name());
        self.word(" Args=[");
        for (n, (name, value)) in event.args().enumerate() {
            self.word(if n == 0 { "" } else { ", " });
            self.word(name);
            self.word("=");
            self.value(value);
        }
        self.word("]");
    }

    fn resource(&mut self, resource: Resource) {
        let (name, id) = match resource {
            Resource::None => return self.word("None"),
            Resource::Goroutine(id) => ("Goroutine(", id.0),
            Resource::Proc(id) => ("Proc(", id.0),
            Resource::Thread(id) => ("Thread(", id.0),
        };
        labelled(self.out, name, id);
        self.word(")");
    }

    #[inline]
    fn word(&mut self, word: &str) {
        self.out.extend_from_slice(word.as_bytes());
    }

    fn number(&mut self, label: &str, value: u64) {
        self.word(label);
        number::decimal(self.out, value);
    }

    fn value(&mut self, value: u64) {
        self.number("Value{Uint64(", value);
        self.word(")}");
    }

    /// A text between quotes.
    fn text(&mut self, label: &str, text: StringId) {
        self.word(label);
        self.lines.quoted.put(self.generation, text, self.out);
    }

    fn stack(&mut self, stack: StackId) {
        self.lines.stacks.put(self.generation, stack, self.out);
    }
}

fn quoted(generation: &Generation, text: StringId, out: &mut Vec<u8>) {
    quote::go(out, generation.bytes(text));
}

/// Two lines for each frame.
fn stack_lines(generation: &Generation, stack: StackId, out: &mut Vec<u8>) {
    for frame in generation.stack(stack) {
        out.push(b'\t');
        out.extend_from_slice(generation.bytes(frame.function));
        out.extend_from_slice(b" @ 0x");
        number::hexadecimal(out, frame.pc);
        out.extend_from_slice(b"\n\t\t");
        out.extend_from_slice(generation.bytes(frame.file));
        out.push(b':');
        number::decimal(out, frame.line);
        out.push(b'\n');
    }
}

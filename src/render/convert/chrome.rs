//! Chrome's trace event format, as `go tool trace` writes it.

use super::stage::{Arg, Arrow, At, Counter, Mark, Row, Stage};
use crate::analysis::texts::{TextId, Texts};
use crate::reader::hash::Map;
use crate::reader::{Frame, Generation, StackId};
use crate::render::number;

/// Numbers of rows that are no processors'; Go's tool has the same.
const COLLECTOR: u64 = 1_000_004;
const NETWORK: u64 = 1_000_002;
const RUNTIME: u64 = 1_000_000;

/// Sections: what Chrome takes for processes.
const PROCS: u64 = 0;
const STATS: u64 = 1;
const TASKS: u64 = 2;
const REGIONS: u64 = 3;

/// Chrome's format.
#[derive(Default)]
pub(super) struct Chrome {
    texts: Texts,
    /// The tree of frames, by what is around a frame and the frame itself.
    nodes: std::collections::HashMap<Node, u32>,
    /// The same in the order of their numbers, from 1.
    frames: Vec<Node>,
    /// The innermost frame's number of a stack of the generation at hand.
    stacks: Map<StackId, u32>,
    /// What lasts on each row, the outermost first.
    open: std::collections::HashMap<(u64, u64), Vec<Slice>>,
    /// The values of all counters.
    counts: [i64; 8],
    has_events: bool,
}

/// A frame in a frame: the number of the outer one, the function, the line.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Node(u32, TextId, u64);

/// Something that lasts.
struct Slice {
    begin: i64,
    stack: u32,
    /// Its name, and what was said of it as it began, as JSON.
    name: Vec<u8>,
    args: Vec<u8>,
}

impl Chrome {
    pub(super) fn new() -> Chrome {
        Chrome::default()
    }

    /// An object's begin: what all have.
    fn object(&mut self, phase: &str, place: (u64, u64), out: &mut Vec<u8>) {
        out.extend_from_slice(if self.has_events { b",\n" } else { b"\n" });
        self.has_events = true;
        out.extend_from_slice(b"{\"ph\":\"");
        out.extend_from_slice(phase.as_bytes());
        field(out, "\",\"pid\":", place.0);
        field(out, ",\"tid\":", place.1);
    }

    fn stack(&mut self, generation: &Generation, stack: StackId) -> u32 {
        if stack.is_none() {
            return 0;
        }
        if let Some(&number) = self.stacks.get(&stack) {
            return number;
        }
        let frames: Vec<Frame> = generation.stack(stack).collect();
        let number = frames.iter().rev().fold(0, |outer, frame| {
            let function = self.texts.of(generation, frame.function);
            let node = Node(outer, function, frame.line);
            *self.nodes.entry(node).or_insert_with(|| {
                self.frames.push(node);
                self.frames.len() as u32
            })
        });
        self.stacks.insert(stack, number);
        number
    }

    /// A row's or a section's name, and its place among the others.
    fn meta(&mut self, what: &str, place: (u64, u64), name: &str, rank: i64, out: &mut Vec<u8>) {
        self.object("M", place, out);
        out.extend_from_slice(format!(",\"name\":\"{what}_name\",\"args\":{{\"name\":").as_bytes());
        string(out, name);
        out.extend_from_slice(b"}}");
        self.object("M", place, out);
        let text = format!(",\"name\":\"{what}_sort_index\",\"args\":{{\"sort_index\":{rank}}}}}");
        out.extend_from_slice(text.as_bytes());
    }

    fn arrow(&mut self, at: &mut At<'_>, place: (u64, u64), arrow: Arrow) {
        let (phase, rest, number) = match arrow {
            Arrow::None => return,
            Arrow::From(number) => ("s", "", number),
            Arrow::To(number) => ("f", ",\"bp\":\"e\"", number),
        };
        self.object(phase, place, at.out);
        at.out.extend_from_slice(b",\"name\":\"wakes\",\"cat\":\"wakes\"");
        at.out.extend_from_slice(rest.as_bytes());
        field(at.out, ",\"id\":", number);
        time(at.out, ",\"ts\":", at.now);
        at.out.push(b'}');
    }
}

fn field(out: &mut Vec<u8>, key: &str, value: u64) {
    out.extend_from_slice(key.as_bytes());
    number::decimal(out, value);
}

/// Microseconds with all decimals.
fn time(out: &mut Vec<u8>, key: &str, ns: i64) {
    out.extend_from_slice(key.as_bytes());
    number::signed(out, ns / 1000);
    let rest = (ns % 1000).unsigned_abs();
    if rest != 0 {
        let digits = [b'.', b'0' + (rest / 100) as u8, b'0' + (rest / 10 % 10) as u8];
        out.extend_from_slice(&digits);
        out.push(b'0' + (rest % 10) as u8);
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a text can be JSON, and memory be written");
}

/// Appends `,"key":value` for each.
fn args(out: &mut Vec<u8>, args: &[(&'static str, Arg<'_>)]) {
    for (key, value) in args {
        out.push(b',');
        string(out, key);
        out.push(b':');
        match value {
            Arg::Number(value) => number::signed(out, *value),
            Arg::Text(text) => string(out, text),
        }
    }
}

fn put_stack(out: &mut Vec<u8>, key: &str, stack: u32) {
    if stack != 0 {
        field(out, key, stack.into());
    }
}

/// `,"args":{…}` of what [`args`] made, if that is anything.
fn put_args(out: &mut Vec<u8>, args: &[u8]) {
    if let Some((_, args)) = args.split_first() {
        out.extend_from_slice(b",\"args\":{");
        out.extend_from_slice(args);
        out.push(b'}');
    }
}

fn place(row: Row) -> (u64, u64) {
    match row {
        Row::Proc(id) => (PROCS, id as u64),
        Row::Collector => (PROCS, COLLECTOR),
        Row::Network => (PROCS, NETWORK),
        Row::Runtime => (PROCS, RUNTIME),
        Row::Task(id) => (TASKS, id),
        Row::Regions(id) => (REGIONS, id as u64),
    }
}

impl Stage for Chrome {
    fn open(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
        let sections = [(STATS, "STATS"), (TASKS, "TASKS"), (PROCS, "PROCS"), (REGIONS, "REGIONS")];
        for (rank, (section, name)) in sections.into_iter().enumerate() {
            self.meta("process", (section, 0), name, rank as i64, out);
        }
    }

    fn begin_generation(&mut self) {
        self.stacks.clear();
        self.texts.begin();
    }

    fn row(&mut self, row: Row, name: &str, out: &mut Vec<u8>) {
        let rank = match row {
            Row::Collector => -6,
            Row::Network => -5,
            Row::Runtime => -4,
            Row::Proc(id) | Row::Regions(id) => id,
            Row::Task(id) => id as i64,
        };
        self.meta("thread", place(row), name, rank, out);
    }

    fn begin(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>) {
        let place = place(row);
        let stack = self.stack(at.generation, mark.stack);
        let mut slice = Slice { begin: at.now, stack, name: Vec::new(), args: Vec::new() };
        string(&mut slice.name, mark.name);
        args(&mut slice.args, mark.args);
        self.open.entry(place).or_default().push(slice);
        self.arrow(at, place, mark.arrow);
    }

    fn end(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>) {
        let place = place(row);
        let Some(slices) = self.open.get_mut(&place) else { return };
        let Some(mut slice) = slices.pop() else { return };
        // Of rows that come and go nothing is left.
        if slices.is_empty() && matches!(row, Row::Task(_) | Row::Regions(_)) {
            self.open.remove(&place);
        }
        let end = self.stack(at.generation, mark.stack);
        self.object("X", place, at.out);
        at.out.extend_from_slice(b",\"name\":");
        at.out.extend_from_slice(&slice.name);
        time(at.out, ",\"ts\":", slice.begin);
        time(at.out, ",\"dur\":", at.now - slice.begin);
        put_stack(at.out, ",\"sf\":", slice.stack);
        put_stack(at.out, ",\"esf\":", end);
        args(&mut slice.args, mark.args);
        put_args(at.out, &slice.args);
        at.out.push(b'}');
    }

    fn instant(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>) {
        let place = place(row);
        let stack = self.stack(at.generation, mark.stack);
        self.object("i", place, at.out);
        at.out.extend_from_slice(b",\"s\":\"t\",\"name\":");
        string(at.out, mark.name);
        time(at.out, ",\"ts\":", at.now);
        put_stack(at.out, ",\"sf\":", stack);
        let mut all = Vec::new();
        args(&mut all, mark.args);
        put_args(at.out, &all);
        at.out.push(b'}');
        self.arrow(at, place, mark.arrow);
    }

    fn count(&mut self, at: &mut At<'_>, counter: Counter, value: i64) {
        use Counter as C;
        self.counts[counter as usize] = value;
        let of = |counter: Counter| self.counts[counter as usize];
        let above = (of(C::HeapGoal) - of(C::HeapAllocated)).max(0);
        let (name, values): (_, &[(&'static str, Arg<'_>)]) = match counter {
            C::Running | C::Runnable | C::Syscall => (
                "Goroutines",
                &[
                    ("Running", Arg::Number(of(C::Running))),
                    ("Runnable", Arg::Number(of(C::Runnable))),
                    ("Syscall", Arg::Number(of(C::Syscall))),
                ],
            ),
            C::Waiting => ("Waiting goroutines", &[("Waiting", Arg::Number(value))]),
            C::Threads => ("Threads", &[("Running", Arg::Number(value))]),
            C::HeapAllocated | C::HeapGoal => (
                "Heap",
                &[("Allocated", Arg::Number(of(C::HeapAllocated))), ("NextGC", Arg::Number(above))],
            ),
            C::MaxProcs => ("GOMAXPROCS", &[("Procs", Arg::Number(value))]),
        };
        let mut all = Vec::new();
        args(&mut all, values);
        self.object("C", (STATS, 0), at.out);
        at.out.extend_from_slice(b",\"name\":\"");
        at.out.extend_from_slice(name.as_bytes());
        time(at.out, "\",\"ts\":", at.now);
        put_args(at.out, &all);
        at.out.push(b'}');
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n],\"stackFrames\":{");
        for (n, &Node(outer, function, line)) in self.frames.iter().enumerate() {
            out.extend_from_slice(if n == 0 { b"\n\"" } else { b",\n\"" });
            number::decimal(out, n as u64 + 1);
            out.extend_from_slice(b"\":{\"name\":");
            string(out, &format!("{}:{line}", self.texts.text(function)));
            put_stack(out, ",\"parent\":", outer);
            out.push(b'}');
        }
        out.extend_from_slice(b"\n}}\n");
    }
}

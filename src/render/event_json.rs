//! Events as JSON, an object a line.

use std::io::Write;

use super::cache::Cache;
use super::{number, rfc3339};
use crate::reader::{
    Event, EventKind, Experimental, Generation, Log, Range, RangeName, Resource, StackId, StringId,
    Sync, Task, Transition,
};

/// Makes the objects.
pub(crate) struct Objects {
    stacks: Cache<StackId>,
    texts: Cache<StringId>,
}

impl Objects {
    pub(crate) fn new() -> Objects {
        Objects { stacks: Cache::new(frames), texts: Cache::new(text) }
    }

    /// Another generation begins, with ids of its own.
    pub(crate) fn begin(&mut self) {
        self.stacks.clear();
        self.texts.clear();
    }

    /// An event, `time_ns` after the first one.
    pub(crate) fn event(
        &mut self,
        generation: &Generation,
        event: &Event,
        time_ns: i64,
        out: &mut Vec<u8>,
    ) {
        let kind = event.kind();
        let mut object = Object { objects: self, generation, out };
        object.word("{\"time_ns\":");
        number::signed(object.out, time_ns);
        object.name("event", event.wire_name());
        object.name("kind", kind.name());
        object.id("thread", event.thread().get());
        object.id("proc", event.proc().get());
        object.id("goroutine", event.goroutine().get());
        object.details(kind, event);
        object.stack("stack", event.stack());
        object.word("}\n");
    }
}

/// An object in the making.
struct Object<'a> {
    objects: &'a mut Objects,
    generation: &'a Generation,
    out: &'a mut Vec<u8>,
}

impl Object<'_> {
    fn details(&mut self, kind: EventKind, event: &Event) {
        match kind {
            EventKind::StateTransition(transition) => self.transition(transition),
            EventKind::Sync(sync) => self.sync(sync, event),
            EventKind::Metric(metric) => {
                self.name("metric", metric.name.name());
                self.number("value", metric.value);
            }
            EventKind::Label(label) => {
                self.text("label", label.label);
                self.id("of_goroutine", label.goroutine.get());
            }
            EventKind::RangeBegin(range)
            | EventKind::RangeActive(range)
            | EventKind::RangeEnd(range) => self.range(range),
            EventKind::TaskBegin(task) | EventKind::TaskEnd(task) => self.task(task),
            EventKind::RegionBegin(region) | EventKind::RegionEnd(region) => {
                self.number("task", region.task.0);
                self.text("name", region.name);
            }
            EventKind::Log(log) => self.log(log),
            EventKind::Experimental(experimental) => self.experimental(experimental),
            EventKind::StackSample => {}
        }
    }

    fn transition(&mut self, transition: Transition) {
        match transition {
            Transition::Goroutine { id, from, to, reason, stack } => {
                self.id("of_goroutine", id.get());
                self.name("from", from.name());
                self.name("to", to.name());
                if reason != StringId::EMPTY {
                    self.text("reason", reason);
                }
                self.stack("own_stack", stack);
            }
            Transition::Proc { id, from, to } => {
                self.id("of_proc", id.get());
                self.name("from", from.name());
                self.name("to", to.name());
            }
        }
    }

    fn sync(&mut self, sync: Sync, event: &Event) {
        self.number("number", sync.number);
        self.key("clock_ns");
        number::signed(self.out, event.time().0);
        if let Some(clocks) = self.generation.clocks().filter(|_| !sync.is_end) {
            self.name("wall", &rfc3339::text(clocks.wall_s, clocks.wall_ns, 0));
        }
    }

    fn range(&mut self, range: Range) {
        match range.name {
            RangeName::StopTheWorld(reason) => {
                let reason = self.generation.text(reason);
                self.key("range");
                string(&format!("{} ({reason})", range.name.name()), self.out);
            }
            name => self.name("range", name.name()),
        }
        match range.scope {
            Resource::None => {}
            Resource::Goroutine(id) => self.id("of_goroutine", id.get()),
            Resource::Proc(id) => self.id("of_proc", id.get()),
            Resource::Thread(id) => self.id("of_thread", id.get()),
        }
        if let Some((swept, reclaimed)) = range.swept {
            self.number("swept_bytes", swept);
            self.number("reclaimed_bytes", reclaimed);
        }
    }

    fn task(&mut self, task: Task) {
        self.number("task", task.id.0);
        if task.parent != crate::reader::TaskID::NONE {
            self.number("parent", task.parent.0);
        }
        self.text("name", task.name);
    }

    fn log(&mut self, log: Log) {
        self.number("task", log.task.0);
        self.text("category", log.category);
        self.text("message", log.message);
    }

    fn experimental(&mut self, event: Experimental) {
        self.name("experiment", event.experiment());
        for (name, value) in event.args() {
            self.number(&format!("arg_{name}"), value);
        }
    }

    fn word(&mut self, word: &str) {
        self.out.extend_from_slice(word.as_bytes());
    }

    fn key(&mut self, key: &str) {
        self.word(",\"");
        self.word(key);
        self.word("\":");
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        number::decimal(self.out, value);
    }

    fn id(&mut self, key: &str, id: Option<i64>) {
        if let Some(id) = id {
            self.key(key);
            number::signed(self.out, id);
        }
    }

    /// A value that needs no escapes.
    fn name(&mut self, key: &str, value: &str) {
        self.key(key);
        self.word("\"");
        self.word(value);
        self.word("\"");
    }

    fn text(&mut self, key: &str, value: StringId) {
        self.key(key);
        self.objects.texts.put(self.generation, value, self.out);
    }

    fn stack(&mut self, key: &str, stack: StackId) {
        if !stack.is_none() {
            self.key(key);
            self.objects.stacks.put(self.generation, stack, self.out);
        }
    }
}

fn text(generation: &Generation, id: StringId, out: &mut Vec<u8>) {
    string(&generation.text(id), out);
}

fn string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text can be JSON, and memory be written");
}

/// The frames of a stack, innermost first.
fn frames(generation: &Generation, stack: StackId, out: &mut Vec<u8>) {
    out.push(b'[');
    for (n, frame) in generation.stack(stack).enumerate() {
        out.extend_from_slice(if n == 0 { b"{\"function\":" } else { b",{\"function\":" });
        text(generation, frame.function, out);
        out.extend_from_slice(b",\"file\":");
        text(generation, frame.file, out);
        let _ = write!(out, ",\"line\":{},\"pc\":\"{:#x}\"}}", frame.line, frame.pc);
    }
    out.push(b']');
}

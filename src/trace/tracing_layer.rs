//! Spans and events of the crate `tracing` in traces.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::note::{Message, Note, cut};
use super::{is_enabled, region, task};
use crate::sched::annotations::{self, OpenRegion, OpenSpan, annotator};
use crate::tracer;

/// Puts spans and events of the crate `tracing` into the trace. Needs the feature `tracing`.
///
/// | tracing | trace |
/// | --- | --- |
/// | a span at the root, from its making to its close | a task |
/// | a span that is entered | a region of the goroutine, from each enter to its exit, of its root's task |
/// | a span's fields | a log, whose category is the span's name, as in `order=7 guest="Ada"` |
/// | an event | a log, whose category is its target, as in `INFO the guest is served order=7` |
///
/// While a span is entered, its goroutine [works for](super::Task::enter) its task, so goroutines
/// that are started meanwhile do. A root span's task is itself a part of the one that the goroutine
/// worked for.
///
/// Spans may be entered on any number of goroutines and threads at once, and as often as an `async`
/// function is polled. They may be exited in any order: a span that goes on while one around it ends
/// is shown as two regions. A span that was made before the trace is in it from when something
/// happens to it next; one that was entered before, from when it is entered next. While no trace is
/// taken, each call costs a load and a branch.
///
/// It works on any subscriber that keeps spans, as `tracing_subscriber::registry()` does. That one
/// keeps by thread which span is entered, so there no span may stay entered over a call that may
/// block: it would be the parent of whatever comes on that thread, for ever.
/// [`TracingRegistry`](super::TracingRegistry) keeps it by goroutine, and has no such rule.
///
/// # Examples
/// ```
/// use gort::trace::{TracingLayer, TracingRegistry};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = TracingRegistry::new().with(TracingLayer::new());
/// tracing::subscriber::set_global_default(subscriber).unwrap();
/// ```
///
/// # Go
/// Go has none.
#[derive(Debug)]
pub struct TracingLayer {
    /// Which layer: each subscriber has its own numbers of spans.
    number: u64,
}

impl TracingLayer {
    /// Of all spans and events; `tracing_subscriber`'s filters choose.
    pub fn new() -> TracingLayer {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        TracingLayer { number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Default for TracingLayer {
    fn default() -> TracingLayer {
        TracingLayer::new()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TracingLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if !is_enabled() {
            return;
        }
        let Some(span) = ctx.span(id) else { return };
        let parent = if attributes.is_root() { 0 } else { annotations::task() };
        let task = task_of(&span, parent);
        log_fields(task, span.name(), |fields| attributes.record(fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if is_enabled()
            && let Some(span) = ctx.span(id)
        {
            log_fields(task_of(&span, 0), span.name(), |fields| values.record(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if !is_enabled() {
            return;
        }
        let metadata = event.metadata();
        let mut fields = Fields(Message::of(format_args!("{}", metadata.level())));
        event.record(&mut fields);
        let task = ctx.event_span(event).map_or_else(annotations::task, |span| task_of(&span, 0));
        let (category, message) = (cut(metadata.target()), fields.0.text());
        Note::Log { task, category, message }.write();
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if is_enabled()
            && let Some(span) = ctx.span(id)
        {
            enter((self.number, id.into_u64()), task_of(&span, 0), span.name());
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        if annotations::has_regions() {
            exit((self.number, id.into_u64()));
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id).filter(|_| is_enabled()) else { return };
        let ended = span.extensions_mut().remove::<SpanTask>();
        if let Some(SpanTask { task, trace }) = ended {
            Note::TaskEnd { task }.write_in(trace);
        }
    }
}

/// The task of a span at the root.
struct SpanTask {
    task: u64,
    /// The trace that it began in.
    trace: u32,
}

/// The number of the task that a span belongs to: its root's, which begins if the trace does not
/// have it yet.
fn task_of<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>, parent: u64) -> u64 {
    let Some(root) = span.scope().last() else { return 0 };
    let trace = tracer::trace_number();
    let (task, is_new) = {
        let mut extensions = root.extensions_mut();
        match extensions.get_mut::<SpanTask>() {
            Some(known) => (known.task, std::mem::replace(&mut known.trace, trace) != trace),
            None => {
                let task = task::new_number();
                extensions.insert(SpanTask { task, trace });
                (task, true)
            }
        }
    };
    if is_new {
        Note::TaskBegin { task, parent, name: cut(root.name()) }.write_in(trace);
    }
    task
}

/// The caller enters a span.
fn enter(key: (u64, u64), task: u64, name: &'static str) {
    let span = OpenSpan { key, task_before: annotations::task() };
    if region::begin(task, Cow::Borrowed(cut(name)), Some(span)).is_some() {
        annotations::set_task(task);
    }
}

/// The caller exits a span, if it has entered it in a trace. Regions that began inside it go on: to
/// the reader of the trace they end with it and begin again.
fn exit(key: (u64, u64)) {
    let is_it = |region: &OpenRegion| region.span.is_some_and(|span| span.key == key);
    match region::end_innermost(is_it).and_then(|region| region.span) {
        Some(span) => drop(annotations::set_task(span.task_before)),
        None => exit_around(is_it),
    }
}

/// As [`exit`], where it is not the innermost one, or has not been entered.
#[cold]
fn exit_around(is_it: impl Fn(&OpenRegion) -> bool) {
    let Some(mut ended) = region::end_down_to(is_it) else { return };
    let Some(span) = ended.pop().and_then(|region| region.span) else { return };
    let inside = ended.iter_mut().rev().find_map(|region| region.span.as_mut());
    match inside {
        Some(inside) => inside.task_before = span.task_before,
        None => drop(annotations::set_task(span.task_before)),
    }
    let Some(g) = annotator() else { return };
    for region in ended.into_iter().rev() {
        let again = Note::RegionBegin { task: region.task, name: &region.name };
        // If not, then neither will its end be.
        again.write_in(region.trace);
        region::open(g).push(region);
    }
}

/// Puts a span's fields into the trace, if it has any.
fn log_fields(task: u64, name: &str, record: impl FnOnce(&mut Fields)) {
    let mut fields = Fields(Message::default());
    record(&mut fields);
    let message = fields.0.text();
    if !message.is_empty() {
        Note::Log { task, category: cut(name), message }.write();
    }
}

/// Fields as text: the message as it is, others as in `key=value`.
struct Fields(Message);

impl Fields {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let space = if self.0.text().is_empty() { "" } else { " " };
        match field.name() {
            "message" => self.0.put(format_args!("{space}{value}")),
            name => self.0.put(format_args!("{space}{name}={value}")),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.put(field, format_args!("{value}")),
            _ => self.put(field, format_args!("{value:?}")),
        }
    }
}

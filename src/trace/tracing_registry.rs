//! The spans of the crate `tracing`, entered by goroutines.

use std::any::TypeId;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Event, Interest, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::FilterId;
use tracing_subscriber::registry::{LookupSpan, SpanData};

crate::local! {
    /// The spans that the caller has entered, with their registry's number, innermost last.
    static ENTERED: RefCell<Vec<(u64, Id)>> = const { RefCell::new(Vec::new()) };
}

/// `tracing_subscriber`'s registry of spans, for goroutines. Needs the feature `tracing`.
///
/// It differs in one point: which spans are entered is known by goroutine, not by thread. So a span
/// stays entered over a call that blocks, on whichever thread its goroutine goes on, and for no
/// other goroutine. On plain threads it is the same. Put layers on it as on the other one.
///
/// Where a layer has a filter of its own that leaves out the span that a goroutine is in, that layer
/// sees no current span, and none further out.
///
/// # Examples
/// ```
/// use gort::trace::TracingRegistry;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = TracingRegistry::new().with(tracing_subscriber::fmt::layer());
/// tracing::subscriber::set_global_default(subscriber).unwrap();
/// ```
///
/// # Go
/// Go has none.
#[derive(Debug)]
pub struct TracingRegistry {
    number: u64,
    spans: Registry,
}

impl TracingRegistry {
    /// A registry without spans.
    pub fn new() -> TracingRegistry {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        TracingRegistry { number, spans: Registry::default() }
    }

    /// The innermost span that the caller has entered and that is still there.
    fn current(&self) -> Option<(Id, &'static Metadata<'static>)> {
        let innermost = |entered: &RefCell<Vec<(u64, Id)>>| {
            let entered = entered.borrow();
            let own = entered.iter().rev().filter(|(registry, _)| *registry == self.number);
            own.filter_map(|(_, id)| Some((id.clone(), self.spans.span_data(id)?.metadata())))
                .next()
        };
        ENTERED.try_with(innermost).ok()?
    }
}

impl Default for TracingRegistry {
    fn default() -> TracingRegistry {
        TracingRegistry::new()
    }
}

impl Subscriber for TracingRegistry {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.spans.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.spans.enabled(metadata)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        if !attributes.is_contextual() {
            return self.spans.new_span(attributes);
        }
        let (metadata, values) = (attributes.metadata(), attributes.values());
        self.spans.new_span(&match self.current() {
            Some((parent, _)) => Attributes::child_of(parent, metadata, values),
            None => Attributes::new_root(metadata, values),
        })
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.spans.record(id, values);
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        self.spans.record_follows_from(id, follows);
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.spans.event_enabled(event)
    }

    fn event(&self, event: &Event<'_>) {
        self.spans.event(event);
    }

    fn enter(&self, id: &Id) {
        let push = |entered: &RefCell<Vec<_>>| entered.borrow_mut().push((self.number, id.clone()));
        // At the end of a goroutine there are no spans to be in.
        let _ = ENTERED.try_with(push);
    }

    fn exit(&self, id: &Id) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let is_it = |(registry, entered): &(u64, Id)| *registry == self.number && entered == id;
            if let Some(at) = entered.iter().rposition(is_it) {
                entered.remove(at);
            }
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.spans.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.spans.try_close(id)
    }

    fn current_span(&self) -> Current {
        self.current().map_or_else(Current::none, |(id, metadata)| Current::new(id, metadata))
    }

    /// Layers ask for the registry itself, by which a span's place becomes free when it has closed.
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<TracingRegistry>() {
            return Some(std::ptr::from_ref(self).cast());
        }
        // SAFETY: as the caller promises; the registry lives as long as this.
        unsafe { self.spans.downcast_raw(id) }
    }
}

impl<'a> LookupSpan<'a> for TracingRegistry {
    type Data = <Registry as LookupSpan<'a>>::Data;

    fn span_data(&'a self, id: &Id) -> Option<Self::Data> {
        self.spans.span_data(id)
    }

    fn register_filter(&mut self) -> FilterId {
        self.spans.register_filter()
    }
}

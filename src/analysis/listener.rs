//! How a trace is told to an analysis.

use crate::reader::{Error, Event, EventKind, Generation, Reader};

/// Who is told the events of a trace, in their order, and then has an answer.
pub trait Listener {
    /// What it finds out.
    type Answer;

    /// A generation begins.
    ///
    /// The ids of texts and stacks are those of the generation: what was kept of others means nothing
    /// any more.
    fn begin(&mut self, generation: &Generation) {
        let _ = generation;
    }

    /// The next event.
    fn event(&mut self, generation: &Generation, event: &Event);

    /// There are no more.
    fn finish(self) -> Self::Answer;
}

/// Two that listen at once.
impl<A: Listener, B: Listener> Listener for (A, B) {
    type Answer = (A::Answer, B::Answer);

    fn begin(&mut self, generation: &Generation) {
        self.0.begin(generation);
        self.1.begin(generation);
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.0.event(generation, event);
        self.1.event(generation, event);
    }

    fn finish(self) -> Self::Answer {
        (self.0.finish(), self.1.finish())
    }
}

/// One whose answer something else is made of.
pub(crate) struct Then<L: Listener, A>(pub(crate) L, pub(crate) fn(&L::Answer) -> A);

impl<L: Listener, A> Listener for Then<L, A> {
    type Answer = A;

    fn begin(&mut self, generation: &Generation) {
        self.0.begin(generation);
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.0.event(generation, event);
    }

    fn finish(self) -> A {
        (self.1)(&self.0.finish())
    }
}

/// Tells a listener all events: its answer, and the damage that the trace breaks off at, if there is
/// any. The answer is about what comes before.
pub fn run<L: Listener>(mut reader: Reader<'_>, mut listener: L) -> (L::Answer, Option<Error>) {
    loop {
        let event = match reader.next() {
            Some(Ok(event)) => event,
            Some(Err(error)) => return (listener.finish(), Some(error)),
            None => return (listener.finish(), None),
        };
        let generation = reader.generation();
        if event.is_sync() && begins(&event) {
            listener.begin(generation);
        }
        listener.event(generation, &event);
    }
}

fn begins(event: &Event) -> bool {
    matches!(event.kind(), EventKind::Sync(sync) if !sync.is_end)
}

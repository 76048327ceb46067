//! How a trace is told to an analysis.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};

use crate::reader::{Error, Event, Generation, Reader};

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
pub(crate) struct Then<L: Listener, A>(pub(crate) L, pub(crate) fn(L::Answer) -> A);

impl<L: Listener, A> Listener for Then<L, A> {
    type Answer = A;

    fn begin(&mut self, generation: &Generation) {
        self.0.begin(generation);
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.0.event(generation, event);
    }

    fn finish(self) -> A {
        (self.1)(self.0.finish())
    }
}

/// Events on their way from who reads them to who is told: so many at a time, and so many times.
const CHUNK_EVENTS: usize = 4096;
const CHUNKS: usize = 4;

/// Events of a generation.
struct Chunk {
    generation: Arc<Generation>,
    events: Vec<Event>,
}

/// Tells a listener all events: its answer, and the damage that the trace breaks off at, if there is
/// any. The answer is about what comes before.
///
/// A thread reads them meanwhile.
///
/// # Panics
/// When no thread can be started.
pub fn run<L: Listener>(reader: Reader<'_>, mut listener: L) -> (L::Answer, Option<Error>) {
    let (tx, rx) = mpsc::sync_channel::<Chunk>(CHUNKS);
    // What was told is filled again.
    let (back, spare) = mpsc::channel();
    let damage = std::thread::scope(|scope| {
        // Gone when the listener panics, so that the reader ends, too.
        let rx = rx.into_iter();
        let reader = scope.spawn(move || read(reader, &tx, &spare));
        for chunk in rx {
            tell(&mut listener, &chunk);
            let _ = back.send(chunk.events);
        }
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    (listener.finish(), damage)
}

/// Reads to the end, or as long as somebody wants it: the damage.
fn read(
    mut reader: Reader<'_>,
    tx: &SyncSender<Chunk>,
    spare: &Receiver<Vec<Event>>,
) -> Option<Error> {
    let mut generation = Arc::clone(reader.generation());
    let mut events = Vec::new();
    let damage = loop {
        let next = match reader.events() {
            Ok([]) => break None,
            Ok(next) => next,
            Err(error) => break Some(error),
        };
        let is_new = next[0].begins_generation();
        if is_new || events.len() >= CHUNK_EVENTS {
            let full = std::mem::replace(&mut events, spare.try_recv().unwrap_or_default());
            events.clear();
            let full = Chunk { generation: Arc::clone(&generation), events: full };
            if tx.send(full).is_err() {
                return None;
            }
        }
        events.extend_from_slice(next);
        if is_new {
            generation = Arc::clone(reader.generation());
        }
    };
    // If nobody takes it, nobody wants it.
    let _ = tx.send(Chunk { generation, events });
    damage
}

#[inline]
fn tell<L: Listener>(listener: &mut L, Chunk { generation, events }: &Chunk) {
    for event in events {
        if event.begins_generation() {
            listener.begin(generation);
        }
        listener.event(generation, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Panics;

    impl Listener for Panics {
        type Answer = ();

        fn event(&mut self, _: &Generation, _: &Event) {
            panic!("enough of it");
        }

        fn finish(self) {}
    }

    /// Much more than what may be on its way.
    fn trace() -> Vec<u8> {
        let mut trace = b"go 1.22 trace\0\0\0".to_vec();
        let batch = |thread: u64, time: u64, events: &[u8]| {
            let mut bytes = vec![1];
            for number in [1, thread, time, events.len() as u64] {
                crate::wire::varint::push(&mut bytes, number);
            }
            [&bytes, events].concat()
        };
        trace.extend(batch(u64::MAX, 1, &[8, 0x80, 0x94, 0xeb, 0xdc, 0x03]));
        // A processor that begins and stops again and again.
        trace.extend(batch(5, 1, &[13, 1, 0, 2]));
        for turn in 0..4 * CHUNK_EVENTS as u64 {
            let mut start = vec![10, 1, 0];
            crate::wire::varint::push(&mut start, turn + 1);
            start.extend([11, 1]);
            trace.extend(batch(5, 3 * turn + 3, &start));
        }
        trace
    }

    #[test]
    fn a_listener_that_panics_ends_the_reader() {
        let trace = trace();
        let reader = Reader::new(&trace[..]).unwrap();
        let run = std::panic::AssertUnwindSafe(|| run(reader, Panics));
        assert!(std::panic::catch_unwind(run).is_err());
    }

    #[test]
    fn every_event_is_told() {
        struct Count(usize);
        impl Listener for Count {
            type Answer = usize;
            fn event(&mut self, _: &Generation, _: &Event) {
                self.0 += 1;
            }
            fn finish(self) -> usize {
                self.0
            }
        }
        let trace = trace();
        let (told, damage) = run(Reader::new(&trace[..]).unwrap(), Count(0));
        let read = Reader::new(&trace[..]).unwrap().filter(Result::is_ok).count();
        assert!(damage.is_none(), "{damage:?}");
        assert_eq!(told, read);
        assert!(told > CHUNKS * CHUNK_EVENTS, "{told}");
    }
}

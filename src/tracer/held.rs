//! How much the current generation holds in memory, and when that is enough, or too much.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::buf::Chunk;
use super::session;

/// Processors' full chunks.
static SHIPPED: Mutex<Vec<Chunk>> = Mutex::new(Vec::new());
/// Bytes of the current generation: full chunks and strings.
static BYTES: AtomicUsize = AtomicUsize::new(0);
/// So many end the generation.
static FULL_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
/// More are dropped...
static LIMIT_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
/// ...and some have been.
static DROPPED: AtomicBool = AtomicBool::new(false);

/// A processor's full chunk. Called inside the runtime.
pub(super) fn ship(chunk: Chunk) {
    if note(chunk.held()) {
        SHIPPED.lock().push(chunk);
    }
}

/// The current generation is to hold so many bytes more. False: there is no room, and it will not be
/// whole. Called inside the runtime.
pub(super) fn note(bytes: usize) -> bool {
    let now = BYTES.fetch_add(bytes, Ordering::Relaxed) + bytes;
    // Not the first time only: that may be just before the thread begins to wait.
    if now >= FULL_BYTES.load(Ordering::Relaxed) {
        session::wake();
    }
    let has_room = now < LIMIT_BYTES.load(Ordering::Relaxed);
    if !has_room {
        DROPPED.store(true, Ordering::Relaxed);
    }
    has_room
}

/// Whether the current generation may hold more.
pub(super) fn has_room() -> bool {
    !DROPPED.load(Ordering::Relaxed)
}

/// Whether the current generation is to end.
pub(super) fn is_full() -> bool {
    BYTES.load(Ordering::Relaxed) >= FULL_BYTES.load(Ordering::Relaxed)
}

/// Adds the full chunks of the generation that just ended, and says whether there are all. Called
/// while the world is stopped.
pub(super) fn take(chunks: &mut Vec<Chunk>) -> bool {
    chunks.append(&mut SHIPPED.lock());
    BYTES.store(0, Ordering::Relaxed);
    !DROPPED.swap(false, Ordering::Relaxed)
}

/// So many bytes more end the generation.
pub(super) fn fill_with(bytes: usize) {
    FULL_BYTES.store(BYTES.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
}

/// The next generation ends with so many bytes, and has no more than `limit`.
pub(super) fn set(full: usize, limit: usize) {
    LIMIT_BYTES.store(limit, Ordering::Relaxed);
    FULL_BYTES.store(full, Ordering::Relaxed);
}

/// The current generation may have so many, if it may not have more.
pub(super) fn raise_limit(bytes: usize) {
    LIMIT_BYTES.fetch_max(bytes, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::tracer::buf::{Buf, Stream};
    use crate::wire::event::EventType;

    /// Threads that take turns leave many short segments, each of which takes more room than what is
    /// in it.
    #[test]
    fn what_short_segments_take_is_counted() {
        let (mut buf, mut streams) = (Buf::new(|_| ()), [Stream::new(1), Stream::new(2)]);
        for n in 0..4000 {
            let stream = &mut streams[n % 2];
            let time = stream.time(None);
            buf.event(stream, time, EventType::ProcStop, []);
        }
        let chunk = buf.take().unwrap();
        let (len, held) = (chunk.len(), chunk.held());
        assert!(held > 2 * len, "{held} of {len}");
        let counted = || BYTES.load(Ordering::Relaxed);
        let before = counted();
        ship(chunk);
        let after = counted();
        // The trace of another test may have begun, or dropped it.
        assert!(after < before || after - before >= held, "{before} {after} {held}");
    }

    /// Who cuts looks how much there is, and begins to wait a moment later. What fills the generation
    /// in between wakes nobody, so what comes after it has to.
    #[test]
    fn what_comes_to_a_full_generation_wakes_as_well() {
        let is_woken = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_woken);
        let waiter = thread::spawn(move || {
            session::wait();
            told.store(true, Ordering::Relaxed);
            session::wake(); // it may have been meant for the trace of another test
        });
        let begin = Instant::now();
        while !is_woken.load(Ordering::Relaxed) {
            assert!(begin.elapsed() < Duration::from_secs(60), "nobody is woken");
            // It has been full all the time, unless another test begins a generation just now.
            FULL_BYTES.store(0, Ordering::Relaxed);
            note(0);
            thread::yield_now();
        }
        waiter.join().unwrap();
        FULL_BYTES.store(usize::MAX, Ordering::Relaxed);
    }
}

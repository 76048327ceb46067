//! Trace buffers: events are bytes in a chunk of memory that belongs to one processor.
//!
//! ```text
//! chunk  | segment of M 7 | segment of M 9 | segment of M 7 | free ...
//! ```
//! A wire batch belongs to one thread (M), a chunk to one processor (P). When M and P part, the
//! segment ends in place, and the next M opens its own behind it. A segment carries the number it
//! has in its M's stream; the writer orders an M's segments by that number, never by time, since
//! equal times are routine.
//!
//! Across threads, time does matter: an event that could only happen because of another one carries
//! a strictly later time (Lamport, "Time, clocks, and the ordering of events", CACM 1978). Go's
//! reader may fail to find the one event it can go on with among several of the same time.
//!
//! An event may take the time of the one before it on its thread, instead of the clock's, where nothing
//! that takes time can have happened between the two: a start that follows at once on a stop, block or
//! end, or on a worker's unblock ([`Stream::time_at_once`]). Whoever looks for work in between, or polls,
//! says that time passes.
//! That a cause on another thread may have happened since does no harm: the start is later than its
//! goroutine's last event in any case. User code runs between all other pairs of events.

use std::hint::select_unpredictable;

use parking_lot::Mutex;

use crate::wire::event::EventType;
use crate::wire::varint;

use super::clock;
use super::pen::Pen;

/// Bytes of a chunk. One segment, header included, must stay within the format's 64 KiB.
const CHUNK_BYTES: usize = 64 << 10;
/// Room for the longest event: its type and at most six numbers of ten bytes.
const EVENT_BYTES: usize = 64;
/// From here on a chunk has no room for one.
const LIMIT: usize = CHUNK_BYTES - EVENT_BYTES + 1;
/// The batch owner that means "no thread".
pub(crate) const NO_THREAD: u64 = u64::MAX;
/// In the place of a segment's number: messages, which have no order among the events.
const MESSAGES: u64 = u64::MAX;
/// How far, in units of the clock, a cause may be ahead of its consequence's thread: 4 ms. What
/// seems further ahead is a time of long ago whose low bits came round.
const LEAP: u32 = 1 << 16;

/// A thread's side of its event stream.
pub(crate) struct Stream {
    /// The kernel's thread id, or [`NO_THREAD`].
    pub(super) thread: u64,
    /// The number of the next segment.
    pub(super) next_segment: u64,
    /// The time of the last event: a stream never goes backwards.
    last: u64,
    /// That was a moment ago.
    is_fresh: bool,
}

impl Stream {
    pub(crate) const fn new(thread: u64) -> Stream {
        Stream { thread, next_segment: 0, last: 0, is_fresh: false }
    }

    pub(crate) fn thread(&self) -> u64 {
        self.thread
    }

    /// The time of the next event, which is later than `cause`, the low bits of the time of the
    /// event that it follows from, possibly on another thread.
    #[inline]
    pub(super) fn time(&mut self, cause: Option<u32>) -> u64 {
        self.last = self.last.max(clock::now());
        self.last_after(cause)
    }

    /// As [`Stream::time`], for what follows at once on the event before, if that is so: reading the
    /// clock is a third of what an event costs.
    #[inline]
    pub(super) fn time_at_once(&mut self, cause: Option<u32>) -> u64 {
        let is_far = |cause: u32| (LEAP..1 << 31).contains(&cause.wrapping_sub(self.last as u32));
        // What is far ahead happened while the thread was held up, or long ago: the clock tells.
        if !std::mem::take(&mut self.is_fresh) || cause.is_some_and(is_far) {
            self.last = self.last.max(clock::now());
        }
        self.last_after(cause)
    }

    #[inline]
    fn last_after(&mut self, cause: Option<u32>) -> u64 {
        if let Some(cause) = cause {
            let ahead = cause.wrapping_sub(self.last as u32);
            // Whether a wait ended within the unit of time in which it began, nothing predicts.
            self.last += select_unpredictable(ahead < LEAP, u64::from(ahead) + 1, 0);
        }
        self.last
    }

    /// Says whether the event to come may take the time of the last one.
    #[inline]
    pub(crate) fn set_fresh(&mut self, is_fresh: bool) {
        self.is_fresh = is_fresh;
    }

    /// Later events are later than `time`.
    pub(crate) fn skip_past(&mut self, time: u64) {
        self.last = self.last.max(time + 1);
    }
}

/// One thread's run of events within a chunk: a batch of the file.
pub(crate) struct Segment {
    pub(crate) thread: u64,
    pub(crate) number: u64,
    pub(crate) time: u64,
    /// The time of its last event.
    pub(crate) last: u64,
    start: usize,
    end: usize,
}

impl Segment {
    /// Whether it may come behind `before` in the file.
    pub(super) fn may_follow(&self, before: &Segment) -> bool {
        self.thread != before.thread || self.number == MESSAGES || before.last <= self.time
    }
}

/// A filled piece of buffer.
pub(crate) struct Chunk {
    data: Box<[u8]>,
    pub(crate) segments: Vec<Segment>,
}

/// Memory of chunks that were written, for new ones: it has its pages already.
static SPARE: Mutex<Spare> = Mutex::new(Spare { chunks: Vec::new(), is_wanted: false });
/// As much of it as a long generation needs.
const MAX_SPARE: usize = (32 << 20) / CHUNK_BYTES;

struct Spare {
    chunks: Vec<Box<[u8]>>,
    /// There is a trace, or a recorder.
    is_wanted: bool,
}

/// Nobody traces: the memory goes back, as does that of chunks that are still to be written.
pub(super) fn forget_spare() {
    let mut spare = SPARE.lock();
    spare.is_wanted = false;
    let chunks = std::mem::take(&mut spare.chunks);
    drop(spare);
    drop(chunks);
}

impl Chunk {
    /// Bytes of one that is not full.
    pub(super) const BYTES: usize = CHUNK_BYTES;

    pub(super) fn new() -> Chunk {
        let mut spare = SPARE.lock();
        spare.is_wanted = true;
        let data = spare.chunks.pop();
        drop(spare);
        let data = data.unwrap_or_else(|| vec![0; CHUNK_BYTES].into());
        Chunk { data, segments: Vec::with_capacity(8) }
    }

    /// Its memory, for what is not events.
    pub(super) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// It has so many bytes of messages, and nothing else: a batch that may be anywhere in the file.
    pub(super) fn hold_messages(&mut self, bytes: usize) {
        let time = clock::now();
        let place =
            Segment { number: MESSAGES, thread: NO_THREAD, time, last: time, start: 0, end: bytes };
        self.segments.push(place);
    }

    pub(crate) fn bytes(&self, segment: &Segment) -> &[u8] {
        &self.data[segment.start..segment.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.last().map_or(0, |s| s.end)
    }

    /// Bytes of memory.
    pub(crate) fn held(&self) -> usize {
        self.data.len() + self.segments.capacity() * size_of::<Segment>()
    }

    /// Gives back the memory that it does not need, if that is much of it.
    pub(crate) fn shrink(&mut self) {
        if self.len() < CHUNK_BYTES / 8 * 7 {
            let small = self.data[..self.len()].into();
            recycle(std::mem::replace(&mut self.data, small));
        }
    }
}

/// Keeps the memory of a chunk for another one, if that is wanted.
fn recycle(data: Box<[u8]>) {
    let mut spare = SPARE.lock();
    if spare.is_wanted && data.len() == CHUNK_BYTES && spare.chunks.len() < MAX_SPARE {
        spare.chunks.push(data);
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        recycle(std::mem::take(&mut self.data));
    }
}

/// Where full chunks go.
pub(crate) type Ship = fn(Chunk);

/// The buffer of a processor, or of those who have none.
pub(crate) struct Buf {
    chunk: Option<Chunk>,
    /// Where the next event goes.
    at: usize,
    /// Up to where an event may begin in the open segment, whose chunk is there; 0: there is none.
    limit: usize,
    /// The thread and last time of the open segment.
    thread: u64,
    last: u64,
    ship: Ship,
}

impl Buf {
    pub(crate) const fn new(ship: Ship) -> Buf {
        Buf { chunk: None, at: 0, limit: 0, thread: 0, last: 0, ship }
    }

    /// Writes one event of `stream`'s thread at `time`, which does not go back.
    #[inline(always)]
    pub(crate) fn event<const N: usize>(
        &mut self,
        stream: &mut Stream,
        time: u64,
        event: EventType,
        args: [u64; N],
    ) {
        const { assert!(varint::MAX_BYTES * (N + 1) < EVENT_BYTES) };
        if self.at >= self.limit || self.thread != stream.thread {
            self.open_segment(stream, time);
        }
        let Some(chunk) = &mut self.chunk else { return };
        let begin = chunk.data.as_mut_ptr();
        // SAFETY: a segment is open, so the chunk has room for its longest event, which has room for so
        // many numbers, as was asserted above.
        let pen = unsafe { Pen::new(begin.add(self.at)) };
        let pen = pen.event(event as u8, time - self.last);
        self.at = args.into_iter().fold(pen, Pen::number).since(begin);
        self.last = time;
    }

    /// The open segment ends: the thread parts with the buffer.
    #[inline]
    pub(crate) fn close_segment(&mut self) {
        if self.limit == 0 {
            return;
        }
        self.limit = 0;
        if let Some(segment) = self.chunk.as_mut().and_then(|c| c.segments.last_mut()) {
            (segment.end, segment.last) = (self.at, self.last);
        }
    }

    #[cold]
    fn open_segment(&mut self, stream: &mut Stream, time: u64) {
        self.close_segment();
        if self.at >= LIMIT
            && let Some(full) = self.take()
        {
            (self.ship)(full);
        }
        let at = self.at;
        let chunk = self.chunk.get_or_insert_with(Chunk::new);
        let number = stream.next_segment;
        stream.next_segment += 1;
        let thread = stream.thread;
        chunk.segments.push(Segment { thread, number, time, last: time, start: at, end: at });
        debug_assert!(at < LIMIT && chunk.data.len() == CHUNK_BYTES);
        self.limit = LIMIT;
        self.thread = stream.thread;
        self.last = time;
    }

    /// Ends the open segment and gives the chunk away, if anything is in it.
    pub(crate) fn take(&mut self) -> Option<Chunk> {
        self.close_segment();
        self.at = 0;
        self.chunk.take().filter(|c| c.len() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_later_than_what_it_follows_from() {
        let before = clock::now() - 8 * u64::from(LEAP);
        for ahead in [0, 1, LEAP - 1, LEAP, 4 * LEAP] {
            let mut stream = Stream { last: before, ..Stream::new(1) };
            stream.set_fresh(true);
            let cause = before + u64::from(ahead);
            assert!(stream.time_at_once(Some(cause as u32)) > cause, "{ahead}");
        }
    }
}

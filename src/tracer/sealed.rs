//! A generation that is over, in memory: its events as the file has them, and what its tables are
//! made of. The stream and the flight recorder share it.
//!
//! It is made at the cut, by copying: names are looked up when somebody wants it written, and no
//! cut ever waits for that.

use parking_lot::Mutex;

use super::buf;
use super::buf::Chunk;
use super::cpu_sample::Samples;
use super::emit::EVENT_TYPES;
use super::generation::Leftovers;
use super::stack_table::{self, Stack};
use super::string_table::StringTable;
use super::writer::Symbols;
use crate::wire::encode::{self, Clocks, StacksBuilder, StringsBuilder};
use crate::wire::version::Version;

/// See the module documentation.
pub(crate) struct Sealed {
    generation: u32,
    /// The clocks when it began.
    clocks: Clocks,
    /// Batches of events, in each thread's order.
    events: Vec<u8>,
    stacks: Vec<&'static Stack>,
    strings: StringTable,
    pub(super) samples: Samples,
    /// Events, by type.
    pub(super) counts: [u64; EVENT_TYPES],
}

impl Sealed {
    /// Before the next cut but one, as stacks remember two generations. `None`: something of it
    /// had to be dropped.
    pub(super) fn new(leftovers: Leftovers) -> Option<Sealed> {
        let Leftovers { generation, chunks, strings, samples, clocks, counts, whole } = leftovers;
        let stacks = stack_table::used(generation);
        whole.then(|| {
            let events = events(generation.into(), &chunks);
            Sealed { generation, clocks, events, stacks, strings, samples, counts }
        })
    }

    /// When it began, on the trace's clock.
    pub(super) fn began(&self) -> u64 {
        self.clocks.time
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.strings.bytes() + size_of_val(&*self.stacks) + self.samples.bytes();
        self.events.capacity() + tables
    }

    /// What comes first in the file.
    pub(super) fn events(&self) -> &[u8] {
        &self.events
    }

    /// What comes behind the events. The clock, without which no reader takes a generation for
    /// whole, is last: where a file is cut short there is no generation or all of it.
    pub(super) fn rest(&self, version: Version, symbols: &mut Symbols) -> Vec<u8> {
        let (number, began) = (u64::from(self.generation), self.clocks.time);
        let mut bytes = Vec::new();
        let mut names = self.strings.more();
        let mut stacks = StacksBuilder::new(number, began);
        let mut next = 1;
        for stack in &self.stacks {
            stacks.add(stack.id.into(), &symbols.resolve(stack, &mut names));
            next = next.max(u64::from(stack.id) + 1);
        }
        let tables = (&mut stacks, &mut names);
        self.samples.write(number, began, next, symbols, tables).finish(&mut bytes);
        stacks.finish(&mut bytes);
        let mut strings = StringsBuilder::new(number, began);
        for (id, text, keep) in self.strings.iter().chain(names.iter()) {
            strings.add(id, text, keep);
        }
        strings.finish(&mut bytes);
        encode::clock_batch(&mut bytes, version, number, &self.clocks);
        encode::end_of_generation(&mut bytes, version);
        bytes
    }
}

fn events(generation: u64, chunks: &[Chunk]) -> Vec<u8> {
    let with_segments = chunks.iter().flat_map(|c| c.segments.iter().map(move |s| (c, s)));
    let mut segments: Vec<_> = with_segments.collect();
    segments.sort_unstable_by_key(|(_, s)| (s.thread, s.number));
    for pair in segments.windows(2) {
        let ((_, a), (_, b)) = (pair[0], pair[1]);
        assert!(a.thread != b.thread || a.last <= b.time, "gort: a stream went backwards");
    }
    let headers = segments.len() * encode::MAX_BATCH_HEADER_BYTES;
    let size = chunks.iter().map(Chunk::len).sum::<usize>() + headers;
    let mut bytes = take_spare(size);
    for (chunk, segment) in segments {
        debug_assert!(segment.thread != buf::NO_THREAD || segment.time != 0);
        encode::batch(&mut bytes, generation, segment.thread, segment.time, chunk.bytes(segment));
    }
    if bytes.capacity() > 2 * bytes.len() {
        bytes.shrink_to_fit();
    }
    bytes
}

/// Memory of a long generation that was written, for another one: it has its pages already.
static SPARE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// Long generations are not all of one length, but mostly of one so rounded up. Shorter ones are not
/// worth it...
const SPARE_MIN: usize = 4 << 20;
/// ...and no generation is much longer than this, but where its end came late.
const SPARE_MAX: usize = 64 << 20;

/// Empty, with room for so much.
fn take_spare(size: usize) -> Vec<u8> {
    if size < SPARE_MIN {
        return Vec::with_capacity(size);
    }
    let mut spare = SPARE.lock();
    if (size..=2 * size).contains(&spare.capacity()) {
        return std::mem::take(&mut *spare);
    }
    Vec::with_capacity(size.next_multiple_of(SPARE_MIN))
}

/// Nobody traces: the memory goes back.
pub(super) fn forget_spare() {
    drop(std::mem::take(&mut *SPARE.lock()));
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let mut spare = SPARE.lock();
        if (SPARE_MIN..=SPARE_MAX).contains(&events.capacity())
            && events.capacity() > spare.capacity()
        {
            *spare = events;
        }
    }
}

//! The events of a generation that is over, as the threads left them: chunks of memory, and in which
//! order their segments go into the file.

use super::buf::{self, Chunk};
use crate::wire::encode;

/// Bytes of a piece of the file, about: much more than what a call of the user's writer costs, and
/// little enough to stay in a processor's cache.
const PIECE_BYTES: usize = 256 << 10;

/// See the module documentation.
pub(crate) struct Events {
    generation: u64,
    chunks: Vec<Chunk>,
    /// Chunk and segment, in each thread's order.
    order: Vec<(u32, u32)>,
}

impl Events {
    pub(super) fn new(generation: u64, mut chunks: Vec<Chunk>) -> Events {
        chunks.iter_mut().for_each(Chunk::shrink);
        let order = order(&chunks);
        Events { generation, chunks, order }
    }

    /// Bytes that they hold.
    pub(super) fn held(&self) -> usize {
        self.chunks.iter().map(Chunk::held).sum::<usize>() + size_of_val(&*self.order)
    }

    /// Calls `put` with one piece of the file after the other: batches, each thread's in its order.
    pub(super) fn pieces<E>(&self, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut piece = Vec::with_capacity(self.file_bytes_max().min(PIECE_BYTES));
        for &at in &self.order {
            let (chunk, segment) = segment(&self.chunks, at);
            debug_assert!(segment.thread != buf::NO_THREAD || segment.time != 0);
            let data = chunk.bytes(segment);
            if piece.len() + encode::MAX_BATCH_HEADER_BYTES + data.len() > PIECE_BYTES {
                put(&piece)?;
                piece.clear();
            }
            encode::batch(&mut piece, self.generation, segment.thread, segment.time, data);
        }
        if piece.is_empty() { Ok(()) } else { put(&piece) }
    }

    fn file_bytes_max(&self) -> usize {
        let headers = self.order.len() * encode::MAX_BATCH_HEADER_BYTES;
        self.chunks.iter().map(Chunk::len).sum::<usize>() + headers
    }
}

fn segment(chunks: &[Chunk], (chunk, segment): (u32, u32)) -> (&Chunk, &buf::Segment) {
    let chunk = &chunks[chunk as usize];
    (chunk, &chunk.segments[segment as usize])
}

/// Threads one after the other, and each one's segments in the order of their numbers.
fn order(chunks: &[Chunk]) -> Vec<(u32, u32)> {
    let of_chunk = |(n, chunk): (usize, &Chunk)| {
        (0..chunk.segments.len()).map(move |segment| (n as u32, segment as u32))
    };
    let mut order: Vec<_> = chunks.iter().enumerate().flat_map(of_chunk).collect();
    order.sort_unstable_by_key(|&at| {
        let (_, segment) = segment(chunks, at);
        (segment.thread, segment.number)
    });
    for pair in order.windows(2) {
        let ((_, a), (_, b)) = (segment(chunks, pair[0]), segment(chunks, pair[1]));
        assert!(b.may_follow(a), "gort: a stream went backwards");
    }
    order
}

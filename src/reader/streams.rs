//! The events of a generation's threads, as bytes.

use std::ops::Range;

use super::batch::Batch;
use super::hash::Map;
use super::held::Held;
use super::ids::ThreadID;

/// The batches of each thread.
#[derive(Default)]
pub(crate) struct Streams {
    held: Held,
    offset: u64,
    /// In the order in which the file mentions them.
    threads: Vec<Stream>,
    by_thread: Map<i64, usize>,
}

/// A thread's batches, in the file's order.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) thread: ThreadID,
    pub(crate) batches: Vec<Part>,
}

/// A batch of a thread.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) time: u64,
    pub(crate) data: Range<usize>,
}

impl Streams {
    pub(crate) fn add(&mut self, batch: Batch) {
        let Batch { thread, time, data, .. } = batch;
        let next = self.threads.len();
        let at = *self.by_thread.entry(thread.0).or_insert(next);
        if at == next {
            self.threads.push(Stream { thread, batches: Vec::new() });
        }
        self.threads[at].batches.push(Part { time, data });
    }

    pub(crate) fn with_bytes(self, held: Held, offset: u64) -> Streams {
        Streams { held, offset, ..self }
    }

    /// The bytes that the batches' data is in.
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// The memory of the bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.held {
            Held::Here(bytes) => bytes,
            Held::At(..) => Vec::new(),
        }
    }

    /// Where in the file a byte is.
    pub(crate) fn offset(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    pub(crate) fn threads(&self) -> &[Stream] {
        &self.threads
    }
}

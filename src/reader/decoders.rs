//! The events of a generation's threads, decoded some at a time.

use std::sync::Arc;

use super::clock::Unit;
use super::cursor::{Block, Decoder};
use super::error::Error;
use super::streams::Streams;

/// Decodes the events of a generation.
#[derive(Default)]
pub(crate) struct Decoders {
    streams: Arc<Streams>,
    unit: Unit,
    /// Of each stream.
    of: Vec<Decoder>,
}

/// As many events of a thread are decoded at a time.
const BLOCK: usize = 64;

impl Decoders {
    pub(crate) fn new(streams: Streams, unit: Unit) -> Decoders {
        let of = (0..streams.threads().len()).map(Decoder::new).collect();
        Decoders { streams: Arc::new(streams), unit, of }
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The next events of a stream, in the place of others; `false` when there are none.
    pub(crate) fn next(&mut self, stream: usize, block: &mut Block) -> Result<bool, Error> {
        self.of[stream].block(block, BLOCK, &self.streams, self.unit)
    }

    /// The memory of the bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        Arc::into_inner(self.streams).map_or_else(Vec::new, Streams::into_bytes)
    }
}

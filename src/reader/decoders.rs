//! The events of a generation's threads, decoded some at a time.

use std::sync::Arc;

use super::clock::Unit;
use super::cursor::{Block, Decoder};
use super::error::Error;
use super::helper::Helper;
use super::streams::Streams;
use crate::wire::encode::MAX_BATCH_BYTES;

/// Decodes the events of generations.
#[derive(Default)]
pub(crate) struct Decoders {
    streams: Arc<Streams>,
    unit: Unit,
    /// Of each stream; `None` while the helper has it.
    of: Vec<Option<Decoder>>,
    helper: Option<Helper>,
    /// Whether the helper is at work in this generation, and how many events it decodes at a time.
    is_helped: bool,
    most: usize,
}

/// As many events of a thread are decoded at a time,
const BLOCK: usize = 64;
/// and with a helper more, where that is not much memory for all threads:
const HELPED_BLOCK: usize = 8 << 10;
/// so many events at most, and at least so many of each: to ask and to be woken takes time, too.
const HELPED_EVENTS: usize = 32 << 10;
const LEAST_HELPED: usize = 512;
/// So many bytes of batches are in memory at a time, if all are as long as they can be.
const PARTS_BYTES: usize = 1 << 20;
/// The least of a batch.
const LEAST_PART_BYTES: usize = 4 << 10;
/// So many bytes of events are worth a helper.
const WORTH_BYTES: usize = 128 << 10;

impl Decoders {
    /// Goes to another generation; returns the memory of the last one's bytes.
    pub(crate) fn begin(&mut self, streams: Streams, unit: Unit) -> Vec<u8> {
        let threads = streams.threads().len();
        let part_bytes = (PARTS_BYTES / threads.max(1)).clamp(LEAST_PART_BYTES, MAX_BATCH_BYTES);
        self.of = (0..threads).map(|stream| Some(Decoder::new(stream, part_bytes))).collect();
        self.unit = unit;
        let before = std::mem::replace(&mut self.streams, Arc::new(streams));
        self.most = HELPED_BLOCK.min(HELPED_EVENTS / threads.max(1));
        self.is_helped =
            self.most >= LEAST_HELPED && self.streams.bytes() >= WORTH_BYTES && self.start();
        if !self.is_helped {
            self.most = BLOCK;
        }
        if let Some(helper) = &self.helper {
            helper.begin(self.streams.clone(), unit, self.most);
        }
        Arc::into_inner(before).map_or_else(Vec::new, Streams::into_bytes)
    }

    /// Whether there is a helper. One that shares a processor with who it helps is none.
    fn start(&mut self) -> bool {
        if self.helper.is_none() && std::thread::available_parallelism().is_ok_and(|n| n.get() > 1)
        {
            self.helper = Helper::start();
        }
        self.helper.is_some()
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The next events of a stream, in the place of others; `false` when there are none.
    pub(crate) fn next(&mut self, stream: usize, block: &mut Block) -> Result<bool, Error> {
        let (decoder, spare, done) = match self.of[stream].take() {
            Some(mut decoder) => {
                let done = decoder.block(block, self.most, &self.streams, self.unit);
                (decoder, Block::default(), done)
            }
            None => {
                let helper = self.helper.as_ref().expect("a helper has the decoder");
                let (decoder, mut next, done) = helper.take(stream);
                std::mem::swap(&mut next, block);
                (decoder, next, done)
            }
        };
        match &self.helper {
            Some(helper) if self.is_helped && matches!(done, Ok(true)) => {
                helper.ask(stream, decoder, spare);
            }
            _ => self.of[stream] = Some(decoder),
        }
        done
    }
}

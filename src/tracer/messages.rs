//! Messages of logs: texts that come once, written where the file has them from the beginning.
//!
//! A processor's messages are in chunks of its own, as its events are. Their numbers come from the
//! generation's table of strings, a block at a time, so that a message takes no lock and no memory but
//! where a block or a chunk is full.

use std::ops::Range;

use super::buf::{Chunk, Ship};
use crate::wire::encode;
use crate::wire::event::EventType;

/// Numbers taken at once.
pub(super) const BLOCK: u64 = 256;

/// See the module documentation.
pub(crate) struct Messages {
    chunk: Option<Chunk>,
    at: usize,
    /// Numbers of this generation that no text has yet.
    ids: Range<u64>,
    ship: Ship,
}

impl Messages {
    pub(super) const fn new(ship: Ship) -> Messages {
        Messages { chunk: None, at: 0, ids: 0..0, ship }
    }

    /// The number of `text`, which is cut if it is too long; 0 is the empty string. `block` gives the
    /// first of [`BLOCK`] numbers.
    pub(super) fn add(&mut self, text: &str, block: impl FnOnce() -> u64) -> u64 {
        if text.is_empty() {
            return 0;
        }
        if self.ids.is_empty() {
            let first = block();
            self.ids = first..first + BLOCK;
        }
        let id = self.ids.next().expect("a block is never empty");
        if self.at + encode::MAX_STRING_RECORD_BYTES > Chunk::BYTES
            && let Some(full) = self.take_chunk()
        {
            (self.ship)(full);
        }
        let data = self.chunk.get_or_insert_with(Chunk::new).data_mut();
        if self.at == 0 {
            data[0] = EventType::Strings as u8;
            self.at = 1;
        }
        self.at = encode::put_string(data, self.at, id, text);
        id
    }

    /// The generation is over: what is left of it.
    pub(super) fn take(&mut self) -> Option<Chunk> {
        self.ids = 0..0;
        self.take_chunk()
    }

    fn take_chunk(&mut self) -> Option<Chunk> {
        let mut chunk = self.chunk.take()?;
        chunk.hold_messages(std::mem::take(&mut self.at));
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn numbers_are_taken_a_block_at_a_time() {
        let mut messages = Messages::new(|_| unreachable!("so few are no chunk"));
        let next = Cell::new(7);
        let block = || next.replace(next.get() + BLOCK);
        let ids: Vec<u64> = (0..2 * BLOCK).map(|_| messages.add("x", block)).collect();
        assert_eq!(ids, (7..7 + 2 * BLOCK).collect::<Vec<_>>());
        assert_eq!(messages.add("", || unreachable!("it has a number")), 0);
        messages.take().unwrap();
        assert!(messages.take().is_none());
        next.set(100);
        assert_eq!(messages.add("x", block), 100, "numbers are a generation's");
    }

    #[test]
    fn full_chunks_are_shipped() {
        let mut messages = Messages::new(shipped::ship);
        let text = "€".repeat(1000);
        for _ in 0..100 {
            messages.add(&text, || 1);
        }
        let left = messages.take().unwrap().len();
        let full = shipped::lengths();
        let all = full.iter().sum::<usize>() + left;
        assert_eq!(full.len(), 1);
        assert!(full[0] <= Chunk::BYTES && all > 100 * 1020, "{full:?} {left}");
    }

    /// Where a plain function pointer puts what it gets.
    mod shipped {
        use parking_lot::Mutex;

        use super::Chunk;

        static LENGTHS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

        pub(super) fn ship(chunk: Chunk) {
            LENGTHS.lock().push(chunk.len());
        }

        pub(super) fn lengths() -> Vec<usize> {
            LENGTHS.lock().clone()
        }
    }
}

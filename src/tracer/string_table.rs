//! Strings of a generation: each text once, with a number that events carry.

use std::collections::HashMap;

use crate::wire::encode::Keep;
use crate::wire::reason::{TRACE_TEXTS, WaitReason};

/// The strings of one generation.
pub(crate) struct StringTable {
    ids: HashMap<Box<str>, (u64, Keep)>,
    next: u64,
    /// Bytes of all texts, with what holds them.
    bytes: usize,
}

/// About what a text takes besides itself: its place here, and that of an allocation.
const ENTRY_BYTES: usize = size_of::<(Box<str>, u64, Keep)>() + 16;

impl StringTable {
    /// A table that holds the reasons under [`reason_id`].
    pub(crate) fn new() -> StringTable {
        let mut table = StringTable { ids: HashMap::new(), next: 1, bytes: 0 };
        for (number, text) in TRACE_TEXTS.into_iter().enumerate() {
            assert_eq!(table.id(text), number as u64 + 1);
        }
        table
    }

    /// An empty table whose numbers follow on this one's.
    pub(super) fn more(&self) -> StringTable {
        StringTable { ids: HashMap::new(), next: self.next, bytes: 0 }
    }

    /// The number of `text`; 0 is the empty string.
    pub(crate) fn id(&mut self, text: &str) -> u64 {
        self.id_keeping(text, Keep::Head)
    }

    /// The number of `text`, which keeps this end if it is too long for the format.
    pub(crate) fn id_keeping(&mut self, text: &str, keep: Keep) -> u64 {
        if text.is_empty() {
            return 0;
        }
        if let Some(&(id, _)) = self.ids.get(text) {
            return id;
        }
        let id = self.take_block(1);
        self.bytes += text.len() + ENTRY_BYTES;
        self.ids.insert(text.into(), (id, keep));
        id
    }

    /// The first of `count` numbers for texts that somebody else holds.
    pub(super) fn take_block(&mut self, count: u64) -> u64 {
        self.next += count;
        self.next - count
    }

    /// Bytes of all texts, with what holds them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All numbers and texts, and which end of them to keep.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &str, Keep)> {
        self.ids.iter().map(|(text, &(id, keep))| (id, &**text, keep))
    }
}

/// A processor's cache of texts that come again and again: names of regions, categories.
pub(crate) struct Cache([Known; Cache::SLOTS]);

/// A text and its number in one generation; 0: none yet.
#[derive(Default)]
struct Known {
    generation: u32,
    id: u64,
    text: Box<str>,
}

impl Cache {
    const SLOTS: usize = 64;

    pub(crate) fn new() -> Cache {
        Cache(std::array::from_fn(|_| Known::default()))
    }

    /// The number of `text` in `generation`, which `look_up` finds where this has it not.
    #[inline]
    pub(crate) fn id(
        &mut self,
        text: &str,
        generation: u32,
        look_up: impl FnOnce(&str) -> u64,
    ) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let known = &mut self.0[hash(text) as usize % Cache::SLOTS];
        if *known.text != *text {
            known.text = text.into();
        } else if known.generation == generation {
            return known.id;
        }
        known.generation = generation;
        known.id = look_up(text);
        known.id
    }
}

/// The multiply-and-rotate step of FxHash (Firefox; the rustc compiler uses it for its tables).
fn hash(text: &str) -> u64 {
    let step = |hash: u64, bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        (hash.rotate_left(5) ^ u64::from_ne_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95)
    };
    let hash = text.as_bytes().chunks(8).fold(text.len() as u64, step);
    hash ^ hash >> 32
}

/// A reason's number, the same in every generation.
pub(crate) fn reason_id(reason: WaitReason) -> u64 {
    reason.trace_text() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_asks_once_a_generation() {
        let (mut cache, mut asked) = (Cache::new(), 0);
        let mut id = |text: &str, generation| {
            cache.id(text, generation, |_| {
                asked += 1;
                asked
            })
        };
        assert_eq!((id("a", 1), id("a", 1), id("another text", 1)), (1, 1, 2));
        assert_eq!((id("a", 2), id("a", 2), id("", 2)), (3, 3, 0));
    }

    #[test]
    fn many_short_texts_are_many_bytes() {
        let mut table = StringTable::new();
        let before = table.bytes();
        let texts: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        for text in &texts {
            table.id(text);
        }
        let held: usize = texts.iter().map(|text| text.len() + size_of::<(Box<str>, u64)>()).sum();
        assert!(table.bytes() - before >= held, "{held}");
    }

    #[test]
    fn texts_that_share_a_slot_keep_their_numbers() {
        let (mut cache, mut table) = (Cache::new(), StringTable::new());
        let texts: Vec<String> = (0..1000).map(|n| format!("text {n}")).collect();
        let ids: Vec<u64> = texts.iter().map(|text| table.id(text)).collect();
        for _ in 0..2 {
            for (text, &id) in texts.iter().zip(&ids) {
                assert_eq!(cache.id(text, 1, |text| table.id(text)), id);
            }
        }
    }
}

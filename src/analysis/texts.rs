//! Texts with numbers of their own, the same through all generations.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::reader::{Generation, StringId};

/// Texts that were seen.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    all: Vec<Box<str>>,
    by_text: HashMap<Box<str>, TextId>,
    /// Of the generation at hand.
    by_string: IdMap<StringId, TextId>,
}

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TextId(u32);

impl Texts {
    /// Another generation begins, with strings of its own.
    pub(crate) fn begin(&mut self) {
        self.by_string.clear();
    }

    /// The number of a string's text.
    pub(crate) fn of(&mut self, generation: &Generation, string: StringId) -> TextId {
        if let Some(&id) = self.by_string.get(&string) {
            return id;
        }
        let id = self.named(&generation.text(string));
        self.by_string.insert(string, id);
        id
    }

    /// The number of a text.
    pub(crate) fn named(&mut self, text: &str) -> TextId {
        if let Some(&id) = self.by_text.get(text) {
            return id;
        }
        let id = TextId(u32::try_from(self.all.len()).expect("fewer texts than that"));
        self.all.push(text.into());
        self.by_text.insert(text.into(), id);
        id
    }

    pub(crate) fn text(&self, id: TextId) -> &str {
        &self.all[id.0 as usize]
    }
}

/// A map by numbers that come from a trace's tables.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Spreads numbers; the maps of `std` are made for keys that somebody chose to do harm.
///
/// Who chooses the numbers here can make reading slow, by a trace with millions of odd numbers, and
/// gains nothing by it.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }

    /// The constant is the fraction of the golden ratio, as in Fibonacci hashing; the map takes the
    /// low bits, the product has its best ones on top.
    fn write_u64(&mut self, n: u64) {
        let mixed = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

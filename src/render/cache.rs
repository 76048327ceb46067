//! What was made of a generation's tables, so that it is made once.

use std::hash::Hash;

use crate::reader::Generation;
use crate::reader::hash::Map;

/// So much is kept, and then made anew.
const KEPT_BYTES: usize = 16 << 20;

/// Bytes by an id of a generation.
pub(crate) struct Cache<K> {
    made: Map<K, Box<[u8]>>,
    kept_bytes: usize,
    make: fn(&Generation, K, &mut Vec<u8>),
}

impl<K: Copy + Eq + Hash> Cache<K> {
    /// Of what `make` makes.
    pub(crate) fn new(make: fn(&Generation, K, &mut Vec<u8>)) -> Cache<K> {
        Cache { made: Map::default(), kept_bytes: 0, make }
    }

    /// Forgets everything: another generation begins.
    pub(crate) fn clear(&mut self) {
        self.made.clear();
        self.kept_bytes = 0;
    }

    /// Appends what is made of an id.
    pub(crate) fn put(&mut self, generation: &Generation, id: K, out: &mut Vec<u8>) {
        if let Some(made) = self.made.get(&id) {
            return out.extend_from_slice(made);
        }
        if self.kept_bytes > KEPT_BYTES {
            self.clear();
        }
        let begin = out.len();
        (self.make)(generation, id, out);
        let made = &out[begin..];
        self.kept_bytes += made.len();
        self.made.insert(id, made.into());
    }
}

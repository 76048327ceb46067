//! Maps by numbers, fast and not safe from who chooses the numbers for that.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map by numbers.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// A set of numbers.
#[cfg_attr(not(feature = "analysis"), allow(dead_code, reason = "for what reads traces"))]
pub(crate) type Set<K> = HashSet<K, BuildHasherDefault<NumberHasher>>;

/// Hashes one number by a multiplication, whose high half spreads over all bits.
#[derive(Clone, Default)]
pub(crate) struct NumberHasher(u64);

/// Odd, with bits all over: 2^64 divided by the golden ratio. (Knuth's multiplicative hashing.)
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for NumberHasher {
    #[inline(always)]
    fn write_u64(&mut self, number: u64) {
        let wide = u128::from(self.0 ^ number) * u128::from(FACTOR);
        self.0 = (wide >> 64) as u64 ^ wide as u64;
    }

    #[inline(always)]
    fn write_i64(&mut self, number: i64) {
        self.write_u64(number as u64);
    }

    /// As which the enums here hash.
    #[inline(always)]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    #[inline(always)]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0
    }
}

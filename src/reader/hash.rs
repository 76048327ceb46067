//! Maps by numbers, fast. Who writes a file and chooses its numbers does not know which of them meet: each
//! process hashes from a number of its own. So nothing may depend on the order of a map.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

/// A map by numbers.
pub(crate) type Map<K, V> = HashMap<K, V, Numbers>;

/// A set of numbers.
#[cfg_attr(not(feature = "analysis"), allow(dead_code, reason = "for what reads traces"))]
pub(crate) type Set<K> = HashSet<K, Numbers>;

/// Makes hashers that begin with the process's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers(u64);

impl Default for Numbers {
    fn default() -> Numbers {
        static SECRET: OnceLock<u64> = OnceLock::new();
        Numbers(*SECRET.get_or_init(|| RandomState::new().hash_one(0)))
    }
}

impl BuildHasher for Numbers {
    type Hasher = NumberHasher;

    #[inline(always)]
    fn build_hasher(&self) -> NumberHasher {
        NumberHasher(self.0)
    }
}

/// Hashes each number by a multiplication, whose high half spreads over all bits, and the result by
/// another: what is regular after one is not after two.
#[derive(Clone)]
pub(crate) struct NumberHasher(u64);

/// Odd, with bits all over: 2^64 divided by the golden ratio. (Knuth's multiplicative hashing.)
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline(always)]
fn spread(number: u64) -> u64 {
    let wide = u128::from(number) * u128::from(FACTOR);
    (wide >> 64) as u64 ^ wide as u64
}

impl Hasher for NumberHasher {
    #[inline(always)]
    fn write_u64(&mut self, number: u64) {
        self.0 = spread(self.0 ^ number);
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
        spread(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_meet_in_one_process_are_apart_in_another() {
        let place = |secret, number: u64| Numbers(secret).hash_one(number) % 1024;
        let numbers = (0..).map(|n: u64| n << 18);
        let meet: Vec<u64> = numbers.filter(|&number| place(0, number) == 0).take(500).collect();
        for nth in 0..100_u64 {
            let secret = RandomState::new().hash_one(nth);
            let places: HashSet<u64> = meet.iter().map(|&number| place(secret, number)).collect();
            // By chance they are at 395.
            assert!(places.len() > 300, "{} for {secret:#x}", places.len());
        }
        assert_eq!(Numbers::default().0, Numbers::default().0);
    }
}

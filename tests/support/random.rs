//! Numbers that look like chance.

/// The same ones every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Below `bound`. (Marsaglia's xorshift.)
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

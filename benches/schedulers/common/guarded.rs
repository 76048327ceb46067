//! `rwmutex`: what the lock guards, and who reads and who writes.

/// A turn in so many is a write.
const WRITE_EVERY: u64 = 10;

/// Two counts that are the same whenever nobody writes.
#[derive(Default)]
pub(crate) struct Guarded {
    first: u64,
    second: u64,
}

impl Guarded {
    pub(crate) fn write(&mut self) {
        assert_eq!(self.first, self.second, "two write at once");
        self.first += 1;
        self.second += 1;
    }

    pub(crate) fn read(&self) {
        assert_eq!(self.first, self.second, "one writes while another reads");
    }

    /// What it has to hold after all goroutines had their turns.
    pub(crate) fn check(&self, width: u64, turns: u64) {
        assert_eq!(self.second, width * turns.div_ceil(WRITE_EVERY));
    }
}

/// Whether a goroutine writes in this turn.
pub(crate) fn writes(turn: u64) -> bool {
    turn.is_multiple_of(WRITE_EVERY)
}

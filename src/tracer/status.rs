//! What a goroutine does now, and what the trace has said of it: one word.
//!
//! ```text
//!  63            32 31             8 7       0
//! | sequence number | generation     | status |
//! ```
//! Every scheduling change is one store of this word by whoever owns the goroutine at that moment
//! (the thread that runs it, or the one that took it from a queue). So the word always holds the
//! state that a reader of the trace has reached, and a second party, the sweep that writes the
//! statuses of goroutines nobody touched, can take the right to write the status of a generation
//! by one compare-and-swap: it succeeds only on a word of an older generation, and the owner, who
//! sees an older generation too, then loses its own compare-and-swap and writes none.
//!
//! Invariant: per generation and goroutine, exactly one party moves the word's generation
//! forward, and that party writes GoStatus (or GoCreate) with the state the word held before.
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU64, Ordering};

/// A goroutine's state. The numbers 1 to 4 are the trace format's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Status {
    /// The slot is free.
    Dead = 0,
    /// In a queue.
    Runnable = 1,
    /// On a thread.
    Running = 2,
    /// On a thread that has no processor: in a call that may block, or computing for long.
    Syscall = 3,
    /// Blocked.
    Waiting = 4,
    /// Spawned by a plain thread and not yet taken from the queue: the trace does not know it.
    Created = 5,
}

impl Status {
    fn from_bits(bits: u8) -> Status {
        match bits {
            0 => Status::Dead,
            1 => Status::Runnable,
            2 => Status::Running,
            3 => Status::Syscall,
            4 => Status::Waiting,
            5 => Status::Created,
            other => unreachable!("gort: goroutine status {other}"),
        }
    }
}

const GEN_MASK: u64 = 0xff_ffff;

fn pack(status: Status, generation: u32, seq: u32) -> u64 {
    u64::from(seq) << 32 | (u64::from(generation) & GEN_MASK) << 8 | status as u64
}

/// The outcome of [`StateWord::enter_generation`].
#[derive(Debug)]
#[must_use]
pub(crate) enum Entered {
    /// The status of this generation is written, or being written by the other party.
    Already,
    /// The caller must write the status, which was this.
    WriteStatus(Status),
}

/// The word. See the module documentation.
pub(crate) struct StateWord(AtomicU64);

impl StateWord {
    #[allow(dead_code, reason = "for the models; slots begin as zeroes")]
    pub(crate) fn new() -> StateWord {
        StateWord(AtomicU64::new(pack(Status::Dead, 0, 0)))
    }

    pub(crate) fn status(&self) -> Status {
        // ORDERING: Acquire, pairs with the Release stores below: a visitor that sees a state
        // sees the goroutine's fields as they were set before it.
        Status::from_bits(self.0.load(Ordering::Acquire) as u8)
    }

    /// Starts a life: the word of a goroutine that is born in `generation` (0: not traced).
    #[inline]
    pub(crate) fn born(&self, status: Status, generation: u32) {
        // ORDERING: Release, pairs with the Acquires of visitors.
        self.0.store(pack(status, generation, 0), Ordering::Release);
    }

    /// The owner's change of state. With a generation, the word must be in it already.
    #[inline]
    pub(crate) fn set(&self, status: Status) {
        let old = self.0.load(Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquires of visitors.
        self.0.store(old & !0xff | status as u64, Ordering::Release);
    }

    /// The owner's change of state that carries the next sequence number, which it returns.
    #[inline]
    pub(crate) fn set_numbered(&self, status: Status) -> u32 {
        let old = self.0.load(Ordering::Relaxed);
        let seq = (old >> 32) as u32 + 1;
        let word = u64::from(seq) << 32 | old & (GEN_MASK << 8) | status as u64;
        // ORDERING: Release, pairs with the Acquires of visitors.
        self.0.store(word, Ordering::Release);
        seq
    }

    /// The owner, before its first event of `generation` on this goroutine.
    #[inline]
    pub(crate) fn enter_generation(&self, generation: u32) -> Entered {
        // ORDERING: Acquire, pairs with the AcqRel of the sweep's `claim`: what the owner does after
        // this comes after what the sweep has read.
        let old = self.0.load(Ordering::Acquire);
        if (old >> 8) & GEN_MASK == u64::from(generation) & GEN_MASK {
            return Entered::Already;
        }
        self.claim(old, generation)
    }

    #[cold]
    fn claim(&self, old: u64, generation: u32) -> Entered {
        let status = Status::from_bits(old as u8);
        let new = pack(status, generation, 0);
        // ORDERING: AcqRel, pairs with the other party's compare-and-swap in `sweep`.
        match self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Entered::WriteStatus(status),
            Err(_) => Entered::Already,
        }
    }

    /// Whether the sweep of `generation` may have something to do here.
    pub(crate) fn is_behind(&self, generation: u32) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        word as u8 != Status::Dead as u8
            && (word >> 8) & GEN_MASK != u64::from(generation) & GEN_MASK
    }

    /// The sweep: takes the right to write the status of `generation`, if nobody has it and the
    /// goroutine is one that the trace knows by a status.
    ///
    /// `describe` reads whose word this is. The slot may change hands before and after, but not
    /// where the swap succeeds: a later life's word is in `generation` already.
    pub(crate) fn sweep<T>(
        &self,
        generation: u32,
        describe: impl FnOnce() -> T,
    ) -> Option<(Status, T)> {
        // ORDERING: Acquire, pairs with the owner's Releases.
        let old = self.0.load(Ordering::Acquire);
        let status = Status::from_bits(old as u8);
        if (old >> 8) & GEN_MASK == u64::from(generation) & GEN_MASK
            || !matches!(status, Status::Runnable | Status::Waiting)
        {
            return None;
        }
        let description = describe();
        match self.claim(old, generation) {
            Entered::WriteStatus(status) => Some((status, description)),
            Entered::Already => None,
        }
    }
}

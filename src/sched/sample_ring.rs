//! A ring of records that signal handlers write and one thread reads.
//!
//! ```text
//! PUSH   slot.turn == 2 lap ? (Acquire); head: at -> at + 1; write; turn = 2 lap + 1 (Release)
//! POP    slot.turn == 2 lap + 1 ? (Acquire); read; turn = 2 (lap + 1) (Release)
//! ```
//! It is Vyukov's bounded queue ("Bounded MPMC queue", 2011) with one consumer: the `lap`th use of
//! a slot is free, then full, then free for the next lap. A writer never waits: where the ring is
//! full its record is lost, and counted. A writer that is held up with a slot of its own holds up
//! the reader, who comes again, but no other writer.
//!
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU64, AtomicUsize, Ordering};

/// One record of `W` words.
struct Slot<const W: usize> {
    turn: AtomicU64,
    words: [AtomicUsize; W],
}

/// The ring. See the module documentation.
pub(crate) struct Ring<const W: usize> {
    slots: Box<[Slot<W>]>,
    /// The next to be written, counted over all laps.
    head: AtomicU64,
    /// The next to be read. The reader's.
    tail: AtomicU64,
    lost: AtomicU64,
}

impl<const W: usize> Ring<W> {
    pub(crate) fn new(slots: usize) -> Ring<W> {
        let slot = |_| Slot {
            turn: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicUsize::new(0)),
        };
        Ring {
            slots: (0..slots).map(slot).collect(),
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    fn slot(&self, at: u64) -> (&Slot<W>, u64) {
        let slots = self.slots.len() as u64;
        (&self.slots[(at % slots) as usize], at / slots)
    }

    /// Has `write` fill a record. False: the ring was full. In a signal handler as well, if that
    /// cannot be interrupted by another one that does this.
    pub(crate) fn push(&self, write: impl FnOnce(&[AtomicUsize; W])) -> bool {
        let mut at = self.head.load(Ordering::Relaxed);
        let (slot, lap) = loop {
            let (slot, lap) = self.slot(at);
            // ORDERING: Acquire, pairs with the Release in `pop`: the reader is done with it.
            let turn = slot.turn.load(Ordering::Acquire);
            if turn < 2 * lap {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            if turn > 2 * lap {
                at = self.head.load(Ordering::Relaxed); // somebody was faster
                continue;
            }
            let (now, next) = (at, at + 1);
            match self.head.compare_exchange(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break (slot, lap),
                Err(other) => at = other,
            }
        };
        write(&slot.words);
        // ORDERING: Release, pairs with the Acquire in `pop`.
        slot.turn.store(2 * lap + 1, Ordering::Release);
        true
    }

    /// Has `read` see the oldest record. False: there is none, or its writer is at it. One caller
    /// at a time.
    pub(crate) fn pop(&self, read: impl FnOnce(&[AtomicUsize; W])) -> bool {
        let at = self.tail.load(Ordering::Relaxed);
        let (slot, lap) = self.slot(at);
        // ORDERING: Acquire, pairs with the Release in `push`.
        if slot.turn.load(Ordering::Acquire) != 2 * lap + 1 {
            return false;
        }
        read(&slot.words);
        // ORDERING: Release, pairs with the Acquire in `push`.
        slot.turn.store(2 * (lap + 1), Ordering::Release);
        self.tail.store(at + 1, Ordering::Relaxed);
        true
    }

    /// How many records were ever begun, and how many of them were read. By the reader.
    pub(crate) fn begun_and_taken(&self) -> (u64, u64) {
        (self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Relaxed))
    }

    /// How many records were lost since this was last asked.
    pub(crate) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

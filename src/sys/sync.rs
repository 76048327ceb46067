//! The words and barriers that the lock-free protocols are built from, in one place, so that the
//! models in `tests/models` can include the very same source files over loom's versions.

pub(crate) use std::sync::atomic::{
    AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};

pub(crate) use super::barrier::{heavy as heavy_barrier, light as light_barrier};

/// A full fence, for the rare side where the frequent one needs none: x86 and arm show stores to
/// all others at once.
pub(crate) fn full_barrier() {
    // ORDERING: orders a store before it with loads after it; pairs with the Acquire of whoever
    // loads both places.
    std::sync::atomic::fence(Ordering::SeqCst);
}

/// Sleeps while `word` holds `expected`; may return early.
pub(crate) fn wait_while(word: &AtomicU32, expected: u32) {
    super::futex::wait(word, expected, None);
}

/// Wakes one who sleeps on `word`.
#[cold]
pub(crate) fn wake_one(word: &AtomicU32) {
    super::futex::wake(word, 1);
}

/// Wakes everybody who sleeps on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    super::futex::wake(word, i32::MAX);
}

/// One turn of a spin loop that waits for another thread, the `turn`th in a row.
pub(crate) fn spin(turn: u32) {
    if turn < 64 {
        std::hint::spin_loop();
    } else {
        super::thread::yield_now();
    }
}

/// Spins until `word` holds `wanted`, or longer than somebody takes for a few instructions who is
/// not interrupted: false.
pub(crate) fn spin_until(word: &AtomicU32, wanted: u32) -> bool {
    const TURNS: u32 = 12;
    const PAUSING_TURNS: u32 = 4;
    (0..TURNS).any(|turn| {
        if turn < PAUSING_TURNS {
            (0..2 << turn).for_each(|_| std::hint::spin_loop());
        } else {
            super::thread::yield_now();
        }
        word.load(Ordering::Relaxed) == wanted
    })
}

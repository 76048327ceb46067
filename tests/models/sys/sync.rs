//! What `src/sys/sync.rs` offers, over loom.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::OnceLock;

pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use loom::sync::atomic::{AtomicU32 as LoomU32, fence};
use loom::thread::{self, Thread};

/// A word that can be made in a constant, which loom's cannot: loom gets to know it at its first
/// use. A model uses it once before it shares it, or loom reports the making as a data race.
pub(crate) struct AtomicU32 {
    first: u32,
    word: OnceLock<LoomU32>,
}

impl AtomicU32 {
    pub(crate) const fn new(first: u32) -> AtomicU32 {
        AtomicU32 { first, word: OnceLock::new() }
    }
}

impl Deref for AtomicU32 {
    type Target = LoomU32;

    fn deref(&self) -> &LoomU32 {
        self.word.get_or_init(|| LoomU32::new(self.first))
    }
}

/// A full fence: loom has no asymmetric barriers. Where `membarrier` works as documented, its
/// compiler fence on the frequent side orders what a full fence on both sides does.
pub(crate) fn light_barrier() {
    fence(Ordering::SeqCst);
}

/// A full fence, as [`light_barrier`].
pub(crate) fn heavy_barrier() {
    fence(Ordering::SeqCst);
}

/// As it is.
pub(crate) fn full_barrier() {
    fence(Ordering::SeqCst);
}

thread_local! {
    /// Who sleeps on which word. loom runs all threads of a model on one thread of the system.
    static SLEEPERS: RefCell<HashMap<usize, Vec<Thread>>> = RefCell::default();
    static EARLY: Cell<u32> = const { Cell::new(0) };
}

/// The next so many calls of [`wait_while`] return early: at once, without a look at the word.
pub(crate) fn set_early_returns(calls: u32) {
    EARLY.set(calls);
}

fn address(word: &AtomicU32) -> usize {
    std::ptr::from_ref(word) as usize
}

/// What the kernel compares with: never an old value, as a load may see in loom. A failed
/// compare-and-swap reads the newest one, and unlike other read-modify-writes stores nothing.
fn newest(word: &AtomicU32) -> u32 {
    const NEVER: u32 = u32::MAX;
    word.compare_exchange(NEVER, NEVER, Ordering::Relaxed, Ordering::Relaxed).unwrap_err()
}

/// Sleeps until a [`wake_all`] if `word` holds `expected`. If none comes, loom sees a deadlock.
///
/// In loom a wake-up orders memory, and so does a fence after the look at the word, which the real
/// ones need not. Early returns show that a protocol relies on its own loads alone.
pub(crate) fn wait_while(word: &AtomicU32, expected: u32) {
    if let Some(left) = EARLY.get().checked_sub(1) {
        return EARLY.set(left);
    }
    if newest(word) != expected {
        return;
    }
    // Nothing else has run since the look at the word.
    SLEEPERS.with_borrow_mut(|all| all.entry(address(word)).or_default().push(thread::current()));
    thread::park();
}

/// Wakes one who sleeps on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    let sleeper = SLEEPERS.with_borrow_mut(|all| {
        let sleepers = all.get_mut(&address(word))?;
        (!sleepers.is_empty()).then(|| sleepers.remove(0))
    });
    sleeper.iter().for_each(Thread::unpark);
}

/// Wakes everybody who sleeps on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    let sleepers = SLEEPERS.with_borrow_mut(|all| all.remove(&address(word)));
    sleepers.into_iter().flatten().for_each(|sleeper| sleeper.unpark());
}

/// One turn of a spin loop.
pub(crate) fn spin(_turn: u32) {
    thread::yield_now();
}

/// The spinning that only bridges a while: here it always lasts too long.
pub(crate) fn spin_until(_word: &AtomicU32, _wanted: u32) -> bool {
    false
}

//! Sums by stack: a table that grows and never shrinks, without locks.
//!
//! ```text
//! FIND   head (Acquire), then along the links, which never change
//! ADD    found: add to its sums; else link a new one: head: first -> new (Release), or again
//! ```
//! Entries are never taken out, so whoever has found one may add to it for ever. Two who add the
//! same stack for the first time meet at the head of its list: the loser looks at what has come in.
//!
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Entries are kept up to this number; what is new beyond goes to one for all the rest.
const MAX_ENTRIES: usize = 1 << 16;

/// The sums of one key.
pub(crate) struct Entry<K> {
    /// `None`: of all for which there was no room.
    pub(crate) key: Option<K>,
    hash: u64,
    next: *mut Entry<K>,
    /// The bits of an `f64`: samples stand for fractions of events.
    count: AtomicU64,
    total: AtomicU64,
}

impl<K> Entry<K> {
    fn new(key: Option<K>, hash: u64) -> Entry<K> {
        let (count, total) = (AtomicU64::new(0), AtomicU64::new(0));
        Entry { key, hash, next: std::ptr::null_mut(), count, total }
    }

    fn grow(&self, count: f64, total: u64) {
        let mut bits = self.count.load(Ordering::Relaxed);
        loop {
            let sum = (f64::from_bits(bits) + count).to_bits();
            match self.count.compare_exchange(bits, sum, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => bits = other,
            }
        }
        self.total.fetch_add(total, Ordering::Relaxed);
    }

    /// What was added: how many events, and their total.
    pub(crate) fn sums(&self) -> (f64, u64) {
        let count = f64::from_bits(self.count.load(Ordering::Relaxed));
        (count, self.total.load(Ordering::Relaxed))
    }
}

/// The table. It is never dropped, and neither are its entries.
pub(crate) struct Sums<K> {
    heads: Box<[AtomicPtr<Entry<K>>]>,
    entries: AtomicUsize,
    rest: Entry<K>,
}

// SAFETY: entries are shared and never freed; what changes in them is atomic.
unsafe impl<K: Send + Sync> Send for Sums<K> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync> Sync for Sums<K> {}

impl<K: 'static> Sums<K> {
    pub(crate) fn new(lists: usize) -> Sums<K> {
        Sums {
            heads: (0..lists).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect(),
            entries: AtomicUsize::new(0),
            rest: Entry::new(None, 0),
        }
    }

    /// Adds to the sums of the key with this hash, of which `is` holds; `make` makes it.
    pub(crate) fn add(
        &self,
        hash: u64,
        is: impl Fn(&K) -> bool,
        make: impl FnOnce() -> K,
        count: f64,
        total: u64,
    ) {
        let head = &self.heads[hash as usize % self.heads.len()];
        // ORDERING: Acquire, pairs with the Release in `link`.
        let first = head.load(Ordering::Acquire);
        let entry = match find(first, std::ptr::null_mut(), hash, &is) {
            Some(entry) => entry,
            None if self.entries.load(Ordering::Relaxed) >= MAX_ENTRIES => &self.rest,
            None => self.link(head, first, Box::new(Entry::new(Some(make()), hash)), &is),
        };
        entry.grow(count, total);
    }

    /// Makes a new entry visible, unless one of its key has come in before.
    fn link(
        &self,
        head: &AtomicPtr<Entry<K>>,
        mut first: *mut Entry<K>,
        mut new: Box<Entry<K>>,
        is: &impl Fn(&K) -> bool,
    ) -> &'static Entry<K> {
        loop {
            let known = first;
            new.next = first;
            let pointer = Box::into_raw(new);
            // ORDERING: Release: what is in the entry comes with it; Acquire, as in `add`.
            match head.compare_exchange(first, pointer, Ordering::Release, Ordering::Acquire) {
                Ok(_) => {
                    self.entries.fetch_add(1, Ordering::Relaxed);
                    // SAFETY: linked, so never freed.
                    return unsafe { &*pointer };
                }
                Err(other) => first = other,
            }
            // SAFETY: it was not linked, so it is ours still.
            new = unsafe { Box::from_raw(pointer) };
            if let Some(entry) = find(first, known, new.hash, is) {
                return entry;
            }
        }
    }

    /// Shows all entries that were there at the call.
    pub(crate) fn each(&self, mut f: impl FnMut(&Entry<K>)) {
        for head in &self.heads {
            // ORDERING: Acquire, as in `add`.
            let mut next = head.load(Ordering::Acquire);
            // SAFETY: entries are never freed.
            while let Some(entry) = unsafe { next.as_ref() } {
                f(entry);
                next = entry.next;
            }
        }
        f(&self.rest);
    }
}

/// The entry of the key, among those from `first` to before `end`.
fn find<K: 'static>(
    first: *mut Entry<K>,
    end: *mut Entry<K>,
    hash: u64,
    is: &impl Fn(&K) -> bool,
) -> Option<&'static Entry<K>> {
    let mut next = first;
    while !std::ptr::eq(next, end) {
        // SAFETY: entries are never freed.
        let entry = unsafe { &*next };
        if entry.hash == hash && entry.key.as_ref().is_some_and(is) {
            return Some(entry);
        }
        next = entry.next;
    }
    None
}

//! Stacks, interned: an event carries a small number instead of a list of addresses.
//!
//! A stack is where its goroutine was spawned plus the return addresses from there down. Numbers
//! last as long as the process, so a parked goroutine can keep its own; each generation of a
//! trace defines those that it used. A small direct-mapped cache per processor answers the common
//! case without the lock.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::unwind::{Pcs, hash_step};

/// Where a goroutine comes from: its entry function's name and the place that spawned it.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) name: fn() -> &'static str,
    pub(crate) location: &'static Location<'static>,
}

impl Site {
    pub(super) fn key(self) -> [usize; 2] {
        [self.name as usize, std::ptr::from_ref(self.location) as usize]
    }
}

/// Addresses kept, 64 MiB of them, before what is new is written as a stack of its goroutine's
/// entry function alone.
const MAX_PCS: usize = 8 << 20;

/// One interned stack.
pub(crate) struct Stack {
    pub(crate) id: u32,
    pub(crate) site: Site,
    pub(crate) pcs: Box<[usize]>,
    hash: u64,
    /// The last generation that used it, for odd and even generations apart: a generation is
    /// collected while the next one runs.
    used: [AtomicU32; 2],
}

impl Stack {
    #[inline]
    pub(super) fn mark(&self, generation: u32) {
        let used = &self.used[generation as usize & 1];
        if used.load(Ordering::Relaxed) != generation {
            used.store(generation, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_used(&self, generation: u32) -> bool {
        self.used[generation as usize & 1].load(Ordering::Relaxed) == generation
    }

    #[inline]
    fn is(&self, hash: u64, site: Site, pcs: &[usize]) -> bool {
        self.hash == hash && self.site.key() == site.key() && are_equal(&self.pcs, pcs)
    }
}

/// Without a call and, as they mostly are, without a branch for each.
#[inline]
fn are_equal(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[derive(Default)]
struct Table {
    by_hash: HashMap<u64, Vec<&'static Stack>>,
    by_id: Vec<&'static Stack>,
    /// Addresses in all of them.
    pcs: usize,
}

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

fn hash(site: Site, pcs: &[usize]) -> u64 {
    hash_with(site, pcs.iter().fold(0, |hash, &pc| hash_step(hash, pc)))
}

/// As [`hash`], from that of the addresses.
#[inline]
fn hash_with(site: Site, pcs: u64) -> u64 {
    // Not step by step: what the walk has still to wait for comes in last.
    let [name, location] = site.key();
    let hash = hash_step(name as u64, location).wrapping_add(pcs);
    hash ^ hash >> 32
}

/// A processor's cache of recent stacks.
pub(crate) struct Cache([Option<&'static Stack>; Cache::SLOTS]);

impl Cache {
    const SLOTS: usize = 256;

    pub(crate) fn new() -> Cache {
        Cache([None; Cache::SLOTS])
    }

    /// A stack, marked as used in `generation`.
    pub(crate) fn intern<const ROOM: usize>(
        &mut self,
        site: Site,
        pcs: &Pcs<ROOM>,
        generation: u32,
    ) -> &'static Stack {
        self.intern_hashed(hash_with(site, pcs.hash()), site, pcs, generation)
    }

    /// The number of the stack of a goroutine that begins.
    #[inline]
    pub(crate) fn intern_entry(&mut self, site: Site, generation: u32) -> u32 {
        self.intern_hashed(hash_with(site, 0), site, &[], generation).id
    }

    #[inline]
    fn intern_hashed(
        &mut self,
        hash: u64,
        site: Site,
        pcs: &[usize],
        generation: u32,
    ) -> &'static Stack {
        let slot = &mut self.0[hash as usize % Cache::SLOTS];
        if let Some(stack) = slot
            && stack.is(hash, site, pcs)
        {
            stack.mark(generation);
            return stack;
        }
        let stack = intern_slow(hash, site, pcs);
        *slot = Some(stack);
        stack.mark(generation);
        stack
    }
}

#[cold]
fn intern_slow(hash: u64, site: Site, pcs: &[usize]) -> &'static Stack {
    TABLE.lock().get_or_insert_default().intern(hash, site, pcs)
}

impl Table {
    fn intern(&mut self, hash: u64, site: Site, pcs: &[usize]) -> &'static Stack {
        let mut known = self.by_hash.get(&hash).into_iter().flatten();
        if let Some(&found) = known.find(|s| s.is(hash, site, pcs)) {
            return found;
        }
        if !pcs.is_empty() && self.pcs + pcs.len() > MAX_PCS {
            return self.intern(self::hash(site, &[]), site, &[]);
        }
        self.add(hash, site, pcs)
    }

    fn add(&mut self, hash: u64, site: Site, pcs: &[usize]) -> &'static Stack {
        let stack: &'static Stack = Box::leak(Box::new(Stack {
            id: self.by_id.len() as u32 + 1,
            site,
            pcs: pcs.into(),
            hash,
            used: [AtomicU32::new(0), AtomicU32::new(0)],
        }));
        self.pcs += pcs.len();
        self.by_hash.entry(hash).or_default().push(stack);
        self.by_id.push(stack);
        stack
    }
}

/// The number of a stack without a processor's cache.
pub(crate) fn intern(site: Site, pcs: &[usize], generation: u32) -> u32 {
    let stack = intern_slow(hash(site, pcs), site, pcs);
    stack.mark(generation);
    stack.id
}

/// Marks a number kept from earlier as used.
pub(crate) fn mark(id: u32, generation: u32) {
    if let Some(stack) = lookup(id) {
        stack.mark(generation);
    }
}

fn lookup(id: u32) -> Option<&'static Stack> {
    let index = id.checked_sub(1)? as usize;
    TABLE.lock().as_ref()?.by_id.get(index).copied()
}

/// The stacks that `generation` used.
pub(crate) fn used(generation: u32) -> Vec<&'static Stack> {
    let table = TABLE.lock();
    let all = table.iter().flat_map(|t| &t.by_id);
    all.filter(|s| s.is_used(generation)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_knows_where_goroutines_come_from() {
        let site = Site { name: || "f", location: Location::caller() };
        let mut table = Table::default();
        let early = [1, 2, 3];
        let first = table.intern(hash(site, &early), site, &early).id;
        table.pcs = MAX_PCS;
        let mut ids = Vec::new();
        for n in 0..1000 {
            let pcs = [n, n + 1, n + 2];
            let stack = table.intern(hash(site, &pcs), site, &pcs);
            assert!(stack.pcs.is_empty() || stack.id == first);
            ids.push(stack.id);
        }
        assert_eq!((ids[1], table.by_id.len(), table.pcs), (first, 2, MAX_PCS));
        assert_eq!(table.by_hash.len(), 2, "what is not kept takes no room");
        assert!(ids.iter().all(|&id| id == first || id == ids[0]));
    }
}

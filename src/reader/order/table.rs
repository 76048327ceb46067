//! The goroutines that exist, found by their numbers.
//!
//! Numbers of goroutines are given one after the other, so most of those that live at a time differ in
//! their last bits. These say where in a table a goroutine is, if nobody was there before it.

use super::state::{GoStatus, Sequence};
use crate::reader::hash::Map;
use crate::reader::ids::GoID;

/// A goroutine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goroutine {
    pub(crate) id: GoID,
    pub(crate) sequence: Sequence,
    pub(crate) status: GoStatus,
    /// Whether it assists the garbage collector.
    pub(crate) assists: bool,
}

impl Goroutine {
    const NONE: Goroutine = Goroutine {
        id: GoID::NONE,
        sequence: Sequence { generation: 0, number: 0 },
        status: GoStatus::Gone,
        assists: false,
    };

    #[inline(always)]
    fn exists(&self) -> bool {
        self.status != GoStatus::Gone
    }

    #[inline(always)]
    fn is(&self, id: GoID) -> bool {
        self.id == id && self.exists()
    }
}

/// All goroutines that exist.
#[derive(Debug)]
pub(crate) struct Goroutines {
    /// The table, and after it those for whom there is no place in it.
    slots: Vec<Goroutine>,
    /// The last place of the table that is somebody's own. So many are a power of two, and those after
    /// them near the last ones.
    mask: usize,
    /// How many there are.
    living: usize,
    /// Where those after the table are, and which places there are free.
    outside: Map<i64, u32>,
    free: Vec<u32>,
}

/// The places of the least table.
const LEAST: usize = 4096;

/// A goroutine may be so many places after its own.
const NEAR: usize = 4;

impl Goroutines {
    pub(crate) fn new() -> Goroutines {
        Goroutines::with_places(LEAST)
    }

    fn with_places(places: usize) -> Goroutines {
        Goroutines {
            slots: vec![Goroutine::NONE; places + NEAR - 1],
            mask: places - 1,
            living: 0,
            outside: Map::default(),
            free: Vec::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn find(&self, id: GoID) -> Option<u32> {
        self.find_at(self.home(id), id)
    }

    /// Where a goroutine is, unless another one was there before it.
    #[inline(always)]
    pub(crate) fn home(&self, id: GoID) -> u32 {
        (id.0 as usize & self.mask) as u32
    }

    /// Where the goroutine is, which should be at `slot`.
    #[inline(always)]
    pub(crate) fn find_at(&self, slot: u32, id: GoID) -> Option<u32> {
        match self.slots.get(slot as usize) {
            Some(goroutine) if goroutine.is(id) => Some(slot),
            _ => self.find_elsewhere(id),
        }
    }

    /// Where the goroutine is, which should be at `slot`, if it is in this state.
    #[inline(always)]
    pub(crate) fn slot_of(&self, slot: u32, id: GoID, status: GoStatus) -> Option<u32> {
        match self.slots.get(slot as usize) {
            Some(goroutine) if goroutine.id == id && goroutine.status == status => Some(slot),
            _ => self.slot_elsewhere(id, status),
        }
    }

    #[cold]
    #[inline(never)]
    fn slot_elsewhere(&self, id: GoID, status: GoStatus) -> Option<u32> {
        self.find(id).filter(|&slot| self.slots[slot as usize].status == status)
    }

    #[inline(never)]
    fn find_elsewhere(&self, id: GoID) -> Option<u32> {
        let found = self.near(id).iter().position(|goroutine| goroutine.is(id));
        match found {
            Some(after) => Some(self.home(id) + after as u32),
            None => self.outside.get(&id.0).copied(),
        }
    }

    /// The places that a goroutine may have in the table.
    #[inline(always)]
    fn near(&self, id: GoID) -> &[Goroutine] {
        let home = self.home(id) as usize;
        &self.slots[home..home + NEAR]
    }

    #[inline(always)]
    pub(crate) fn at(&mut self, slot: u32) -> &mut Goroutine {
        &mut self.slots[slot as usize]
    }

    /// Adds a goroutine that does not exist. Others may be elsewhere after that.
    pub(crate) fn insert(&mut self, id: GoID, status: GoStatus, generation: u64) -> u32 {
        let sequence = Sequence { generation, number: 0 };
        if 2 * self.living > self.mask {
            self.grow();
        }
        self.put(Goroutine { id, sequence, status, assists: false })
    }

    fn put(&mut self, goroutine: Goroutine) -> u32 {
        self.living += 1;
        let free = self.near(goroutine.id).iter().position(|other| !other.exists());
        let slot = match free {
            Some(after) => self.home(goroutine.id) + after as u32,
            None => self.outside(goroutine.id),
        };
        self.slots[slot as usize] = goroutine;
        slot
    }

    /// A place after the table.
    #[cold]
    fn outside(&mut self, id: GoID) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Goroutine::NONE);
            self.slots.len() as u32 - 1
        });
        self.outside.insert(id.0, slot);
        slot
    }

    #[cold]
    fn grow(&mut self) {
        let larger = Goroutines::with_places(2 * (self.mask + 1));
        let before = std::mem::replace(self, larger);
        for goroutine in before.slots.into_iter().filter(|goroutine| goroutine.exists()) {
            self.put(goroutine);
        }
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        self.living -= 1;
        let goroutine = &mut self.slots[slot as usize];
        goroutine.status = GoStatus::Gone;
        if slot as usize >= self.mask + NEAR {
            self.outside.remove(&goroutine.id.0);
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::NOWHERE;
    use super::*;
    use std::collections::HashMap;

    /// Whether all that exist are found, and nobody else.
    fn check(goroutines: &mut Goroutines, expected: &HashMap<i64, u64>, ids: &[i64]) {
        for id in ids {
            let found =
                goroutines.find(GoID(*id)).map(|slot| goroutines.at(slot).sequence.generation);
            assert_eq!(found, expected.get(id).copied(), "{id}");
            let again = goroutines.find_at(NOWHERE, GoID(*id));
            assert_eq!(again, goroutines.find(GoID(*id)), "{id}");
        }
    }

    #[test]
    fn who_exists_is_found_whatever_the_numbers() {
        let many = 20_000;
        for ids in [
            (1..many).collect::<Vec<i64>>(),
            (1..many).map(|n| n << 32).collect(),
            (1..many).map(|n| n.wrapping_mul(0x5851_f42d_4c95_7f2d)).collect(),
            (0..1000).map(|n| n - 500).collect(),
        ] {
            let (mut goroutines, mut expected) = (Goroutines::new(), HashMap::new());
            // Some end soon, some late, some never.
            for (nth, id) in ids.iter().enumerate() {
                let slot = goroutines.insert(GoID(*id), GoStatus::Waiting, nth as u64);
                assert_eq!(goroutines.at(slot).id, GoID(*id));
                expected.insert(*id, nth as u64);
                for ended in [nth, nth.saturating_sub(700)] {
                    if ended % 3 == (nth - ended).min(1) && expected.remove(&ids[ended]).is_some() {
                        let slot = goroutines.find(GoID(ids[ended])).unwrap();
                        goroutines.remove(slot);
                    }
                }
                assert_eq!(goroutines.living, expected.len());
            }
            check(&mut goroutines, &expected, &ids);
            assert!(goroutines.slots.len() < LEAST + 5 * ids.len());
            for id in expected.keys() {
                goroutines.remove(goroutines.find(GoID(*id)).unwrap());
            }
            check(&mut goroutines, &HashMap::new(), &ids);
            assert!(goroutines.outside.is_empty());
        }
    }
}

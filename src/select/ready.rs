//! Which cases seem to be possible, and chance among them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cases::Case;
use crate::sched::Inside;

/// So many cases have a bit each.
const FEW: usize = u64::BITS as usize;

/// The numbers of the cases whose channels offer something; a bit each for the first ones.
pub(super) struct Ready {
    few: u64,
    many: Vec<usize>,
}

impl Ready {
    /// Looks at each case's channel, locked or not.
    #[inline]
    pub(super) fn among(cases: &[Case]) -> Ready {
        let (few, many) = cases.split_at(cases.len().min(FEW));
        let set = few.iter().enumerate().map(|(n, case)| u64::from(offers(case)) << n);
        let set = set.fold(0, |all, bit| all | bit);
        Ready { few: set, many: if many.is_empty() { Vec::new() } else { among_many(many) } }
    }

    /// Takes one of them out, each with the same probability.
    #[inline]
    pub(super) fn draw(&mut self, rt: &Inside) -> Option<usize> {
        if !self.many.is_empty() {
            return Some(self.draw_of_many(rt));
        }
        let turn = match self.few.count_ones() {
            0 => return None,
            1 => 0,
            count => below(rt, count as usize),
        };
        let ahead = (0..turn).fold(self.few, |set, _| set & (set - 1));
        self.few ^= ahead & ahead.wrapping_neg();
        Some(ahead.trailing_zeros() as usize)
    }

    #[cold]
    fn draw_of_many(&mut self, rt: &Inside) -> usize {
        let few = self.few.count_ones() as usize;
        match below(rt, few + self.many.len()).checked_sub(few) {
            Some(n) => self.many.swap_remove(n),
            None => {
                let many = std::mem::take(&mut self.many);
                let drawn = self.draw(rt).expect("there are few of them");
                self.many = many;
                drawn
            }
        }
    }
}

#[cold]
fn among_many(cases: &[Case]) -> Vec<usize> {
    let ready = cases.iter().enumerate().filter(|(_, case)| offers(case));
    ready.map(|(n, _)| n + FEW).collect()
}

#[inline]
fn offers(case: &Case) -> bool {
    // SAFETY: the channels outlive the select.
    unsafe { case.head() }.offers(case.side)
}

/// A random number below `count`.
pub(super) fn below(rt: &Inside, count: usize) -> usize {
    // Of 32 bits each: the product has its first 32 bits evenly below `count`.
    (random(rt) as usize * count) >> 32
}

/// Random 32 bits: the worker's, or on a plain thread of a sequence that all of them share.
fn random(rt: &Inside) -> u64 {
    static SHARED: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
    if let Some(m) = rt.m() {
        return m.random() >> 32;
    }
    // Marsaglia's xorshift64, as the workers'. Two threads may get the same number.
    let mut x = SHARED.load(Ordering::Relaxed);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    SHARED.store(x, Ordering::Relaxed);
    x >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is drawn once, and is as often the first one as any other.
    fn check(few: u64, many: std::ops::Range<usize>) {
        let rt = Inside::enter();
        let all: Vec<usize> = (0..64).filter(|n| few >> n & 1 == 1).chain(many.clone()).collect();
        let ready = || Ready { few, many: many.clone().collect() };
        let mut left = ready();
        let mut drawn: Vec<usize> = std::iter::from_fn(|| left.draw(&rt)).collect();
        drawn.sort_unstable();
        assert_eq!(drawn, all);
        let mut firsts = [0; 70];
        (0..1_000 * all.len()).for_each(|_| firsts[ready().draw(&rt).unwrap()] += 1);
        for n in all {
            assert!((800..1_200).contains(&firsts[n]), "{n} of {few:b}: {firsts:?}");
        }
    }

    #[test]
    fn each_has_the_same_chance() {
        check(0b1, 0..0);
        check(0b1011, 0..0);
        check(1 | 1 << 63, 0..0);
        check(u64::MAX, 64..66);
        check(0, 64..67);
    }

    #[test]
    fn of_none_none_is_drawn() {
        let mut ready = Ready::among(&[]);
        assert!(ready.draw(&Inside::enter()).is_none());
    }
}

//! Sorts, and leaves what is equal, as what happened at one time, in the order in which Go leaves it.
//!
//! Go sorts with an algorithm that is not stable, so where some are equal its result depends on the
//! algorithm's every step. For the same sequence of events, and for the same table, this takes the
//! same steps: Orson Peters' pattern-defeating quicksort, with Go's choices where the algorithm leaves
//! some.

use std::ops::Range;

use super::ids::Time;

/// As long as this, insertion sort does it.
const SHORT: usize = 12;
/// From this length on, more is done to find a good pivot, and to finish what is nearly sorted.
const LONG: usize = 50;
/// Exchanges in the choice of a pivot that say that all is the wrong way round.
const ALL_EXCHANGED: usize = 12;
/// Exchanges that may finish what is nearly sorted.
const FEW: usize = 5;

/// Sorts by time.
pub(crate) fn by_time<T: Copy>(items: &mut [T], time: impl Fn(&T) -> Time) {
    by(items, |a, b| time(a) < time(b));
}

/// Sorts by `less`.
pub(crate) fn by<T: Copy>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    let all = 0..items.len();
    let patience = usize::BITS - items.len().leading_zeros();
    Sort { items, less }.quick(all, patience);
}

struct Sort<'a, T, L> {
    items: &'a mut [T],
    less: L,
}

impl<T: Copy, L: Fn(&T, &T) -> bool> Sort<'_, T, L> {
    fn less(&self, a: usize, b: usize) -> bool {
        (self.less)(&self.items[a], &self.items[b])
    }

    fn quick(&mut self, range: Range<usize>, mut patience: u32) {
        let Range { mut start, mut end } = range;
        let (mut was_balanced, mut was_partitioned) = (true, true);
        while end - start > SHORT {
            if patience == 0 {
                return self.heap(start, end);
            }
            if !was_balanced {
                self.shuffle(start, end);
                patience -= 1;
            }
            let (pivot, looks_sorted) = self.pivot(start, end);
            let is_promising = was_balanced && was_partitioned && looks_sorted;
            if is_promising && self.finish(start, end) {
                return;
            }
            if start > 0 && !self.less(start - 1, pivot) {
                start = self.partition_equal(start, end, pivot);
                continue;
            }
            let length = end - start;
            let (middle, as_it_was) = self.partition(start, end, pivot);
            was_partitioned = as_it_was;
            let (left, right) = (middle - start, end - middle);
            was_balanced = left.min(right) >= length / 8;
            if left < right {
                self.quick(start..middle, patience);
                start = middle + 1;
            } else {
                self.quick(middle + 1..end, patience);
                end = middle;
            }
        }
        self.insertion(start, end);
    }

    fn insertion(&mut self, start: usize, end: usize) {
        for next in start + 1..end {
            let mut at = next;
            while at > start && self.less(at, at - 1) {
                self.items.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn heap(&mut self, start: usize, end: usize) {
        let length = end - start;
        for root in (0..length.div_ceil(2)).rev() {
            self.sift_down(start, root, length);
        }
        for last in (0..length).rev() {
            self.items.swap(start, start + last);
            self.sift_down(start, 0, last);
        }
    }

    fn sift_down(&mut self, start: usize, mut root: usize, length: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= length {
                return;
            }
            if child + 1 < length && self.less(start + child, start + child + 1) {
                child += 1;
            }
            if !self.less(start + root, start + child) {
                return;
            }
            self.items.swap(start + root, start + child);
            root = child;
        }
    }

    /// Breaks the pattern that made the last pivot a bad one. (Marsaglia's xorshift.)
    fn shuffle(&mut self, start: usize, end: usize) {
        let length = end - start;
        let mask = (1_u64 << (usize::BITS - length.leading_zeros())) - 1;
        let mut random = length as u64;
        let middle = start + length / 4 * 2;
        for at in middle - 1..=middle + 1 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let other = (random & mask) as usize;
            let other = if other >= length { other - length } else { other };
            self.items.swap(at, start + other);
        }
    }

    /// A pivot near the median, and whether all looks sorted. What is in descending order is turned
    /// round.
    fn pivot(&mut self, start: usize, end: usize) -> (usize, bool) {
        let length = end - start;
        let mut exchanges = 0;
        let mut candidates = [1, 2, 3].map(|quarter| start + length / 4 * quarter);
        if length >= LONG {
            candidates = candidates.map(|at| self.median([at - 1, at, at + 1], &mut exchanges));
        }
        let pivot = self.median(candidates, &mut exchanges);
        match exchanges {
            0 => (pivot, true),
            ALL_EXCHANGED => {
                self.items[start..end].reverse();
                (end - 1 - (pivot - start), true)
            }
            _ => (pivot, false),
        }
    }

    fn median(&self, [a, b, c]: [usize; 3], exchanges: &mut usize) -> usize {
        let mut ordered = |a, b| {
            let is_wrong = self.less(b, a);
            *exchanges += usize::from(is_wrong);
            if is_wrong { (b, a) } else { (a, b) }
        };
        let (a, b) = ordered(a, b);
        let (b, _) = ordered(b, c);
        let (_, b) = ordered(a, b);
        b
    }

    /// Sorts if few exchanges do it.
    fn finish(&mut self, start: usize, end: usize) -> bool {
        let mut at = start + 1;
        for _ in 0..FEW {
            while at < end && !self.less(at, at - 1) {
                at += 1;
            }
            if at == end || end - start < LONG {
                return at == end;
            }
            self.items.swap(at, at - 1);
            if at - start >= 2 {
                self.shift_left(at - 1);
            }
            if end - at >= 2 {
                self.shift_right(at + 1, end);
            }
        }
        false
    }

    fn shift_left(&mut self, mut at: usize) {
        while at >= 1 && self.less(at, at - 1) {
            self.items.swap(at, at - 1);
            at -= 1;
        }
    }

    fn shift_right(&mut self, mut at: usize, end: usize) {
        while at < end && self.less(at, at - 1) {
            self.items.swap(at, at - 1);
            at += 1;
        }
    }

    /// Puts what is less than the pivot before it. Its place, and whether nothing had to be moved.
    fn partition(&mut self, start: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.items.swap(start, pivot);
        let (mut left, mut right) = (start + 1, end - 1);
        let mut exchanges = 0;
        loop {
            while left <= right && self.less(left, start) {
                left += 1;
            }
            while left <= right && !self.less(right, start) {
                right -= 1;
            }
            if left > right {
                break;
            }
            self.items.swap(left, right);
            exchanges += 1;
            left += 1;
            right -= 1;
        }
        self.items.swap(right, start);
        (right, exchanges == 0)
    }

    /// Puts what equals the pivot first, where nothing is less. Where the rest begins.
    fn partition_equal(&mut self, start: usize, end: usize, pivot: usize) -> usize {
        self.items.swap(start, pivot);
        let (mut left, mut right) = (start + 1, end - 1);
        loop {
            while left <= right && !self.less(start, left) {
                left += 1;
            }
            while left <= right && self.less(start, right) {
                right -= 1;
            }
            if left > right {
                return left;
            }
            self.items.swap(left, right);
            left += 1;
            right -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All kinds of orders, with many equal times.
    fn orders(length: usize) -> Vec<Vec<i64>> {
        let length = length as i64;
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut noise = |below: i64| {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (random >> 33) as i64 % below
        };
        vec![
            (0..length).collect(),
            (0..length).rev().collect(),
            (0..length).map(|n| n / 3).rev().collect(),
            (0..length).map(|_| noise(4)).collect(),
            (0..length).map(|_| noise(1000)).collect(),
            (0..length).map(|n| if n % 17 == 5 { 0 } else { n }).collect(),
            (0..length).map(|n| (n * 7919) % 31).collect(),
            vec![5; length as usize],
        ]
    }

    #[test]
    fn sorts() {
        for length in (0..70).chain([100, 1000]) {
            for order in orders(length) {
                let mut items: Vec<_> = order.iter().copied().zip(0..).collect();
                let mut expected = order.clone();
                expected.sort_unstable();
                by_time(&mut items, |item| Time(item.0));
                let times: Vec<_> = items.iter().map(|item| item.0).collect();
                assert_eq!(times, expected);
                let mut numbers: Vec<usize> = items.iter().map(|item| item.1).collect();
                numbers.sort_unstable();
                assert!(numbers.into_iter().eq(0..length), "{order:?}");
            }
        }
    }

    #[test]
    fn the_heap_that_ends_bad_luck_sorts_too() {
        for order in orders(100) {
            let mut items = order.clone();
            let mut expected = order;
            expected[3..90].sort_unstable();
            Sort { items: &mut items, less: |a: &i64, b: &i64| a < b }.heap(3, 90);
            assert_eq!(items, expected);
        }
    }
}

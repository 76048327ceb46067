//! Sorting in which equals end up in the order that Go's `slices.SortFunc` leaves them in.
//!
//! It is the pattern-defeating quicksort of Orson Peters (arXiv 2106.05123), with the thresholds and
//! the ways to choose and to shuffle that Go has; a table of Go's that was sorted so cannot be
//! printed the same without.

/// Up to here, by insertion.
const FEW: usize = 12;
/// From here on, the middle of three middles is the pivot, and sorted runs are mended.
const MANY: usize = 50;
/// So many pairs out of order are mended.
const MENDED: usize = 5;
/// Swaps made among nine values that run backwards.
const ALL_SWAPS: usize = 12;

/// Sorts by `less`.
pub(crate) fn sort<T>(data: &mut [T], less: impl Fn(&T, &T) -> bool) {
    let patience = usize::BITS - data.len().leading_zeros();
    let end = data.len();
    Sorter { data, less }.range(0, end, patience);
}

struct Sorter<'a, T, L> {
    data: &'a mut [T],
    less: L,
}

impl<T, L: Fn(&T, &T) -> bool> Sorter<'_, T, L> {
    fn less(&self, a: usize, b: usize) -> bool {
        (self.less)(&self.data[a], &self.data[b])
    }

    /// Sorts `begin..end`. After `patience` bad pivots it sorts by a heap.
    fn range(&mut self, mut begin: usize, mut end: usize, mut patience: u32) {
        let (mut is_balanced, mut is_parted) = (true, true);
        loop {
            let len = end - begin;
            if len <= FEW {
                return self.by_insertion(begin, end);
            }
            if patience == 0 {
                return self.by_heap(begin, end);
            }
            if !is_balanced {
                self.shuffle(begin, len);
                patience -= 1;
            }
            let (pivot, looks_sorted) = self.choose(begin, end);
            if is_balanced && is_parted && looks_sorted && self.mend(begin, end) {
                return;
            }
            if begin > 0 && !self.less(begin - 1, pivot) {
                begin = self.part_equals(begin, end, pivot);
                continue;
            }
            let middle;
            (middle, is_parted) = self.part(begin, end, pivot);
            let (left, right) = (middle - begin, end - middle);
            is_balanced = left.min(right) >= len / 8;
            if left < right {
                self.range(begin, middle, patience);
                begin = middle + 1;
            } else {
                self.range(middle + 1, end, patience);
                end = middle;
            }
        }
    }

    fn by_insertion(&mut self, begin: usize, end: usize) {
        for last in begin + 1..end {
            self.sink(last, begin);
        }
    }

    /// Moves a value to the front, at most to `first`, while it is less than the one before it.
    fn sink(&mut self, from: usize, first: usize) {
        let mut at = from;
        while at > first && self.less(at, at - 1) {
            self.data.swap(at, at - 1);
            at -= 1;
        }
    }

    fn by_heap(&mut self, begin: usize, end: usize) {
        let len = end - begin;
        for root in (0..=(len - 1) / 2).rev() {
            self.sift_down(begin, root, len);
        }
        for last in (0..len).rev() {
            self.data.swap(begin, begin + last);
            self.sift_down(begin, 0, last);
        }
    }

    fn sift_down(&mut self, begin: usize, mut root: usize, len: usize) {
        while 2 * root + 1 < len {
            let mut child = 2 * root + 1;
            if child + 1 < len && self.less(begin + child, begin + child + 1) {
                child += 1;
            }
            if !self.less(begin + root, begin + child) {
                return;
            }
            self.data.swap(begin + root, begin + child);
            root = child;
        }
    }

    /// Swaps three values of the middle with others, chosen by the length alone.
    fn shuffle(&mut self, begin: usize, len: usize) {
        let mut random = len as u64;
        let mask = (1 << (usize::BITS - len.leading_zeros())) - 1;
        let middle = begin + len / 4 * 2;
        for at in middle - 1..=middle + 1 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let other = random as usize & mask;
            self.data.swap(at, begin + if other >= len { other - len } else { other });
        }
    }

    /// A pivot, and whether the range looks sorted; one that runs backwards is turned around.
    fn choose(&mut self, begin: usize, end: usize) -> (usize, bool) {
        let quarter = (end - begin) / 4;
        let [mut a, mut b, mut c] = [1, 2, 3].map(|n| begin + n * quarter);
        let mut swaps = 0;
        if end - begin >= MANY {
            [a, b, c] = [a, b, c].map(|at| self.median([at - 1, at, at + 1], &mut swaps));
        }
        let pivot = self.median([a, b, c], &mut swaps);
        if swaps < ALL_SWAPS {
            return (pivot, swaps == 0);
        }
        self.data[begin..end].reverse();
        (end - 1 - (pivot - begin), true)
    }

    fn median(&self, [mut a, mut b, mut c]: [usize; 3], swaps: &mut usize) -> usize {
        let mut order = |x: &mut usize, y: &mut usize| {
            if self.less(*y, *x) {
                std::mem::swap(x, y);
                *swaps += 1;
            }
        };
        order(&mut a, &mut b);
        order(&mut b, &mut c);
        order(&mut a, &mut b);
        b
    }

    /// Puts a few pairs in order, if there is no more to do: whether it is sorted then.
    fn mend(&mut self, begin: usize, end: usize) -> bool {
        let mut at = begin + 1;
        for _ in 0..MENDED {
            while at < end && !self.less(at, at - 1) {
                at += 1;
            }
            if at == end || end - begin < MANY {
                return at == end;
            }
            self.data.swap(at, at - 1);
            if at - begin >= 2 {
                self.sink(at - 1, 0);
            }
            if end - at >= 2 {
                self.rise(at, end);
            }
        }
        false
    }

    /// Moves a value to the back while the one behind it is less.
    fn rise(&mut self, from: usize, end: usize) {
        let mut at = from + 1;
        while at < end && self.less(at, at - 1) {
            self.data.swap(at, at - 1);
            at += 1;
        }
    }

    /// Less than the pivot to its left, the rest to its right: where it lies then, and whether they
    /// had been so.
    fn part(&mut self, begin: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.data.swap(begin, pivot);
        let (mut left, mut right) = (begin + 1, end - 1);
        let mut swaps = 0;
        loop {
            while left <= right && self.less(left, begin) {
                left += 1;
            }
            while left <= right && !self.less(right, begin) {
                right -= 1;
            }
            if left > right {
                break;
            }
            self.data.swap(left, right);
            swaps += 1;
            left += 1;
            right -= 1;
        }
        self.data.swap(right, begin);
        (right, swaps == 0)
    }

    /// Equal to the pivot to the left, greater to the right: where those begin. None is less.
    fn part_equals(&mut self, begin: usize, end: usize, pivot: usize) -> usize {
        self.data.swap(begin, pivot);
        let (mut left, mut right) = (begin + 1, end - 1);
        loop {
            while left <= right && !self.less(begin, left) {
                left += 1;
            }
            while left <= right && self.less(begin, right) {
                right -= 1;
            }
            if left > right {
                return left;
            }
            self.data.swap(left, right);
            left += 1;
            right -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, from a linear congruence.
    fn numbers(n: usize, kinds: u64) -> Vec<u64> {
        let mut state = n as u64 + 1;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % kinds
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn everything_is_sorted() {
        for n in (0..70).chain([100, 255, 256, 1000, 5000]) {
            for kinds in [1, 2, 5, 50, 1 << 31] {
                let random = numbers(n, kinds);
                let mut sorted = random.clone();
                sorted.sort_unstable();
                let backwards: Vec<u64> = sorted.iter().rev().copied().collect();
                let organ = sorted.iter().chain(&backwards).copied().collect();
                for mut data in [random, sorted, backwards, organ] {
                    let mut expected = data.clone();
                    expected.sort_unstable();
                    sort(&mut data, |a, b| a < b);
                    assert_eq!(data, expected, "{n} of {kinds} kinds");
                }
            }
        }
    }

    #[test]
    fn a_heap_sorts_too() {
        let mut data = numbers(777, 100);
        let mut expected = data.clone();
        expected[5..].sort_unstable();
        Sorter { data: &mut data, less: |a: &u64, b: &u64| a < b }.range(5, 777, 0);
        assert_eq!(data, expected);
    }
}

//! Which thread's event may come next: the earliest first.
//!
//! A heap, by the time of each thread's next event. Where times are equal, which thread is first
//! depends on every step that was taken before; so that the order is Go's, the steps are Go's.

use super::ids::Time;
use super::sort;

/// A thread in the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The time of its next event.
    pub(crate) time: i64,
    /// Its cursor.
    pub(crate) cursor: u32,
}

/// The threads that have a next event. Each is no later than the two at twice its place and one and
/// two more.
#[derive(Debug, Default)]
pub(crate) struct Frontier(Vec<Entry>);

impl Frontier {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    #[inline(always)]
    pub(crate) fn get(&self, at: usize) -> Option<Entry> {
        self.0.get(at).copied()
    }

    /// The time up to which the first one stays the first, whatever its next event.
    #[inline(always)]
    pub(crate) fn second(&self) -> i64 {
        let time = |at| self.get(at).map_or(i64::MAX, |entry: Entry| entry.time);
        time(1).min(time(2))
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        self.0.push(entry);
        self.sift_up(self.0.len() - 1, entry);
    }

    /// The thread at this place has another next event.
    #[inline(always)]
    pub(crate) fn update(&mut self, at: usize, time: i64) {
        let entry = Entry { time, ..self.0[at] };
        if self.sift_up(at, entry) == at {
            self.sift_down(at, entry);
        }
    }

    /// As [`update`](Self::update), of the first thread.
    #[inline(always)]
    pub(crate) fn update_first(&mut self, time: i64) {
        let [first, others @ ..] = &mut self.0[..] else { return };
        first.time = time;
        let (at, second) = match others {
            [one, other, ..] if other.time < one.time => (2, other),
            [one, ..] => (1, one),
            [] => return,
        };
        if second.time < time {
            std::mem::swap(first, second);
            // Most often there are few threads, and none is below.
            if 2 * at + 1 < self.0.len() {
                self.sift_down(at, self.0[at]);
            }
        }
    }

    /// The thread at this place has no more events.
    #[cold]
    pub(crate) fn remove(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            self.0.swap(parent, at);
            at = parent;
        }
        self.0.swap_remove(0);
        if let Some(first) = self.get(0) {
            self.sift_down(0, first);
        }
    }

    /// Sorts it, which leaves a heap.
    #[cold]
    pub(crate) fn sort(&mut self) {
        sort::by_time(&mut self.0, |entry| Time(entry.time));
    }

    /// Puts an entry at this place or further up; returns where.
    #[inline(always)]
    fn sift_up(&mut self, mut at: usize, entry: Entry) -> usize {
        while at > 0 && self.0[(at - 1) / 2].time > entry.time {
            self.0[at] = self.0[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        self.0[at] = entry;
        at
    }

    /// Puts an entry at this place or further down.
    #[inline(always)]
    fn sift_down(&mut self, mut at: usize, entry: Entry) {
        loop {
            let mut least = (at, entry.time);
            for child in [2 * at + 1, 2 * at + 2] {
                if let Some(other) = self.0.get(child)
                    && other.time < least.1
                {
                    least = (child, other.time);
                }
            }
            if least.0 == at {
                break;
            }
            self.0[at] = self.0[least.0];
            at = least.0;
        }
        self.0[at] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_heap(frontier: &Frontier) -> bool {
        (1..frontier.len()).all(|at| frontier.0[(at - 1) / 2].time <= frontier.0[at].time)
    }

    #[test]
    fn the_earliest_is_first_whatever_is_done() {
        let mut frontier = Frontier::default();
        let mut random = 0x1234_5678_9abc_def1_u64;
        for step in 0..2000 {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let (time, place) = ((random >> 40) as i64 % 50, (random >> 20) as usize);
            let len = frontier.len();
            match random >> 61 {
                0..=2 => frontier.insert(Entry { time, cursor: step }),
                3..=4 if len > 0 => frontier.update(place % len, time),
                5 if len > 0 => {
                    let mut other = Frontier(frontier.0.clone());
                    other.update(0, time);
                    frontier.update_first(time);
                    assert_eq!(frontier.0, other.0);
                }
                6 if len > 0 => frontier.remove(place % len),
                _ => frontier.sort(),
            }
            assert!(is_heap(&frontier), "{frontier:?}");
        }
        assert!(frontier.len() > 1);
    }
}

//! A row of stays that has never more than so many.

use super::timelines::{Timeline, TimelineStay};

/// The stays of a processor or thread. When there are too many, those are put together that are within
/// a time, which doubles until they are few enough: each time half of them are gone or half the time
/// is, so that a stay costs the same however many there are.
pub(crate) struct Row {
    stays: Vec<TimelineStay>,
    max: usize,
    busy_ns: i64,
    resolution_ns: i64,
}

impl Row {
    /// Of at most so many, at least one.
    pub(crate) fn new(max: usize) -> Row {
        Row { stays: Vec::new(), max: max.max(1), busy_ns: 0, resolution_ns: 0 }
    }

    /// The next stay, which ends no earlier than those before it.
    pub(crate) fn add(&mut self, begin_ns: i64, end_ns: i64, goroutine: i64) {
        let busy_ns = end_ns - begin_ns;
        self.busy_ns = self.busy_ns.saturating_add(busy_ns);
        let stay =
            TimelineStay { begin_ns, end_ns, busy_ns, count: 1, goroutine, longest_ns: busy_ns };
        put(&mut self.stays, stay, self.resolution_ns);
        while self.stays.len() > self.max {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        let (first, last) = (self.stays[0], self.stays[self.stays.len() - 1]);
        let mean_ns = (last.end_ns - first.begin_ns) / self.max as i64;
        self.resolution_ns = self.resolution_ns.saturating_mul(2).max(mean_ns).max(1);
        let stays = std::mem::take(&mut self.stays);
        self.stays.reserve_exact(stays.len());
        stays.into_iter().for_each(|stay| put(&mut self.stays, stay, self.resolution_ns));
    }

    pub(crate) fn finish(self, id: i64) -> Timeline {
        let Row { stays, busy_ns, resolution_ns, .. } = self;
        Timeline { id, busy_ns, resolution_ns, stays }
    }
}

/// Puts a stay after the others, or to the last one if both are within the resolution.
fn put(stays: &mut Vec<TimelineStay>, stay: TimelineStay, resolution_ns: i64) {
    match stays.last_mut() {
        Some(last) if resolution_ns > 0 && stay.end_ns - last.begin_ns <= resolution_ns => {
            last.begin_ns = last.begin_ns.min(stay.begin_ns);
            last.end_ns = stay.end_ns;
            last.busy_ns = last.busy_ns.saturating_add(stay.busy_ns);
            last.count += stay.count;
            if stay.longest_ns > last.longest_ns {
                (last.goroutine, last.longest_ns) = (stay.goroutine, stay.longest_ns);
            }
        }
        _ => stays.push(stay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_stays_are_kept_as_they_are() {
        let mut row = Row::new(3);
        [(0, 5, 1), (5, 9, 2), (20, 20, 1)]
            .into_iter()
            .for_each(|(begin, end, id)| row.add(begin, end, id));
        let timeline = row.finish(4);
        assert_eq!((timeline.id, timeline.busy_ns, timeline.resolution_ns), (4, 9, 0));
        let stays: Vec<_> =
            timeline.stays.iter().map(|s| (s.begin_ns, s.end_ns, s.goroutine)).collect();
        assert_eq!(stays, [(0, 5, 1), (5, 9, 2), (20, 20, 1)]);
    }

    #[test]
    fn many_are_put_together_and_nothing_is_lost() {
        for max in [1, 2, 7, 100] {
            let mut row = Row::new(max);
            for n in 0..10_000 {
                row.add(10 * n, 10 * n + 1 + n % 3, n % 5);
            }
            let timeline = row.finish(0);
            let stays = &timeline.stays;
            assert!((1..=max).contains(&stays.len()) && stays.len() >= max.min(10) / 4);
            assert_eq!(stays.iter().map(|stay| stay.count).sum::<u64>(), 10_000);
            assert_eq!(stays.iter().map(|stay| stay.busy_ns).sum::<i64>(), timeline.busy_ns);
            assert_eq!(timeline.busy_ns, (0..10_000).map(|n| 1 + n % 3).sum::<i64>());
            assert!(stays.windows(2).all(|pair| pair[0].end_ns <= pair[1].begin_ns));
            assert!(stays.iter().all(|stay| stay.longest_ns <= 3 && stay.count > 0));
        }
    }

    #[test]
    fn times_that_are_all_the_same() {
        let mut row = Row::new(2);
        (0..100).for_each(|id| row.add(7, 7, id));
        assert_eq!(row.finish(0).stays.len(), 1);
    }

    #[test]
    fn the_longest_gives_its_name() {
        let mut row = Row::new(1);
        [(0, 5, 1), (6, 20, 2), (21, 22, 3)]
            .into_iter()
            .for_each(|(begin, end, id)| row.add(begin, end, id));
        let stay = row.finish(0).stays[0];
        assert_eq!((stay.goroutine, stay.longest_ns, stay.busy_ns, stay.count), (2, 14, 20, 3));
    }
}

//! Sums over steps of time, whose number is bounded, however long it takes.

/// How many kinds of sums there are.
const LEVELS: usize = 6;

/// What is summed up: how many there are of it at a time, times the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Running,
    Runnable,
    Waiting,
    Syscall,
    /// Processors that threads have.
    Threads,
    /// Processors that there may be.
    Procs,
}

/// Sums over steps of time. Where there would be too many steps, some become one.
#[derive(Debug)]
pub(crate) struct Buckets {
    width: i64,
    max: usize,
    now: i64,
    /// How many there are of each now.
    levels: [i64; LEVELS],
    steps: Vec<Bucket>,
    /// Whether the steps are to be made twice as long next, not five times.
    doubles: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    sums: [i64; LEVELS],
    max_runnable: i64,
}

impl Buckets {
    pub(crate) fn new(max: usize) -> Buckets {
        let (width, now, levels, steps) = (1, 0, [0; LEVELS], vec![Bucket::default()]);
        Buckets { width, max, now, levels, steps, doubles: false }
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    pub(crate) fn width(&self) -> i64 {
        self.width
    }

    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    pub(crate) fn sum(&self, level: Level, at: usize) -> i64 {
        self.steps[at].sums[level as usize]
    }

    pub(crate) fn most_runnable(&self, at: usize) -> i64 {
        self.steps[at].max_runnable
    }

    /// Goes on to a moment that is not before the last one. If steps become one for that, so many, it is to be called again.
    pub(crate) fn advance(&mut self, now: i64) -> Option<usize> {
        if now / self.width >= self.max as i64 {
            return Some(self.coarsen());
        }
        let (before, levels) = (self.now, self.levels);
        for (at, ns) in parts(self.width, before, now) {
            if at == self.steps.len() {
                let max_runnable = levels[Level::Runnable as usize];
                self.steps.push(Bucket { max_runnable, ..Bucket::default() });
            }
            for (sum, level) in self.steps[at].sums.iter_mut().zip(levels) {
                *sum = sum.saturating_add(level.saturating_mul(ns));
            }
        }
        self.now = now;
        None
    }

    fn coarsen(&mut self) -> usize {
        let factor = if self.doubles { 2 } else { 5 };
        self.doubles = !self.doubles;
        self.width *= factor as i64;
        self.steps = self.steps.chunks(factor).map(Bucket::total).collect();
        factor
    }

    /// There are more, or fewer, from now on.
    pub(crate) fn change(&mut self, level: Level, by: i64) {
        self.levels[level as usize] += by;
    }

    pub(crate) fn max_runnable(&mut self, now: i64) {
        let last = self.steps.last_mut().expect("there is one");
        last.max_runnable = last.max_runnable.max(now);
    }

    /// There was one more in this time, which has passed.
    pub(crate) fn spread(&mut self, level: Level, begin: i64, end: i64) {
        let by = if level == Level::Procs { self.levels[level as usize] } else { 1 };
        for (at, ns) in parts(self.width, begin, end) {
            let sum = &mut self.steps[at].sums[level as usize];
            *sum = sum.saturating_add(ns.saturating_mul(by));
        }
    }

    /// Adds a time that has passed to steps of its own.
    pub(crate) fn add_to(&self, steps: &mut Vec<i64>, begin: i64, end: i64) {
        for (at, ns) in parts(self.width, begin, end) {
            if steps.len() <= at {
                steps.resize(at + 1, 0);
            }
            steps[at] = steps[at].saturating_add(ns);
        }
    }
}

impl Bucket {
    fn total(steps: &[Bucket]) -> Bucket {
        let mut total = Bucket::default();
        for step in steps {
            for (sum, more) in total.sums.iter_mut().zip(step.sums) {
                *sum = sum.saturating_add(more);
            }
            total.max_runnable = total.max_runnable.max(step.max_runnable);
        }
        total
    }
}

/// The parts of a time by the steps they are in. The moment of its end is in a step, too.
fn parts(width: i64, begin: i64, end: i64) -> impl Iterator<Item = (usize, i64)> {
    (begin / width..=end / width).map(move |at| {
        let (from, to) = ((at * width).max(begin), (at * width + width).min(end));
        (at as usize, to - from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_longer() {
        let mut buckets = Buckets::new(10);
        buckets.change(Level::Running, 2);
        let mut own = Vec::new();
        let mut factors = Vec::new();
        for now in [7, 12, 30, 99, 1234] {
            let before = buckets.now();
            while let Some(factor) = buckets.advance(now) {
                own = own.chunks(factor).map(|steps| steps.iter().sum()).collect();
                factors.push(factor);
            }
            buckets.add_to(&mut own, before, now);
        }
        assert_eq!((factors, buckets.width(), buckets.len()), (vec![5, 2, 5, 2, 5], 500, 3));
        assert_eq!(own, [500, 500, 234]);
        let sums: Vec<i64> = (0..3).map(|at| buckets.sum(Level::Running, at)).collect();
        assert_eq!(sums, [1000, 1000, 468]);
        buckets.spread(Level::Waiting, 400, 1100);
        let sums: Vec<i64> = (0..3).map(|at| buckets.sum(Level::Waiting, at)).collect();
        assert_eq!(sums, [100, 500, 100]);
    }

    #[test]
    fn more_time_than_a_number_holds() {
        let mut buckets = Buckets::new(10);
        while buckets.advance(i64::MAX / 4).is_some() {}
        let mut own = Vec::new();
        (0..50).for_each(|_| buckets.add_to(&mut own, 0, buckets.now()));
        assert_eq!(own[0], i64::MAX);
    }
}

//! Many durations in little room.

use serde::Serialize;

use super::distribution::Distribution;

/// Each power of two is divided into so many parts (2^5), so that a percentile is at most a
/// thirty-second too large.
const PART_BITS: u32 = 5;
const PARTS: usize = 1 << PART_BITS;

/// Durations of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The shortest that belongs to it.
    pub from_ns: i64,
    /// Longer than all that do.
    pub to_ns: i64,
    /// How many there are.
    pub count: u64,
}

/// How times are spread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delays {
    /// In a few numbers.
    pub durations: Distribution,
    /// By powers of two, from the first that there are some of to the last.
    pub histogram: Vec<Bucket>,
}

/// Durations, by how long they are: exact below 32 ns, and then to 3 percent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Durations below [`PARTS`], and then a power of two each. What is empty at the end is not there.
    powers: Vec<Option<Box<[u64; PARTS]>>>,
    count: u64,
    total: i64,
    min: i64,
    max: i64,
}

/// The power of two and the part of it that a duration belongs to.
fn place(ns: i64) -> (usize, usize) {
    let ns = ns.max(0) as u64;
    let power = (ns | (PARTS as u64 - 1)).ilog2() + 1 - PART_BITS;
    let part = ns >> power.saturating_sub(1);
    (power as usize, part as usize & (PARTS - 1))
}

/// The first duration that belongs to a place; also one after the last place.
fn first(power: usize, part: usize) -> i64 {
    match power {
        0 => part as i64,
        _ => (((PARTS + part) as u128) << (power - 1)).try_into().unwrap_or(i64::MAX),
    }
}

impl Delays {
    pub(crate) fn new(histogram: &Histogram) -> Delays {
        Delays { durations: histogram.distribution(), histogram: histogram.buckets() }
    }
}

impl Histogram {
    #[inline]
    pub(crate) fn add(&mut self, ns: i64) {
        let (power, part) = place(ns);
        if self.powers.len() <= power {
            self.powers.resize(power + 1, None);
        }
        self.powers[power].get_or_insert_with(|| Box::new([0; PARTS]))[part] += 1;
        let is_first = self.count == 0;
        self.min = if is_first { ns } else { self.min.min(ns) };
        self.max = if is_first { ns } else { self.max.max(ns) };
        self.count += 1;
        self.total = self.total.saturating_add(ns);
    }

    pub(crate) fn add_all(&mut self, other: &Histogram) {
        if other.count == 0 {
            return;
        }
        if self.powers.len() < other.powers.len() {
            self.powers.resize(other.powers.len(), None);
        }
        for (sums, counts) in self.powers.iter_mut().zip(&other.powers) {
            let Some(counts) = counts else { continue };
            let sums = sums.get_or_insert_with(|| Box::new([0; PARTS]));
            sums.iter_mut().zip(&**counts).for_each(|(sum, count)| *sum += count);
        }
        let is_first = self.count == 0;
        self.min = if is_first { other.min } else { self.min.min(other.min) };
        self.max = if is_first { other.max } else { self.max.max(other.max) };
        self.count += other.count;
        self.total = self.total.saturating_add(other.total);
    }

    /// The sum of all.
    pub(crate) fn total(&self) -> i64 {
        self.total
    }

    /// The distribution; its percentiles are up to 3 percent too large.
    pub(crate) fn distribution(&self) -> Distribution {
        Distribution {
            count: self.count,
            total_ns: self.total,
            min_ns: self.min,
            p50_ns: self.percentile(50),
            p90_ns: self.percentile(90),
            p99_ns: self.percentile(99),
            max_ns: self.max,
        }
    }

    fn percentile(&self, percent: u128) -> i64 {
        let rank = (u128::from(self.count) * percent).div_ceil(100) as u64;
        let mut seen = 0;
        for (power, counts) in self.powers.iter().enumerate() {
            for (part, count) in counts.iter().flat_map(|counts| counts.iter().enumerate()) {
                seen += count;
                if *count > 0 && seen >= rank {
                    return (first(power, part + 1) - 1).min(self.max);
                }
            }
        }
        self.max
    }

    /// How many there are of each power of two, from the first that there are some of to the last.
    pub(crate) fn buckets(&self) -> Vec<Bucket> {
        let bucket = |(power, counts): (usize, &Option<Box<[u64; PARTS]>>)| Bucket {
            from_ns: first(power, 0),
            to_ns: first(power, PARTS),
            count: counts.iter().flat_map(|counts| counts.iter()).sum(),
        };
        let all = self.powers.iter().enumerate().map(bucket);
        all.skip_while(|bucket| bucket.count == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_its_place() {
        let powers = (0..63).map(|n| 1_i64 << n).flat_map(|n| [n - 1, n, n + n / 3]);
        for ns in powers.chain(0..5000).chain([i64::MAX]) {
            let (power, part) = place(ns);
            assert!(first(power, part) <= ns, "{ns}");
            assert!(ns < first(power, part + 1) || ns == i64::MAX, "{ns}");
            assert!(first(power, part + 1) - 1 <= ns.saturating_add(ns / PARTS as i64), "{ns}");
        }
    }

    #[test]
    fn distributions() {
        let durations: Vec<i64> = (1..=10_000).map(|n| n * 997).collect();
        let exact = Distribution::new(durations.clone());
        let (mut all, mut halves) = (Histogram::default(), [(); 2].map(|()| Histogram::default()));
        for ns in &durations {
            all.add(*ns);
            halves[usize::from(ns % 2 == 0)].add(*ns);
        }
        let ours = all.distribution();
        let whole = |of: &Distribution| (of.count, of.total_ns, of.min_ns, of.max_ns);
        assert_eq!(whole(&ours), whole(&exact));
        let pairs =
            [(ours.p50_ns, exact.p50_ns), (ours.p90_ns, exact.p90_ns), (ours.p99_ns, exact.p99_ns)];
        for (ours, exact) in pairs {
            assert!((exact..=exact + exact / 32).contains(&ours), "{ours} {exact}");
        }
        let mut both = Histogram::default();
        halves.iter().for_each(|half| both.add_all(half));
        assert_eq!(both.distribution(), ours);
        assert_eq!(Histogram::default().distribution(), Distribution::default());
    }

    #[test]
    fn buckets_are_powers_of_two() {
        let mut histogram = Histogram::default();
        [3, 5, 31, 200, 255].into_iter().for_each(|ns| histogram.add(ns));
        let bucket = |from_ns, to_ns, count| Bucket { from_ns, to_ns, count };
        let expected = [(0, 32, 3), (32, 64, 0), (64, 128, 0), (128, 256, 2)];
        assert_eq!(histogram.buckets(), expected.map(|(from, to, n)| bucket(from, to, n)));
    }
}

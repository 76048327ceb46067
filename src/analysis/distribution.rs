//! How durations are spread.

use serde::Serialize;

use super::spent;

/// How many durations there are, and how they are spread.
///
/// A percentile is the smallest duration that so many percent of all do not exceed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub total_ns: i64,
    /// The shortest.
    pub min_ns: i64,
    /// The median.
    pub p50_ns: i64,
    /// The 90th percentile.
    pub p90_ns: i64,
    /// The 99th percentile.
    pub p99_ns: i64,
    /// The longest.
    pub max_ns: i64,
}

impl Distribution {
    /// Of these durations; of none, all is 0.
    pub fn new(mut durations_ns: Vec<i64>) -> Distribution {
        durations_ns.sort_unstable();
        let percentile = |percent: usize| {
            let rank = (durations_ns.len() * percent).div_ceil(100);
            durations_ns.get(rank.max(1) - 1).copied().unwrap_or_default()
        };
        Distribution {
            count: durations_ns.len() as u64,
            total_ns: spent::sum(durations_ns.iter().copied()),
            min_ns: percentile(0),
            p50_ns: percentile(50),
            p90_ns: percentile(90),
            p99_ns: percentile(99),
            max_ns: percentile(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let of = |n: i64| Distribution::new((1..=n).rev().collect());
        let Distribution { count, total_ns, min_ns, p50_ns, p90_ns, p99_ns, max_ns } = of(1000);
        assert_eq!((count, total_ns, min_ns, max_ns), (1000, 500_500, 1, 1000));
        assert_eq!((p50_ns, p90_ns, p99_ns), (500, 900, 990));
        let three = of(3);
        assert_eq!((three.p50_ns, three.p90_ns, three.p99_ns), (2, 3, 3));
        let one = of(1);
        assert_eq!((one.min_ns, one.p50_ns, one.p99_ns, one.max_ns), (1, 1, 1, 1));
        assert_eq!(of(0), Distribution::default());
    }
}

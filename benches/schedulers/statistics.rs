//! What the rounds of one workload on one system come to.

use crate::child::Run;
use crate::measure::{Figure, Unit};

/// The figures of a cell of the table.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// In the order of the workload's measure.
    pub(crate) figures: Vec<Spread>,
    /// The most of all rounds.
    pub(crate) rss_bytes_peak: Option<u64>,
}

/// One figure over the rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) p25: f64,
    pub(crate) p75: f64,
}

impl Summary {
    /// Of runs of `n` operations each. `None` if there are no runs.
    pub(crate) fn of(runs: &[Run], figures: &[Figure], n: u64) -> Option<Summary> {
        let spread = |(at, figure): (usize, &Figure)| {
            let divisor = if figure.unit == Unit::NsPerOp { n as f64 } else { 1.0 };
            Spread::of(runs.iter().map(|run| run.figures[at] / divisor).collect())
        };
        Some(Summary {
            figures: figures.iter().enumerate().map(spread).collect::<Option<_>>()?,
            rss_bytes_peak: runs.iter().filter_map(|run| run.rss_bytes_peak).max(),
        })
    }
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        Some(Spread {
            median: quantile(&values, 0.5)?,
            min: quantile(&values, 0.0)?,
            p25: quantile(&values, 0.25)?,
            p75: quantile(&values, 0.75)?,
        })
    }
}

/// The value below which a part of the sorted values lies, interpolated. `None` of none.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let position = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    Some(below + (above - below) * position.fract())
}

//! What the rounds of one workload on one system come to.

use crate::child::Run;

/// The figures of a cell of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    pub(crate) ns_per_op: f64,
    pub(crate) ns_per_op_min: f64,
    pub(crate) ns_per_op_p25: f64,
    pub(crate) ns_per_op_p75: f64,
    /// The most of all rounds.
    pub(crate) rss_bytes_peak: Option<u64>,
}

impl Summary {
    /// Of runs of `n` operations each. `None` if there are no runs.
    pub(crate) fn of(runs: &[Run], n: u64) -> Option<Summary> {
        let mut ns_per_op: Vec<f64> =
            runs.iter().map(|run| run.elapsed_ns as f64 / n as f64).collect();
        ns_per_op.sort_by(f64::total_cmp);
        Some(Summary {
            ns_per_op: quantile(&ns_per_op, 0.5)?,
            ns_per_op_min: quantile(&ns_per_op, 0.0)?,
            ns_per_op_p25: quantile(&ns_per_op, 0.25)?,
            ns_per_op_p75: quantile(&ns_per_op, 0.75)?,
            rss_bytes_peak: runs.iter().filter_map(|run| run.rss_bytes_peak).max(),
        })
    }
}

/// The value below which a part of the sorted values lies, interpolated. `None` of none.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let position = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    Some(below + (above - below) * position.fract())
}

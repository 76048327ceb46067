//! The minimum mutator utilization as text.

use super::duration::{seconds, text as ns};
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::MutatorUtilization;

/// The length of a full bar.
const BAR: f64 = 40.0;
/// So many of the curve's windows are skipped for each that is shown.
const SKIPPED: usize = 3;

impl Report for MutatorUtilization {
    fn text(&self, _: &Detail, style: Style) -> String {
        if self.curve.is_empty() {
            return "the trace does not say how many processors there are\n".to_owned();
        }
        let mut table = Table::new(&["window", "from", "utilization", "left to the program"]);
        for window in self.curve.iter().step_by(SKIPPED) {
            let bar = "#".repeat((window.utilization.clamp(0.0, 1.0) * BAR).round() as usize);
            let share = format!("{:.1}%", 100.0 * window.utilization);
            table.row(vec![ns(window.window_ns), seconds(window.begin_ns), share, bar]);
        }
        table.text(style)
    }
}

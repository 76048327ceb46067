//! How busy the processors were, as text.

use super::duration::{seconds, text as ns};
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::{Utilization, UtilizationStep};

/// The length of a full bar.
const BAR: usize = 40;

impl Report for Utilization {
    fn text(&self, _: &Detail, style: Style) -> String {
        let mut text = format!(
            "{} in steps of {}, {} processors, {} used\n\n",
            ns(self.duration_ns),
            ns(self.step_ns),
            self.procs,
            percent(self.total.running_ns, self.total.procs_ns)
        );
        text += &steps(self).text(style);
        text.push('\n');
        let mut procs = Table::new(&["processor", "running", "share", "busy"]);
        for proc in &self.by_proc {
            let share = percent(proc.running_ns, self.duration_ns);
            let bar = bar(proc.running_ns, self.duration_ns);
            procs.row(vec![proc.proc.to_string(), ns(proc.running_ns), share, bar]);
        }
        text + &procs.text(style)
    }
}

fn steps(utilization: &Utilization) -> Table {
    let columns = ["from", "used", "running", "syscall", "runnable", "most", "waiting", "busy"];
    let mut table = Table::new(&columns);
    for step in &utilization.steps {
        let lasts = utilization.lasts_ns(step);
        let UtilizationStep { procs_ns, running_ns, syscall_ns, runnable_ns, waiting_ns, .. } =
            *step;
        let means = [running_ns, syscall_ns, runnable_ns].map(|ns| mean(ns, lasts));
        let mut cells = vec![seconds(step.begin_ns), percent(running_ns, procs_ns)];
        cells.extend(means);
        cells.extend([step.max_runnable.to_string(), mean(waiting_ns, lasts)]);
        cells.push(bar(running_ns, procs_ns));
        table.row(cells);
    }
    table
}

/// How many there were at a time.
fn mean(sum_ns: i64, lasts_ns: i64) -> String {
    format!("{:.2}", sum_ns as f64 / lasts_ns.max(1) as f64)
}

fn percent(part: i64, whole: i64) -> String {
    format!("{:.1}%", 100.0 * part as f64 / whole.max(1) as f64)
}

fn bar(part: i64, whole: i64) -> String {
    let share = (part as f64 / whole.max(1) as f64).clamp(0.0, 1.0);
    "#".repeat((share * BAR as f64).round() as usize)
}

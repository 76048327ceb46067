//! The difference of two traces as text.

use super::duration::text as ns;
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::{Change, Difference, DurationChange};

/// So many rows of each table are shown, unless a name is asked for.
const ROWS: usize = 25;

impl Report for Difference {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let is_shown = |name: &str, row: usize| {
            if detail.names.is_empty() { row < ROWS } else { detail.has_name(name) }
        };
        let mut text = facts(self);
        let columns = ["count", "running", "runnable", "blocked", "syscall", "function"];
        let mut table = Table::new(&columns);
        for (n, change) in self.functions.iter().enumerate() {
            if is_shown(&change.function, n) {
                let times =
                    [change.running_ns, change.runnable_ns, change.blocked_ns, change.syscall_ns];
                let cells = [count(change.count)].into_iter().chain(times.map(time));
                table.row(cells.chain([change.function.clone()]).collect());
            }
        }
        text += &format!("\n{}", table.text(style));
        for (what, changes) in [("task", &self.tasks), ("region", &self.regions)] {
            if !changes.is_empty() {
                text += &format!("\n{}", durations(what, changes, is_shown).text(style));
            }
        }
        let mut table = Table::new(&["woken", "mean latency", "longest", "function"]);
        for (n, change) in self.latencies.iter().enumerate() {
            if is_shown(&change.function, n) {
                let cells = [count(change.count), time(change.mean_ns), time(change.max_ns)];
                table.row(cells.into_iter().chain([change.function.clone()]).collect());
            }
        }
        text + &format!("\n{}", table.text(style))
    }
}

fn facts(difference: &Difference) -> String {
    format!(
        "duration    {}\nevents      {}\ngoroutines  {}\n",
        time(difference.duration_ns),
        count(difference.events),
        count(difference.goroutines)
    )
}

fn durations(
    what: &str,
    changes: &[DurationChange],
    is_shown: impl Fn(&str, usize) -> bool,
) -> Table {
    let mut table = Table::new(&["count", "total", "median", "99%", "longest", what]);
    for (n, change) in changes.iter().enumerate() {
        if is_shown(&change.name, n) {
            let times = [change.total_ns, change.p50_ns, change.p99_ns, change.max_ns];
            let cells = [count(change.count)].into_iter().chain(times.map(time));
            let name = if change.name.is_empty() { "(no name)" } else { &change.name };
            table.row(cells.chain([name.to_owned()]).collect());
        }
    }
    table
}

/// The new value, and by how much it is more.
fn time(change: Change) -> String {
    let sign = if change.by() > 0 { "+" } else { "" };
    let by = if change.by() == 0 { String::new() } else { format!(" ({sign}{})", ns(change.by())) };
    format!("{}{by}", ns(change.new))
}

fn count(change: Change) -> String {
    let by = if change.by() == 0 { String::new() } else { format!(" ({:+})", change.by()) };
    format!("{}{by}", change.new)
}

//! A summary as text.

use super::duration;
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::{Count, Summary};

impl Report for Summary {
    fn text(&self, _: &Detail, style: Style) -> String {
        let mut table = Table::new(&["events", "kind"]);
        let mut kinds: Vec<_> = self.events_by_name.iter().collect();
        kinds.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
        for (name, count) in kinds {
            table.row(vec![count.to_string(), (*name).to_owned()]);
        }
        facts(self) + "\n" + &table.text(style)
    }
}

fn facts(summary: &Summary) -> String {
    let facts = [
        ("version", format!("Go {}", summary.version)),
        ("bytes", summary.bytes.to_string()),
        ("generations", summary.generations.to_string()),
        ("duration", duration::text(summary.duration_ns)),
        ("events", summary.events.to_string()),
        ("goroutines", count(summary.goroutines)),
        ("processors", summary.procs.to_string()),
        ("threads", summary.threads.to_string()),
        ("tasks", count(summary.tasks)),
        ("regions", count(summary.regions)),
        ("logs", summary.logs.to_string()),
        ("CPU samples", summary.cpu_samples.to_string()),
    ];
    facts.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
}

fn count(count: Count) -> String {
    let Count { before, begun, ended } = count;
    let before = if before == 0 { String::new() } else { format!("{before} before, ") };
    format!("{before}{begun} begun, {ended} ended, {} left", count.left())
}

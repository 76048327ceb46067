//! Tasks as text.

use super::clean;
use super::duration::{seconds, text as ns};
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::{Distribution, Task, TaskGroup, Tasks};

/// The columns of [`durations`].
pub(crate) const DURATIONS: [&str; 6] = ["total", "min", "median", "90%", "99%", "max"];

/// How durations are spread.
pub(crate) fn durations(of: &Distribution) -> impl Iterator<Item = String> {
    let is_none = of.count == 0;
    let all = [of.total_ns, of.min_ns, of.p50_ns, of.p90_ns, of.p99_ns, of.max_ns];
    all.into_iter().map(move |time| if is_none { "-".into() } else { ns(time) })
}

impl Report for Tasks {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let columns = ["count", "complete"].into_iter().chain(DURATIONS).chain(["task"]);
        let mut table = Table::new(&columns.collect::<Vec<_>>());
        for group in &self.groups {
            let counts = [group.count, group.durations.count].map(|n| n.to_string()).into_iter();
            table.row(counts.chain(durations(&group.durations)).chain([name(group)]).collect());
        }
        let mut text = table.text(style);
        for group in &self.groups {
            let is_wanted =
                |task: &&Task| detail.has_name(&group.name) || detail.tasks.contains(&task.id);
            for task in group.tasks.iter().filter(is_wanted) {
                text += &format!("\n{}\n", style.bold(&clean::text(&headline(group, task))));
                text += &story(task).text(style);
            }
        }
        text
    }
}

/// What is outside of tasks, and what began before the trace, has no name.
fn name(group: &TaskGroup) -> String {
    let is_outside = group.tasks.iter().all(|task| task.id == 0);
    match &*group.name {
        "" if is_outside => "(outside of tasks)".into(),
        "" => "(name unknown)".into(),
        name => name.to_owned(),
    }
}

fn headline(group: &TaskGroup, task: &Task) -> String {
    let parent = match task.parent {
        None | Some(0) => String::new(),
        Some(parent) => format!(" of task {parent}"),
    };
    let took = match (task.begin_ns, task.end_ns) {
        (Some(begin_ns), Some(end_ns)) => ns(end_ns - begin_ns),
        _ => "incomplete".into(),
    };
    format!("task {} {}{parent}: {took}", task.id, name(group))
}

/// All that happened in a task, in order.
fn story(task: &Task) -> Table {
    let mut lines = Vec::new();
    let mut line = |time: Option<i64>, goroutine: Option<i64>, what: String| {
        lines.extend(time.map(|time| (time, goroutine, what)));
    };
    line(task.begin_ns, task.goroutine, "begins".into());
    for region in &task.regions {
        line(region.begin_ns, Some(region.goroutine), format!("region {:?} begins", region.name));
        line(region.end_ns, Some(region.goroutine), format!("region {:?} ends", region.name));
    }
    for log in &task.logs {
        let category =
            if log.category.is_empty() { String::new() } else { format!("{}: ", log.category) };
        line(Some(log.time_ns), Some(log.goroutine), format!("{category}{:?}", log.message));
    }
    line(task.end_ns, None, "ends".into());
    lines.sort_by_key(|(time, ..)| *time);
    let mut table = Table::new(&["time", "after", "goroutine", ""]);
    let mut before = lines.first().map_or(0, |(time, ..)| *time);
    for (time, goroutine, what) in lines {
        let goroutine = goroutine.map_or("-".into(), |id| id.to_string());
        table.row(vec![seconds(time), ns(time - before), goroutine, what]);
        before = time;
    }
    table
}

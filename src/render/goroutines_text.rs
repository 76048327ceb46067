//! Goroutines as text.

use super::duration::{self, text as ns};
use super::latency_text::histogram;
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::{Goroutine, GoroutineGroup, Goroutines, Times};

/// The columns of [`times`].
pub(crate) const TIMES: [&str; 7] =
    ["total", "running", "runnable", "blocked", "syscall", "syscall (no P)", "unknown"];
/// What a group without a name is.
const NAMELESS: &str = "(inactive, no stack seen)";

/// What a goroutine spent its time on.
pub(crate) fn times(times: &Times) -> impl Iterator<Item = String> {
    let blocked = times.all_blocked_ns();
    let Times { total_ns, running_ns, runnable_ns, syscall_ns, .. } = *times;
    let rest = [times.syscall_blocked_ns, times.unknown_ns];
    [total_ns, running_ns, runnable_ns, blocked, syscall_ns].into_iter().chain(rest).map(ns)
}

/// Reasons with their times, the longest first.
pub(crate) fn reasons(times: &Times) -> String {
    let mut all: Vec<(&str, i64)> =
        times.blocked_ns.iter().map(|(reason, &ns)| (&**reason, ns)).collect();
    all.retain(|(_, ns)| *ns != 0);
    all.sort_by_key(|(reason, ns)| (std::cmp::Reverse(*ns), *reason));
    let reason = |&(reason, time): &(&str, i64)| {
        format!("{} {}", if reason.is_empty() { "(unknown)" } else { reason }, ns(time))
    };
    all.iter().map(reason).collect::<Vec<_>>().join(", ")
}

impl Report for Goroutines {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let columns: Vec<&str> = ["count"].into_iter().chain(TIMES).chain(["function"]).collect();
        let mut table = Table::new(&columns);
        for group in &self.groups {
            let count = [group.count.to_string()].into_iter();
            table.row(count.chain(times(&group.times)).chain([name(group)]).collect());
        }
        let mut text = table.text(style);
        if detail.all {
            let head = format!("How long {} goroutines lived", self.lives.durations.count);
            text += &format!("\n{}\n", style.bold(&head));
            text += &histogram(&self.lives.histogram, style);
        }
        for group in self.groups.iter().filter(|group| detail.has_name(&group.function)) {
            text += &format!("\n{}\n", style.bold(&super::clean::text(&name(group))));
            text += &members(group).text(style);
        }
        text
    }
}

fn name(group: &GoroutineGroup) -> String {
    if group.function.is_empty() { NAMELESS.to_owned() } else { group.function.clone() }
}

fn members(group: &GoroutineGroup) -> Table {
    let columns = ["goroutine", "made", "ended"].into_iter().chain(TIMES).chain(["blocked on"]);
    let mut table = Table::new(&columns.collect::<Vec<_>>());
    for goroutine in &group.goroutines {
        let Goroutine { id, created_ns, ended_ns, times: spent, .. } = goroutine;
        let ended = ended_ns.map_or("-".into(), duration::seconds);
        let first = [id.to_string(), duration::seconds(*created_ns), ended].into_iter();
        table.row(first.chain(times(spent)).chain([reasons(spent)]).collect());
    }
    table
}

//! Who woke whom, as text.

use super::clean;
use super::duration::text as ns;
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::{Place, WakeupPair, WakeupTimes, Wakeups};

const TIMES: [&str; 5] = ["count", "latency", "mean", "longest", "waited"];
/// Who wakes without a goroutine.
const RUNTIME: &str = "(the runtime)";
const UNKNOWN: &str = "(unknown)";

impl Report for Wakeups {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let mut table = Table::new(&[&TIMES[..], &["who woke whom"]].concat());
        for pair in &self.pairs {
            table.row(times(&pair.times).chain([name(pair)]).collect());
        }
        let mut text = table.text(style);
        let is_wanted =
            |pair: &&WakeupPair| detail.has_name(&pair.waker) || detail.has_name(&pair.woken);
        for pair in self.pairs.iter().filter(is_wanted) {
            text += &format!("\n{}\n", style.bold(&clean::text(&name(pair))));
            text += &stacks(pair).text(style);
        }
        text
    }
}

fn times(times: &WakeupTimes) -> impl Iterator<Item = String> {
    let WakeupTimes { count, latency_ns, max_latency_ns, waited_ns } = *times;
    let mean = latency_ns / (count as i64).max(1);
    let durations = [latency_ns, mean, max_latency_ns, waited_ns].map(ns);
    [count.to_string()].into_iter().chain(durations)
}

fn name(pair: &WakeupPair) -> String {
    let or = |name: &str, other: &str| if name.is_empty() { other.into() } else { name.to_owned() };
    format!("{} > {}", or(&pair.waker, RUNTIME), or(&pair.woken, UNKNOWN))
}

fn stacks(pair: &WakeupPair) -> Table {
    let mut table = Table::new(&[&TIMES[..], &["from > to (for)"]].concat());
    for stacks in &pair.stacks {
        let (from, to) = (place(&stacks.waker_stack), place(&stacks.woken_stack));
        let reason = if stacks.reason.is_empty() { "made" } else { &stacks.reason };
        let name = format!("{from} > {to} ({reason})");
        table.row(times(&stacks.times).chain([name]).collect());
    }
    table
}

/// The innermost frame.
pub(crate) fn place(stack: &[Place]) -> String {
    let Some(Place { function, file, line, .. }) = stack.first() else { return "-".to_owned() };
    format!("{function} {}:{line}", clean::file(file))
}

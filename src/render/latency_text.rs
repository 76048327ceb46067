//! Latencies as text.

use super::duration::text as ns;
use super::report::{Detail, Report};
use super::stack_text::{self, name};
use super::table::{Style, Table};
use super::tasks_text::{DURATIONS, durations};
use crate::analysis::{Bucket, Delays, Latency, LatencyGroup, LatencyStack};

/// Columns of the longest bar.
const BAR: u64 = 50;

impl Report for Latency {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let all = [LatencyGroup { name: "(all)".into(), delays: self.all.clone() }];
        let causes: Vec<&LatencyGroup> = all.iter().chain(&self.causes).collect();
        let mut text = histogram(&self.all.histogram, style);
        let functions = self.functions.iter().collect::<Vec<_>>();
        let wakers = self.wakers.iter().collect::<Vec<_>>();
        for (of, none, groups) in [
            ("why it could run", "", causes),
            ("function", "(unknown)", functions),
            ("woken by", "(clock, network or runtime)", wakers),
        ] {
            text += &format!("\n{}", table(of, none, &groups).text(style));
        }
        for LatencyStack { cause, stack, durations } in self.stacks.iter().take(detail.stacks) {
            let [total, median, max] =
                [durations.total_ns, durations.p50_ns, durations.max_ns].map(ns);
            let head = format!(
                "{cause}: {} times for {total}, median {median}, max {max}",
                durations.count
            );
            text += &format!("\n{}\n{}", style.bold(&head), stack_text::text(stack));
        }
        text
    }
}

fn table(of: &str, none: &str, groups: &[&LatencyGroup]) -> Table {
    let columns = ["count"].into_iter().chain(DURATIONS).chain([of]);
    let mut table = Table::new(&columns.collect::<Vec<_>>());
    for LatencyGroup { name: group, delays: Delays { durations: all, .. } } in groups {
        let count = [all.count.to_string()].into_iter();
        table.row(count.chain(durations(all)).chain([name(group, none).to_owned()]).collect());
    }
    table
}

/// A bar for each bucket.
pub(crate) fn histogram(buckets: &[Bucket], style: Style) -> String {
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0).max(1);
    let mut table = Table::new(&["from", "to", "count", ""]);
    for Bucket { from_ns, to_ns, count } in buckets {
        let columns = (u128::from(*count) * u128::from(BAR)).div_ceil(u128::from(most));
        let bar = "#".repeat(columns as usize);
        table.row(vec![ns(*from_ns), ns(*to_ns), count.to_string(), bar]);
    }
    table.text(style)
}

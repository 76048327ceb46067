//! Waits as text.

use super::duration::{seconds, text as ns};
use super::report::{Detail, Report};
use super::stack_text::{self, name};
use super::table::{Style, Table};
use super::tasks_text::{DURATIONS, durations};
use crate::analysis::{BlockedStack, Blocking, Distribution, HandOffs};

/// Of what the trace does not say.
const UNKNOWN: &str = "(unknown)";

impl Report for Blocking {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let mut reasons = table("reason");
        for group in &self.reasons {
            reasons.row(row(&group.waits, group.unfinished, name(&group.reason, UNKNOWN)));
        }
        let mut functions = table("function");
        for group in &self.functions {
            functions.row(row(&group.waits, group.unfinished, name(&group.function, UNKNOWN)));
        }
        let mut text = format!("{}\n{}", reasons.text(style), functions.text(style));
        for stack in self.stacks.iter().take(detail.stacks) {
            text += &format!("\n{}\n", style.bold(&headline(stack)));
            text += &stack_text::text(&stack.stack);
        }
        if detail.all {
            text += &hand_offs(&self.hand_offs, detail, style);
        }
        text
    }
}

fn table(of: &str) -> Table {
    let columns = ["count", "unfinished"].into_iter().chain(DURATIONS).chain([of]);
    Table::new(&columns.collect::<Vec<_>>())
}

fn row(waits: &Distribution, unfinished: u64, name: &str) -> Vec<String> {
    let counts = [waits.count, unfinished].map(|n| n.to_string()).into_iter();
    counts.chain(durations(waits)).chain([name.to_owned()]).collect()
}

fn headline(stack: &BlockedStack) -> String {
    let BlockedStack { reason, waits, .. } = stack;
    let [total, median, max] = [waits.total_ns, waits.p50_ns, waits.max_ns].map(ns);
    let reason = super::clean::text(name(reason, UNKNOWN));
    format!("{reason}: {} for {total}, median {median}, max {max}", times(waits.count))
}

fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

fn hand_offs(of: &HandOffs, detail: &Detail, style: Style) -> String {
    let HandOffs { durations: all, taken, stacks, longest } = of;
    let head = format!(
        "System calls of 100µs and longer: {} for {}, of which {taken} lost their processor",
        all.count,
        ns(all.total_ns)
    );
    let mut text = format!("\n{}\n", style.bold(&head));
    let mut table = Table::new(&["goroutine", "begin", "duration", "taken after", "function"]);
    for call in longest {
        let taken = call.taken_after_ns.map_or("-".into(), ns);
        let function = name(&call.function, UNKNOWN).to_owned();
        let [begin, duration] = [seconds(call.begin_ns), ns(call.duration_ns)];
        table.row(vec![call.goroutine.to_string(), begin, duration, taken, function]);
    }
    text += &table.text(style);
    for stack in stacks.iter().take(detail.stacks) {
        let (count, total) = (times(stack.durations.count), ns(stack.durations.total_ns));
        let head = format!("system call: {count} for {total}, {} lost", stack.taken);
        text += &format!("\n{}\n{}", style.bold(&head), stack_text::text(&stack.stack));
    }
    text
}

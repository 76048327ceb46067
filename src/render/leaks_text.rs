//! Goroutines that wait at the end, as text.

use super::clean;
use super::duration::{seconds, text as ns};
use super::report::{Detail, Report};
use super::stack_text::{self, name};
use super::table::Style;
use crate::analysis::{Leak, LeakGroup, Leaks};

/// So many goroutines of a group are named.
const NAMED: usize = 5;

impl Report for Leaks {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let groups = self.groups.iter().filter(|group| detail.all || !group.is_system);
        let groups: Vec<String> = groups.map(|group| text(group, detail, style)).collect();
        match groups.len() {
            0 => "No goroutine waits at the end of the trace.\n".to_owned(),
            _ => groups.join("\n"),
        }
    }
}

fn text(group: &LeakGroup, detail: &Detail, style: Style) -> String {
    let LeakGroup { reason, stack, function, count, goroutines, .. } = group;
    let what = if *count == 1 { "goroutine".to_owned() } else { format!("{count} goroutines") };
    let reason = clean::text(name(reason, "an unknown reason"));
    let function = clean::text(name(function, "(unknown)"));
    let longest = goroutines.first().map_or(0, |leak| leak.waited_ns);
    let head = format!("{what} of {function}: {reason}, up to {}", ns(longest));
    let named = if detail.all { goroutines.len() } else { NAMED };
    let mut lines: Vec<String> = goroutines.iter().take(named).map(line).collect();
    if goroutines.len() > named {
        lines.push(format!("  and {} more", goroutines.len() - named));
    }
    format!("{}\n{}{}\n", style.bold(&head), stack_text::text(stack), lines.join("\n"))
}

fn line(leak: &Leak) -> String {
    let since = leak.since_ns.map_or("before the trace".into(), |since| seconds(since) + " s");
    format!("  goroutine {}, since {since}", leak.id)
}

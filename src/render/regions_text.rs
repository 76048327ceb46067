//! Regions as text.

use super::clean;
use super::duration::seconds;
use super::goroutines_text::{TIMES, reasons, times};
use super::report::{Detail, Report};
use super::table::{Style, Table};
use super::tasks_text::{DURATIONS, durations};
use crate::analysis::{Region, RegionGroup, Regions};

impl Report for Regions {
    fn text(&self, detail: &Detail, style: Style) -> String {
        let columns = ["count"].into_iter().chain(DURATIONS).chain(["region"]);
        let mut table = Table::new(&columns.collect::<Vec<_>>());
        for group in &self.groups {
            let count = [group.durations.count.to_string()].into_iter();
            table.row(count.chain(durations(&group.durations)).chain([name(group)]).collect());
        }
        let mut text = table.text(style);
        for group in &self.groups {
            let is_wanted = |region: &&Region| {
                detail.has_name(&group.name) || detail.tasks.contains(&region.task)
            };
            let wanted: Vec<&Region> = group.regions.iter().filter(is_wanted).collect();
            if !wanted.is_empty() {
                text += &format!("\n{}\n", style.bold(&clean::text(&name(group))));
                text += &members(&wanted).text(style);
            }
        }
        text
    }
}

/// The region that a goroutine has from its creator has no name.
fn name(group: &RegionGroup) -> String {
    let name = if group.name.is_empty() { "(inherited)" } else { &group.name };
    let place = group.place.as_ref();
    let place = place.map(|place| format!(" in {} {}:{}", place.function, place.file, place.line));
    format!("{name}{}", place.unwrap_or_default())
}

fn members(regions: &[&Region]) -> Table {
    let columns = ["goroutine", "task", "begin", "end"].into_iter().chain(TIMES);
    let mut table = Table::new(&columns.chain(["blocked on"]).collect::<Vec<_>>());
    for Region { task, goroutine, begin_ns, end_ns, times: spent } in regions.iter().copied() {
        let moment = |time: &Option<i64>| time.map_or("-".into(), seconds);
        let first = [goroutine.to_string(), task.to_string(), moment(begin_ns), moment(end_ns)];
        table.row(first.into_iter().chain(times(spent)).chain([reasons(spent)]).collect());
    }
    table
}

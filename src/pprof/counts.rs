//! Profiles that count: goroutines by their stacks, and threads.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use super::profile::{self, Builder, Stack, Types};
use super::{labels, text};
use crate::sched::dump::names::{Inner, Names};
use crate::sched::dump::{self, Printer};
use crate::sched::labels::Set;
use crate::sched::metrics;
use crate::tracer::stack_table::Site;

/// Goroutines that have the same stack, name and labels.
struct Group {
    site: Option<Site>,
    pcs: Box<[usize]>,
    name: Option<String>,
    labels: Option<Arc<Set>>,
    count: i64,
}

type Key = (usize, usize, Box<[usize]>, Option<String>, Option<Arc<Set>>);

const GOROUTINE: Types =
    Types { values: &[("goroutine", "count")], period_type: ("goroutine", "count"), period: 1 };

const THREADCREATE: Types = Types {
    values: &[("threadcreate", "count")],
    period_type: ("threadcreate", "count"),
    ..GOROUTINE
};

/// See [`super::goroutine`].
pub(super) fn goroutine(debug: u8, out: impl Write) -> io::Result<()> {
    match debug {
        0 | 1 => write("goroutine", GOROUTINE, groups(), debug, out),
        _ => dump(out),
    }
}

/// See [`super::threadcreate`].
pub(super) fn threadcreate(debug: u8, out: impl Write) -> io::Result<()> {
    let count = metrics::totals().workers as i64;
    let group = Group { site: None, pcs: Box::new([]), name: None, labels: None, count };
    write("threadcreate", THREADCREATE, vec![group], debug, out)
}

/// The goroutines, the most frequent first.
fn groups() -> Vec<Group> {
    let mut all: HashMap<Key, Group> = HashMap::new();
    dump::each(&mut |seen| {
        let site = seen.site;
        let (name, location) = (site.name as usize, std::ptr::from_ref(site.location).addr());
        let pcs = seen.pcs.unwrap_or_default();
        let group = || Group {
            site: Some(site),
            pcs: pcs.clone(),
            name: seen.name.clone(),
            labels: seen.labels.clone(),
            count: 0,
        };
        let key = (name, location, pcs.clone(), seen.name.clone(), seen.labels.clone());
        all.entry(key).or_insert_with(group).count += 1;
    });
    let mut groups: Vec<Group> = all.into_values().collect();
    groups.sort_by(|a, b| (b.count, &a.pcs).cmp(&(a.count, &b.pcs)));
    groups
}

impl Group {
    fn stack(&self) -> Stack<'_> {
        Stack { pcs: &self.pcs, site: self.site }
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        labels(self.name.as_deref(), self.labels.as_deref())
    }
}

fn write(
    kind: &str,
    types: Types,
    groups: Vec<Group>,
    debug: u8,
    mut out: impl Write,
) -> io::Result<()> {
    if debug == 0 {
        return profile::write(types, Inner::Called, move |builder| fill(builder, &groups), out);
    }
    let mut names = Names::new();
    let total: i64 = groups.iter().map(|group| group.count).sum();
    let mut text = format!("{kind} profile: total {total}\n");
    for group in &groups {
        let _ = write!(text, "{} @", group.count);
        text::put_addresses(&group.pcs, &mut text);
        let labels = group.labels();
        if !labels.is_empty() {
            let pairs: Vec<String> =
                labels.iter().map(|(key, value)| format!("{key:?}:{value:?}")).collect();
            let _ = write!(text, "\n# labels: {{{}}}", pairs.join(", "));
        }
        text.push('\n');
        text::put_frames(&mut names, group.stack(), &mut text);
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn fill(builder: &mut Builder, groups: &[Group]) {
    builder.set_now();
    for group in groups {
        builder.add(group.stack(), vec![group.count], &group.labels());
    }
}

/// Every goroutine as in the report of a panic.
fn dump(mut out: impl Write) -> io::Result<()> {
    let (mut result, mut is_first, mut text) = (Ok(()), true, String::new());
    let mut printer = Printer::new();
    dump::each(&mut |seen| {
        text.clear();
        if !std::mem::replace(&mut is_first, false) {
            text.push('\n');
        }
        printer.print(&seen, &mut text);
        if result.is_ok() {
            result = out.write_all(text.as_bytes());
        }
    });
    result?;
    text.clear();
    printer.hint(&mut text);
    out.write_all(text.as_bytes())?;
    out.flush()
}

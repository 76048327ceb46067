//! Profiles of waits: who was blocked, and who delayed others by a lock.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::profile::{self, Builder, Stack, Types};
use super::text;
use crate::sched::contention::{self, BLOCK, Kind, MUTEX};
use crate::sched::dump::names::{Inner, Names};
use crate::tracer::stack_table::Site;

const TYPES: Types = Types {
    values: &[("contentions", "count"), ("delay", "nanoseconds")],
    period_type: ("contentions", "count"),
    period: 1,
};

/// The sums of one stack.
struct Sum {
    /// `None`: of stacks for which there was no room.
    stack: Option<(Option<Site>, Box<[usize]>)>,
    count: i64,
    delay_ns: u64,
}

/// See [`super::block`].
pub(super) fn block(debug: u8, out: impl Write) -> io::Result<()> {
    write(&BLOCK, "--- contention:\ncycles/second=1000000000\n", debug, out)
}

/// See [`super::mutex`].
pub(super) fn mutex(debug: u8, out: impl Write) -> io::Result<()> {
    let fraction = contention::mutex_fraction();
    let head = format!("--- mutex:\ncycles/second=1000000000\nsampling period={fraction}\n");
    write(&MUTEX, &head, debug, out)
}

/// The longest delays first.
fn sums(kind: &Kind) -> Vec<Sum> {
    let mut sums = Vec::new();
    kind.each(|stack, count, delay_ns| {
        let stack = stack.map(|stack| (stack.site, stack.pcs.clone()));
        sums.push(Sum { stack, count: count as i64, delay_ns });
    });
    sums.sort_by_key(|sum| std::cmp::Reverse(sum.delay_ns));
    sums
}

/// The name of stacks for which there was no room.
const REST: &str = "gort::pprof::other_stacks";

fn write(kind: &Kind, head: &str, debug: u8, mut out: impl Write) -> io::Result<()> {
    if debug == 0 {
        let sums = sums(kind);
        return profile::write(TYPES, Inner::Called, move |builder| fill(builder, sums), out);
    }
    let (mut names, mut text) = (Names::new(), head.to_owned());
    for sum in sums(kind) {
        let _ = write!(text, "{} {} @", sum.delay_ns, sum.count);
        match &sum.stack {
            Some((site, pcs)) => {
                text::put_addresses(pcs, &mut text);
                text.push('\n');
                text::put_frames(&mut names, Stack { pcs, site: *site }, &mut text);
            }
            None => {
                let _ = write!(text, "\n#\t0x0\t{REST}\n\n");
            }
        }
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn fill(builder: &mut Builder, sums: Vec<Sum>) {
    builder.set_now();
    for sum in sums {
        let values = vec![sum.count, sum.delay_ns as i64];
        match &sum.stack {
            Some((site, pcs)) => builder.add(Stack { pcs, site: *site }, values, &[]),
            None => builder.add_named(REST, values),
        }
    }
}

//! The textual form of profiles: counts, addresses, and below them a line for each frame.

use std::fmt::Write as _;

use super::profile::Stack;
use crate::sched::dump::names::{Inner, Names, Placed};
use crate::tracer::symbolize::UNKNOWN;

/// Columns are as wide as their longest cell, and a multiple of this, filled up by tabs.
const TAB: usize = 8;

/// Appends ` 0x1 0x2`, the stack's addresses.
pub(super) fn put_addresses(pcs: &[usize], out: &mut String) {
    for pc in pcs {
        let _ = write!(out, " {pc:#x}");
    }
}

/// Appends a line for each frame, `#  address  function+offset  file:line`, and an empty one.
pub(super) fn put_frames(names: &mut Names, stack: Stack<'_>, out: &mut String) {
    let placed = names.stack(stack.pcs, stack.site, Inner::Called);
    let lines: Vec<[String; 3]> = placed.iter().map(|p| cells(names, stack.pcs, p)).collect();
    let width = |n: usize| {
        let longest = lines.iter().map(|line| line[n].len()).max().unwrap_or_default();
        (longest + 1).next_multiple_of(TAB)
    };
    let widths = [width(0), width(1)];
    for line in &lines {
        out.push_str("#\t");
        for (cell, width) in line.iter().zip(widths) {
            out.push_str(cell);
            (0..(width - cell.len()).div_ceil(TAB)).for_each(|_| out.push('\t'));
        }
        out.push_str(&line[2]);
        out.push('\n');
    }
    out.push('\n');
}

fn cells(names: &mut Names, pcs: &[usize], placed: &Placed) -> [String; 3] {
    let Placed { call, frame } = placed;
    let pc = call.map_or(0, |call| pcs[call]);
    let start = call.and_then(|_| names.function_start(pc)).filter(|&start| start <= pc);
    // A space would end the name, for those who read this.
    let mut function = frame.func.replace(' ', "");
    if let Some(start) = start {
        let _ = write!(function, "+{:#x}", pc - start);
    }
    let place = match &*frame.file {
        UNKNOWN => UNKNOWN.to_owned(),
        file => format!("{file}:{}", frame.line),
    };
    [format!("{pc:#x}"), function, place]
}

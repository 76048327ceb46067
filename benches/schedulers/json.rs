//! The result as JSON, one object a line.

use std::fmt::Write;

use crate::cell::Cell;
use crate::statistics::Summary;

/// One workload on one system.
pub(crate) fn line(cell: &Cell, procs: usize) -> String {
    let figure = |pick: fn(&Summary) -> f64| match &cell.summary {
        Some(summary) => format!("{:.3}", pick(summary)),
        None => "null".to_owned(),
    };
    let rss = cell.summary.and_then(|summary| summary.rss_bytes_peak);
    let fields = [
        ("workload", string(cell.workload)),
        ("system", string(cell.system)),
        ("procs", procs.to_string()),
        ("n", cell.n.to_string()),
        ("ns_per_op", figure(|summary| summary.ns_per_op)),
        ("ns_per_op_min", figure(|summary| summary.ns_per_op_min)),
        ("ns_per_op_p25", figure(|summary| summary.ns_per_op_p25)),
        ("ns_per_op_p75", figure(|summary| summary.ns_per_op_p75)),
        ("rss_bytes_peak", rss.map_or_else(|| "null".to_owned(), |bytes| bytes.to_string())),
        ("error", cell.error.as_deref().map_or_else(|| "null".to_owned(), string)),
    ];
    let fields: Vec<String> =
        fields.iter().map(|(key, value)| format!("{}:{value}", string(key))).collect();
    format!("{{{}}}", fields.join(","))
}

fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => {
                write!(quoted, "\\u{:04x}", u32::from(control)).expect("a string takes all");
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

//! The result as JSON, one object a line.

use std::fmt::Write;

use crate::cell::Cell;
use crate::statistics::Spread;

/// One workload on one system.
pub(crate) fn line(cell: &Cell, procs: usize) -> String {
    let rss = cell.summary.as_ref().and_then(|summary| summary.rss_bytes_peak);
    let mut fields = vec![
        ("workload".to_owned(), string(cell.workload.name)),
        ("system".to_owned(), string(cell.system)),
        ("procs".to_owned(), procs.to_string()),
        ("n".to_owned(), cell.n.to_string()),
    ];
    for (at, figure) in cell.workload.figures().iter().enumerate() {
        let value = |pick: fn(&Spread) -> f64| match &cell.summary {
            Some(summary) => format!("{:.3}", pick(&summary.figures[at])),
            None => "null".to_owned(),
        };
        fields.push((figure.key.to_owned(), value(|spread| spread.median)));
        fields.push((format!("{}_min", figure.key), value(|spread| spread.min)));
        fields.push((format!("{}_p25", figure.key), value(|spread| spread.p25)));
        fields.push((format!("{}_p75", figure.key), value(|spread| spread.p75)));
    }
    let rss = rss.map_or_else(|| "null".to_owned(), |bytes| bytes.to_string());
    let error = cell.error().map_or_else(|| "null".to_owned(), |error| string(&error));
    fields.extend([("rss_bytes_peak".to_owned(), rss), ("error".to_owned(), error)]);
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

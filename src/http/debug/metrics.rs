//! The runtime's figures as Prometheus reads them.

use std::fmt::{Display, Write};

use hyper::Response;

use super::answer::exposition;
use crate::http::Body;
use crate::metrics::{self, Description, Histogram, Value};

pub(super) fn page() -> Response<Body> {
    let snapshot = metrics::metrics();
    let mut out = String::new();
    for figure in metrics::all() {
        if let Some(value) = snapshot.get(figure.name) {
            write_figure(figure, value, &mut out);
        }
    }
    exposition(out)
}

fn write_figure(figure: &Description, value: &Value, out: &mut String) {
    let is_counter = figure.cumulative && matches!(value, Value::Uint64(_));
    let name = name(figure.name, is_counter);
    let kind = match value {
        Value::Histogram(_) => "histogram",
        Value::Uint64(_) if is_counter => "counter",
        Value::Uint64(_) => "gauge",
    };
    let help = figure.description.replace('\\', "\\\\").replace('\n', "\\n");
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {kind}"));
    match value {
        Value::Uint64(n) => line(out, format_args!("{name} {n}")),
        Value::Histogram(histogram) => write_histogram(&name, histogram, out),
    }
}

/// A distribution: how many values lie below each bound.
fn write_histogram(name: &str, histogram: &Histogram, out: &mut String) {
    let (mut below, mut sum) = (0, 0.0);
    for (bounds, &count) in histogram.buckets.windows(2).zip(&histogram.counts) {
        let (low, high) = (bounds[0], bounds[1]);
        below += count;
        if count != 0 {
            sum += count as f64 * middle(low, high);
        }
        if high.is_finite() {
            line(out, format_args!("{name}_bucket{{le=\"{high:?}\"}} {below}"));
        }
    }
    line(out, format_args!("{name}_bucket{{le=\"+Inf\"}} {below}"));
    // Not known exactly: as if all values lay in the middle of their buckets.
    line(out, format_args!("{name}_sum {sum:?}"));
    line(out, format_args!("{name}_count {below}"));
}

fn middle(low: f64, high: f64) -> f64 {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => f64::midpoint(low, high),
        (true, false) => low,
        (false, true) => high,
        (false, false) => 0.0,
    }
}

/// `/sched/latencies:seconds` is `gort_sched_latencies_seconds`.
fn name(path: &str, is_counter: bool) -> String {
    let own = path.trim_start_matches('/');
    let own = own.strip_prefix("gort/").unwrap_or(own);
    let own = own.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("gort_{own}{}", if is_counter { "_total" } else { "" })
}

fn line(out: &mut String, text: impl Display) {
    // A string takes all.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_prometheus() {
        assert_eq!(name("/sched/latencies:seconds", false), "gort_sched_latencies_seconds");
        assert_eq!(name("/gort/stacks/idle:bytes", false), "gort_stacks_idle_bytes");
        assert_eq!(
            name("/sched/goroutines-created:goroutines", true),
            "gort_sched_goroutines_created_goroutines_total"
        );
    }

    #[test]
    fn a_histogram_counts_upwards() {
        let counts = vec![1, 0, 2];
        let buckets = vec![0.0, 1e-6, 0.5, f64::INFINITY];
        let mut out = String::new();
        write_histogram("h", &Histogram { counts, buckets }, &mut out);
        let expected = "h_bucket{le=\"1e-6\"} 1\nh_bucket{le=\"0.5\"} 1\n\
                        h_bucket{le=\"+Inf\"} 3\nh_sum 1.0000005\nh_count 3\n";
        assert_eq!(out, expected);
    }
}

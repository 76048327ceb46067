//! Durations as one reads them.

/// Nanoseconds as a number of up to four digits and a unit.
pub(crate) fn text(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    let Some((size, unit)) = units.into_iter().find(|(size, _)| ns >= *size) else {
        return format!("{sign}{ns}ns");
    };
    let value = ns as f64 / size as f64;
    let decimals = match value {
        ..10.0 => 3,
        10.0..100.0 => 2,
        100.0..1000.0 => 1,
        _ => 0,
    };
    format!("{sign}{value:.decimals$}{unit}")
}

/// Nanoseconds as seconds with all decimals.
pub(crate) fn seconds(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (ns, expected) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.000µs"),
            (12_345, "12.35µs"),
            (-123_456_789, "-123.5ms"),
            (1_500_000_000, "1.500s"),
            (12_345_600_000_000, "12346s"),
        ] {
            assert_eq!(text(ns), expected);
        }
        assert_eq!(seconds(-1_000_000_002), "-1.000000002");
        assert_eq!(seconds(12), "0.000000012");
    }
}

//! The parameters of a request.

use std::time::Duration;

/// What stands behind the `?`.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn new(query: Option<&str>) -> Query {
        let parts = query.unwrap_or_default().split('&').filter(|part| !part.contains(';'));
        let pairs = parts.filter_map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(name)?, decode(value)?))
        });
        Query { pairs: pairs.collect() }
    }

    /// The first value of this name; empty without one.
    pub(super) fn value(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The level of text that is wanted, 0 for none. As in Go, what is no number is 0.
    pub(super) fn debug(&self) -> i64 {
        self.value("debug").parse().unwrap_or(0)
    }

    /// So many seconds, fractions too, or `default` where it says nothing useful.
    pub(super) fn seconds(&self, default: Duration) -> Duration {
        match self.value("seconds").parse::<f64>() {
            Ok(seconds) if seconds > 0.0 => {
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
            _ => default,
        }
    }

    /// So many whole seconds, or `default` where it says nothing useful.
    pub(super) fn whole_seconds(&self, default: Duration) -> Duration {
        match self.value("seconds").parse::<i64>() {
            Ok(seconds @ 1..) => Duration::from_secs(seconds.unsigned_abs()),
            _ => default,
        }
    }
}

/// Undoes the escapes of a URL. `None`: they are wrong, and the pair does not count.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                is_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten()?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Duration = Duration::from_secs(7);

    #[test]
    fn parameters_are_found_and_decoded() {
        let query = Query::new(Some("a=1&b=%20x+y&a=2&c&bad=%2&%64ebug=2&d=%e4&e=1;2"));
        assert_eq!(query.value("a"), "1");
        assert_eq!(query.value("b"), " x y");
        for name in ["c", "bad", "none", "d", "e"] {
            assert_eq!(query.value(name), "", "{name}");
        }
        assert_eq!(query.debug(), 2);
        assert_eq!(Query::new(None).debug(), 0);
    }

    #[test]
    fn seconds_are_what_go_takes_them_for() {
        let seconds = |text: &str| Query::new(Some(&format!("seconds={text}"))).seconds(DEFAULT);
        for (text, milliseconds) in [("2", 2000), ("0.25", 250), ("1e-3", 1), ("%32", 2000)] {
            assert_eq!(seconds(text), Duration::from_millis(milliseconds));
        }
        for text in ["", "0", "-1", "x", "NaN", "-inf"] {
            assert_eq!(seconds(text), DEFAULT, "{text}");
        }
        assert_eq!(seconds("inf"), Duration::MAX);
        assert_eq!(seconds("1e300"), Duration::MAX);
        let whole =
            |text: &str| Query::new(Some(&format!("seconds={text}"))).whole_seconds(DEFAULT);
        assert_eq!(whole("2"), Duration::from_secs(2));
        for text in ["", "0", "-1", "0.5", "x"] {
            assert_eq!(whole(text), DEFAULT, "{text}");
        }
    }
}

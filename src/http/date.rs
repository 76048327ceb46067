//! The `Date` header, written anew once a second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::HeaderValue;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The last header that a connection sent.
///
/// hyper can write the header too, from a thread-local. But the service may block where it is
/// called, in the middle of hyper's code, which then goes on on another thread.
#[derive(Default)]
pub(super) struct DateCache {
    last: Option<(u64, HeaderValue)>,
}

impl DateCache {
    /// The header of now.
    pub(super) fn now(&mut self) -> HeaderValue {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_s = since.unwrap_or(Duration::ZERO).as_secs();
        match &self.last {
            Some((last_s, value)) if *last_s == now_s => value.clone(),
            _ => {
                let value = HeaderValue::try_from(date(now_s)).expect("a date is ASCII");
                self.last.insert((now_s, value)).1.clone()
            }
        }
    }
}

/// A moment in the form of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let (year, month, day) = civil(days);
    let week_day = DAYS[(days % 7) as usize];
    let month = MONTHS[month as usize - 1];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{week_day}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Year, month and day after so many days since 1970: Howard Hinnant's `civil_from_days`, for
/// years that begin in March, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, turn) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + turn, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // As `date -u -R -d @SECONDS` prints them.
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(951_782_399), "Mon, 28 Feb 2000 23:59:59 GMT");
        assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(date(951_868_800), "Wed, 01 Mar 2000 00:00:00 GMT");
        assert_eq!(date(4_107_542_399), "Sun, 28 Feb 2100 23:59:59 GMT");
        assert_eq!(date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
    }

    #[test]
    fn a_date_is_kept_within_its_second() {
        let mut cache = DateCache { last: Some((1, HeaderValue::from_static("old"))) };
        let now = cache.now();
        assert_ne!(now, "old");
        assert!(cache.last.is_some_and(|(_, value)| value == now));
    }
}

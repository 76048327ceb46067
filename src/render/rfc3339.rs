//! Moments of the wall clock as text.

use std::fmt::Write;

const DAY_S: i128 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const CYCLE_DAYS: i128 = 146_097;
/// From 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: i128 = 719_468;

/// A moment as RFC 3339 has it, in local time: with as many decimals as it takes.
///
/// Far from now it is what the rules of today's calendar make of it.
pub(crate) fn text(wall_s: i64, wall_ns: i64, utc_offset_s: i32) -> String {
    let carried = i128::from(wall_s) + i128::from(wall_ns.div_euclid(1_000_000_000));
    let local_s = carried + i128::from(utc_offset_s);
    let (year, month, day) = date(local_s.div_euclid(DAY_S));
    let second = local_s.rem_euclid(DAY_S);
    let sign = if year < 0 { "-" } else { "" };
    let mut text = format!("{sign}{:04}-{month:02}-{day:02}T", year.abs());
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let _ = write!(text, "{hour:02}:{minute:02}:{:02}", second % 60);
    decimals(&mut text, wall_ns.rem_euclid(1_000_000_000));
    zone(&mut text, utc_offset_s);
    text
}

fn decimals(text: &mut String, ns: i64) {
    if ns != 0 {
        let decimals = format!(".{ns:09}");
        text.push_str(decimals.trim_end_matches('0'));
    }
}

fn zone(text: &mut String, utc_offset_s: i32) {
    if utc_offset_s == 0 {
        return text.push('Z');
    }
    let minutes = utc_offset_s / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let _ = write!(text, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
}

/// Year, month and day of a day since 1970.
///
/// In years that begin in March the leap day comes last, and the months' lengths repeat every five:
/// 153 days, as Howard Hinnant's `chrono`-compatible algorithms for dates have it.
fn date(since_1970: i128) -> (i128, i128, i128) {
    let days = since_1970 + EPOCH_DAYS;
    let (cycle, of_cycle) = (days.div_euclid(CYCLE_DAYS), days.rem_euclid(CYCLE_DAYS));
    let of_years = of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / (CYCLE_DAYS - 1);
    let year = of_years / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (400 * cycle + year + i128::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (wall_s, wall_ns, offset_s, expected) in [
            (0, 0, 0, "1970-01-01T00:00:00Z"),
            (-1, 999_999_999, 0, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400, 500_000_000, 3600, "2000-02-29T01:00:00.5+01:00"),
            (1_795_844_158, 75_173_242, -12_600, "2026-11-28T02:05:58.075173242-03:30"),
            (4_107_542_400, 10, 0, "2100-03-01T00:00:00.00000001Z"),
            (253_402_300_800, 0, 0, "10000-01-01T00:00:00Z"),
            (0, 1_000_000_001, 0, "1970-01-01T00:00:01.000000001Z"),
        ] {
            assert_eq!(text(wall_s, wall_ns, offset_s), expected);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date(-1_000_000);
        for day in -999_999..1_000_000 {
            let next = date(day);
            let (year, month, first) = before;
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let length = match month {
                2 => 28 + i128::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match (first == length, month == 12) {
                (false, _) => (year, month, first + 1),
                (true, false) => (year, month + 1, 1),
                (true, true) => (year + 1, 1, 1),
            };
            assert_eq!(next, expected);
            before = next;
        }
    }
}

//! Who ran where, as text.

use super::duration::{seconds, text as ns};
use super::report::{Detail, Report};
use super::table::{Style, Table};
use crate::analysis::{Timeline, TimelineStay, Timelines};

/// How many columns a row has.
const COLUMNS: usize = 64;
/// From idle to busy.
const SHADES: [char; 6] = [' ', '.', ':', '=', '*', '#'];
/// So many of the longest stays are shown.
const LONGEST: usize = 10;

impl Report for Timelines {
    fn text(&self, _: &Detail, style: Style) -> String {
        let (from, to) = (seconds(self.from_ns), seconds(self.to_ns));
        let mut text = format!(
            "{}, from {from} to {to}, a column is {}\n",
            ns(self.duration_ns),
            ns(self.lasts_ns() / COLUMNS as i64)
        );
        for (kind, rows) in [("processor", &self.procs), ("thread", &self.threads)] {
            text += &format!("\n{}", self.rows(kind, rows).text(style));
        }
        text + "\n" + &self.longest().text(style)
    }
}

impl Timelines {
    fn lasts_ns(&self) -> i64 {
        self.to_ns.saturating_sub(self.from_ns).max(1)
    }

    fn rows(&self, kind: &str, rows: &[Timeline]) -> Table {
        let mut table = Table::new(&[kind, "stays", "running", "share", "over time"]);
        for row in rows {
            let stays: u64 = row.stays.iter().map(|stay| stay.count).sum();
            let share = 100.0 * row.busy_ns as f64 / self.lasts_ns() as f64;
            let cells = [row.id.to_string(), stays.to_string(), ns(row.busy_ns)];
            let mut cells = cells.to_vec();
            cells.extend([format!("{share:.1}%"), format!("|{}|", self.shades(row))]);
            table.row(cells);
        }
        table
    }

    /// A character for each column, by the share of it that was busy.
    fn shades(&self, row: &Timeline) -> String {
        let mut busy = [0.0; COLUMNS];
        row.stays.iter().for_each(|stay| self.spread(stay, &mut busy));
        let shade = |share: f64| match share {
            share if share <= 0.0 => SHADES[0],
            share => SHADES[1 + (share * (SHADES.len() - 1) as f64).min(4.0) as usize],
        };
        busy.into_iter().map(shade).collect()
    }

    /// Adds the shares of the columns that a stay took.
    fn spread(&self, stay: &TimelineStay, busy: &mut [f64; COLUMNS]) {
        let column = |time_ns: i64| {
            (time_ns - self.from_ns) as f64 * COLUMNS as f64 / self.lasts_ns() as f64
        };
        let (begin, end) = (column(stay.begin_ns), column(stay.end_ns));
        let share = stay.busy_ns as f64 / (stay.end_ns - stay.begin_ns).max(1) as f64;
        let (first, last) = (begin as usize, end.ceil() as usize);
        for (n, busy) in busy.iter_mut().enumerate().take(last).skip(first) {
            *busy += share * (end.min(n as f64 + 1.0) - begin.max(n as f64));
        }
    }

    fn longest(&self) -> Table {
        let of_row = |row: &'_ Timeline| row.stays.iter().map(|stay| (*stay, row.id)).collect();
        let mut stays: Vec<(TimelineStay, i64)> =
            self.procs.iter().flat_map(|row| -> Vec<_> { of_row(row) }).collect();
        stays.sort_by_key(|(stay, proc)| (-stay.longest_ns, stay.begin_ns, *proc));
        let mut table =
            Table::new(&["longest", "from", "to", "processor", "goroutine", "function"]);
        for (stay, proc) in stays.iter().take(LONGEST) {
            let (from, to) = (seconds(stay.begin_ns), seconds(stay.end_ns));
            let cells = [ns(stay.longest_ns), from, to, proc.to_string()];
            let mut cells = cells.to_vec();
            let function = self.function(stay.goroutine).to_owned();
            cells.extend([stay.goroutine.to_string(), function]);
            table.row(cells);
        }
        table
    }
}

//! Tables for terminals.

use std::fmt::Write;

use super::clean;

/// Between columns.
const GAP: &str = "  ";
/// The codes that begin and end bold text.
const BOLD: [&str; 2] = ["\x1b[1m", "\x1b[0m"];

/// Whether what is shown has colours and the like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Text and nothing else.
    #[default]
    Plain,
    /// With the codes of terminals.
    Terminal,
}

impl Style {
    /// A text that stands out.
    pub(crate) fn bold(self, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Terminal => format!("{}{text}{}", BOLD[0], BOLD[1]),
        }
    }
}

/// Rows of cells, the first of which has the names of the columns. The last column is text, the others
/// are numbers.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Table {
        Table { rows: vec![columns.iter().map(|name| (*name).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| clean::text(cell)).collect());
    }

    /// The rows as lines.
    pub(crate) fn text(&self, style: Style) -> String {
        let columns = self.rows[0].len();
        let longest = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(longest).collect();
        let mut text = String::new();
        for (n, row) in self.rows.iter().enumerate() {
            let (last, numbers) = row.split_last().expect("a table has columns");
            let mut line = String::new();
            for (cell, width) in numbers.iter().zip(&widths) {
                let _ = write!(line, "{cell:>width$}{GAP}");
            }
            line += last;
            let line = line.trim_end();
            text += &if n == 0 { style.bold(line) } else { line.to_owned() };
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        let mut table = Table::new(&["n", "time", "name"]);
        table.row(["1", "12.35µs", "é\x1b[31m\u{202e}"].map(str::to_owned).to_vec());
        table.row(["1000", "1s", ""].map(str::to_owned).to_vec());
        let text = table.text(Style::Plain);
        assert_eq!(
            text,
            "   n     time  name\n   1  12.35µs  é\u{fffd}[31m\u{fffd}\n1000       1s\n"
        );
        assert!(table.text(Style::Terminal).starts_with("\x1b[1m   n"));
    }
}

//! The result as a table: a row a workload, a column a system.

use crate::cell::Cell;
use crate::statistics::Summary;
use crate::system::System;

/// The table, printed as it comes.
pub(crate) struct Table {
    /// Whether both sides of Go/gort are there.
    has_ratio: bool,
    /// Systems without a program.
    absent: Vec<&'static str>,
    notes: Vec<String>,
}

impl Table {
    /// Prints the head.
    pub(crate) fn begin(systems: &[System], procs: usize) -> Table {
        let has = |name| systems.iter().any(|system| system.name == name);
        let has_ratio = has("go") && has("gort");
        println!("ns per operation, median of the rounds, GOMAXPROCS={procs}");
        let mut names: Vec<_> = systems.iter().map(|system| system.name.to_owned()).collect();
        names.extend(has_ratio.then(|| "go/gort".to_owned()));
        print_row("", &names);
        let missing = |system: &System| Some((system.name, system.program.clone().err()?));
        let (absent, notes) = systems
            .iter()
            .filter_map(missing)
            .map(|(name, error)| (name, format!("{name}: {error}")))
            .unzip();
        Table { has_ratio, absent, notes }
    }

    /// Prints the row of a workload.
    pub(crate) fn row(&mut self, cells: &[Cell]) {
        self.print(cells[0].workload, cells, |summary, _| Some(summary.ns_per_op));
        for cell in cells.iter().filter(|cell| !self.absent.contains(&cell.system)) {
            let note = |error| format!("{} on {}: {error}", cell.workload, cell.system);
            self.notes.extend(cell.error.as_ref().map(note));
        }
    }

    /// Prints a second row: how much memory each goroutine takes.
    pub(crate) fn memory_row(&self, cells: &[Cell]) {
        self.print("  bytes per goroutine", cells, |summary, n| {
            Some(summary.rss_bytes_peak? as f64 / n as f64)
        });
    }

    fn print(&self, head: &str, cells: &[Cell], pick: fn(&Summary, u64) -> Option<f64>) {
        let value = |cell: &Cell| pick(cell.summary.as_ref()?, cell.n);
        let mut columns: Vec<_> =
            cells.iter().map(|cell| number(value(cell), cell.error.is_some())).collect();
        if self.has_ratio {
            let of = |name| cells.iter().find(|cell| cell.system == name).and_then(value);
            let ratio = of("go").zip(of("gort")).map(|(go, gort)| format!("{:.2}", go / gort));
            columns.push(ratio.unwrap_or_else(|| "-".to_owned()));
        }
        print_row(head, &columns);
    }

    /// Prints what went wrong.
    pub(crate) fn end(self) {
        if !self.notes.is_empty() {
            println!("\n(!)");
        }
        for note in self.notes {
            println!("{note}");
        }
    }
}

fn number(value: Option<f64>, failed: bool) -> String {
    let mark = if failed { "(!)" } else { "" };
    match value {
        Some(value) if value < 100.0 => format!("{mark}{value:.1}"),
        Some(value) => format!("{mark}{value:.0}"),
        None if failed => mark.to_owned(),
        None => "-".to_owned(),
    }
}

fn print_row(head: &str, columns: &[String]) {
    let columns: String = columns.iter().map(|column| format!("{column:>11}")).collect();
    println!("{head:<22}{columns}");
}

//! The result as a table: a row a workload, a column a system.

use crate::cell::Cell;
use crate::measure::Unit;
use crate::system::{self, System};

/// The table, printed as it comes.
pub(crate) struct Table {
    /// Whether both sides of Go/gort are there.
    has_ratio: bool,
    /// And whether both are there traced, or recorded, as well: what they are called then.
    added: Option<[&'static str; 2]>,
    /// Systems without a program.
    absent: Vec<&'static str>,
    notes: Vec<String>,
}

impl Table {
    /// Prints the head.
    pub(crate) fn begin(systems: &[System], procs: usize) -> Table {
        let has = |name| systems.iter().any(|system| system.name == name);
        let has_ratio = has("go") && has("gort");
        println!("ns per operation or as said, median of the rounds, GOMAXPROCS={procs}");
        let mut names: Vec<_> = systems.iter().map(|system| system.name.to_owned()).collect();
        names.extend(has_ratio.then(|| "go/gort".to_owned()));
        let pairs = system::TRACED.as_chunks().0.iter().copied();
        let added = pairs.filter(|_| has_ratio).find(|pair: &[_; 2]| pair.iter().all(|n| has(n)));
        names.extend(added.map(|_| "added".to_owned()));
        print_row("", &names);
        let missing = |system: &System| Some((system.name, system.program.clone().err()?));
        let (absent, notes) = systems
            .iter()
            .filter_map(missing)
            .map(|(name, error)| (name, format!("{name}: {error}")))
            .unzip();
        Table { has_ratio, added, absent, notes }
    }

    /// Prints the rows of a workload: one for each of its figures.
    pub(crate) fn rows(&mut self, cells: &[Cell]) {
        let workload = cells[0].workload;
        for (at, figure) in workload.figures().iter().enumerate() {
            let head = if figure.head.is_empty() { workload.name } else { figure.head };
            let pick = |cell: &Cell| Some(cell.summary.as_ref()?.figures[at].median);
            self.print(head, cells, figure.unit, pick);
        }
        for cell in cells.iter().filter(|cell| !self.absent.contains(&cell.system)) {
            let note = |error| format!("{} on {}: {error}", workload.name, cell.system);
            self.notes.extend(cell.error().map(note));
        }
        if workload.is_about_memory() {
            self.memory_row(cells);
        }
    }

    /// Prints how much memory each goroutine takes.
    fn memory_row(&self, cells: &[Cell]) {
        self.print("  bytes per goroutine", cells, Unit::NsPerOp, Cell::bytes_per_goroutine);
    }

    fn print(&self, head: &str, cells: &[Cell], unit: Unit, value: impl Fn(&Cell) -> Option<f64>) {
        let mut columns: Vec<_> =
            cells.iter().map(|cell| number(value(cell), unit, cell)).collect();
        if self.has_ratio {
            let of = |name| cells.iter().find(|cell| cell.system == name).and_then(&value);
            let ratio = of("go").zip(of("gort")).map(|(go, gort)| unit.worse(go, gort));
            columns.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
        }
        if let Some([gort, go]) = self.added {
            // What a trace adds on gort, as a part of what it adds on Go.
            let of = |name| cells.iter().find(|cell| cell.system == name).and_then(&value);
            let added = |traced, plain| Some(of(traced)? - of(plain)?);
            let part = added(gort, "gort").zip(added(go, "go"));
            let part = part.map(|(gort, go)| format!("{:.2}", gort / go));
            columns.push(part.unwrap_or_else(|| "-".to_owned()));
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

/// A cell's figure in words.
pub(crate) fn number(value: Option<f64>, unit: Unit, cell: &Cell) -> String {
    let mark = match &cell.failure {
        Some(_) if cell.is_starved() => "starved",
        Some(_) => "(!)",
        None => "",
    };
    match value {
        Some(value) if unit == Unit::Percent => format!("{mark}{value:.1}%"),
        Some(value) if value < 100.0 => format!("{mark}{value:.1}"),
        Some(value) => format!("{mark}{value:.0}"),
        None if mark.is_empty() => "-".to_owned(),
        None => mark.to_owned(),
    }
}

fn print_row(head: &str, columns: &[String]) {
    let columns: String = columns.iter().map(|column| format!("{column:>11}")).collect();
    println!("{head:<22}{columns}");
}

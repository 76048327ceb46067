//! The result as a table of a document.

use crate::cell::Cell;
use crate::measure::Figure;
use crate::statistics::Spread;
use crate::table;

/// How much of what a failing system says is shown.
const NOTE_CHARS: usize = 160;

const END: &str = "<!-- end -->";

/// The document `old`, or a new one, with the table in its place.
pub(crate) fn document(old: Option<&str>, procs: usize, table: &str) -> Result<String, String> {
    let begin = format!("<!-- schedulers GOMAXPROCS={procs} -->");
    let Some(old) = old else {
        return Ok(format!("{begin}\n{table}{END}\n"));
    };
    let lacks = |what: &str| format!("there is no line {what}");
    let (before, rest) = old.split_once(&begin).ok_or_else(|| lacks(&begin))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| lacks(END))?;
    Ok(format!("{before}{begin}\n{table}{END}{after}"))
}

/// The rows with their circumstances above.
pub(crate) fn table(rows: &[Vec<Cell>], circumstances: &str) -> String {
    let systems: Vec<&str> = rows[0].iter().map(|cell| cell.system).collect();
    let mut heads = vec![String::new()];
    heads.extend(systems.iter().map(|system| (*system).to_owned()));
    heads.extend(["go/gort", "best peer/gort", "gort's quartiles", "Go's"].map(str::to_owned));
    let mut lines = vec![format!("{circumstances}.\n"), line(&heads)];
    lines.push(format!("| --- |{}", " ---: |".repeat(heads.len() - 1)));
    lines.extend(rows.iter().flat_map(|cells| rows_of(cells)));
    lines.extend(notes(rows));
    lines.join("\n") + "\n"
}

fn rows_of(cells: &[Cell]) -> Vec<String> {
    let figures = cells[0].workload.figures().iter().enumerate();
    let mut lines: Vec<String> = figures.map(|(at, figure)| row(cells, at, figure)).collect();
    if cells[0].workload.is_about_memory() {
        lines.push(memory_row(cells));
    }
    lines
}

fn row(cells: &[Cell], at: usize, figure: &Figure) -> String {
    let name = cells[0].workload.name;
    let head = if figure.head.is_empty() {
        format!("`{name}`")
    } else {
        format!("– {}", figure.head.trim_start())
    };
    let spread = |cell: &Cell| Some(cell.summary.as_ref()?.figures[at]);
    let median = |cell: &Cell| Some(spread(cell)?.median);
    let of = |system| cells.iter().find(|cell| cell.system == system);
    let gort = of("gort").and_then(median);
    let worse = |cell: &Cell| Some(figure.unit.worse(median(cell)?, gort?));
    let ratio = |ratio: f64| format!("{ratio:.2}");
    let mut columns = vec![head];
    columns.extend(cells.iter().map(|cell| table::number(median(cell), figure.unit, cell)));
    columns.push(of("go").and_then(worse).map_or_else(nothing, ratio));
    let peers = cells.iter().filter(|cell| cell.is_of_a_peer());
    let best = peers.filter_map(|peer| Some((worse(peer)?, peer.system)));
    let best = best.min_by(|(one, _), (other, _)| one.total_cmp(other));
    columns.push(best.map_or_else(nothing, |(worse, peer)| format!("{worse:.2} {peer}")));
    let quartiles = |cell: &Cell| {
        let Spread { p25, p75, .. } = spread(cell)?;
        let [p25, p75] = [p25, p75].map(|value| table::number(Some(value), figure.unit, cell));
        Some(format!("{p25} – {p75}"))
    };
    let both = ["gort", "go"].map(|system| of(system).and_then(quartiles));
    columns.extend(both.map(Option::unwrap_or_default));
    line(&columns)
}

fn memory_row(cells: &[Cell]) -> String {
    let bytes = |cell: &Cell| {
        let bytes = cell.bytes_per_goroutine();
        bytes.map_or_else(nothing, |bytes| format!("{bytes:.0}"))
    };
    let mut columns = vec!["– bytes per goroutine".to_owned()];
    columns.extend(cells.iter().map(bytes));
    columns.extend(std::iter::repeat_n(String::new(), 4));
    line(&columns)
}

/// Why there are no figures.
fn notes(rows: &[Vec<Cell>]) -> Vec<String> {
    let note = |cell: &Cell| {
        let error = presentable(&cell.error()?);
        Some(format!("- `{}` on {}: {error}", cell.workload.name, cell.system))
    };
    let notes: Vec<String> = rows.iter().flatten().filter_map(note).collect();
    if notes.is_empty() { notes } else { [vec![String::new()], notes].concat() }
}

/// What was said, in one code span, without the folders of this machine.
fn presentable(error: &str) -> String {
    let file = |word: &str| match word.starts_with('/') {
        true => word.rsplit('/').next().unwrap_or_default().to_owned(),
        false => word.to_owned(),
    };
    let words: Vec<String> = error.replace('`', "'").split_whitespace().map(file).collect();
    let text: String = words.join(" ").chars().take(NOTE_CHARS).collect();
    format!("`{}`", text.trim_end())
}

fn nothing() -> String {
    "–".to_owned()
}

fn line(columns: &[String]) -> String {
    format!("| {} |", columns.join(" | "))
}

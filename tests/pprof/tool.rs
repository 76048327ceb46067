//! Go's own `go tool pprof`, and what it says of a profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::Go;

/// Finds Go, or says that `what` is skipped.
pub(crate) fn find(what: &str) -> Option<Pprof> {
    Go::find(what).map(Pprof)
}

/// The tool.
pub(crate) struct Pprof(Go);

/// A line of `-top`: what a function has itself, and with all it calls, in the table's unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Row {
    pub(crate) flat: f64,
    pub(crate) cum: f64,
    /// In percent of the whole.
    pub(crate) cum_percent: f64,
}

impl Pprof {
    /// What the tool prints with these arguments.
    pub(crate) fn run(&self, arguments: &[&str], profile: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("profile");
        fs::write(&file, profile).unwrap();
        let output = self.command(folder.path()).args(arguments).arg(&file).output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "go tool pprof {arguments:?}:\n{err}");
        assert!(!err.contains("rror") && !err.contains("malformed"), "{arguments:?}:\n{err}");
        out
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = self.0.command();
        command.args(["tool", "pprof", "-symbolize=none"]).env("PPROF_TMPDIR", folder);
        command
    }

    /// The table of functions, by name, of the last type of value or of the one that is named.
    pub(crate) fn top(&self, arguments: &[&str], profile: &[u8]) -> BTreeMap<String, Row> {
        let all = ["-top", "-nodecount=10000", "-nodefraction=0", "-edgefraction=0"];
        let text = self.run(&[&all, arguments].concat(), profile);
        let head = text.lines().position(|line| line.trim_start().starts_with("flat  flat%"));
        let rows = text.lines().skip(head.unwrap_or_else(|| panic!("no table:\n{text}")) + 1);
        rows.map(|line| row(line).unwrap_or_else(|| panic!("{line:?} in:\n{text}"))).collect()
    }
}

fn row(line: &str) -> Option<(String, Row)> {
    let mut words = line.split_whitespace();
    let mut next = || words.next();
    let (flat, _, _, cum, percent) = (next()?, next()?, next()?, next()?, next()?);
    let row = Row {
        flat: number(flat)?,
        cum: number(cum)?,
        cum_percent: percent.strip_suffix('%')?.parse().ok()?,
    };
    let name: Vec<&str> = words.take_while(|word| *word != "(inline)").collect();
    Some((name.join(" "), row))
}

/// As in `1.50s`, `20ms` or `3`: in seconds, or as it is.
fn number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let value: f64 = text[..end].parse().ok()?;
    let unit = match &text[end..] {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        "mins" => 60.0,
        "hrs" => 3600.0,
        _ => return None,
    };
    Some(value * unit)
}

/// The sum of the rows whose names contain `part`; they must not call each other.
pub(crate) fn sum(table: &BTreeMap<String, Row>, part: &str) -> Row {
    let rows: Vec<Row> =
        table.iter().filter(|(name, _)| name.contains(part)).map(|(_, row)| *row).collect();
    assert!(!rows.is_empty(), "{part} is not in {table:#?}");
    let sum = |of: fn(&Row) -> f64| rows.iter().map(of).sum();
    Row { flat: sum(|r| r.flat), cum: sum(|r| r.cum), cum_percent: sum(|r| r.cum_percent) }
}

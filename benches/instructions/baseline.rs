//! Counts, as they are kept in the tree, and what is a regression.

use std::fmt::{self, Write};

/// What a path may take more than the baseline says, in percent.
const TOLERANCE_PERCENT: f64 = 5.0;

/// Begins the line that says of which build the counts are.
const BUILD: &str = "build: ";

const ACCEPT: &str = "cargo bench --bench instructions -- --accept";

/// Instructions an operation, of each path.
#[derive(Debug, PartialEq)]
pub(crate) struct Counts {
    /// The compiler and whatever else they depend on.
    build: String,
    paths: Vec<(String, f64)>,
}

impl Counts {
    pub(crate) fn new(build: String) -> Counts {
        Counts { build, paths: Vec::new() }
    }

    /// What [`Counts::fmt`] wrote.
    pub(crate) fn parse(text: &str) -> Result<Counts, String> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let build = lines.next().and_then(|line| line.strip_prefix(BUILD));
        let mut counts = Counts::new(build.ok_or("the first line does not name the build")?.into());
        for line in lines {
            let path = line.rsplit_once(": ");
            let path = path.and_then(|(path, count)| Some((path, count.parse().ok()?)));
            let (path, count) = path.ok_or_else(|| format!("not a path and a count: {line:?}"))?;
            counts.push(path, count);
        }
        Ok(counts)
    }

    pub(crate) fn push(&mut self, path: &str, count: f64) {
        self.paths.push((path.to_owned(), count));
    }

    pub(crate) fn get(&self, path: &str) -> Option<f64> {
        self.paths.iter().find(|(known, _)| known == path).map(|(_, count)| *count)
    }

    /// Why the counts of this build cannot be compared with these.
    pub(crate) fn unfit_for(&self, build: &str) -> Option<String> {
        let why = || {
            format!(
                "the baseline is of another build\n  baseline: {}\n  this one: {build}\n  \
                 `{ACCEPT}` counts for this one",
                self.build
            )
        };
        (self.build != build).then(why)
    }

    /// All counts beside those of the baseline, `self`.
    pub(crate) fn table(&self, counts: &Counts) -> String {
        let mut table = format!("instructions an operation; {}\n", self.build);
        let mut row = |path: &str, columns: [String; 3]| {
            let [before, now, more] = columns;
            writeln!(table, "{path:<22}{before:>11}{now:>11}{more:>11}").expect("a string grows");
        };
        row("", ["baseline", "now", "more"].map(str::to_owned));
        for (path, now) in &counts.paths {
            let before = self.get(path);
            let more = before.map(|before| format!("{:+.1}%", more_percent(before, *now)));
            let before = before.map(|before| format!("{before:.1}"));
            let [before, more] = [before, more].map(|text| text.unwrap_or_else(|| "-".to_owned()));
            row(path, [before, format!("{now:.1}"), more]);
        }
        table
    }

    /// What is worse than in the baseline, `self`, and what the two do not have in common, in words
    /// that say what to do about it.
    pub(crate) fn complaints(&self, counts: &Counts) -> Vec<String> {
        let regressions = counts.paths.iter().filter_map(|(path, now)| match self.get(path) {
            None => Some(format!("`{path}`: the baseline does not have it")),
            Some(before) if more_percent(before, *now) > TOLERANCE_PERCENT => Some(format!(
                "`{path}`: {now:.1} instructions an operation, {:.1} % more than the baseline's \
                 {before:.1}; {TOLERANCE_PERCENT} % are allowed",
                more_percent(before, *now)
            )),
            Some(_) => None,
        });
        let gone = self.paths.iter().filter(|(path, _)| counts.get(path).is_none());
        let gone = gone.map(|(path, _)| format!("`{path}`: only the baseline has it"));
        let mut complaints: Vec<String> = regressions.chain(gone).collect();
        if !complaints.is_empty() {
            complaints.push(format!(
                "Where that is as it should be, make the new counts the baseline with\n    \
                 {ACCEPT}\nand say in the commit what they are for."
            ));
        }
        complaints
    }
}

impl Counts {
    /// Where so much is gained that the baseline, `self`, no longer holds it: no complaint.
    pub(crate) fn advice(&self, counts: &Counts) -> Option<String> {
        let gained = |(path, now): &&(String, f64)| {
            self.get(path).is_some_and(|before| more_percent(before, *now) < -TOLERANCE_PERCENT)
        };
        let paths: Vec<String> =
            counts.paths.iter().filter(gained).map(|(path, _)| format!("`{path}`")).collect();
        let advice = || format!("Less than before: {}. `{ACCEPT}` keeps it.", paths.join(", "));
        (!paths.is_empty()).then(advice)
    }
}

fn more_percent(before: f64, now: f64) -> f64 {
    (now / before - 1.0) * 100.0
}

/// As it is kept in the tree.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Instructions an operation, by `{ACCEPT}`.")?;
        writeln!(f, "{BUILD}{}", self.build)?;
        self.paths.iter().try_for_each(|(path, count)| writeln!(f, "{path}: {count:.1}"))
    }
}

//! Sizes: files and functions that one can take in.

use crate::tree::{self, Source};

const FILE_LINES: usize = 700;
const FUNCTION_LINES: usize = 25;
/// The share of functions, in percent, that are no longer than that.
const SHORT_PERCENT: usize = 90;

#[test]
fn files_are_short() {
    let long = tree::all().into_iter().filter(|s| s.is_rust());
    let long = long.map(|s| (s.text.lines().count(), s.path)).filter(|(n, _)| *n > FILE_LINES);
    tree::expect_none("too long", long.map(|(n, path)| format!("{path}: {n} lines")).collect());
}

#[test]
fn functions_are_short() {
    let lengths: Vec<_> = tree::rust("src/").iter().flat_map(function_lengths).collect();
    let short = lengths.iter().filter(|(_, n)| *n <= FUNCTION_LINES).count();
    let share = 100 * short / lengths.len();
    let mut longest = lengths.clone();
    longest.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    longest.truncate(10);
    assert!(lengths.len() > 300, "the functions were not found");
    assert!(share >= SHORT_PERCENT, "{share} % are short; the longest: {longest:#?}");
}

/// Name and number of lines of each function, from its head to its closing brace.
fn function_lengths(source: &Source) -> Vec<(String, usize)> {
    let lines: Vec<_> = source.code().collect();
    let mut lengths = Vec::new();
    for (at, (n, line)) in lines.iter().enumerate() {
        let head = line.trim_start();
        let words: Vec<_> = head.split([' ', '<', '(']).collect();
        let Some(name) = words.iter().position(|w| *w == "fn").and_then(|i| words.get(i + 1))
        else {
            continue;
        };
        let indent = line.len() - head.len();
        let close = format!("{}}}", " ".repeat(indent));
        let end = lines[at..].iter().find(|(_, l)| l.trim_end() == close);
        let one_line = line.trim_end().ends_with(['}', ';']);
        if let Some((end, _)) = end.filter(|_| !one_line) {
            lengths.push((format!("{}::{name}", source.path), end - n + 1));
        }
    }
    lengths
}

#[test]
fn lines_have_no_trailing_space() {
    let mut complaints = Vec::new();
    for source in tree::all() {
        for (n, line) in source.lines() {
            if line.ends_with([' ', '\t']) {
                complaints.push(format!("{}:{n}", source.path));
            }
        }
    }
    tree::expect_none("trailing space", complaints);
}

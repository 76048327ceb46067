//! What has to be explained, and what must not be said.

use crate::tree::{self, Source};

/// How far above its subject a comment may begin.
const REACH: usize = 8;

fn is_explained(source: &Source, line: usize, mark: &str) -> bool {
    let before = source.text.lines().take(line).collect::<Vec<_>>();
    before.iter().rev().take(REACH).any(|l| l.contains(mark))
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    let mut complaints = Vec::new();
    for source in tree::all().iter().filter(|s| s.is_rust()) {
        for (n, line) in source.code() {
            let block = line.contains("unsafe {") || line.contains("unsafe impl");
            if block && !line.contains('"') && !is_explained(source, n, "// SAFETY:") {
                complaints.push(format!("{}:{n}: {}", source.path, line.trim()));
            }
        }
    }
    tree::expect_none("unsafe without // SAFETY:", complaints);
}

#[test]
fn orderings_name_their_partners() {
    let strong = ["Acquire", "Release", "AcqRel", "SeqCst"].map(|o| format!("Ordering::{o}"));
    let mut complaints = Vec::new();
    for source in tree::rust("src/") {
        for (n, line) in source.code() {
            if strong.iter().any(|o| line.contains(o)) && !is_explained(&source, n, "// ORDERING:")
            {
                complaints.push(format!("{}:{n}: {}", source.path, line.trim()));
            }
        }
        for (n, line) in source.lines().filter(|(_, line)| line.contains("// ORDERING:")) {
            let comment = source.text.lines().skip(n - 1).take(4).collect::<Vec<_>>().join(" ");
            let names = ["pairs with", "pair with", "as in `", "as above"];
            if !names.iter().any(|name| comment.contains(name)) {
                complaints.push(format!("{}:{n}: no partner: {}", source.path, line.trim()));
            }
        }
    }
    tree::expect_none("an ordering without // ORDERING: and its partner", complaints);
}

#[test]
fn every_file_begins_with_what_it_is() {
    let mut complaints = Vec::new();
    for source in tree::all().iter().filter(|s| s.is_rust()) {
        if !source.text.starts_with("//!") && !source.text.starts_with("#![doc = include_str!") {
            complaints.push(source.path.clone());
        }
    }
    tree::expect_none("a file without module documentation", complaints);
}

/// Words that mean unfinished work, and places that are nobody else's.
#[test]
fn nothing_is_unfinished_or_of_one_machine() {
    let unfinished = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!", "dbg!", "[ignore"];
    let hosts = ["crates.io/", "pypi.org", "npmjs"].map(str::to_owned);
    let folders = ["work", "opt", "root", "home", "tmp"].map(|folder| format!("/{folder}/"));
    let words = unfinished.map(str::to_owned).into_iter().chain(hosts).chain(folders);
    let words: Vec<String> = words.collect();
    let mut complaints = Vec::new();
    for source in tree::all() {
        if source.path.ends_with(".lock") || source.path.starts_with("tests/tidy/") {
            continue;
        }
        for (n, line) in source.lines() {
            let line = line.replace("context.TODO", "a name of Go's");
            for word in &words {
                if line.contains(word.as_str()) {
                    complaints.push(format!("{}:{n}: {word}", source.path));
                }
            }
        }
    }
    tree::expect_none("unfinished, or of one machine", complaints);
}

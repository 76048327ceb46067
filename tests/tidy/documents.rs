//! The documents are true: what they name is there.

use std::fs;
use std::path::Path;

use crate::tree;

fn read(name: &str) -> String {
    fs::read_to_string(tree::root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Every `path/file.rs::symbol` between backquotes.
fn references(text: &str) -> Vec<(String, String)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let pairs = quoted.filter_map(|q| q.split_once(".rs::"));
    pairs.map(|(file, symbol)| (format!("{file}.rs"), symbol.to_owned())).collect()
}

/// Whether a file defines a function or type of this name.
fn defines(file: &str, symbol: &str) -> bool {
    let kinds = ["fn ", "struct ", "enum ", "trait ", "static ", "const ", "macro_rules! "];
    let text = read(file);
    kinds.iter().any(|kind| {
        let define = format!("{kind}{symbol}");
        text.match_indices(&define).any(|(at, _)| {
            !text[at + define.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}

#[test]
fn the_map_leads_to_the_code() {
    let text = read("ARCHITECTURE.md");
    let references = references(&text);
    assert!(references.len() > 40, "the table was not found");
    let mut complaints = Vec::new();
    for (file, symbol) in references {
        let file = if file.starts_with("src/") { file } else { format!("src/{file}") };
        if !tree::root().join(&file).exists() || !defines(&file, &symbol) {
            complaints.push(format!("{file}::{symbol}"));
        }
    }
    tree::expect_none("ARCHITECTURE.md names what is not there", complaints);
}

/// Every module of `src` is in the picture.
#[test]
fn the_picture_shows_every_module() {
    let text = read("ARCHITECTURE.md");
    let picture = text.split("```").nth(1).unwrap();
    let mut complaints = Vec::new();
    for entry in fs::read_dir(tree::root().join("src")).unwrap().map(Result::unwrap) {
        let mut name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            name.push('/');
        }
        if !picture.contains(&name) {
            complaints.push(name);
        }
    }
    tree::expect_none("not in ARCHITECTURE.md's picture", complaints);
}

#[test]
fn links_lead_somewhere() {
    let mut complaints = Vec::new();
    for source in tree::all().iter().filter(|s| s.path.ends_with(".md")) {
        let folder = Path::new(&source.path).parent().unwrap().to_owned();
        for link in source.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let outside = link.contains("://") || file.is_empty() || file.contains(' ');
            if !outside && !tree::root().join(&folder).join(file).exists() {
                complaints.push(format!("{}: {link}", source.path));
            }
        }
    }
    tree::expect_none("a link that leads nowhere", complaints);
}

/// The README has two commands, and CI runs the second as it stands there.
#[test]
fn the_readme_has_two_commands() {
    let text = read("README.md");
    let commands: Vec<&str> =
        text.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert_eq!(commands, ["cargo run --release --example cappuccino", "cargo test"]);
    assert!(read(".ci/run").lines().any(|line| line.ends_with(commands[1])));
}

/// A file that says a model checks it is included by one.
#[test]
fn models_check_what_the_source_says() {
    let models: String = tree::rust("tests/models/").iter().map(|s| s.text.clone()).collect();
    let mut complaints = Vec::new();
    let mut claims = 0;
    for source in tree::rust("src/") {
        if source.text.contains("`tests/models` checks this file") {
            claims += 1;
            if !models.contains(&source.path) {
                complaints.push(source.path);
            }
        }
    }
    assert!(claims >= 3, "the claims were not found");
    tree::expect_none("no model includes", complaints);
}

/// Every test target and example is spoken of where a contributor looks.
#[test]
fn every_test_is_documented() {
    let text = format!("{}{}", read("CONTRIBUTING.md"), read("ARCHITECTURE.md"));
    let mut complaints = Vec::new();
    for entry in fs::read_dir(tree::root().join("tests")).unwrap().map(Result::unwrap) {
        let name = entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
        if name != "support" && !text.contains(&name) {
            complaints.push(name);
        }
    }
    tree::expect_none("a test that no document names", complaints);
}

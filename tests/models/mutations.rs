//! Do the models see a missing barrier? Every line here is broken in turn, and a model must fail.
//!
//! All mutants are modules of one generated package, which is compiled once. Beside them stands
//! an unbroken copy, whose models must pass there as they do here.

mod list;
mod list_net;
mod list_pprof;
mod list_sync;
mod list_time;
mod package;

use std::collections::BTreeSet;

use package::Package;

/// One or two lines of a function that are changed.
struct Mutation {
    file: &'static str,
    /// The function, by the text from its name on that no other function in the file has.
    function: &'static str,
    edits: [Option<Edit>; 2],
    /// The module and the name of the model that must fail.
    model: (&'static str, &'static str),
}

struct Edit {
    /// The whole line without its indentation, once in the function.
    line: &'static str,
    /// What of it, once in the line.
    part: &'static str,
    /// What stands there instead.
    other: &'static str,
}

impl Mutation {
    /// Breaks `source`, the text of `self.file`; also returns the number of the first line.
    fn apply(&self, source: &str) -> (String, usize) {
        let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
        let (begin, end) = self.function_lines(&lines);
        let mut first = usize::MAX;
        for edit in self.edits.iter().flatten() {
            let is_it = |&place: &usize| lines[place].trim_start() == edit.line;
            let places: Vec<usize> = (begin..end).filter(is_it).collect();
            let [place] = places[..] else {
                let (found, line) = (places.len(), edit.line);
                panic!("{}: {} has {found} lines {line:?}", self.file, self.function);
            };
            assert_eq!(edit.line.matches(edit.part).count(), 1, "{} in {}", edit.part, edit.line);
            lines[place] = edit.line.replace(edit.part, edit.other);
            first = first.min(place + 1);
        }
        (lines.join("\n"), first)
    }

    /// From the function's first line to the brace that closes it.
    fn function_lines(&self, lines: &[String]) -> (usize, usize) {
        let head = format!("fn {}", self.function);
        let heads: Vec<usize> = (0..lines.len()).filter(|&l| lines[l].contains(&head)).collect();
        let [begin] = heads[..] else {
            panic!("{}: {} functions {:?}", self.file, heads.len(), self.function);
        };
        let indent = lines[begin].len() - lines[begin].trim_start().len();
        let brace = format!("{}}}", " ".repeat(indent));
        let length = lines[begin..].iter().position(|line| *line == brace);
        (begin, begin + length.expect("a function ends"))
    }

    fn describe(&self, line: usize) -> String {
        let mut text = format!("{}:{line}:", self.file);
        for Edit { line, part, other } in self.edits.iter().flatten() {
            text += &match *other {
                "" => format!("\n    without {line}"),
                other => format!("\n    instead of {line}\n    {}", line.replace(part, other)),
            };
        }
        text
    }
}

#[test]
fn every_broken_line_fails_a_model() {
    let mut package = Package::create();
    let lists = [
        list::MUTATIONS,
        list_net::MUTATIONS,
        list_pprof::MUTATIONS,
        list_sync::MUTATIONS,
        list_time::MUTATIONS,
    ];
    let mutations: Vec<&Mutation> = lists.into_iter().flatten().collect();
    let models: BTreeSet<_> = mutations.iter().map(|mutation| mutation.model).collect();
    for module in models.iter().map(|model| model.0).collect::<BTreeSet<_>>() {
        package.add_unbroken(module);
    }
    let lines: Vec<usize> = mutations.iter().map(|mutation| package.add_mutant(mutation)).collect();
    let tests = package.compile();

    for (module, name) in models {
        let run = tests.run(&format!("unbroken_{module}"), name);
        assert!(run.passed, "{module}::{name} fails without a mutation:\n{}", run.output);
    }
    let mut survivors = Vec::new();
    for (number, (mutation, line)) in mutations.iter().zip(lines).enumerate() {
        let run = tests.run(&package::mutant_name(number), mutation.model.1);
        let (module, name) = mutation.model;
        println!("{}\n  {module}::{name}: {}", mutation.describe(line), run.reason());
        if run.passed {
            survivors.push(mutation.describe(line));
        }
    }
    assert!(survivors.is_empty(), "no model fails for:\n{}", survivors.join("\n"));
}

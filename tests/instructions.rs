//! What the bench of instruction counts calls a regression.

#[path = "../benches/instructions/baseline.rs"]
mod baseline;

use baseline::Counts;

const BUILD: &str = "rustc 1.95.0 (1234 2026-04-14); x86_64";

fn counts(paths: &[(&str, f64)]) -> Counts {
    let mut counts = Counts::new(BUILD.to_owned());
    paths.iter().for_each(|(path, count)| counts.push(path, *count));
    counts
}

fn baseline() -> Counts {
    counts(&[("spawn, run, exit", 800.0), ("mutex", 9.0)])
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(Counts::parse(&baseline().to_string()), Ok(baseline()));
    assert!(Counts::parse("").unwrap_err().contains("build"));
    let broken = baseline().to_string() + "mutex: many\n";
    assert!(Counts::parse(&broken).unwrap_err().contains("mutex: many"));
}

#[test]
fn the_baseline_in_the_tree_is_read() {
    let counts = Counts::parse(include_str!("../benches/instructions/baseline.txt")).unwrap();
    for path in ["spawn, run, exit", "yield", "send, receive", "select of 4", "mutex"] {
        assert!(counts.get(path).is_some_and(|count| count > 1.0), "{path}: {counts:?}");
    }
}

#[test]
fn a_little_more_and_much_less_are_no_regressions() {
    let now = counts(&[("spawn, run, exit", 839.0), ("mutex", 1.0)]);
    assert_eq!(baseline().complaints(&now), [""; 0]);
    let advice = baseline().advice(&now).unwrap();
    assert!(advice.contains("`mutex`") && !advice.contains("spawn"), "{advice}");
    assert_eq!(now.advice(&now), None);
    let table = baseline().table(&now);
    assert!(table.contains("+4.9%") && table.contains("-88.9%"), "{table}");
}

#[test]
fn more_than_five_percent_more_is_a_regression_and_can_be_accepted() {
    let now = counts(&[("spawn, run, exit", 841.0), ("mutex", 9.0)]);
    let [regression, advice] = &baseline().complaints(&now)[..] else { panic!("not two") };
    assert!(regression.contains("`spawn, run, exit`") && regression.contains("5.1 % more"));
    assert!(advice.contains("cargo bench --bench instructions -- --accept"), "{advice}");
    assert_eq!(now.complaints(&now), [""; 0]);
}

#[test]
fn a_path_that_only_one_has_is_told() {
    let one = counts(&[("mutex", 9.0)]);
    assert!(baseline().complaints(&one)[0].contains("only the baseline has it"));
    assert!(one.complaints(&baseline())[0].contains("the baseline does not have it"));
}

#[test]
fn counts_of_another_compiler_are_not_compared() {
    assert_eq!(baseline().unfit_for(BUILD), None);
    let why = baseline().unfit_for("rustc 1.96.0; x86_64").unwrap();
    assert!(why.contains("rustc 1.95.0") && why.contains("rustc 1.96.0"), "{why}");
}

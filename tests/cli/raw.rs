//! What is in a profile, by `go tool pprof -raw`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::Go;

/// Numbers and nanoseconds by stack, whose frames are `address function file:line`, innermost first;
/// of a sample with a reason that is the last one, in brackets.
pub(crate) type Samples = BTreeMap<Vec<String>, (i64, i64)>;

/// The samples of a profile.
pub(crate) fn samples(go: &Go, profile: &[u8], folder: &Path) -> Samples {
    let file = folder.join("profile");
    fs::write(&file, profile).unwrap();
    let mut command = go.command();
    command.args(["tool", "pprof", "-symbolize=none", "-raw"]).arg(&file);
    let output = command.env("PPROF_TMPDIR", folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("PeriodType: trace count\nPeriod: 1\n"), "{text}");
    parse(&text)
}

fn parse(text: &str) -> Samples {
    let (_, text) = text.split_once("contentions/count delay/nanoseconds").unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    let (samples, rest) = text.split_once("Locations\n").unwrap();
    let (locations, _) = rest.split_once("Mappings\n").unwrap();
    let locations: BTreeMap<&str, String> = locations.lines().map(location).collect();
    let mut all: Vec<(Vec<String>, (i64, i64))> = Vec::new();
    for line in samples.lines() {
        match line.trim().split_once(": ").or_else(|| line.trim().split_once(':')) {
            Some(("reason", reason)) => all.last_mut().unwrap().0.push(reason.to_owned()),
            Some((values, ids)) => {
                let mut values = values.split_whitespace().map(|n| n.parse().unwrap());
                let values = (values.next().unwrap(), values.next().unwrap());
                let stack = ids.split_whitespace().map(|id| locations[id].clone());
                // A frame of nothing: Go's tool does not know it from none, and shows the last it saw.
                all.push((stack.filter(|frame| frame != "0x0 :0:0 s=0").collect(), values));
            }
            None => panic!("{line:?}"),
        }
    }
    let count = all.len();
    let samples: Samples = all.into_iter().collect();
    assert_eq!(samples.len(), count, "a stack is there twice");
    samples
}

/// As `1: 0x47c0b5 M=1 runtime.chanrecv1 /go/src/runtime/chan.go:509:0 s=0`.
fn location(line: &str) -> (&str, String) {
    let (id, rest) = line.trim().split_once(": ").unwrap();
    let words = rest.split_whitespace().filter(|word| !word.starts_with("M="));
    (id, words.collect::<Vec<_>>().join(" "))
}

//! Traces in other formats: what is in them beside what `go tool trace` shows, and both formats beside
//! each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{expect_failure, expect_success, run};
use crate::programs;
use crate::protobuf::{Field, Message};
use crate::support::Go;

/// What lasts on a row: where, from when on, how long, and what. Goroutines only by their number: Go's
/// tool knows what they are called a little later.
pub(crate) type Slice = (u64, i64, i64, String);

/// So many of Go's traces are compared: it takes a while for a large one.
const COMPARED: usize = 3;
/// The row of the garbage collector in Chrome's format.
const COLLECTOR: u64 = 1_000_004;

fn converted(file: &Path, to: &str) -> Vec<u8> {
    let output = run(&[&"convert", &"--to", &to, &"-o", &"-", &file]);
    expect_success(&output);
    output.stdout
}

fn name(name: &str) -> String {
    let is_goroutine =
        name.strip_prefix('G').is_some_and(|rest| rest.starts_with(char::is_numeric));
    let short = if is_goroutine { name.split(' ').next().unwrap() } else { name };
    short.to_owned()
}

/// Microseconds with decimals as nanoseconds.
fn ns(value: &Value) -> i64 {
    (value.as_f64().unwrap_or(0.0) * 1000.0).round() as i64
}

fn events(trace: &Value) -> &[Value] {
    trace["traceEvents"].as_array().unwrap()
}

fn phase<'a>(trace: &'a Value, phase: &'a str) -> impl Iterator<Item = &'a Value> {
    events(trace).iter().filter(move |event| event["ph"] == phase)
}

/// What lasts in a section.
pub(crate) fn slices(trace: &Value, section: u64) -> Vec<Slice> {
    let of_section = |event: &&Value| event["pid"].as_u64() == Some(section);
    let slice = |event: &Value| {
        let name = name(event["name"].as_str().unwrap_or_default());
        let (begin, lasts) = (ns(&event["ts"]), ns(&event["dur"]));
        // Go's tool, told in a new generation that one goes on, shows it from where the goroutine began
        // to run.
        let (begin, lasts) =
            if name == "GC mark assist" { (0, begin + lasts) } else { (begin, lasts) };
        (event["tid"].as_u64().unwrap(), begin, lasts, name)
    };
    let mut slices: Vec<_> = phase(trace, "X").filter(of_section).map(slice).collect();
    slices.sort();
    slices
}

#[track_caller]
pub(crate) fn expect_equal(what: &str, ours: &[Slice], theirs: &[Slice]) {
    let without = |some: &[Slice], others: &[Slice]| -> Vec<Slice> {
        let others: HashSet<&Slice> = others.iter().collect();
        some.iter().filter(|slice| !others.contains(slice)).take(5).cloned().collect()
    };
    let (lacks, extra) = (without(theirs, ours), without(ours, theirs));
    assert!(lacks.is_empty() && extra.is_empty(), "{what}: {lacks:?} missing, {extra:?} too many");
    assert_eq!(ours.len(), theirs.len(), "{what}");
}

fn expect_the_slices_of_go(go: &Go, file: &Path) {
    let viewer = go.viewer(file).unwrap();
    let page = viewer.get("/jsontrace").unwrap();
    let theirs: Value = serde_json::from_slice(&page.body).unwrap();
    let ours: Value = serde_json::from_slice(&converted(file, "chrome")).unwrap();
    let what = file.display().to_string();
    expect_equal(&what, &slices(&ours, 0), &slices(&theirs, 0));
    let samples = |trace: &Value| {
        events(trace).iter().filter(|event| event["name"] == "CPU profile sample").count()
    };
    assert!(samples(&ours) >= samples(&theirs), "{what}");
    expect_arrows(&ours);
    expect_stacks(&ours);
}

/// Who is woken runs later, and an arrow leads there from where it was woken.
fn expect_arrows(trace: &Value) {
    let times = |which| -> HashMap<u64, i64> {
        phase(trace, which).map(|e| (e["id"].as_u64().unwrap(), ns(&e["ts"]))).collect()
    };
    let (begins, ends) = (times("s"), times("f"));
    assert!(!ends.is_empty());
    for (id, end) in ends {
        assert!(begins[&id] <= end, "arrow {id}");
    }
}

/// Stacks are there, down to the goroutines' functions.
fn expect_stacks(trace: &Value) {
    let frames = trace["stackFrames"].as_object().unwrap();
    let mut used = 0;
    for event in events(trace).iter().take(5000) {
        for key in ["sf", "esf"] {
            let mut id = event[key].as_u64().unwrap_or(0);
            while id != 0 {
                used += 1;
                let frame = &frames[&id.to_string()];
                assert!(frame["name"].as_str().unwrap().contains(':'), "{frame}");
                id = frame["parent"].as_u64().unwrap_or(0);
            }
        }
    }
    assert!(used > 0);
}

/// What the fields of Perfetto's messages are: the number, the name, and what is within.
const PACKET: &[(u32, &str)] = &[
    (8, "timestamp"),
    (10, "trusted_packet_sequence_id"),
    (11, "track_event"),
    (12, "interned_data"),
    (13, "sequence_flags"),
    (60, "track_descriptor"),
];
const EVENT: &[(u32, &str)] = &[
    (4, "debug_annotations"),
    (9, "type"),
    (11, "track_uuid"),
    (23, "name"),
    (30, "counter_value"),
    (47, "flow_ids"),
    (48, "terminating_flow_ids"),
];
const TRACK: &[(u32, &str)] = &[
    (1, "uuid"),
    (2, "name"),
    (5, "parent_uuid"),
    (8, "counter"),
    (11, "child_ordering"),
    (12, "sibling_order_rank"),
];
const ANNOTATION: &[(u32, &str)] =
    &[(4, "int_value"), (6, "string_value"), (10, "name"), (17, "string_value_iid")];
const INTERNED: &[(u32, &str)] = &[(29, "debug_annotation_string_values")];
const STRING: &[(u32, &str)] = &[(1, "iid"), (2, "str")];

/// A Perfetto trace, read by its definitions.
#[derive(Default)]
struct Perfetto {
    /// Name and parent of each track.
    tracks: HashMap<u64, (String, u64)>,
    /// What lasts now on each.
    open: HashMap<u64, Vec<(u64, String)>>,
    /// By the name of the group that the row is in.
    slices: BTreeMap<String, Vec<(String, u64, u64, String)>>,
    instants: Vec<(String, u64, String)>,
    counts: BTreeMap<String, Vec<i64>>,
    flows: HashMap<u64, u64>,
    arrived: usize,
    texts: HashMap<u64, String>,
    stacks: usize,
}

impl Perfetto {
    fn read(bytes: &[u8]) -> Perfetto {
        let mut perfetto = Perfetto::default();
        for packet in Message::parse(bytes, &[(1, "packet")]).all("packet") {
            perfetto.packet(&packet.message(PACKET));
        }
        perfetto
    }

    fn packet(&mut self, packet: &Message) {
        assert_eq!(packet.number("trusted_packet_sequence_id"), Some(1));
        let flags = packet.number("sequence_flags").unwrap();
        if flags & 1 != 0 {
            self.texts.clear();
        }
        if let Some(data) = packet.get("interned_data") {
            let data = data.message(INTERNED);
            for string in data.all("debug_annotation_string_values") {
                let string = string.message(STRING);
                let id = string.number("iid").unwrap();
                let text = string.text("str").unwrap();
                assert!(self.texts.insert(id, text).is_none(), "text {id} twice");
            }
        }
        if let Some(track) = packet.get("track_descriptor") {
            self.track(&track.message(TRACK));
        }
        if let Some(event) = packet.get("track_event") {
            self.event(packet.number("timestamp").unwrap(), &event.message(EVENT));
        }
    }

    fn track(&mut self, track: &Message) {
        let (id, parent) = (track.number("uuid").unwrap(), track.number("parent_uuid"));
        assert!(parent.is_none_or(|parent| self.tracks.contains_key(&parent)), "no parent {id}");
        let track = (track.text("name").unwrap(), parent.unwrap_or(0));
        assert!(self.tracks.insert(id, track).is_none(), "track {id} twice");
    }

    fn event(&mut self, time: u64, event: &Message) {
        let track = event.number("track_uuid").unwrap();
        let (row, parent) = self.tracks[&track].clone();
        for annotation in event.all("debug_annotations") {
            let annotation = annotation.message(ANNOTATION);
            if let Some(id) = annotation.number("string_value_iid") {
                assert!(!self.texts[&id].is_empty());
                self.stacks += 1;
            }
            assert!(!annotation.text("name").unwrap().is_empty());
        }
        for flow in event.all("flow_ids") {
            self.flows.insert(flow.fixed(), time);
        }
        for flow in event.all("terminating_flow_ids") {
            assert!(self.flows[&flow.fixed()] <= time);
            self.arrived += 1;
        }
        let name = event.text("name");
        match event.number("type").unwrap() {
            1 => self.open.entry(track).or_default().push((time, name.unwrap())),
            2 => {
                let (begin, name) = self.open.get_mut(&track).unwrap().pop().unwrap();
                assert!(begin <= time);
                let group = self.tracks[&parent].0.clone();
                self.slices.entry(group).or_default().push((row, begin, time - begin, name));
            }
            3 => self.instants.push((row, time, name.unwrap())),
            4 => {
                let value = event.number("counter_value").unwrap() as i64;
                self.counts.entry(row).or_default().push(value);
            }
            other => panic!("an event of type {other}"),
        }
    }
}

/// Both formats show the same.
fn expect_the_same_in_perfetto(file: &Path) {
    let chrome: Value = serde_json::from_slice(&converted(file, "chrome")).unwrap();
    let mut perfetto = Perfetto::read(&converted(file, "perfetto"));
    assert!(perfetto.open.values().all(Vec::is_empty), "something does not end");
    let names: HashMap<(u64, u64), &str> = phase(&chrome, "M")
        .filter(|event| event["name"] == "thread_name")
        .map(|event| {
            let place = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
            (place, event["args"]["name"].as_str().unwrap())
        })
        .collect();
    for (section, group) in [(0, "PROCS"), (2, "TASKS"), (3, "REGIONS")] {
        let mut ours = perfetto.slices.remove(group).unwrap_or_default();
        let slice = |event: &Value| {
            let place = (section, event["tid"].as_u64().unwrap());
            let name = event["name"].as_str().unwrap().to_owned();
            (names[&place].to_owned(), ns(&event["ts"]) as u64, ns(&event["dur"]) as u64, name)
        };
        let of_section = |event: &&Value| event["pid"].as_u64() == Some(section);
        let mut theirs: Vec<_> = phase(&chrome, "X").filter(of_section).map(slice).collect();
        ours.iter_mut().filter(|slice| slice.3 == "(no name)").for_each(|s| s.3.clear());
        ours.sort();
        theirs.sort();
        assert!(ours == theirs, "{group}: {} and {}", ours.len(), theirs.len());
    }
    assert_eq!(perfetto.instants.len(), phase(&chrome, "i").count());
    assert_eq!(perfetto.arrived, phase(&chrome, "f").count());
    assert!(perfetto.stacks > 0);
    let counts = &perfetto.counts;
    assert!(counts["goroutines running"].iter().all(|count| (0..10_000).contains(count)));
    let points: usize = counts.values().map(Vec::len).sum();
    assert_eq!(points, phase(&chrome, "C").count());
}

#[test]
fn traces_of_go_programs() {
    let Some(go) = Go::find("Go's traces in other formats") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = programs::of_go(&go, folder.path());
    files.sort_by_key(|file| fs::metadata(file).unwrap().len());
    // The large ones have nothing that these lack.
    for file in &files[..COMPARED] {
        expect_the_slices_of_go(&go, file);
        expect_the_same_in_perfetto(file);
    }
}

#[test]
fn traces_of_gort_programs() {
    let Some(go) = Go::find("gort's traces in other formats") else { return };
    let folder = tempfile::tempdir().unwrap();
    let test = "convert::traces_of_gort_programs";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    files.iter().for_each(|file| {
        expect_the_slices_of_go(&go, file);
        expect_the_same_in_perfetto(file);
    });
}

/// Tasks, regions and messages that a program is known to have.
#[test]
fn what_a_program_says_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let test = "convert::what_a_program_says_is_there";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    let trace: Value = serde_json::from_slice(&converted(&files[2], "chrome")).unwrap();
    let tasks = slices(&trace, 2);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(tasks[0].3, "a task of many generations");
    let regions = slices(&trace, 3);
    assert!(regions.iter().all(|region| region.3 == "receiving"));
    let messages = phase(&trace, "i").filter(|event| event["name"] == "[work] done").count();
    assert_eq!((regions.len(), messages > 1), (messages, true));
    assert!(slices(&trace, 0).iter().all(|slice| slice.0 != COLLECTOR));
}

#[test]
fn a_damaged_trace_is_shown_up_to_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let test = "convert::a_damaged_trace_is_shown_up_to_the_damage";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    let whole = fs::read(&files[2]).unwrap();
    let cut = folder.path().join("cut");
    fs::write(&cut, &whole[..whole.len() * 3 / 4]).unwrap();
    let out = folder.path().join("out");
    let output = run(&[&"convert", &"--to", &"chrome", &cut, &"-o", &out]);
    assert!(expect_failure(&output, 1).contains("cut: "));
    let part: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    let all: Value = serde_json::from_slice(&converted(&files[2], "chrome")).unwrap();
    let ended = slices(&part, 2);
    assert_eq!(ended.len(), 1, "the task ends with the trace");
    let part = slices(&part, 0).len();
    assert!(part > 0 && part < slices(&all, 0).len());
    let output = run(&[&"convert", &"--to", &"perfetto", &cut, &"-o", &out]);
    expect_failure(&output, 1);
    let perfetto = Perfetto::read(&fs::read(&out).unwrap());
    assert!(perfetto.open.values().all(Vec::is_empty));
    let nowhere = folder.path().join("nowhere/out");
    let output = run(&[&"convert", &"--to", &"chrome", &files[2], &"-o", &nowhere]);
    assert!(expect_failure(&output, 3).contains("cannot be written"));
}

/// The decoder itself: it knows what it does not know.
#[test]
#[should_panic(expected = "no field 3")]
fn an_unknown_field_is_found() {
    let bytes = [0x18, 0x01];
    let message = Message::parse(&bytes, STRING);
    assert!(matches!(message.get("iid"), Some(Field::Number(_))));
}

//! Goroutines, tasks and regions have the figures of the pages of `go tool trace`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::program;
use crate::programs;
use crate::support::{Go, Viewer, unescape};

/// The texts between tags in the cells of each row of a page's tables; of `td`s, or of `th`s.
fn rows(html: &str, tag: &str) -> Vec<Vec<String>> {
    let open = format!("<{tag}");
    let cell = |cell: &str| {
        let end = cell.find(&format!("</{tag}")).unwrap_or(cell.len());
        let inner = cell[..end].split_once('>').map_or("", |(_, inner)| inner);
        let texts = inner.split('<').enumerate().map(|(n, part)| match n {
            0 => part,
            _ => part.split_once('>').map_or("", |(_, text)| text),
        });
        unescape(texts.collect::<Vec<_>>().join(" ").trim())
    };
    let row = |row: &str| row.split(&open).skip(1).map(cell).collect::<Vec<_>>();
    html.split("<tr").skip(1).map(row).filter(|row| !row.is_empty()).collect()
}

/// Nanoseconds of a duration as Go prints it, as `1m2.5s`.
fn duration_ns(text: &str) -> i64 {
    let mut total = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').expect("a unit");
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let decimals = match unit {
            "h" | "m" | "s" => 9,
            "ms" => 6,
            "µs" | "μs" => 3,
            "ns" => 0,
            _ => panic!("a unit {unit:?} in {text:?}"),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction = format!("{fraction:0<decimals$}");
        let value: i64 = format!("{whole}{fraction}").parse().unwrap();
        total +=
            value * [("h", 3600), ("m", 60)].iter().find(|(u, _)| *u == unit).map_or(1, |u| u.1);
        rest = after;
    }
    total
}

#[test]
fn durations_as_go_prints_them() {
    for (text, ns) in [
        ("0s", 0),
        ("15ns", 15),
        ("1.5µs", 1_500),
        ("12.345678ms", 12_345_678),
        ("1.000000001s", 1_000_000_001),
        ("1h2m3.5s", 3_723_500_000_000),
    ] {
        assert_eq!(duration_ns(text), ns, "{text}");
    }
}

fn page(viewer: &Viewer, path: &str) -> String {
    let page = viewer.get(path).unwrap();
    assert_eq!(page.status, 200, "{path}");
    page.text()
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The column that a field of our times is in, by Go's name.
fn column(times: &Value, name: &str) -> i64 {
    let field = match name {
        "Total" => "total_ns",
        "Execution time" => "running_ns",
        "Sched wait time" => "runnable_ns",
        "Syscall execution time" => "syscall_ns",
        "Block time (syscall)" => {
            // Go's tool has one column for this and for who blocks for a reason of this name.
            return times["syscall_blocked_ns"].as_i64().unwrap();
        }
        "Unknown time" => "unknown_ns",
        _ => {
            let reason = name.strip_prefix("Block time (").and_then(|name| name.strip_suffix(')'));
            let reason = reason.unwrap_or_else(|| panic!("no column {name}"));
            return times["blocked_ns"][reason].as_i64().unwrap_or(0);
        }
    };
    times[field].as_i64().unwrap()
}

/// Compares rows of a page with what we have, by `key`: the first so many cells.
fn expect_times(html: &str, keys: usize, ours: &BTreeMap<Vec<String>, Vec<Value>>) {
    let headers = rows(html, "th");
    let cells: Vec<_> =
        rows(html, "td").into_iter().filter(|r| r.len() == headers[0].len()).collect();
    let mut theirs = BTreeMap::<Vec<String>, Vec<Vec<(String, i64)>>>::new();
    for row in cells {
        let times = headers[0].iter().zip(&row).skip(keys).filter(|(name, _)| !name.is_empty());
        let times = times.map(|(name, cell)| (name.clone(), duration_ns(cell))).collect();
        theirs.entry(row[..keys].to_vec()).or_default().push(times);
    }
    assert!(ours.keys().eq(theirs.keys()), "{:?}\n{:?}", ours.keys(), theirs.keys());
    for (key, mut theirs) in theirs {
        let names: Vec<String> = theirs[0].iter().map(|(name, _)| name.clone()).collect();
        let of = |times: &Value| names.iter().map(|n| (n.clone(), column(times, n))).collect();
        let mut ours: Vec<Vec<(String, i64)>> = ours[&key].iter().map(of).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{key:?}");
    }
}

fn array<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn goroutines(viewer: &Viewer, file: &Path) {
    let goroutines = program::json("goroutines", file);
    let mut ours = BTreeMap::new();
    for group in array(&goroutines, "groups") {
        let name = text(&group["function"]);
        let figures = (group["count"].as_i64().unwrap(), group["times"]["running_ns"].as_i64());
        ours.insert(name.clone(), figures);
        let mut members = BTreeMap::<Vec<String>, Vec<Value>>::new();
        for goroutine in array(group, "goroutines") {
            let times = goroutine["times"].clone();
            members.entry(vec![goroutine["id"].to_string()]).or_default().push(times);
        }
        let html = page(viewer, &format!("/goroutine?name={}", escaped(&name)));
        let (_, html) = html.split_once("id=\"breakdown\"").unwrap();
        let (html, _) = html.split_once("id=\"ranges\"").unwrap();
        expect_times(html, 1, &members);
    }
    let theirs = rows(&page(viewer, "/goroutines"), "td");
    let theirs = theirs.into_iter().map(|row| {
        let name = if row[0].starts_with("(Inactive") { "" } else { &row[0] };
        (name.to_owned(), (row[1].parse().unwrap(), Some(duration_ns(&row[2]))))
    });
    assert_eq!(ours, theirs.collect::<BTreeMap<_, _>>());
}

fn tasks(viewer: &Viewer, file: &Path) {
    let tasks = program::json("tasks", file);
    let mut ours = BTreeMap::new();
    for group in array(&tasks, "groups") {
        let name = text(&group["name"]);
        ours.insert(name.trim().to_owned(), group["count"].to_string());
        let html = page(viewer, &format!("/usertask?type={}", escaped(&name)));
        let headlines = html.split("class=\"first\"").skip(1).map(|part| {
            let cells = rows(&format!("<tr {part}"), "td").remove(0);
            let id = cells[3].split_whitespace().nth(1).unwrap().to_owned();
            (id, (cells[3].contains("(complete)"), duration_ns(&cells[1])))
        });
        let theirs: BTreeMap<String, _> = headlines.collect();
        for task in array(group, "tasks") {
            let (is_complete, duration_ns) = theirs[&task["id"].to_string()];
            let times = task["begin_ns"].as_i64().zip(task["end_ns"].as_i64());
            assert_eq!(times.is_some(), is_complete, "{task}");
            assert!(times.is_none_or(|(begin, end)| end - begin == duration_ns), "{task}");
        }
        assert_eq!(theirs.len(), array(group, "tasks").len(), "{name}");
    }
    // Within are tables of their own, with histograms.
    let theirs = rows(&page(viewer, "/usertasks"), "td").into_iter();
    let theirs = theirs.filter(|row| row.len() >= 3 && row[1].parse::<u64>().is_ok());
    let theirs = theirs.map(|row| (row[0].clone(), row[1].clone()));
    assert_eq!(ours, theirs.collect::<BTreeMap<_, _>>());
}

fn regions(viewer: &Viewer, file: &Path) {
    let regions = program::json("regions", file);
    let html = page(viewer, "/userregions");
    let mut links: Vec<&str> = html.split("href=\"/userregion?").skip(1).collect();
    links.retain(|link| !link.contains("latmin") || link.find("latmin") > link.find('"'));
    let groups = array(&regions, "groups");
    assert_eq!(links.len(), groups.len(), "{html}");
    for (group, link) in groups.iter().zip(links) {
        let (path, rest) = link.split_once('"').unwrap();
        let count = rest.trim_start_matches('>').split('<').next().unwrap();
        assert_eq!(group["durations"]["count"].to_string(), count);
        let mut members = BTreeMap::<Vec<String>, Vec<Value>>::new();
        for region in array(group, "regions") {
            let task = if region["task"] == 0 { String::new() } else { region["task"].to_string() };
            let key = vec![region["goroutine"].to_string(), task];
            members.entry(key).or_default().push(region["times"].clone());
        }
        let html = page(viewer, &format!("/userregion?{}", unescape(path)));
        let (_, html) = html.split_once("id=\"breakdown\"").unwrap();
        let (html, _) = html.split_once("id=\"ranges\"").unwrap();
        expect_times(html, 2, &members);
    }
}

fn expect_the_figures_of_go(go: &Go, file: &Path) {
    let viewer = go.viewer(file).unwrap();
    goroutines(&viewer, file);
    tasks(&viewer, file);
    regions(&viewer, file);
}

#[test]
fn traces_of_go_programs() {
    let Some(go) = Go::find("figures of Go's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in programs::of_go(&go, folder.path()) {
        expect_the_figures_of_go(&go, &file);
    }
}

#[test]
fn traces_of_gort_programs() {
    let Some(go) = Go::find("figures of gort's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let test = "pages::traces_of_gort_programs";
    for file in programs::of_gort(test, folder.path()).into_iter().flatten() {
        expect_the_figures_of_go(&go, &file);
    }
}

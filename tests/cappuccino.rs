//! The cappuccino example, run as a user runs it, and its trace in Go's own tools.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use support::parsed::{self, Event};
use support::{Go, Page};

/// How many orders the traces that are looked at closely have.
const ORDERS: usize = 1000;
const BARISTAS: usize = 4;

const SOURCE: &str = include_str!("../examples/cappuccino.rs");
const USAGE: &str = "usage: cappuccino [--orders N] [--trace FILE]\n";

/// Go, or none after one line that says so.
fn go() -> Option<&'static Go> {
    static GO: OnceLock<Option<Go>> = OnceLock::new();
    GO.get_or_init(|| Go::find("the cappuccino's trace in Go's tools")).as_ref()
}

fn cappuccino(directory: &Path) -> Command {
    let mut command = Command::new(support::example("cappuccino"));
    command.current_dir(directory).env_remove("GORT_TRACE_VERSION");
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Serves the orders and returns the folder with their trace, `orders.trace`.
fn serve(orders: usize, version: Option<&str>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut command = cappuccino(directory.path());
    if let Some(version) = version {
        command.env("GORT_TRACE_VERSION", version);
    }
    command.args(["--orders", &orders.to_string(), "--trace", "orders.trace"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{orders} orders: {}", errors(&output));
    directory
}

/// The events of a trace as Go reads them.
fn events(go: &Go, directory: &Path) -> Vec<Event> {
    let text = go.parsed(&directory.join("orders.trace")).unwrap();
    parsed::events(&text)
}

/// What Go calls the goroutine that the example starts on the one line that contains `spawn`.
fn started(by: &str, spawn: &str) -> String {
    let lines: Vec<usize> =
        (1..).zip(SOURCE.lines()).filter(|(_, l)| l.contains(spawn)).map(|(n, _)| n).collect();
    assert_eq!(lines.len(), 1, "`{spawn}` in the example");
    format!("cappuccino::{by}::{{closure@{}}}", lines[0])
}

/// The groups of goroutines of so many orders, by the function they run.
fn groups(orders: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([
        (started("main", "gort::run(||"), 1),
        (started("serve", "move || barista("), BARISTAS),
        (started("barista", "move || make_cappuccino("), orders),
        (started("make_cappuccino", "move || steam_milk("), orders),
        (started("make_cappuccino", "move || extract_coffee("), orders),
    ])
}

#[test]
fn without_arguments_it_serves_twenty() {
    let directory = tempfile::tempdir().unwrap();
    let output = cappuccino(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(errors(&output), "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("20 cappuccinos served, "), "{text}");
    assert!(text.contains("go tool trace trace.out\n"), "{text}");
    let trace = fs::read(directory.path().join("trace.out")).unwrap();
    assert!(trace.starts_with(b"go 1.23 trace\0\0\0"));
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    let wrong: [&[&str]; 6] =
        [&["--orders"], &["--orders", "many"], &["--orders", "-1"], &["--trace"], &["20"], &["-x"]];
    for arguments in wrong {
        let directory = tempfile::tempdir().unwrap();
        let output = cappuccino(directory.path()).args(arguments).output().unwrap();
        assert_eq!((output.status.code(), &*errors(&output)), (Some(2), USAGE), "{arguments:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let mut cases = vec![("missing/trace.out", "cappuccino: missing/trace.out: No such file")];
    if Path::new("/dev/full").exists() {
        cases.push(("/dev/full", "cappuccino: /dev/full: the trace ended early: No space left"));
    }
    for (file, message) in cases {
        let output = cappuccino(directory.path()).args(["--trace", file]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{file}");
        let complaint = errors(&output);
        assert!(complaint.starts_with(message) && complaint.lines().count() == 1, "{complaint}");
        assert_eq!(output.stdout, b"", "{file}");
    }
}

#[test]
fn an_unknown_version_is_an_error() {
    for version in ["1.22", "1.24", "latte"] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = cappuccino(directory.path());
        let output = command.env("GORT_TRACE_VERSION", version).output().unwrap();
        let complaint = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{version}: {complaint}");
        let named = complaint.contains("no such trace version") && complaint.contains(version);
        assert!(complaint.starts_with("cappuccino: ") && named, "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

#[test]
fn go_accepts_every_version() {
    for version in ["1.23", "1.25", "1.26"] {
        let directory = serve(50, Some(version));
        let file = directory.path().join("orders.trace");
        let header = format!("go {version} trace\0\0\0");
        assert!(fs::read(&file).unwrap().starts_with(header.as_bytes()), "{version}");
        if let Some(go) = go() {
            go.check(&[file]).unwrap();
            let begun =
                events(go, directory.path()).iter().filter(|e| e.kind == "TaskBegin").count();
            assert_eq!(begun, 50, "{version}");
        }
    }
}

#[test]
fn go_accepts_any_number_of_orders() {
    let Some(go) = go() else { return };
    for orders in [0, 1, 2, ORDERS] {
        let directory = serve(orders, None);
        let file = directory.path().join("orders.trace");
        go.check(std::slice::from_ref(&file)).unwrap();
        let created = go.wire_counts(&file)["GoCreate"];
        assert_eq!(created as usize, BARISTAS + 3 * orders, "{orders} orders");
    }
}

/// The checks can fail: a trace that is cut short, or says to be of another version, is rejected.
#[test]
fn go_rejects_a_damaged_trace() {
    let Some(go) = go() else { return };
    let directory = serve(10, None);
    let whole = fs::read(directory.path().join("orders.trace")).unwrap();
    let mut of_the_future = whole.clone();
    of_the_future[..7].copy_from_slice(b"go 1.99");
    for damaged in [&whole[..whole.len() - 10], &whole[..16], &of_the_future, b""] {
        let file = directory.path().join("damaged.trace");
        fs::write(&file, damaged).unwrap();
        let both = [directory.path().join("orders.trace"), file.clone()];
        let report = go.check(&both).unwrap_err();
        assert!(report.contains("damaged.trace") && !report.contains("orders.trace"), "{report}");
        assert_ne!(go.parsed(&file).unwrap_err(), "");
        assert!(go.viewer(&file).is_err());
    }
}

/// An order as the trace tells it.
#[derive(Default)]
struct Order {
    begin: Option<(i64, u64)>,
    end: Option<(i64, u64)>,
    /// Goroutine and `orderID` of each log.
    logs: Vec<(i64, usize)>,
    /// Region, goroutine, and times of begin and end.
    regions: Vec<(String, i64, u64, Option<u64>)>,
}

/// The orders by the number of their task.
fn orders(events: &[Event]) -> BTreeMap<i64, Order> {
    let mut orders = BTreeMap::<i64, Order>::new();
    for event in events {
        let who = (event.goroutine, event.time);
        match event.kind.as_str() {
            "TaskBegin" => {
                let order = orders.entry(event.number("ID")).or_default();
                assert_eq!((event.field("Type"), order.begin), ("makeCappuccino", None));
                order.begin = Some(who);
            }
            "TaskEnd" => {
                let order = orders.get_mut(&event.number("ID")).expect("the task began");
                assert_eq!((event.field("Type"), order.end), ("makeCappuccino", None));
                order.end = Some(who);
            }
            "Log" => {
                assert_eq!(event.field("Category"), "orderID");
                let order = orders.get_mut(&event.number("Task")).expect("the task began");
                order.logs.push((event.goroutine, event.field("Message").parse().unwrap()));
            }
            "RegionBegin" | "RegionEnd" => {
                let order = orders.get_mut(&event.number("Task")).expect("the task began");
                order.region(event);
            }
            _ => {}
        }
    }
    orders
}

impl Order {
    fn region(&mut self, event: &Event) {
        let (name, goroutine) = (event.field("Type"), event.goroutine);
        if event.kind == "RegionBegin" {
            self.regions.push((name.to_owned(), goroutine, event.time, None));
            return;
        }
        let begun = self.regions.iter_mut().find(|(n, g, _, _)| n == name && *g == goroutine);
        let end = &mut begun.unwrap_or_else(|| panic!("{event:?} never began")).3;
        assert_eq!(*end, None, "{event:?}");
        *end = Some(event.time);
    }

    /// The goroutines that worked for it.
    fn goroutines(&self) -> BTreeSet<i64> {
        self.regions.iter().map(|(_, goroutine, _, _)| *goroutine).collect()
    }
}

#[test]
fn every_order_is_a_task_of_three_goroutines() {
    let Some(go) = go() else { return };
    let directory = serve(ORDERS, None);
    let orders = orders(&events(go, directory.path()));
    assert_eq!(orders.len(), ORDERS);
    for order in orders.values() {
        let (Some((maker, begin)), Some((ender, end))) = (order.begin, order.end) else {
            panic!("an order without an end");
        };
        assert_eq!(maker, ender);
        assert!(matches!(order.logs[..], [(g, _)] if g == maker), "{:?}", order.logs);
        let mut names: Vec<&str> = order.regions.iter().map(|(name, ..)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["extractCoffee", "mixMilkCoffee", "steamMilk"]);
        for (name, goroutine, from, to) in &order.regions {
            assert!(begin < *from && to.is_some_and(|to| *from < to && to < end), "{name}");
            assert_eq!(*goroutine == maker, name == "mixMilkCoffee");
        }
        assert_eq!(order.goroutines().len(), 3);
    }
    let served: BTreeSet<usize> = orders.values().map(|order| order.logs[0].1).collect();
    assert_eq!(served, (0..ORDERS).collect());
    the_viewer_lists_them(go, directory.path(), &orders);
}

/// The web viewer's page of tasks shows each one complete, with its three goroutines.
fn the_viewer_lists_them(go: &Go, directory: &Path, orders: &BTreeMap<i64, Order>) {
    let viewer = go.viewer(&directory.join("orders.trace")).unwrap();
    let page = viewer.get("/usertask?type=makeCappuccino").unwrap();
    assert_eq!(page.status, 200);
    let text = page.text();
    let mut listed = BTreeMap::new();
    for row in text.split("<tr class=\"first\">").skip(1) {
        assert!(row.contains("(complete)"), "{row}");
        let id: i64 = between(row, "/trace?taskid=", "#").next().unwrap().parse().unwrap();
        let goroutines: BTreeSet<i64> =
            between(row, "<td class=\"goid\">", "<").filter_map(|g| g.parse().ok()).collect();
        listed.insert(id, goroutines);
    }
    let told: BTreeMap<i64, BTreeSet<i64>> =
        orders.iter().map(|(id, order)| (*id, order.goroutines())).collect();
    assert!(listed == told, "the page and the trace differ:\n{listed:?}\n{told:?}");
}

/// What stands between each `before` and the next `after`.
fn between<'a>(
    text: &'a str,
    before: &'a str,
    after: &'a str,
) -> impl Iterator<Item = &'a str> + 'a {
    text.split(before).skip(1).map(move |rest| rest.split(after).next().unwrap_or_default())
}

#[test]
fn goroutines_are_grouped_under_their_functions() {
    let Some(go) = go() else { return };
    let directory = serve(ORDERS, None);
    let mut created = BTreeMap::from([(started("main", "gort::run(||"), 1)]);
    for event in events(go, directory.path()) {
        if event.is_transition("NotExist", "Runnable") {
            let entry = event.transition_stack.last().expect("a goroutine starts somewhere");
            let line = format!("{{closure@{}}}", entry.line);
            assert!(entry.function.ends_with(&line), "{entry:?}");
            assert!(entry.file.ends_with("examples/cappuccino.rs"), "{entry:?}");
            *created.entry(entry.function.clone()).or_default() += 1;
        }
    }
    assert_eq!(created, groups(ORDERS));

    let viewer = go.viewer(&directory.path().join("orders.trace")).unwrap();
    assert_eq!(listed_groups(&viewer.get("/goroutines").unwrap()), groups(ORDERS));
}

/// The rows of the web viewer's page of goroutines.
fn listed_groups(page: &Page) -> BTreeMap<String, usize> {
    assert_eq!(page.status, 200);
    let text = page.text();
    let rows = text.split("href=\"/goroutine?").skip(1);
    rows.map(|row| {
        let name = between(row, "\">", "</a>").next().unwrap();
        let count = between(row, "<td>", "</td>").next().unwrap();
        (support::unescape(name), count.parse().unwrap())
    })
    .collect()
}

/// How often, and for how many nanoseconds, goroutines waited, by their group and the reason.
fn waits(events: &[Event]) -> BTreeMap<(String, String), (usize, u64)> {
    let (mut groups, mut waiting) = (BTreeMap::new(), BTreeMap::new());
    let mut waits = BTreeMap::<_, (usize, u64)>::new();
    for event in events.iter().filter(|event| event.fields.contains_key("GoID")) {
        let goroutine = event.number("GoID");
        if let Some(entry) = event.transition_stack.last() {
            groups.entry(goroutine).or_insert_with(|| entry.function.clone());
        }
        if event.is_transition("Running", "Waiting") {
            waiting.insert(goroutine, (event.field("Reason").to_owned(), event.time));
        } else if event.is_transition("Waiting", "Runnable") {
            let (reason, since) = waiting.remove(&goroutine).expect("it waited");
            let (count, time) = waits.entry((groups[&goroutine].clone(), reason)).or_default();
            *count += 1;
            *time += event.time - since;
        }
    }
    // The main goroutine's last wait is for the end of the trace.
    let main = started("main", "gort::run(||");
    let asleep: Vec<_> = waiting.keys().filter(|goroutine| groups[*goroutine] != main).collect();
    assert!(asleep.is_empty(), "never woken: {asleep:?}");
    waits
}

#[test]
fn blocked_times_carry_their_reasons() {
    let Some(go) = go() else { return };
    let directory = serve(ORDERS, None);
    let waits = waits(&events(go, directory.path()));
    let reasons: BTreeSet<&str> = waits.keys().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons, ["chan receive", "chan send", "sleep", "sync"].into());

    let (main, barista) = (started("main", "gort::run(||"), started("serve", "move || barista("));
    let maker = started("barista", "move || make_cappuccino(");
    let milk = started("make_cappuccino", "move || steam_milk(");
    let coffee = started("make_cappuccino", "move || extract_coffee(");
    let expected = [
        (&main, "chan send"),
        (&main, "sync"),
        (&barista, "chan receive"),
        (&barista, "sync"),
        (&maker, "chan receive"),
        (&milk, "sleep"),
        (&coffee, "sleep"),
    ];
    let viewer = go.viewer(&directory.path().join("orders.trace")).unwrap();
    for (group, reason) in expected {
        let wait = waits.get(&(group.clone(), reason.to_owned()));
        assert!(wait.is_some_and(|&(_, time)| time > 0), "{group} {reason}: {waits:?}");
        let name = group.replace(':', "%3a").replace('{', "%7b").replace('}', "%7d");
        let page = viewer.get(&format!("/goroutine?name={}", name.replace('@', "%40"))).unwrap();
        assert_eq!(page.status, 200, "{group}");
        assert!(page.text().contains(&format!("> Block time ({reason})</th>")), "{group} {reason}");
    }
    for (group, micros) in [(milk, 300), (coffee, 500)] {
        let (count, time) = waits[&(group, "sleep".to_owned())];
        assert_eq!(count, ORDERS);
        // The clock of a sleep starts a little before the goroutine waits.
        assert!(time > ORDERS as u64 * micros * 1000 * 9 / 10, "{time} ns for {count} sleeps");
    }
}

#[test]
fn go_shows_every_page() {
    let Some(go) = go() else { return };
    let directory = serve(100, None);
    let pages = go.pages(&directory.path().join("orders.trace")).unwrap();
    let graphviz = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|p| p.join("dot").exists()));
    for (path, page) in &pages {
        if page.status == 500 && is_drawing(path) && !graphviz {
            let text = page.text();
            assert!(
                text.contains("failed to execute dot. Is Graphviz installed?"),
                "{path}: {text}"
            );
        } else {
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            assert!(!page.body.is_empty(), "{path}");
        }
    }
    for (wanted, parameter) in KINDS {
        let found = pages.keys().any(|path| {
            let (page, query) = path.split_once('?').unwrap_or((path, ""));
            let mut parameters = query.split('&').map(|p| p.split('=').next().unwrap_or_default());
            page == wanted && parameters.any(|name| name == parameter)
        });
        assert!(found, "no {wanted} by {parameter:?} in {:?}", pages.keys());
    }
}

/// Whether a page is a profile drawn by Graphviz.
fn is_drawing(path: &str) -> bool {
    let (page, query) = path.split_once('?').unwrap_or((path, ""));
    let drawing = ["io", "block", "syscall", "sched"].iter().any(|profile| page.ends_with(profile));
    drawing && !query.contains("raw=1")
}

/// The kinds of pages that must be among them, with a parameter that they must have.
const KINDS: [(&str, &str); 28] = [
    ("/", ""),
    ("/goroutines", ""),
    ("/goroutine", "name"),
    ("/usertasks", ""),
    ("/usertask", "type"),
    ("/userregions", ""),
    ("/userregion", "type"),
    ("/io", ""),
    ("/io", "raw"),
    ("/io", "name"),
    ("/block", ""),
    ("/block", "raw"),
    ("/syscall", "raw"),
    ("/sched", "raw"),
    ("/regionio", "type"),
    ("/regionblock", "raw"),
    ("/regionsyscall", "raw"),
    ("/regionsched", "raw"),
    ("/mmu", ""),
    ("/mmu", "mode"),
    ("/trace", "view"),
    ("/trace", "goid"),
    ("/jsontrace", "view"),
    ("/jsontrace", "goid"),
    ("/jsontrace", "focustask"),
    ("/jsontrace", "taskid"),
    ("/static/trace_viewer_full.html", ""),
    ("/static/webcomponents.min.js", ""),
];

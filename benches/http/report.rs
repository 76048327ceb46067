//! The result, as a table or as JSON.

use crate::idle::Memory;
use crate::load::{Cell, Figures};
use crate::options::Options;

pub(crate) struct Report {
    json: bool,
    procs: usize,
    /// What went wrong, by system.
    errors: Vec<(&'static str, String)>,
}

impl Report {
    /// Prints the head.
    pub(crate) fn begin(options: &Options) -> Report {
        if !options.json {
            let apart = if options.apart { ", client and server apart" } else { "" };
            println!("medians of {} rounds, GOMAXPROCS={}{apart}", options.rounds, options.procs);
            let names = options.systems.iter();
            let of = |what: &str| -> Vec<_> {
                names.clone().map(|name| format!("{name} {what}")).collect()
            };
            let (requests, p50, p99) = (of("req/s"), of("p50 us"), of("p99 us"));
            let cpu = of("cpu us");
            let ratio = |what| (options.systems.len() == 2).then(|| format!("{what} ratio"));
            let columns = requests.into_iter().chain(ratio("req/s"));
            let columns = columns.chain(p50).chain(p99).chain(ratio("p99")).chain(cpu);
            print_row("connections", columns);
        }
        Report { json: options.json, procs: options.procs, errors: Vec::new() }
    }

    /// One number of connections.
    pub(crate) fn load(&mut self, connections: usize, cells: &[Cell]) {
        for cell in cells {
            self.errors.extend(cell.error.clone().map(|error| (cell.system, error)));
        }
        if self.json {
            cells.iter().for_each(|cell| println!("{}", self.json_load(connections, cell)));
            return;
        }
        let of =
            |pick: fn(&Figures) -> f64| cells.iter().map(move |c| c.figures.as_ref().map(pick));
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.0}"));
        // Above 1, gort is better.
        let ratio = |pick: fn(&Figures) -> f64, more_is_better: bool| {
            let [gort, go] = &of(pick).collect::<Vec<_>>()[..] else { return None };
            let ratio = gort.zip(*go).map(|(a, b)| if more_is_better { a / b } else { b / a });
            Some(ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}")))
        };
        let columns = of(|f| f.per_second).map(number);
        let columns = columns.chain(ratio(|f| f.per_second, true));
        let columns =
            columns.chain(of(|f| f.p50_us).map(number)).chain(of(|f| f.p99_us).map(number));
        let time = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.2}"));
        let columns = columns.chain(ratio(|f| f.p99_us, false)).chain(of(|f| f.cpu_us).map(time));
        print_row(&connections.to_string(), columns);
    }

    fn json_load(&self, connections: usize, cell: &Cell) -> String {
        let value = |pick: fn(&Figures) -> f64| {
            cell.figures.as_ref().map_or_else(|| "null".into(), |f| format!("{:.2}", pick(f)))
        };
        format!(
            "{{\"workload\":\"http/{connections}\",\"system\":{:?},\"procs\":{},\
             \"requests_per_second\":{},\"p50_us\":{},\"p99_us\":{},\
             \"cpu_us\":{},\"error\":{}}}",
            cell.system,
            self.procs,
            value(|f| f.per_second),
            value(|f| f.p50_us),
            value(|f| f.p99_us),
            value(|f| f.cpu_us),
            cell.error.as_ref().map_or_else(|| "null".into(), |error| format!("{error:?}")),
        )
    }

    /// Idle connections.
    pub(crate) fn idle(&mut self, connections: usize, all: &[Memory]) {
        for Memory { system, bytes } in all {
            match bytes {
                Err(error) => self.errors.push((system, error.clone())),
                Ok((before, after)) if self.json => println!(
                    "{{\"workload\":\"http_idle/{connections}\",\"system\":{system:?},\"procs\":{},\
                     \"rss_bytes_before\":{before},\"rss_bytes\":{after}}}",
                    self.procs
                ),
                Ok((before, after)) => {
                    let each = after.saturating_sub(*before) / connections as u64;
                    let mib = |bytes: &u64| *bytes as f64 / f64::from(1 << 20);
                    println!(
                        "{connections} idle connections on {system}: {:.1} MiB resident ({:.1} \
                         without them), {each} bytes each",
                        mib(after),
                        mib(before)
                    );
                }
            }
        }
    }

    /// Prints what went wrong. gort's failures are the bench's.
    pub(crate) fn end(self) -> Result<(), String> {
        if !self.json {
            self.errors.iter().for_each(|(system, error)| println!("(!) {system}: {error}"));
        }
        let own = self.errors.into_iter().find(|(system, _)| *system == "gort");
        own.map_or(Ok(()), |(_, error)| Err(format!("gort: {error}")))
    }
}

fn print_row(head: &str, columns: impl Iterator<Item = String>) {
    let columns: String = columns.map(|column| format!("{column:>23}")).collect();
    println!("{head:<12}{columns}");
}

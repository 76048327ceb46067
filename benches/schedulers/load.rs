//! What a child process is told to do and how it reports. The harness, gort's child and the
//! peers share this file; the Go twin has its own.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

/// What a child whose goroutine did not get to run says instead of figures.
pub(crate) const STARVED: &str = "starved:";

/// In the environment of a child that takes a trace meanwhile, or has a flight recorder record:
/// `traced` or `recorded`.
#[allow(dead_code, reason = "not every system can")]
pub(crate) const TRACING: &str = "GORT_BENCH_TRACING";

/// In the environment of a child that repeats its load for so many seconds instead of once.
#[allow(dead_code, reason = "gort can")]
pub(crate) const SECONDS: &str = "GORT_BENCH_SECONDS";

/// And writes the trace of that to this file.
#[allow(dead_code, reason = "as above")]
pub(crate) const TRACE_FILE: &str = "GORT_BENCH_TRACE_FILE";

/// What kind of work: see `benches/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SpawnJoin,
    Yield,
    PingPong,
    ProdCons,
    ThreadRing,
    Parked,
    Skynet,
    Fib,
    Select,
    Mutex,
    RwMutex,
    ContextTree,
    Timers,
    Hogs,
    Blockers(Way),
    TcpEcho,
    /// The server side of `TcpEcho` where it is a process of its own.
    TcpServe,
}

/// How the goroutines of [`Kind::Blockers`] block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In a plain sleep, and never anywhere else.
    Sleep,
    /// In a plain sleep, with a value sent after each.
    Enter,
    /// In plain reads of a FIFO.
    Fifo,
    /// In a plain sleep, of which the runtime is told.
    Told,
}

const KINDS: [(Kind, &str); 20] = [
    (Kind::SpawnJoin, "spawn_join"),
    (Kind::Yield, "yield"),
    (Kind::PingPong, "pingpong"),
    (Kind::ProdCons, "prodcons"),
    (Kind::ThreadRing, "threadring"),
    (Kind::Parked, "parked"),
    (Kind::Skynet, "skynet"),
    (Kind::Fib, "fib"),
    (Kind::Select, "select"),
    (Kind::Mutex, "mutex"),
    (Kind::RwMutex, "rwmutex"),
    (Kind::ContextTree, "context_tree"),
    (Kind::Timers, "timers"),
    (Kind::Hogs, "hogs"),
    (Kind::Blockers(Way::Sleep), "blockers_sleep"),
    (Kind::Blockers(Way::Enter), "blockers_enter"),
    (Kind::Blockers(Way::Fifo), "blockers_fifo"),
    (Kind::Blockers(Way::Told), "blockers_told"),
    (Kind::TcpEcho, "tcp_echo"),
    (Kind::TcpServe, "tcp_serve"),
];

/// A piece of work, on the command line `KIND:WIDTH:CAPACITY:N`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    /// Goroutines, pairs, producers or connections at a time; children of a node of `skynet`; which
    /// number `fib` computes.
    pub(crate) width: u64,
    /// The channel's buffer, for `prodcons`.
    pub(crate) capacity: usize,
    /// Operations in all, a multiple of the width; milliseconds of a kind that is timed.
    pub(crate) n: u64,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The figures of the kind's measure, in its order.
    Figures(Vec<f64>),
    /// A goroutine did not get to run; with what it did.
    #[allow(dead_code, reason = "not every system can starve")]
    Starved(String),
}

impl From<Duration> for Outcome {
    /// Of a run whose figure is how long it took.
    fn from(elapsed: Duration) -> Outcome {
        Outcome::Figures(vec![elapsed.as_nanos() as f64])
    }
}

impl Load {
    /// Operations of each goroutine, pair or producer.
    pub(crate) fn share(&self) -> u64 {
        self.n / self.width
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, kind) = KINDS.iter().find(|(kind, _)| *kind == self.kind).expect("all are listed");
        write!(f, "{kind}:{}:{}:{}", self.width, self.capacity, self.n)
    }
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Load, String> {
        let wrong = || format!("{text}: not KIND:WIDTH:CAPACITY:N");
        let fields: Vec<&str> = text.split(':').collect();
        let [kind, width, capacity, n] = fields[..] else { return Err(wrong()) };
        let (kind, _) = KINDS.iter().find(|(_, name)| *name == kind).ok_or_else(wrong)?;
        Ok(Load {
            kind: *kind,
            width: width.parse().map_err(|_| wrong())?,
            capacity: capacity.parse().map_err(|_| wrong())?,
            n: n.parse().map_err(|_| wrong())?,
        })
    }
}

/// The warm-up and the load to measure: a child's last two arguments.
pub(crate) fn from_arguments() -> [Load; 2] {
    let mut arguments = std::env::args().rev();
    let mut load = || {
        let text = arguments.next().expect("usage: WARM_UP LOAD, each KIND:WIDTH:CAPACITY:N");
        text.parse::<Load>().unwrap_or_else(|wrong| panic!("{wrong}"))
    };
    let measured = load();
    [load(), measured]
}

/// Prints a child's one line: the figures and, where the system tells, the most memory it had.
pub(crate) fn report(outcome: Outcome) {
    let rss = rss_bytes_peak().map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    match outcome {
        Outcome::Figures(figures) => {
            let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
            println!("{} {rss}", figures.join(","));
        }
        Outcome::Starved(what) => println!("{STARVED} {what}"),
    }
}

fn rss_bytes_peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

//! The workloads and their sizes.

use crate::common::fib;
use crate::load::{Kind, Load, Way};
use crate::measure::{self, Figure};
use crate::system;

/// A row of the table, or some that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    kind: Kind,
    width: Width,
    capacity: usize,
    /// Operations in a run of full size, or milliseconds where the kind is timed. Most runs take
    /// 0.3 to 1 s on a quiet machine.
    n: u64,
}

/// Goroutines, pairs, producers or connections at a time.
#[derive(Clone, Copy, Debug)]
enum Width {
    /// As many as there are operations.
    All,
    Of(u64),
    /// So many, and fewer where there are fewer operations: each takes its time.
    AtMost(u64),
    /// So many, for a time and not for a number of operations.
    Timed(u64),
    /// So many children a node of a tree, and leaves as there are operations, or fewer: all are
    /// equally deep.
    Children(u64),
    /// The number whose calls are as many as the operations, or fewer.
    Calls,
}

/// What a timed run takes at least, in milliseconds.
const MIN_MS: u64 = 200;

const fn row(name: &'static str, kind: Kind, width: Width, capacity: usize, n: u64) -> Workload {
    Workload { name, kind, width, capacity, n }
}

use Kind::{
    Blockers, ContextTree, Fib, Hogs, Mutex, Parked, PingPong, ProdCons, RwMutex, Select, Skynet,
    SpawnJoin, TcpEcho, ThreadRing, Timers, Yield,
};
use Width::{All, AtMost, Calls, Children, Of, Timed};

#[rustfmt::skip]
pub(crate) const ALL: [Workload; 30] = [
    row("spawn_join/1000000", SpawnJoin,  All,      0,   1_000_000),
    row("spawn_join/1000",    SpawnJoin,  Of(1000), 0,   1_000_000),
    row("yield/2",            Yield,      Of(2),    0,   10_000_000),
    row("yield/1000",         Yield,      Of(1000), 0,   10_000_000),
    row("pingpong/1",         PingPong,   Of(1),    0,   2_000_000),
    row("pingpong/1000",      PingPong,   Of(1000), 0,   2_000_000),
    row("prodcons/0",         ProdCons,   Of(1),    0,   4_000_000),
    row("prodcons/1",         ProdCons,   Of(1),    1,   4_000_000),
    row("prodcons/10",        ProdCons,   Of(1),    10,  10_000_000),
    row("prodcons/100",       ProdCons,   Of(1),    100, 10_000_000),
    row("prodcons/4x4",       ProdCons,   Of(4),    100, 8_000_000),
    row("threadring",         ThreadRing, Of(1000), 0,   1_000_000),
    row("parked/100000",      Parked,     All,      0,   100_000),
    row("parked/1000000",     Parked,     All,      0,   1_000_000),
    row("skynet",             Skynet,     Children(10), 0, 1_000_000),
    row("fib",                Fib,        Calls,    0,   392_835),
    row("select/4",           Select,     Of(4),    0,   2_000_000),
    row("mutex/100",          Mutex,      Of(100),  0,   5_000_000),
    row("rwmutex/100",        RwMutex,    Of(100),  0,   5_000_000),
    row("context_tree/1000",  ContextTree, Of(1000), 0,  500_000),
    row("timers/1000000",     Timers,     All,      0,   1_000_000),
    row("hogs",               Hogs,       Timed(4), 0,   3_000),
    row("blockers/sleep",     Blockers(Way::Sleep), Timed(64), 0, 1_000),
    row("blockers/enter",     Blockers(Way::Enter), Timed(64), 0, 1_000),
    row("blockers/fifo",      Blockers(Way::Fifo),  Timed(64), 0, 1_000),
    row("blockers/told",      Blockers(Way::Told),  Timed(64), 0, 1_000),
    row("tcp_echo/1",         TcpEcho,    AtMost(1),      0, 50_000),
    row("tcp_echo/100",       TcpEcho,    AtMost(100),    0, 100_000),
    row("tcp_echo/1000",      TcpEcho,    AtMost(1_000),  0, 100_000),
    row("tcp_echo/10000",     TcpEcho,    AtMost(10_000), 0, 100_000),
];

impl Workload {
    /// The load of a run of `scale` times the full size.
    pub(crate) fn load(&self, scale: f64) -> Load {
        self.sized((self.n as f64 * scale) as u64)
    }

    /// A tenth of the load, done first and not measured.
    pub(crate) fn warm_up(&self, scale: f64) -> Load {
        self.sized((self.n as f64 * scale / 10.0) as u64)
    }

    fn sized(&self, n: u64) -> Load {
        let (width, n) = match self.width {
            All => (n.max(1), n.max(1)),
            Of(width) => (width, n.max(width) / width * width),
            AtMost(width) => {
                let width = width.min(n.max(1));
                (width, n.max(width) / width * width)
            }
            Timed(width) => (width, n.max(MIN_MS)),
            Children(width) => (width, width.pow(n.max(width).ilog(width))),
            Calls => {
                let number = fib::with_calls(n);
                (number, fib::calls(number))
            }
        };
        Load { kind: self.kind, width, capacity: self.capacity, n }
    }

    /// What its runs report.
    pub(crate) fn figures(&self) -> &'static [Figure] {
        measure::figures(self.kind)
    }

    /// Whether a system of this name is made for it.
    pub(crate) fn runs_on(&self, system: &str) -> bool {
        let is_about_blocking = matches!(self.kind, Hogs | Blockers(_) | TcpEcho);
        match system {
            "gort" | "go" => true,
            traced if system::TRACED.contains(&traced) => true,
            "threads" if matches!(self.kind, Select | Mutex | RwMutex) => true,
            // Two threads a connection.
            "threads" => is_about_blocking && !matches!(self.width, AtMost(10_000..)),
            "go-lib" => !is_about_blocking,
            "may" => !matches!(self.kind, Blockers(Way::Told) | ContextTree),
            _ => true,
        }
    }

    /// Whether the memory of each goroutine is what the row is about.
    pub(crate) fn is_about_memory(&self) -> bool {
        self.kind == Parked
    }
}

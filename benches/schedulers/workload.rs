//! The workloads and their sizes.

use crate::load::{Kind, Load};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    kind: Kind,
    width: Width,
    capacity: usize,
    /// Operations in a run of full size. Most take 0.3 to 1 s on a quiet machine.
    n: u64,
}

/// Goroutines, pairs or producers at a time.
#[derive(Clone, Copy, Debug)]
enum Width {
    /// As many as there are operations.
    All,
    Of(u64),
}

const fn row(name: &'static str, kind: Kind, width: Width, capacity: usize, n: u64) -> Workload {
    Workload { name, kind, width, capacity, n }
}

use Kind::{Parked, PingPong, ProdCons, SpawnJoin, ThreadRing, Yield};
use Width::{All, Of};

#[rustfmt::skip]
pub(crate) const ALL: [Workload; 14] = [
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
        };
        Load { kind: self.kind, width, capacity: self.capacity, n }
    }

    /// Whether the memory of each goroutine is what the row is about.
    pub(crate) fn is_about_memory(&self) -> bool {
        self.kind == Parked
    }
}

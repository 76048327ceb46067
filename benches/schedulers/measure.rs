//! What a workload's figures are: what the children print, and how they are shown.

use crate::load::Kind;

/// One of a run's figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Its name in JSON.
    pub(crate) key: &'static str,
    /// The head of its row in the table; the workload's name if empty.
    pub(crate) head: &'static str,
    pub(crate) unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds of the whole run, shown for one operation.
    NsPerOp,
    Ns,
    /// The only one where more is better.
    Percent,
}

impl Unit {
    /// How many times as bad the one is as the other.
    pub(crate) fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Unit::NsPerOp | Unit::Ns => one / other,
            Unit::Percent => other / one,
        }
    }
}

const fn figure(key: &'static str, head: &'static str, unit: Unit) -> Figure {
    Figure { key, head, unit }
}

const SPEED: &[Figure] = &[figure("ns_per_op", "", Unit::NsPerOp)];

const LATENESS: &[Figure] = &[
    figure("late_ns_mean", "", Unit::Ns),
    figure("late_ns_p99", "  99th percentile", Unit::Ns),
    figure("late_ns_max", "  most", Unit::Ns),
];

/// The time of the whole run is with the sleep that everybody asked for.
const TIMERS: &[Figure] = &[
    figure("ns_per_op", "", Unit::NsPerOp),
    figure("late_ns_mean", "  mean lateness", Unit::Ns),
    figure("late_ns_p99", "  99th percentile", Unit::Ns),
];

const SHARE: &[Figure] = &[
    figure("kept_percent", "", Unit::Percent),
    figure("calls_percent", "  of blocking calls", Unit::Percent),
];

/// The figures of a kind of work; the first is the one it is about.
pub(crate) fn figures(kind: Kind) -> &'static [Figure] {
    match kind {
        Kind::Hogs => LATENESS,
        Kind::Timers => TIMERS,
        Kind::Blockers(_) => SHARE,
        _ => SPEED,
    }
}

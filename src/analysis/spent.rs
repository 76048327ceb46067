//! How a goroutine's time was spent.

use std::collections::BTreeMap;

use serde::Serialize;

use super::texts::{TextId, Texts};

/// How time was spent, in nanoseconds.
///
/// All but `total_ns` and `ranges_ns` are shares of the total that do not overlap.
///
/// # Go
/// The columns of the page of a group of goroutines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// From the first to the last moment.
    pub total_ns: i64,
    /// Running.
    pub running_ns: i64,
    /// Able to run, but waiting for a processor.
    pub runnable_ns: i64,
    /// In system calls, with a processor.
    pub syscall_ns: i64,
    /// In system calls, after the processor was given to others.
    pub syscall_blocked_ns: i64,
    /// Waiting for something else, by reason. That of who waited as the trace began is empty.
    pub blocked_ns: BTreeMap<String, i64>,
    /// Of the total, what is known no better.
    pub unknown_ns: i64,
    /// In ranges such as `GC mark assist`, by name. They overlap with everything else.
    pub ranges_ns: BTreeMap<String, i64>,
}

impl Times {
    /// All waiting for something else than a processor.
    pub fn all_blocked_ns(&self) -> i64 {
        sum(self.blocked_ns.values().copied())
    }

    /// Adds those of another goroutine. Many that were there for days are more than a number holds.
    pub(crate) fn add(&mut self, other: &Times) {
        let add = |sum: &mut i64, ns: i64| *sum = sum.saturating_add(ns);
        add(&mut self.total_ns, other.total_ns);
        add(&mut self.running_ns, other.running_ns);
        add(&mut self.runnable_ns, other.runnable_ns);
        add(&mut self.syscall_ns, other.syscall_ns);
        add(&mut self.syscall_blocked_ns, other.syscall_blocked_ns);
        add(&mut self.unknown_ns, other.unknown_ns);
        for (reason, &ns) in &other.blocked_ns {
            add(self.blocked_ns.entry(reason.clone()).or_default(), ns);
        }
        for (name, &ns) in &other.ranges_ns {
            add(self.ranges_ns.entry(name.clone()).or_default(), ns);
        }
    }
}

/// The sum of times, or the most that a number holds: a trace decides what they are.
pub(crate) fn sum(times_ns: impl Iterator<Item = i64>) -> i64 {
    times_ns.fold(0, i64::saturating_add)
}

/// [`Times`] in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) totals: Totals,
    pub(crate) shares: Shares,
}

/// Times in states, together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) total: i64,
    pub(crate) running: i64,
    pub(crate) runnable: i64,
    pub(crate) syscall: i64,
    pub(crate) syscall_blocked: i64,
}

/// What time can be a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Share {
    /// Waiting, for a reason.
    Blocked(TextId),
    /// A range with this name.
    Range(TextId),
}

/// Times by text: mostly few, but a trace decides how many. Of most goroutines there are none, which
/// takes a word.
#[derive(Clone, Debug, Default)]
#[expect(clippy::box_collection, reason = "a word each, of very many, is what counts")]
pub(crate) struct Shares(Option<Box<BTreeMap<Share, i64>>>);

impl Shares {
    pub(crate) fn add(&mut self, share: Share, ns: i64) {
        let sum = self.0.get_or_insert_default().entry(share).or_default();
        *sum = sum.saturating_add(ns);
    }

    pub(crate) fn add_all(&mut self, others: &Shares) {
        for (share, ns) in others.iter() {
            self.add(share, ns);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Share, i64)> {
        self.0.iter().flat_map(|shares| shares.iter()).map(|(&share, &ns)| (share, ns))
    }
}

impl Totals {
    /// What was spent since then.
    pub(crate) fn since(self, earlier: Totals) -> Totals {
        Totals {
            total: self.total - earlier.total,
            running: self.running - earlier.running,
            runnable: self.runnable - earlier.runnable,
            syscall: self.syscall - earlier.syscall,
            syscall_blocked: self.syscall_blocked - earlier.syscall_blocked,
        }
    }
}

impl Spent {
    pub(crate) fn times(&self, texts: &Texts) -> Times {
        let Totals { total, running, runnable, syscall, syscall_blocked } = self.totals;
        let mut times = Times {
            total_ns: total,
            running_ns: running,
            runnable_ns: runnable,
            syscall_ns: syscall,
            syscall_blocked_ns: syscall_blocked,
            ..Times::default()
        };
        for (share, ns) in self.shares.iter() {
            let (of, text) = match share {
                Share::Blocked(reason) => (&mut times.blocked_ns, reason),
                Share::Range(name) => (&mut times.ranges_ns, name),
            };
            of.insert(texts.text(text).to_owned(), ns);
        }
        let known = running + runnable + syscall + syscall_blocked;
        let known = known.saturating_add(times.all_blocked_ns());
        times.unknown_ns = total.saturating_sub(known).max(0);
        times
    }
}

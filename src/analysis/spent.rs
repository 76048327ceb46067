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
        self.blocked_ns.values().fold(0, |sum, &ns| sum.saturating_add(ns))
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

/// [`Times`] in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) total: i64,
    pub(crate) running: i64,
    pub(crate) runnable: i64,
    pub(crate) syscall: i64,
    pub(crate) syscall_blocked: i64,
    pub(crate) blocked: Shares,
    pub(crate) ranges: Shares,
}

/// Times by text, of which there are few.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shares(Vec<(TextId, i64)>);

impl Shares {
    pub(crate) fn add(&mut self, of: TextId, ns: i64) {
        match self.0.iter_mut().find(|(text, _)| *text == of) {
            Some((_, sum)) => *sum = sum.saturating_add(ns),
            None => self.0.push((of, ns)),
        }
    }

    fn subtract(&mut self, earlier: &Shares) {
        for &(text, ns) in &earlier.0 {
            self.add(text, -ns);
        }
    }

    fn named(&self, texts: &Texts) -> BTreeMap<String, i64> {
        self.0.iter().map(|&(text, ns)| (texts.text(text).to_owned(), ns)).collect()
    }
}

impl Spent {
    /// What was spent since then.
    pub(crate) fn since(mut self, earlier: &Spent) -> Spent {
        self.total -= earlier.total;
        self.running -= earlier.running;
        self.runnable -= earlier.runnable;
        self.syscall -= earlier.syscall;
        self.syscall_blocked -= earlier.syscall_blocked;
        self.blocked.subtract(&earlier.blocked);
        self.ranges.subtract(&earlier.ranges);
        self
    }

    pub(crate) fn times(&self, texts: &Texts) -> Times {
        let blocked_ns = self.blocked.named(texts);
        let known = self.running + self.runnable + self.syscall + self.syscall_blocked;
        let blocked = blocked_ns.values().fold(0i64, |sum, &ns| sum.saturating_add(ns));
        let known = known.saturating_add(blocked);
        Times {
            total_ns: self.total,
            running_ns: self.running,
            runnable_ns: self.runnable,
            syscall_ns: self.syscall,
            syscall_blocked_ns: self.syscall_blocked,
            blocked_ns,
            unknown_ns: self.total.saturating_sub(known).max(0),
            ranges_ns: self.ranges.named(texts),
        }
    }
}

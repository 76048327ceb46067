//! What became of a goroutine.

use super::spent::Spent;
use super::texts::TextId;
use crate::reader::{GoID, GoState};

/// A goroutine's life so far. Moments are nanoseconds since the trace's first event.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) id: GoID,
    /// The function it began in.
    pub(crate) name: Option<TextId>,
    pub(crate) created: i64,
    pub(crate) started: Option<i64>,
    pub(crate) ended: Option<i64>,
    pub(crate) spent: Spent,
    pub(crate) since: Since,
    /// The regions it is in, outermost first: places in the list of all.
    pub(crate) regions: Vec<usize>,
}

/// Since when it is in which states. The time until now is not in [`Life::spent`] yet.
#[derive(Debug, Default)]
pub(crate) struct Since {
    running: Option<i64>,
    runnable: Option<i64>,
    blocked: Option<(i64, TextId)>,
    syscall: Option<i64>,
    pub(crate) syscall_blocked: Option<i64>,
    ranges: Vec<(TextId, i64)>,
}

impl Life {
    pub(crate) fn new(id: GoID, created: i64) -> Life {
        let (name, started, ended) = (None, None, None);
        let (spent, since) = (Spent::default(), Since::default());
        Life { id, name, created, started, ended, spent, since, regions: Vec::new() }
    }

    /// Is, since then, in a state.
    pub(crate) fn enter(&mut self, state: GoState, reason: TextId, now: i64) {
        match state {
            GoState::Running => {
                self.since.running = Some(now);
                self.started.get_or_insert(now);
            }
            GoState::Runnable => self.since.runnable = Some(now),
            GoState::Waiting => self.since.blocked = Some((now, reason)),
            GoState::Syscall => self.since.syscall = Some(now),
            GoState::Undetermined | GoState::NotExist => {}
        }
    }

    /// Leaves a state.
    pub(crate) fn leave(&mut self, state: GoState, now: i64) {
        let (since, spent) = (&mut self.since, &mut self.spent);
        let lasted = |begin: Option<i64>| begin.map_or(0, |begin| now - begin);
        match state {
            GoState::Running => spent.running += lasted(since.running.take()),
            GoState::Runnable => spent.runnable += lasted(since.runnable.take()),
            GoState::Waiting => {
                if let Some((begin, reason)) = since.blocked.take() {
                    spent.blocked.add(reason, now - begin);
                }
            }
            GoState::Syscall => {
                let (begin, lost) = (since.syscall.take(), since.syscall_blocked.take());
                let Some(begin) = begin else { return };
                spent.syscall_blocked += lasted(lost);
                spent.syscall += lost.unwrap_or(now) - begin;
            }
            GoState::Undetermined | GoState::NotExist => {}
        }
    }

    /// Was in a state before anything was known of it.
    pub(crate) fn was(&mut self, state: GoState, reason: TextId, has_proc: bool, lasted: i64) {
        let spent = &mut self.spent;
        match state {
            GoState::Running => spent.running += lasted,
            GoState::Runnable => spent.runnable += lasted,
            GoState::Waiting => spent.blocked.add(reason, lasted),
            GoState::Syscall if has_proc => spent.syscall += lasted,
            GoState::Syscall => spent.syscall_blocked += lasted,
            GoState::Undetermined | GoState::NotExist => {}
        }
    }

    pub(crate) fn range_begin(&mut self, name: TextId, now: i64) {
        self.range_end_silently(name);
        self.since.ranges.push((name, now));
    }

    /// A range goes on in a generation that began at `sync`.
    pub(crate) fn range_goes_on(&mut self, name: TextId, sync: i64) {
        self.range_end(name, sync);
        self.since.ranges.push((name, sync));
    }

    pub(crate) fn range_end(&mut self, name: TextId, now: i64) {
        if let Some(begin) = self.range_end_silently(name) {
            self.spent.ranges.add(name, now - begin);
        }
    }

    fn range_end_silently(&mut self, name: TextId) -> Option<i64> {
        let at = self.since.ranges.iter().position(|(range, _)| *range == name)?;
        Some(self.since.ranges.swap_remove(at).1)
    }

    /// What was spent up to now.
    ///
    /// As in Go's tool, who is in a system call and has lost the processor counts as able to run for
    /// so long, on top of the system call.
    pub(crate) fn spent_at(&self, now: i64) -> Spent {
        let (mut spent, since) = (self.spent.clone(), &self.since);
        let lasted = |begin: Option<i64>| begin.map_or(0, |begin| now - begin);
        if spent.total == 0 {
            spent.total = now - self.created;
        }
        spent.running += lasted(since.running);
        spent.runnable += lasted(since.runnable) + lasted(since.syscall_blocked);
        spent.syscall += lasted(since.syscall);
        if let Some((begin, reason)) = since.blocked {
            spent.blocked.add(reason, now - begin);
        }
        for &(name, begin) in &since.ranges {
            spent.ranges.add(name, now - begin);
        }
        spent
    }

    /// Nothing comes any more: whatever it is in ends now.
    pub(crate) fn finish(&mut self, now: i64) {
        self.spent = self.spent_at(now);
        self.since = Since::default();
    }
}

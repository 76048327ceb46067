//! What became of a goroutine.

use super::spent::{Share, Shares, Spent, Totals};
use super::texts::TextId;
use crate::reader::{GoID, GoState};

/// A goroutine's life so far. Moments are nanoseconds since the trace's first event.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) id: GoID,
    /// The function it began in.
    pub(crate) name: Option<TextId>,
    pub(crate) created: i64,
    /// Whether it was made in the trace.
    pub(crate) is_new: bool,
    pub(crate) started: Option<i64>,
    pub(crate) ended: Option<i64>,
    /// Without the shares of the regions it is in.
    pub(crate) spent: Spent,
    /// What goes on. Of most goroutines that were, nothing does.
    open: Option<Box<Open>>,
}

/// What goes on with a goroutine.
#[derive(Debug, Default)]
struct Open {
    since: Since,
    /// The regions it is in, outermost first.
    regions: Vec<OpenRegion>,
}

/// A region that a goroutine is in.
#[derive(Debug)]
struct OpenRegion {
    /// Its place in the list of all.
    at: usize,
    /// What the goroutine had spent as it began.
    before: Totals,
    /// What it spent since, but for what the regions within have. So a region costs what happened in
    /// it, whatever its goroutine did before.
    shares: Shares,
}

/// Since when it is in which states. The time until now is not in [`Life::spent`] yet.
#[derive(Debug, Default)]
struct Since {
    running: Option<i64>,
    runnable: Option<i64>,
    blocked: Option<(i64, TextId)>,
    syscall: Option<i64>,
    syscall_blocked: Option<i64>,
    ranges: Vec<(TextId, i64)>,
}

impl Life {
    pub(crate) fn new(id: GoID, created: i64) -> Life {
        let (name, started, ended) = (None, None, None);
        let (spent, open) = (Spent::default(), None);
        Life { id, name, created, is_new: false, started, ended, spent, open }
    }

    fn open(&mut self) -> &mut Open {
        self.open.get_or_insert_default()
    }

    fn since(&mut self) -> &mut Since {
        &mut self.open().since
    }

    /// The shares of what goes on, up to now.
    fn open_shares(&self, now: i64) -> impl Iterator<Item = (Share, i64)> {
        self.open.iter().flat_map(move |open| open.since.shares(now))
    }

    /// Lost its processor in a system call.
    pub(crate) fn loses_proc(&mut self, now: i64) {
        self.since().syscall_blocked = Some(now);
    }

    /// Is, since then, in a state.
    pub(crate) fn enter(&mut self, state: GoState, reason: TextId, now: i64) {
        match state {
            GoState::Running => {
                self.since().running = Some(now);
                self.started.get_or_insert(now);
            }
            GoState::Runnable => self.since().runnable = Some(now),
            GoState::Waiting => self.since().blocked = Some((now, reason)),
            GoState::Syscall => self.since().syscall = Some(now),
            GoState::Undetermined | GoState::NotExist => {}
        }
    }

    /// Leaves a state.
    pub(crate) fn leave(&mut self, state: GoState, now: i64) {
        let Some(open) = &mut self.open else { return };
        let (since, spent) = (&mut open.since, &mut self.spent.totals);
        let lasted = |begin: Option<i64>| begin.map_or(0, |begin| now - begin);
        match state {
            GoState::Running => spent.running += lasted(since.running.take()),
            GoState::Runnable => spent.runnable += lasted(since.runnable.take()),
            GoState::Waiting => {
                if let Some((begin, reason)) = since.blocked.take() {
                    self.shares().add(Share::Blocked(reason), now - begin);
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
        let spent = &mut self.spent.totals;
        match state {
            GoState::Running => spent.running += lasted,
            GoState::Runnable => spent.runnable += lasted,
            GoState::Waiting => self.shares().add(Share::Blocked(reason), lasted),
            GoState::Syscall if has_proc => spent.syscall += lasted,
            GoState::Syscall => spent.syscall_blocked += lasted,
            GoState::Undetermined | GoState::NotExist => {}
        }
    }

    pub(crate) fn range_begin(&mut self, name: TextId, now: i64) {
        self.range_end_silently(name);
        self.since().ranges.push((name, now));
    }

    /// A range goes on in a generation that began at `sync`.
    pub(crate) fn range_goes_on(&mut self, name: TextId, sync: i64) {
        self.range_end(name, sync);
        self.since().ranges.push((name, sync));
    }

    pub(crate) fn range_end(&mut self, name: TextId, now: i64) {
        if let Some(begin) = self.range_end_silently(name) {
            self.shares().add(Share::Range(name), now - begin);
        }
    }

    fn range_end_silently(&mut self, name: TextId) -> Option<i64> {
        let ranges = &mut self.open.as_mut()?.since.ranges;
        let at = ranges.iter().position(|(range, _)| *range == name)?;
        Some(ranges.swap_remove(at).1)
    }

    /// Where shares are added up: of the innermost region.
    fn shares(&mut self) -> &mut Shares {
        let region = self.open.as_mut().and_then(|open| open.regions.last_mut());
        region.map_or(&mut self.spent.shares, |region| &mut region.shares)
    }

    /// The region it is in: its place in the list of all.
    pub(crate) fn region(&self) -> Option<usize> {
        self.open.as_ref()?.regions.last().map(|region| region.at)
    }

    /// Is born in a region.
    pub(crate) fn inherit(&mut self, at: usize) {
        let (before, shares) = (Totals::default(), Shares::default());
        self.open().regions.push(OpenRegion { at, before, shares });
    }

    /// Enters a region. Of what goes on, the part until now belongs to what is around it.
    pub(crate) fn region_begin(&mut self, at: usize, now: i64) {
        let (mut outside, mut shares) = (Shares::default(), Shares::default());
        for (share, ns) in self.open_shares(now) {
            outside.add(share, ns);
            shares.add(share, -ns);
        }
        self.shares().add_all(&outside);
        let before = self.totals_at(now);
        self.open().regions.push(OpenRegion { at, before, shares });
    }

    /// Leaves the innermost region: its place in the list of all, and what was spent in it.
    pub(crate) fn region_end(&mut self, now: i64) -> Option<(usize, Spent)> {
        let OpenRegion { at, before, mut shares } = self.open.as_mut()?.regions.pop()?;
        self.shares().add_all(&shares);
        self.open_shares(now).for_each(|(share, ns)| shares.add(share, ns));
        Some((at, Spent { totals: self.totals_at(now).since(before), shares }))
    }

    /// What was spent up to now, in states.
    ///
    /// As in Go's tool, who is in a system call and has lost the processor counts as able to run for
    /// so long, on top of the system call.
    fn totals_at(&self, now: i64) -> Totals {
        let mut totals = self.spent.totals;
        let lasted = |begin: Option<i64>| begin.map_or(0, |begin| now - begin);
        if totals.total == 0 {
            totals.total = now - self.created;
        }
        let Some(Open { since, .. }) = self.open.as_deref() else { return totals };
        totals.running += lasted(since.running);
        totals.runnable += lasted(since.runnable) + lasted(since.syscall_blocked);
        totals.syscall += lasted(since.syscall);
        totals
    }

    /// What was spent up to now, outside of all regions.
    pub(crate) fn spent_at(&self, now: i64) -> Spent {
        let mut shares = self.spent.shares.clone();
        self.open_shares(now).for_each(|(share, ns)| shares.add(share, ns));
        Spent { totals: self.totals_at(now), shares }
    }

    /// Nothing comes any more: whatever it is in ends now. It is in no region.
    pub(crate) fn finish(&mut self, now: i64) {
        self.spent.totals = self.totals_at(now);
        if let Some(open) = self.open.take() {
            open.since.shares(now).for_each(|(share, ns)| self.spent.shares.add(share, ns));
        }
    }
}

impl Since {
    /// The shares of what goes on, up to now.
    fn shares(&self, now: i64) -> impl Iterator<Item = (Share, i64)> {
        let blocked = self.blocked.iter().map(|&(begin, reason)| (Share::Blocked(reason), begin));
        let ranges = self.ranges.iter().map(|&(name, begin)| (Share::Range(name), begin));
        blocked.chain(ranges).map(move |(share, begin)| (share, now - begin))
    }
}

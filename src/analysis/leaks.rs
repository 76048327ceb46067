//! Goroutines that wait at the end of the trace.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::lives::is_system;
use super::reasons::Reasons;
use super::regions::Place;
use super::sampled::{Sample, Sampled};
use super::selection::Selection;
use super::spent;
use super::stacks::StackNumber;
use super::stays::{Known, Sink, Stay, Stays};
use super::texts::{TextId, Texts};
use crate::reader::GoState;

/// Goroutines that wait, or are in a system call, at the end of the trace, by why and where. Groups with
/// those that have waited longest come first.
///
/// Not each of them is a leak, but a leak is among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Leaks {
    /// From the trace's first event to its last.
    pub duration_ns: i64,
    /// The groups.
    pub groups: Vec<LeakGroup>,
}

/// Goroutines that wait for the same reason in the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeakGroup {
    /// The reason, as in [`Blocking`](super::Blocking).
    pub reason: String,
    /// Where, innermost first. Empty where it is not known.
    pub stack: Vec<Place>,
    /// The function that they began in. Empty where it is not known.
    pub function: String,
    /// Whether they are the runtime's own, which wait for work.
    pub is_system: bool,
    /// How many there are.
    pub count: u64,
    /// Each of them, those that have waited longest first.
    pub goroutines: Vec<Leak>,
}

/// A goroutine that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// Its number.
    pub id: i64,
    /// Since when it waits. Missing where that was before the trace.
    pub since_ns: Option<i64>,
    /// How long it has waited in the trace.
    pub waited_ns: i64,
}

impl Leaks {
    /// What to give to [`run`](super::run): of those that have waited for so long at least. The
    /// selection's times do not count here.
    pub fn listener(selection: Selection, at_least_ns: i64) -> impl Listener<Answer = Leaks> {
        let (reasons, groups) = (Reasons::new(&selection), BTreeMap::new());
        Stays::new(selection, LeaksSink { at_least_ns, reasons, groups })
    }
}

impl Sampled for Leaks {
    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.groups.iter().map(|group| Sample {
            stack: &group.stack,
            reason: Some(&group.reason),
            count: group.count,
            delay_ns: spent::sum(group.goroutines.iter().map(|leak| leak.waited_ns)),
        })
    }
}

struct LeaksSink {
    at_least_ns: i64,
    reasons: Reasons,
    groups: BTreeMap<(TextId, StackNumber, TextId), Vec<Leak>>,
}

impl Sink for LeaksSink {
    type Answer = Leaks;

    fn begin(&mut self, texts: &mut Texts) {
        self.reasons.begin(texts);
    }

    fn wants(&self, state: GoState) -> bool {
        matches!(state, GoState::Waiting | GoState::Syscall)
    }

    fn add(&mut self, known: &Known, stay: &Stay) {
        let waited_ns = stay.end - stay.since;
        if stay.is_over || waited_ns < self.at_least_ns {
            return;
        }
        let Some(reason) = self.reasons.of(known, stay) else { return };
        let since_ns = (stay.from != GoState::Undetermined).then_some(stay.since);
        let group = self.groups.entry((reason, stay.stack, stay.function)).or_default();
        group.push(Leak { id: stay.goroutine.0, since_ns, waited_ns });
    }

    fn finish(self, known: &Known) -> Leaks {
        let group = |((reason, stack, function), goroutines)| {
            LeakGroup::new(known, reason, stack, function, goroutines)
        };
        let mut groups: Vec<LeakGroup> = self.groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| Reverse((group.goroutines[0].waited_ns, group.count)));
        Leaks { duration_ns: known.last, groups }
    }
}

impl LeakGroup {
    fn new(
        known: &Known,
        reason: TextId,
        stack: StackNumber,
        function: TextId,
        mut goroutines: Vec<Leak>,
    ) -> LeakGroup {
        goroutines.sort_by_key(|leak| (Reverse(leak.waited_ns), leak.id));
        let function = known.texts.text(function).to_owned();
        LeakGroup {
            reason: known.texts.text(reason).to_owned(),
            stack: known.stacks.places(&known.texts, stack),
            is_system: is_system(&function),
            function,
            count: goroutines.len() as u64,
            goroutines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_time_than_a_number_holds() {
        let leak = Leak { waited_ns: i64::MAX / 4, ..Leak::default() };
        let group = LeakGroup { goroutines: vec![leak; 5], ..LeakGroup::default() };
        let leaks = Leaks { groups: vec![group], ..Leaks::default() };
        assert_eq!(leaks.samples().next().map(|sample| sample.delay_ns), Some(i64::MAX));
    }
}

//! Who waits for what, and where.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::distribution::Distribution;
use super::hand_offs::{HandOffs, HandOffsSum};
use super::histogram::Histogram;
use super::reasons::Reasons;
use super::regions::Place;
use super::sampled::{Sample, Sampled};
use super::selection::Selection;
use super::stacks::StackNumber;
use super::stays::{Known, Sink, Stay, Stays};
use super::texts::{TextId, Texts};
use crate::reader::GoState;
use crate::reader::hash::Map;

/// What goroutines waited for: each other, the network, the clock, the system; but not for a processor,
/// which is [`Latency`](super::Latency). Lists begin with what took longest.
///
/// A wait that goes on at the end of the trace lasts until then, and one that was there before its
/// begin, since then. Percentiles are up to 3 percent too large.
///
/// Reasons are those of the trace, as `chan receive` or `sync`, and `system call` and `coroutine`. Of a
/// wait that was there before the trace the reason is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blocking {
    /// From the trace's first event to its last.
    pub duration_ns: i64,
    /// Waits by reason.
    pub reasons: Vec<BlockedReason>,
    /// Waits by the function that the goroutine began in.
    pub functions: Vec<BlockedFunction>,
    /// Waits by reason and stack.
    pub stacks: Vec<BlockedStack>,
    /// Long system calls.
    pub hand_offs: HandOffs,
}

/// Waits for a reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlockedReason {
    /// The reason.
    pub reason: String,
    /// How long they took.
    pub waits: Distribution,
    /// How many of them go on at the end.
    pub unfinished: u64,
}

/// Waits of goroutines that began in the same function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlockedFunction {
    /// The function. Empty where it is not known.
    pub function: String,
    /// How long they took.
    pub waits: Distribution,
    /// How many of them go on at the end.
    pub unfinished: u64,
    /// How long they took for each reason.
    pub reasons_ns: BTreeMap<String, i64>,
}

/// Waits for the same reason in the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlockedStack {
    /// The reason.
    pub reason: String,
    /// Where, innermost first. Empty where it is not known.
    pub stack: Vec<Place>,
    /// How long they took.
    pub waits: Distribution,
    /// How many of them go on at the end.
    pub unfinished: u64,
    /// How long they took for the goroutines that began in each function.
    pub functions_ns: BTreeMap<String, i64>,
}

impl Blocking {
    /// What to give to [`run`](super::run).
    pub fn listener(selection: Selection) -> impl Listener<Answer = Blocking> {
        let (waits, hand_offs) = (Map::default(), HandOffsSum::default());
        let reasons = Reasons::new(&selection);
        Stays::new(selection, BlockingSink { reasons, waits, hand_offs })
    }
}

impl Sampled for Blocking {
    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.stacks.iter().map(|stack| Sample {
            stack: &stack.stack,
            reason: Some(&stack.reason),
            count: stack.waits.count,
            delay_ns: stack.waits.total_ns,
        })
    }
}

struct BlockingSink {
    reasons: Reasons,
    waits: Map<Key, Sum>,
    hand_offs: HandOffsSum,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    reason: TextId,
    stack: StackNumber,
    function: TextId,
}

/// Waits together.
#[derive(Default)]
struct Sum {
    waits: Histogram,
    unfinished: u64,
}

impl Sum {
    fn add(&mut self, other: &Sum) {
        self.waits.add_all(&other.waits);
        self.unfinished += other.unfinished;
    }
}

impl Sink for BlockingSink {
    type Answer = Blocking;

    fn begin(&mut self, texts: &mut Texts) {
        self.reasons.begin(texts);
    }

    fn wants(&self, state: GoState) -> bool {
        matches!(state, GoState::Waiting | GoState::Syscall)
    }

    fn add(&mut self, known: &Known, stay: &Stay) {
        let Some((begin, end)) = known.selection.clip(stay.since, stay.end) else { return };
        let Some(reason) = self.reasons.of(known, stay) else { return };
        if stay.state == GoState::Syscall {
            self.hand_offs.add(stay);
        }
        let key = Key { reason, stack: stay.stack, function: stay.function };
        let sum = self.waits.entry(key).or_default();
        sum.waits.add(end - begin);
        sum.unfinished += u64::from(!stay.is_over);
    }

    fn finish(self, known: &Known) -> Blocking {
        let mut waits: Vec<(Key, Sum)> = self.waits.into_iter().collect();
        waits.sort_unstable_by_key(|(key, _)| *key);
        Blocking {
            duration_ns: known.last,
            reasons: reasons(known, &waits),
            functions: functions(known, &waits),
            stacks: stacks(known, &waits),
            hand_offs: self.hand_offs.finish(known),
        }
    }
}

/// Waits whose keys have a part in common.
struct Group<'a, K> {
    part: K,
    sum: Sum,
    members: Vec<&'a (Key, Sum)>,
}

/// Groups by a part of the key, those with the longest times first.
fn by<K: Ord>(waits: &[(Key, Sum)], part: impl Fn(&Key) -> K) -> Vec<Group<'_, K>> {
    let mut groups = BTreeMap::<K, (Sum, Vec<&(Key, Sum)>)>::new();
    for wait in waits {
        let (sum, members) = groups.entry(part(&wait.0)).or_default();
        sum.add(&wait.1);
        members.push(wait);
    }
    let group = |(part, (sum, members))| Group { part, sum, members };
    let mut groups: Vec<Group<'_, K>> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| Reverse(group.sum.waits.total()));
    groups
}

fn reasons(known: &Known, waits: &[(Key, Sum)]) -> Vec<BlockedReason> {
    let reason = |Group { part, sum, .. }: Group<'_, TextId>| BlockedReason {
        reason: known.texts.text(part).to_owned(),
        waits: sum.waits.distribution(),
        unfinished: sum.unfinished,
    };
    by(waits, |key| key.reason).into_iter().map(reason).collect()
}

fn functions(known: &Known, waits: &[(Key, Sum)]) -> Vec<BlockedFunction> {
    let function = |Group { part, sum, members }: Group<'_, TextId>| BlockedFunction {
        function: known.texts.text(part).to_owned(),
        waits: sum.waits.distribution(),
        unfinished: sum.unfinished,
        reasons_ns: times(known, &members, |key| key.reason),
    };
    by(waits, |key| key.function).into_iter().map(function).collect()
}

fn stacks(known: &Known, waits: &[(Key, Sum)]) -> Vec<BlockedStack> {
    let stack = |Group { part: (reason, stack), sum, members }: Group<'_, _>| BlockedStack {
        reason: known.texts.text(reason).to_owned(),
        stack: known.stacks.places(&known.texts, stack),
        waits: sum.waits.distribution(),
        unfinished: sum.unfinished,
        functions_ns: times(known, &members, |key| key.function),
    };
    by(waits, |key| (key.reason, key.stack)).into_iter().map(stack).collect()
}

/// Times by a text of the key.
fn times(
    known: &Known,
    all: &[&(Key, Sum)],
    text: impl Fn(&Key) -> TextId,
) -> BTreeMap<String, i64> {
    let mut times = BTreeMap::<String, i64>::new();
    for (key, sum) in all {
        let time = times.entry(known.texts.text(text(key)).to_owned()).or_default();
        *time = time.saturating_add(sum.waits.total());
    }
    times
}

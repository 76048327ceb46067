//! System calls that take so long that the processor is given to others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Serialize;

use super::distribution::Distribution;
use super::histogram::Histogram;
use super::regions::Place;
use super::stacks::StackNumber;
use super::stays::{Known, Stay};
use super::texts::TextId;
use crate::reader::GoID;
use crate::reader::hash::Map;

/// A system call is long from so many nanoseconds on.
const LONG_NS: i64 = 100_000;
/// So many of the longest are kept each.
const KEPT: usize = 100;

/// System calls of 100 µs and longer. Those with the longest time come first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HandOffs {
    /// How long they took.
    pub durations: Distribution,
    /// How many of them lost their processor to others.
    pub taken: u64,
    /// By where they were made.
    pub stacks: Vec<HandOffStack>,
    /// The hundred longest.
    pub longest: Vec<HandOff>,
}

/// Long system calls made in the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HandOffStack {
    /// Where, innermost first.
    pub stack: Vec<Place>,
    /// How long they took.
    pub durations: Distribution,
    /// How many of them lost their processor.
    pub taken: u64,
}

/// A long system call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HandOff {
    /// Who made it.
    pub goroutine: i64,
    /// The function that goroutine began in.
    pub function: String,
    /// When it began.
    pub begin_ns: i64,
    /// How long it took; until the end of the trace, if it goes on then.
    pub duration_ns: i64,
    /// Whether it ends in the trace.
    pub is_over: bool,
    /// After how long it lost its processor, if it did.
    pub taken_after_ns: Option<i64>,
    /// Where it was made, innermost first.
    pub stack: Vec<Place>,
}

/// [`HandOffs`] in the making.
#[derive(Default)]
pub(crate) struct HandOffsSum {
    all: Sum,
    stacks: Map<StackNumber, Sum>,
    longest: BinaryHeap<Reverse<Call>>,
}

#[derive(Default)]
struct Sum {
    durations: Histogram,
    taken: u64,
}

/// Ordered by duration, and then so that the first is the longer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    duration: i64,
    begin: Reverse<i64>,
    goroutine: GoID,
    function: TextId,
    stack: StackNumber,
    is_over: bool,
    taken_after: Option<i64>,
}

impl Sum {
    fn add(&mut self, call: &Call) {
        self.durations.add(call.duration);
        self.taken += u64::from(call.taken_after.is_some());
    }
}

impl HandOffsSum {
    /// Counts a system call, if it is long.
    pub(crate) fn add(&mut self, stay: &Stay) {
        let duration = stay.end - stay.since;
        if duration < LONG_NS {
            return;
        }
        let call = Call {
            duration,
            begin: Reverse(stay.since),
            goroutine: stay.goroutine,
            function: stay.function,
            stack: stay.stack,
            is_over: stay.is_over,
            taken_after: stay.taken.map(|taken| taken - stay.since),
        };
        self.all.add(&call);
        self.stacks.entry(stay.stack).or_default().add(&call);
        self.longest.push(Reverse(call));
        if self.longest.len() > KEPT {
            self.longest.pop();
        }
    }

    pub(crate) fn finish(self, known: &Known) -> HandOffs {
        let mut stacks: Vec<(StackNumber, Sum)> = self.stacks.into_iter().collect();
        stacks.sort_unstable_by_key(|(stack, sum)| (Reverse(sum.durations.total()), *stack));
        let stack = |(stack, sum): (StackNumber, Sum)| HandOffStack {
            stack: known.stacks.places(&known.texts, stack),
            durations: sum.durations.distribution(),
            taken: sum.taken,
        };
        let longest = self.longest.into_sorted_vec();
        HandOffs {
            durations: self.all.durations.distribution(),
            taken: self.all.taken,
            stacks: stacks.into_iter().map(stack).collect(),
            longest: longest.into_iter().map(|Reverse(call)| HandOff::new(known, &call)).collect(),
        }
    }
}

impl HandOff {
    fn new(known: &Known, call: &Call) -> HandOff {
        HandOff {
            goroutine: call.goroutine.0,
            function: known.texts.text(call.function).to_owned(),
            begin_ns: call.begin.0,
            duration_ns: call.duration,
            is_over: call.is_over,
            taken_after_ns: call.taken_after,
            stack: known.stacks.places(&known.texts, call.stack),
        }
    }
}

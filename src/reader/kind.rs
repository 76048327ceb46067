//! What an event says, by its kind.

use super::ids::{GoID, GoState, ProcID, ProcState, StackId, StringId, TaskID, ThreadID};
use crate::wire::event::EventType;

/// What happened.
///
/// # Go
/// `trace.EventKind`, and what `Event.Metric`, `Event.Range` and so on return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A generation begins, or the trace ends. Everything that exists by now has been mentioned.
    Sync(Sync),
    /// A figure.
    Metric(Metric),
    /// A goroutine gets a label.
    Label(Label),
    /// Where a thread was when the profiler looked: the event's stack.
    StackSample,
    /// Something that lasts begins.
    RangeBegin(Range),
    /// Something that lasts was already going on as the trace began.
    RangeActive(Range),
    /// Something that lasts ends.
    RangeEnd(Range),
    /// A task begins.
    TaskBegin(Task),
    /// A task ends.
    TaskEnd(Task),
    /// A goroutine enters a region.
    RegionBegin(Region),
    /// A goroutine leaves a region.
    RegionEnd(Region),
    /// A message.
    Log(Log),
    /// A goroutine or a processor changes its state.
    StateTransition(Transition),
    /// An event of an experiment of Go's.
    Experimental(Experimental),
}

impl EventKind {
    /// Its name, as Go's tools print it.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::Sync(_) => "Sync",
            EventKind::Metric(_) => "Metric",
            EventKind::Label(_) => "Label",
            EventKind::StackSample => "StackSample",
            EventKind::RangeBegin(_) => "RangeBegin",
            EventKind::RangeActive(_) => "RangeActive",
            EventKind::RangeEnd(_) => "RangeEnd",
            EventKind::TaskBegin(_) => "TaskBegin",
            EventKind::TaskEnd(_) => "TaskEnd",
            EventKind::RegionBegin(_) => "RegionBegin",
            EventKind::RegionEnd(_) => "RegionEnd",
            EventKind::Log(_) => "Log",
            EventKind::StateTransition(_) => "StateTransition",
            EventKind::Experimental(_) => "Experimental",
        }
    }
}

/// A generation's begin, or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sync {
    /// How many there were, with this one.
    pub number: u64,
    /// Whether it is the end, or what comes next cannot be read.
    pub is_end: bool,
}

/// Something that has a state, or that something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The program as a whole.
    None,
    /// A goroutine.
    Goroutine(GoID),
    /// A processor.
    Proc(ProcID),
    /// A thread.
    Thread(ThreadID),
}

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Which one.
    pub name: MetricName,
    /// Its value.
    pub value: u64,
}

/// Which figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricName {
    /// `GOMAXPROCS`.
    GoMaxProcs,
    /// Bytes of objects on the heap.
    HeapObjects,
    /// Bytes the heap may grow to before it is collected.
    HeapGoal,
}

impl MetricName {
    /// Its name, as Go's package `runtime/metrics` has it.
    pub fn name(self) -> &'static str {
        match self {
            MetricName::GoMaxProcs => "/sched/gomaxprocs:threads",
            MetricName::HeapObjects => "/memory/classes/heap/objects:bytes",
            MetricName::HeapGoal => "/gc/heap/goal:bytes",
        }
    }
}

/// A label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its text.
    pub label: StringId,
    /// Whose it is.
    pub goroutine: GoID,
}

/// Something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// What it is.
    pub name: RangeName,
    /// What it belongs to: there is one of a name at a time for each.
    pub scope: Resource,
    /// At the end of a sweep, the bytes that were swept and those that were reclaimed.
    pub swept: Option<(u64, u64)>,
}

/// What lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeName {
    /// Everything else is stopped, for a reason.
    StopTheWorld(StringId),
    /// The garbage collector marks.
    Mark,
    /// A processor sweeps.
    Sweep,
    /// A goroutine assists the garbage collector.
    MarkAssist,
}

impl RangeName {
    /// Its name, as Go's tools print it; of [`StopTheWorld`](Self::StopTheWorld) without the reason,
    /// which follows in parentheses.
    pub fn name(self) -> &'static str {
        match self {
            RangeName::StopTheWorld(_) => "stop-the-world",
            RangeName::Mark => "GC concurrent mark phase",
            RangeName::Sweep => "GC incremental sweep",
            RangeName::MarkAssist => "GC mark assist",
        }
    }
}

/// A task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number, by which its begin and its end belong together.
    pub id: TaskID,
    /// The task it is a part of, or [`TaskID::NONE`].
    pub parent: TaskID,
    /// Its name; empty at the end of one whose begin is not in the trace.
    pub name: StringId,
}

/// A region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The task it is a part of.
    pub task: TaskID,
    /// Its name.
    pub name: StringId,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The task it is about.
    pub task: TaskID,
    /// Its category.
    pub category: StringId,
    /// Its text.
    pub message: StringId,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Of a goroutine.
    Goroutine {
        /// Which one.
        id: GoID,
        /// Its state until now.
        from: GoState,
        /// Its state from now on.
        to: GoState,
        /// Why; mostly empty, but where it stops or waits.
        reason: StringId,
        /// Its own stack, which of a new one is where it starts. The stack of who ran is the event's.
        stack: StackId,
    },
    /// Of a processor.
    Proc {
        /// Which one.
        id: ProcID,
        /// Its state until now.
        from: ProcState,
        /// Its state from now on.
        to: ProcState,
    },
}

impl Transition {
    pub(crate) fn of_goroutine(id: GoID, from: GoState, to: GoState) -> Transition {
        Transition::Goroutine { id, from, to, reason: StringId::EMPTY, stack: StackId::NONE }
    }

    pub(crate) fn of_proc(id: ProcID, from: ProcState, to: ProcState) -> Transition {
        Transition::Proc { id, from, to }
    }

    pub(crate) fn with_stack(mut self, new: StackId) -> Transition {
        if let Transition::Goroutine { stack, .. } = &mut self {
            *stack = new;
        }
        self
    }

    pub(crate) fn with_reason(mut self, new: StringId) -> Transition {
        if let Transition::Goroutine { reason, .. } = &mut self {
            *reason = new;
        }
        self
    }
}

/// An event of an experiment, as it is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Experimental {
    pub(crate) event: EventType,
    pub(crate) args: [u64; 3],
}

impl Experimental {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        self.event.name()
    }

    /// The experiment's name.
    pub fn experiment(&self) -> &'static str {
        "AllocFree"
    }

    /// The arguments after the time, with their names.
    pub fn args(&self) -> impl ExactSizeIterator<Item = (&'static str, u64)> {
        let names = &self.event.spec().args[1..];
        names.iter().copied().zip(self.args)
    }
}

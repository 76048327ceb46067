//! An event, small and without pointers.

use super::ids::{GoID, GoState, ProcID, ProcState, StackId, StringId, TaskID, ThreadID, Time};
use super::kind::{
    EventKind, Experimental, Label, Log, Metric, MetricName, Range, RangeName, Region, Resource,
    Sync, Task, Transition,
};
use crate::wire::event::EventType;

/// An event of a trace, in its place in the order of all.
///
/// 64 bytes, and copied freely. Its texts and stacks are ids, which the
/// [`Generation`](super::Generation) it belongs to knows.
///
/// # Go
/// `trace.Event` of the package `golang.org/x/exp/trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub(crate) time: Time,
    pub(crate) context: Context,
    /// What the event's type makes of them; see [`kind`](Event::kind). Ids of texts and stacks are
    /// those of the tables, not the file's.
    pub(crate) args: [u64; 3],
    pub(crate) stack: StackId,
    pub(crate) event: EventType,
    /// States before and after, where the type does not say.
    pub(crate) from: u8,
    pub(crate) to: u8,
}

/// Who runs where an event happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) goroutine: GoID,
    pub(crate) proc: ProcID,
    pub(crate) thread: ThreadID,
}

impl Context {
    pub(crate) const NOBODY: Context =
        Context { goroutine: GoID::NONE, proc: ProcID::NONE, thread: ThreadID::NONE };
}

impl Event {
    #[inline(always)]
    pub(crate) fn new(event: EventType, time: Time, context: Context) -> Event {
        Event { time, context, args: [0; 3], stack: StackId::NONE, event, from: 0, to: 0 }
    }

    /// The begin of the `number`th generation, or the end of the trace.
    pub(crate) fn sync(time: Time, number: u64, is_end: bool) -> Event {
        let args = [number, is_end.into(), 0];
        Event { args, ..Event::new(EventType::Sync, time, Context::NOBODY) }
    }

    /// When it happened. Times of events strictly grow.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The goroutine that ran on the thread, as it was before the event.
    pub fn goroutine(&self) -> GoID {
        self.context.goroutine
    }

    /// The processor that the thread had, as it was before the event.
    pub fn proc(&self) -> ProcID {
        self.context.proc
    }

    /// The thread it happened on.
    pub fn thread(&self) -> ThreadID {
        self.context.thread
    }

    /// The stack of the goroutine that ran.
    pub fn stack(&self) -> StackId {
        self.stack
    }

    /// The name of the event in the file, as `GoBlock`. Of [`Sync`](EventKind::Sync), which is in no
    /// file, `Sync`.
    pub fn wire_name(&self) -> &'static str {
        self.event.name()
    }

    /// Whether a generation begins here.
    pub fn begins_generation(&self) -> bool {
        self.event == EventType::Sync && !self.sync_point().is_end
    }

    /// What happened.
    pub fn kind(&self) -> EventKind {
        use EventType as E;
        match self.event {
            E::Sync => EventKind::Sync(self.sync_point()),
            E::CPUSample => EventKind::StackSample,
            E::ProcsChange | E::HeapAlloc | E::HeapGoal => EventKind::Metric(self.metric()),
            E::GoLabel => EventKind::Label(self.label()),
            E::STWBegin | E::GCBegin | E::GCSweepBegin | E::GCMarkAssistBegin => {
                EventKind::RangeBegin(self.range())
            }
            E::GCActive | E::GCSweepActive | E::GCMarkAssistActive => {
                EventKind::RangeActive(self.range())
            }
            E::STWEnd | E::GCEnd | E::GCSweepEnd | E::GCMarkAssistEnd => {
                EventKind::RangeEnd(self.range())
            }
            E::UserTaskBegin => EventKind::TaskBegin(self.task()),
            E::UserTaskEnd => EventKind::TaskEnd(self.task()),
            E::UserRegionBegin => EventKind::RegionBegin(self.region()),
            E::UserRegionEnd => EventKind::RegionEnd(self.region()),
            E::UserLog => EventKind::Log(self.log()),
            experimental if experimental.is_experimental() => {
                EventKind::Experimental(Experimental { event: self.event, args: self.args })
            }
            _ => EventKind::StateTransition(self.transition()),
        }
    }

    fn string(&self, arg: usize) -> StringId {
        StringId(self.args[arg] as u32)
    }

    fn sync_point(&self) -> Sync {
        Sync { number: self.args[0], is_end: self.args[1] != 0 }
    }

    fn metric(&self) -> Metric {
        let name = match self.event {
            EventType::HeapAlloc => MetricName::HeapObjects,
            EventType::HeapGoal => MetricName::HeapGoal,
            _ => MetricName::GoMaxProcs,
        };
        Metric { name, value: self.args[0] }
    }

    fn label(&self) -> Label {
        Label { label: self.string(0), goroutine: self.context.goroutine }
    }

    fn range(&self) -> Range {
        use EventType as E;
        let [first, second, _] = self.args;
        let (goroutine, proc) = (self.context.goroutine, self.context.proc);
        let (name, scope) = match self.event {
            E::STWBegin | E::STWEnd => {
                (RangeName::StopTheWorld(self.string(0)), Resource::Goroutine(goroutine))
            }
            E::GCSweepActive => (RangeName::Sweep, Resource::Proc(ProcID(first as i64))),
            E::GCSweepBegin | E::GCSweepEnd => (RangeName::Sweep, Resource::Proc(proc)),
            E::GCMarkAssistActive => {
                (RangeName::MarkAssist, Resource::Goroutine(GoID(first as i64)))
            }
            E::GCMarkAssistBegin | E::GCMarkAssistEnd => {
                (RangeName::MarkAssist, Resource::Goroutine(goroutine))
            }
            _ => (RangeName::Mark, Resource::None),
        };
        let swept = (self.event == E::GCSweepEnd).then_some((first, second));
        Range { name, scope, swept }
    }

    fn task(&self) -> Task {
        let [id, parent, _] = self.args;
        Task { id: TaskID(id), parent: TaskID(parent), name: self.string(2) }
    }

    fn region(&self) -> Region {
        Region { task: TaskID(self.args[0]), name: self.string(1) }
    }

    fn log(&self) -> Log {
        Log { task: TaskID(self.args[0]), category: self.string(1), message: self.string(2) }
    }

    fn transition(&self) -> Transition {
        use EventType as E;
        use GoState as G;
        let other = GoID(self.args[0] as i64);
        let this = self.context.goroutine;
        match self.event {
            E::ProcStart | E::ProcStop | E::ProcSteal | E::ProcStatus => self.proc_transition(),
            E::GoCreate | E::GoCreateBlocked => {
                let to = if self.event == E::GoCreate { G::Runnable } else { G::Waiting };
                let stack = StackId(self.args[1] as u32);
                Transition::of_goroutine(other, G::NotExist, to).with_stack(stack)
            }
            E::GoCreateSyscall => Transition::of_goroutine(other, G::NotExist, G::Syscall),
            E::GoStart => Transition::of_goroutine(other, G::Runnable, G::Running),
            E::GoDestroy => Transition::of_goroutine(this, G::Running, G::NotExist),
            E::GoDestroySyscall => Transition::of_goroutine(this, G::Syscall, G::NotExist),
            E::GoStop | E::GoBlock => {
                let to = if self.event == E::GoStop { G::Runnable } else { G::Waiting };
                let transition = Transition::of_goroutine(this, G::Running, to);
                transition.with_stack(self.stack).with_reason(self.string(0))
            }
            E::GoSyscallBegin => {
                Transition::of_goroutine(this, G::Running, G::Syscall).with_stack(self.stack)
            }
            E::GoSyscallEnd => Transition::of_goroutine(this, G::Syscall, G::Running),
            E::GoSyscallEndBlocked => Transition::of_goroutine(this, G::Syscall, G::Runnable),
            E::GoStatus | E::GoStatusStack => {
                let [from, to] = [self.from, self.to].map(|n| GoState::ALL[usize::from(n)]);
                Transition::of_goroutine(other, from, to).with_stack(self.stack)
            }
            // GoUnblock, and GoSwitch and GoSwitchDestroy, whose other parts are events of their own.
            _ => Transition::of_goroutine(other, G::Waiting, G::Runnable),
        }
    }

    fn proc_transition(&self) -> Transition {
        use ProcState as P;
        let other = ProcID(self.args[0] as i64);
        let state = |n: u8| ProcState::ALL[usize::from(n)];
        match self.event {
            EventType::ProcStart => Transition::of_proc(other, P::Idle, P::Running),
            EventType::ProcStop => Transition::of_proc(self.context.proc, P::Running, P::Idle),
            EventType::ProcSteal => Transition::of_proc(other, state(self.from), P::Idle),
            _ => Transition::of_proc(other, state(self.from), state(self.to)),
        }
    }
}

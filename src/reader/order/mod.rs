//! The order of events between threads, and what makes it sound.
//!
//! A thread's events come in their own order. Between threads, an event that follows from another,
//! as a goroutine's start from its unblocking, has a number that says so; and the states of
//! goroutines, processors and threads say what is possible. So [`Order::advance`] either lets a
//! thread's next event happen, or says that it is not its turn yet, or finds that it can never be.
//! Times are only for a guess at which thread to try first.
//!
//! # Go
//! `internal/trace/order.go`. Which events are refused, and which events come of one, is Go's.

mod annotation;
mod carried;
mod goroutine;
mod proc;
mod range;
mod state;
mod syscall;
mod table;

use std::sync::Arc;

use super::decode::Timed;
use super::error::{Error, ErrorKind};
use super::event::{Context, Event};
use super::generation::Generation;
use super::ids::{GoID, ProcID, StackId, StringId, ThreadID, Time};
use super::names::Names;
use crate::wire::event::EventType;
use annotation::{Regions, Tasks};
use carried::Carried;
use range::{Collector, Stops};
use state::{GoStatus, NO_THREAD, Procs, Sequence, Thread, Threads};
use table::{Goroutine, Goroutines};

/// Whether the event happened, or has to wait for another thread's.
type Step = Result<bool, Error>;

/// What is known of everything at a point of the trace.
#[derive(Debug)]
pub(crate) struct Order {
    /// The generation it is in, the first one with events, and whether that is the same.
    number: u64,
    first: Option<u64>,
    is_first: bool,
    goroutines: Goroutines,
    procs: Procs,
    threads: Threads,
    collector: Collector,
    stops: Stops,
    tasks: Tasks,
    regions: Regions,
    carried: Carried,
    /// What happened, for whoever takes it away.
    pub(crate) out: Vec<Event>,
    /// How much of it there was before the last event of a thread.
    pub(crate) before: usize,
    /// The time of the last of it.
    pub(crate) last: Time,
}

/// Where an event happens: on which thread, and what that has.
#[derive(Clone, Copy)]
struct Place {
    thread: u32,
    on: Thread,
}

/// As many events are made at a time.
pub(crate) const AT_A_TIME: usize = 256;

/// Whether a thread has to have something for an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Must,
    May,
    MustNot,
}

impl Order {
    pub(crate) fn new() -> Order {
        Order {
            number: 0,
            first: None,
            is_first: true,
            goroutines: Goroutines::new(),
            procs: Procs::default(),
            threads: Threads::new(),
            collector: Collector::default(),
            stops: Stops::default(),
            tasks: Tasks::default(),
            regions: Regions::default(),
            carried: Carried::new(),
            out: Vec::new(),
            before: 0,
            last: Time(0),
        }
    }

    /// Names that generations share.
    pub(crate) fn names(&self) -> Arc<Names> {
        self.carried.names()
    }

    /// Ends the generation, whose table is still there, and begins one with this number.
    pub(crate) fn begin(&mut self, number: u64, has_events: bool, before: Option<&Generation>) {
        if let Some(before) = before {
            self.tasks.carry(&mut self.carried, before);
            self.regions.carry(&mut self.carried, before);
            self.stops.carry(&mut self.carried, before);
        }
        if has_events {
            self.first.get_or_insert(number);
        }
        self.number = number;
        self.is_first = self.first.is_none_or(|first| first == number);
    }

    /// The place of a thread, by which [`run`](Self::run) knows it.
    pub(crate) fn thread(&mut self, id: ThreadID) -> u32 {
        self.threads.place(id)
    }

    /// Lets events of a thread happen, one after the other, up to a time and as long as there are few in
    /// `out`. How many did; and whether the next one can happen or has to wait for another thread's.
    ///
    /// After an error `out` may have a part of what came of the event; `before` says what not.
    #[inline(always)]
    pub(crate) fn run(
        &mut self,
        events: &[Timed],
        thread: u32,
        until: i64,
        of: &Generation,
    ) -> (usize, Step) {
        self.threads.at(thread).is_known = true;
        let mut here = self.place(thread);
        let (mut happened, mut before) = (0, self.out.len());
        let mut step = Ok(true);
        for ev in events {
            let made = self.out.len();
            if ev.time > until || made >= AT_A_TIME {
                break;
            }
            before = made;
            step = self.advance(ev, &mut here, of);
            if !matches!(step, Ok(true)) {
                break;
            }
            happened += 1;
        }
        self.before = before;
        self.put(&here);
        (happened, step)
    }

    /// Lets a thread's next event happen, if it can; more than one event may come of it.
    #[inline(always)]
    fn advance(&mut self, ev: &Timed, here: &mut Place, of: &Generation) -> Step {
        use EventType as E;
        match ev.event {
            E::GoStart => self.go_start(ev, here),
            E::GoUnblock => self.go_unblock(ev, here, of),
            E::GoBlock => self.go_stop(ev, here, GoStatus::Waiting, of),
            E::GoStop => self.go_stop(ev, here, GoStatus::Runnable, of),
            E::GoDestroy => self.go_destroy(ev, here),
            E::GoCreate => self.go_create(ev, here, GoStatus::Runnable, of),
            E::GoSyscallBegin => self.go_syscall_begin(ev, here, of),
            E::GoSyscallEnd => self.go_syscall_end(ev, here),
            _ => {
                self.put(here);
                let step = self.advance_rare(ev, here.thread, of);
                *here = self.place(here.thread);
                step
            }
        }
    }

    /// As [`advance`](Self::advance), of a thread whose place is in the table.
    #[inline(never)]
    fn advance_rare(&mut self, ev: &Timed, thread: u32, of: &Generation) -> Step {
        use EventType as E;
        let mut place = self.place(thread);
        match ev.event {
            E::GoCreateBlocked => self.go_create(ev, &mut place, GoStatus::Waiting, of),
            E::ProcStart => self.proc_start(ev, place),
            E::ProcStop => self.proc_stop(ev, place),
            E::GoStatus | E::GoStatusStack => self.go_status(ev, place, of),
            E::GoSwitch | E::GoSwitchDestroy => self.go_switch(ev, place),
            E::GoSyscallEndBlocked => self.go_syscall_end_blocked(ev, place),
            E::GoCreateSyscall => self.go_create_syscall(ev, place),
            E::GoDestroySyscall => self.go_destroy_syscall(ev, place),
            E::ProcSteal => self.proc_steal(ev, place),
            E::ProcStatus => self.proc_status(ev, place),
            E::STWBegin => self.stw_begin(ev, place, of),
            E::STWEnd => self.stw_end(ev, place),
            E::GCActive => self.gc_active(ev, place),
            E::GCBegin => self.gc_begin(ev, place, of),
            E::GCEnd => self.gc_end(ev, place),
            E::GCSweepActive => self.gc_sweep_active(ev, place),
            E::GCSweepBegin => self.gc_sweep_begin(ev, place, of),
            E::GCSweepEnd => self.gc_sweep_end(ev, place),
            E::GCMarkAssistActive => self.gc_mark_assist_active(ev, place),
            E::GCMarkAssistBegin => self.gc_mark_assist_begin(ev, place, of),
            E::GCMarkAssistEnd => self.gc_mark_assist_end(ev, place),
            E::HeapAlloc | E::HeapGoal => self.metric(ev, place),
            E::ProcsChange => self.procs_change(ev, place, of),
            E::GoLabel => self.label(ev, place, of),
            E::UserTaskBegin => self.user_task_begin(ev, place, of),
            E::UserTaskEnd => self.user_task_end(ev, place, of),
            E::UserRegionBegin => self.user_region_begin(ev, place, of),
            E::UserRegionEnd => self.user_region_end(ev, place, of),
            E::UserLog => self.user_log(ev, place, of),
            experimental if experimental.is_experimental() => self.experiment(ev, place),
            _ => Err(wrong(ev, "it cannot be among a thread's events")),
        }
    }

    /// Something happens.
    #[inline(always)]
    fn emit(&mut self, event: Event) -> Step {
        self.push(event);
        Ok(true)
    }

    /// Adds an event. What is not later than the one before happened right after it.
    #[inline(always)]
    pub(crate) fn push(&mut self, event: Event) {
        let next = Time(self.last.0.wrapping_add(1));
        let time = if event.time > self.last { event.time } else { next };
        self.last = time;
        self.out.push(Event { time, ..event });
    }

    fn place(&self, thread: u32) -> Place {
        Place { thread, on: *self.threads.get(thread) }
    }

    /// Puts what a thread has into the table.
    #[inline(always)]
    fn put(&mut self, place: &Place) {
        let thread = self.threads.at(place.thread);
        thread.set_goroutine(place.on.goroutine, place.on.goroutine_slot);
        thread.set_proc(place.on.proc, place.on.proc_slot);
    }

    #[inline(always)]
    fn sequence(&self, number: u64) -> Sequence {
        Sequence { generation: self.number, number }
    }

    /// The goroutine that the thread runs.
    #[inline(always)]
    fn current(&self, ev: &Timed, place: &Place) -> Result<u32, Error> {
        let id = place.on.goroutine;
        let slot = self.goroutines.find_at(place.on.goroutine_slot, id);
        slot.ok_or_else(|| {
            wrong(ev, format!("goroutine {id}, which the thread runs, does not exist"))
        })
    }

    /// The goroutine that the thread runs, which has to be in this state.
    #[inline(always)]
    fn current_in(
        &mut self,
        ev: &Timed,
        place: &Place,
        status: GoStatus,
    ) -> Result<&mut Goroutine, Error> {
        let (id, slot) = (place.on.goroutine, place.on.goroutine_slot);
        match self.goroutines.slot_of(slot, id, status) {
            Some(slot) => Ok(self.goroutines.at(slot)),
            None => Err(self.not_current(ev, place, status)),
        }
    }

    #[cold]
    #[inline(never)]
    fn not_current(&mut self, ev: &Timed, place: &Place, expected: GoStatus) -> Error {
        match self.current(ev, place) {
            Ok(slot) => self.not_in_state(ev, slot, expected),
            Err(error) => error,
        }
    }

    /// The thread has another goroutine.
    #[inline(always)]
    fn set_goroutine(&mut self, place: Place, id: GoID, slot: u32) {
        if place.thread != NO_THREAD {
            self.threads.at(place.thread).set_goroutine(id, slot);
        }
    }

    /// The thread has another processor.
    #[inline(always)]
    fn set_proc(&mut self, place: Place, id: ProcID, slot: u32) {
        if place.thread != NO_THREAD {
            self.procs.add_holder(id, slot, place.thread, &self.threads);
            self.threads.at(place.thread).set_proc(id, slot);
        }
    }
}

impl Place {
    /// Whether the thread has what it must have, and nothing that it must not.
    #[inline(always)]
    fn check(&self, ev: &Timed, proc: Need, goroutine: Need) -> Result<(), Error> {
        let is_wrong = |need, is_there: bool| match need {
            Need::Must => !is_there,
            Need::May => false,
            Need::MustNot => is_there,
        };
        // Only threads have processors.
        if (proc != Need::Must && self.on.id == ThreadID::NONE)
            || is_wrong(proc, self.on.proc != ProcID::NONE)
            || is_wrong(goroutine, self.on.goroutine != GoID::NONE)
        {
            return Err(self.complaint(ev, proc, goroutine));
        }
        Ok(())
    }

    /// Whether a goroutine runs here.
    #[inline(always)]
    fn check_user(&self, ev: &Timed) -> Result<(), Error> {
        self.check(ev, Need::Must, Need::Must)
    }

    #[cold]
    #[inline(never)]
    fn complaint(&self, ev: &Timed, proc: Need, goroutine: Need) -> Error {
        let Context { goroutine: g, proc: p, thread } = self.context();
        if thread == ThreadID::NONE {
            return wrong(ev, "expected a thread, found none");
        }
        match (proc, p) {
            (Need::Must, ProcID::NONE) => return wrong(ev, "expected a processor, found none"),
            (Need::MustNot, p) if p != ProcID::NONE => {
                return wrong(ev, format!("expected no processor, found processor {p}"));
            }
            _ => {}
        }
        match goroutine {
            Need::MustNot => wrong(ev, format!("expected no goroutine, found goroutine {g}")),
            _ => wrong(ev, "expected a goroutine, found none"),
        }
    }

    #[inline(always)]
    fn context(&self) -> Context {
        let Thread { goroutine, proc, id: thread, .. } = self.on;
        Context { goroutine, proc, thread }
    }

    /// The event, in this place.
    #[inline(always)]
    fn event(&self, ev: &Timed) -> Event {
        Event::new(ev.event, Time(ev.time), self.context())
    }
}

/// An event that cannot be where it is.
#[cold]
#[inline(never)]
fn wrong(ev: &Timed, why: impl AsRef<str>) -> Error {
    Error::new(ErrorKind::Order, format!("{}: {}", ev.event.name(), why.as_ref()))
}

/// The stack that an argument refers to.
#[inline(always)]
fn stack(ev: &Timed, arg: usize, of: &Generation) -> Result<StackId, Error> {
    of.stacks.find(ev.args[arg]).ok_or_else(|| missing(ev, arg, "stack"))
}

/// The string that an argument refers to.
#[inline(always)]
fn string(ev: &Timed, arg: usize, of: &Generation) -> Result<StringId, Error> {
    of.strings.find(ev.args[arg]).ok_or_else(|| missing(ev, arg, "string"))
}

#[cold]
#[inline(never)]
fn missing(ev: &Timed, arg: usize, what: &str) -> Error {
    let (name, id) = (ev.event.name(), ev.args[arg]);
    let what = format!("{name}: expected {what} {id} in the generation's table, but there is none");
    Error::new(ErrorKind::Reference, what)
}

impl Order {
    fn metric(&mut self, ev: &Timed, place: Place) -> Step {
        place.check(ev, Need::Must, Need::May)?;
        self.emit(Event { args: [ev.args[0], 0, 0], ..place.event(ev) })
    }

    fn procs_change(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        place.check_user(ev)?;
        let stack = stack(ev, 1, of)?;
        self.emit(Event { args: [ev.args[0], 0, 0], stack, ..place.event(ev) })
    }

    fn label(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        place.check_user(ev)?;
        let label = string(ev, 0, of)?;
        self.emit(Event { args: [label.0.into(), 0, 0], ..place.event(ev) })
    }

    fn experiment(&mut self, ev: &Timed, place: Place) -> Step {
        place.check(ev, Need::May, Need::May)?;
        let mut args = [0; 3];
        let own = ev.own_args();
        args[..own.len()].copy_from_slice(own);
        self.emit(Event { args, ..place.event(ev) })
    }
}

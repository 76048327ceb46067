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

use super::decode::{Numbers, Timed, Times, WINDOW_BYTES, is_short};
use super::error::{Error, ErrorKind};
use super::event::{Context, Event};
use super::generation::Generation;
use super::ids::{GoID, ProcID, StackId, StringId, ThreadID, Time};
use super::made::Made;
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
    pub(crate) out: Made,
    /// How much of it there was before the last event of a thread.
    pub(crate) before: usize,
    /// The time of the last of it.
    pub(crate) last: Time,
}

/// Where an event happens: on which thread, and what that has.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    thread: u32,
    on: Thread,
}

/// What came of an event that may be one of the most frequent types.
pub(crate) enum Frequent {
    /// It happened, took so many bytes and was at this time. One event came of it.
    Happened(usize, i64),
    /// It comes later than others may, or there is no place for what comes of it. Its time.
    Late(i64),
    /// It has to wait for another thread's. Its time.
    Waits(i64),
    /// It can never happen. Nothing came of it.
    Refused(Error),
    /// It is of another type, or not as simple.
    Other,
}

/// An event, of which the arguments are not decoded yet.
#[derive(Clone, Copy)]
struct Head {
    time: i64,
    numbers: Numbers,
}

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
            out: Made::new(),
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

    /// The place of a thread, by which [`place`](Self::place) knows it.
    pub(crate) fn thread(&mut self, id: ThreadID) -> u32 {
        self.threads.place(id)
    }

    /// Lets the event in a window happen, if its type is one of the most frequent ones, of a thread that has
    /// what is `here`.
    ///
    /// Such an event is decoded where it happens: it is known there what it has, and what it has is
    /// nowhere but in registers.
    #[inline(always)]
    pub(crate) fn frequent(
        &mut self,
        window: &[u8; WINDOW_BYTES],
        here: &mut Place,
        (last, until): (i64, i64),
        (times, of): (&Times, &Generation),
    ) -> Frequent {
        use EventType as E;
        const GO_START: u8 = E::GoStart as u8;
        const GO_UNBLOCK: u8 = E::GoUnblock as u8;
        const GO_BLOCK: u8 = E::GoBlock as u8;
        const GO_STOP: u8 = E::GoStop as u8;
        const GO_DESTROY: u8 = E::GoDestroy as u8;
        const GO_CREATE: u8 = E::GoCreate as u8;
        const GO_SYSCALL_BEGIN: u8 = E::GoSyscallBegin as u8;
        const GO_SYSCALL_END: u8 = E::GoSyscallEnd as u8;
        let [number, word @ ..] = *window;
        let mut numbers = Numbers::new(word);
        let time = last.wrapping_add(times.ns(numbers.next()));
        if time > until || self.out.is_full() {
            return if is_short(window) { Frequent::Late(time) } else { Frequent::Other };
        }
        let head = Head { time, numbers };
        match number {
            GO_START => head.with::<2>(E::GoStart, |ev| self.go_start(ev, here)),
            GO_UNBLOCK => head.with::<3>(E::GoUnblock, |ev| self.go_unblock(ev, here, of)),
            GO_BLOCK => {
                head.with::<2>(E::GoBlock, |ev| self.go_stop(ev, here, GoStatus::Waiting, of))
            }
            GO_STOP => {
                head.with::<2>(E::GoStop, |ev| self.go_stop(ev, here, GoStatus::Runnable, of))
            }
            GO_DESTROY => head.with::<0>(E::GoDestroy, |ev| self.go_destroy(ev, here)),
            GO_CREATE => {
                head.with::<3>(E::GoCreate, |ev| self.go_create(ev, here, GoStatus::Runnable, of))
            }
            GO_SYSCALL_BEGIN => {
                head.with::<2>(E::GoSyscallBegin, |ev| self.go_syscall_begin(ev, here, of))
            }
            GO_SYSCALL_END => head.with::<0>(E::GoSyscallEnd, |ev| self.go_syscall_end(ev, here)),
            _ => Frequent::Other,
        }
    }

    /// Lets a thread's next event happen, if it can; more than one event may come of it.
    ///
    /// After an error `out` may have a part of that; `before` says what not.
    #[inline(never)]
    pub(crate) fn advance(&mut self, ev: &Timed, thread: u32, of: &Generation) -> Step {
        use EventType as E;
        self.before = self.out.len();
        self.threads.at(thread).is_known = true;
        let mut here = self.place(thread);
        let step = match ev.event {
            E::GoStart => self.go_start(ev, &mut here),
            E::GoUnblock => self.go_unblock(ev, &mut here, of),
            E::GoBlock => self.go_stop(ev, &mut here, GoStatus::Waiting, of),
            E::GoStop => self.go_stop(ev, &mut here, GoStatus::Runnable, of),
            E::GoDestroy => self.go_destroy(ev, &mut here),
            E::GoCreate => self.go_create(ev, &mut here, GoStatus::Runnable, of),
            E::GoCreateBlocked => self.go_create(ev, &mut here, GoStatus::Waiting, of),
            E::GoSyscallBegin => self.go_syscall_begin(ev, &mut here, of),
            E::GoSyscallEnd => self.go_syscall_end(ev, &mut here),
            _ => return self.advance_rare(ev, here, of),
        };
        self.put(&here);
        step
    }

    /// As [`advance`](Self::advance), of events that put what the thread has into the table themselves.
    fn advance_rare(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        use EventType as E;
        match ev.event {
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

    /// What a thread has.
    #[inline(always)]
    pub(crate) fn place(&self, thread: u32) -> Place {
        Place { thread, on: *self.threads.get(thread) }
    }

    /// Puts what a thread has into the table.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: &Place) {
        let thread = self.threads.at(place.thread);
        thread.is_known = true;
        thread.set_goroutine(place.on.goroutine, place.on.goroutine_slot);
        thread.set_proc(place.on.proc, place.on.proc_slot);
    }

    #[inline(always)]
    fn sequence(&self, number: u64) -> Sequence {
        Sequence { generation: self.number, number }
    }

    /// The goroutine that the thread runs.
    fn current(&self, event: EventType, slot: u32, id: GoID) -> Result<u32, Error> {
        let slot = self.goroutines.find_at(slot, id);
        slot.ok_or_else(|| {
            refused(event, &format!("goroutine {id}, which the thread runs, does not exist"))
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
            None => Err(self.not_current(ev.event, (slot, id), status)),
        }
    }

    #[cold]
    #[inline(never)]
    fn not_current(
        &mut self,
        event: EventType,
        (slot, id): (u32, GoID),
        expected: GoStatus,
    ) -> Error {
        match self.current(event, slot, id) {
            Ok(slot) => self.not_in_state(event, slot, expected),
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

impl Head {
    /// Decodes so many arguments and lets the event happen.
    #[inline(always)]
    fn with<const ARGS: usize>(
        mut self,
        event: EventType,
        happens: impl FnOnce(&Timed) -> Step,
    ) -> Frequent {
        let mut ev = Timed { time: self.time, args: [0; _], event };
        for arg in &mut ev.args[..ARGS] {
            *arg = self.numbers.next();
        }
        let Some(bytes) = self.numbers.bytes() else { return Frequent::Other };
        match happens(&ev) {
            Ok(true) => Frequent::Happened(1 + bytes, self.time),
            Ok(false) => Frequent::Waits(self.time),
            Err(error) => Frequent::Refused(error),
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
            let Context { goroutine: g, proc: p, thread } = self.context();
            return Err(complaint(ev.event, (proc, goroutine), g, p, thread));
        }
        Ok(())
    }

    /// Whether a goroutine runs here.
    #[inline(always)]
    fn check_user(&self, ev: &Timed) -> Result<(), Error> {
        self.check(ev, Need::Must, Need::Must)
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
///
/// Of the event no more is handed over than is needed: what has an address is not in registers.
#[inline(always)]
fn wrong(ev: &Timed, why: impl AsRef<str>) -> Error {
    refused(ev.event, why.as_ref())
}

#[cold]
#[inline(never)]
fn complaint(
    event: EventType,
    (proc, goroutine): (Need, Need),
    g: GoID,
    p: ProcID,
    thread: ThreadID,
) -> Error {
    if thread == ThreadID::NONE {
        return refused(event, "expected a thread, found none");
    }
    match (proc, p) {
        (Need::Must, ProcID::NONE) => return refused(event, "expected a processor, found none"),
        (Need::MustNot, p) if p != ProcID::NONE => {
            return refused(event, &format!("expected no processor, found processor {p}"));
        }
        _ => {}
    }
    match goroutine {
        Need::MustNot => refused(event, &format!("expected no goroutine, found goroutine {g}")),
        _ => refused(event, "expected a goroutine, found none"),
    }
}

#[cold]
#[inline(never)]
fn refused(event: EventType, why: &str) -> Error {
    Error::new(ErrorKind::Order, format!("{}: {why}", event.name()))
}

/// The stack that an argument refers to.
#[inline(always)]
fn stack(ev: &Timed, arg: usize, of: &Generation) -> Result<StackId, Error> {
    of.stacks.find(ev.args[arg]).ok_or_else(|| missing(ev.event, ev.args[arg], "stack"))
}

/// The string that an argument refers to.
#[inline(always)]
fn string(ev: &Timed, arg: usize, of: &Generation) -> Result<StringId, Error> {
    of.strings.find(ev.args[arg]).ok_or_else(|| missing(ev.event, ev.args[arg], "string"))
}

#[cold]
#[inline(never)]
fn missing(event: EventType, id: u64, what: &str) -> Error {
    let name = event.name();
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

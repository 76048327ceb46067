//! System calls, in which a goroutine may lose its processor.

use super::state::{GoStatus, ProcStatus};
use super::{Need, Order, Place, Step, refused, stack};
use crate::reader::decode::Timed;
use crate::reader::error::Error;
use crate::reader::event::Event;
use crate::reader::generation::Generation;
use crate::reader::ids::{GoID, ProcID, Time};
use crate::wire::event::EventType;

impl Order {
    #[inline(always)]
    pub(super) fn go_syscall_begin(
        &mut self,
        ev: &Timed,
        here: &mut Place,
        of: &Generation,
    ) -> Step {
        self.running(ev, here)?.status = GoStatus::Syscall;
        let next = self.sequence(ev.args[0]);
        let proc = self.procs.at(here.on.proc_slot);
        proc.status = ProcStatus::Syscall;
        // The thread has the processor, so nobody else's event can come between.
        if !proc.sequence.is_next(next) {
            let expected = proc.sequence.number.wrapping_add(1);
            return Err(not_next(ev.event, here.on.proc, expected, next.number));
        }
        proc.sequence = next;
        let stack = stack(ev, 1, of)?;
        self.emit(Event { stack, ..here.event(ev) })
    }

    #[inline(always)]
    pub(super) fn go_syscall_end(&mut self, ev: &Timed, here: &mut Place) -> Step {
        here.check_user(ev)?;
        self.current_in(ev, here, GoStatus::Syscall)?.status = GoStatus::Running;
        self.expect_proc_in_syscall(ev, here)?;
        self.procs.at(here.on.proc_slot).status = ProcStatus::Running;
        self.emit(here.event(ev))
    }

    #[inline(always)]
    fn expect_proc_in_syscall(&mut self, ev: &Timed, place: &Place) -> Result<(), Error> {
        let found = self.procs.at(place.on.proc_slot).status;
        if found == ProcStatus::Syscall {
            return Ok(());
        }
        Err(not_in_syscall(ev.event, place.on.proc, found))
    }

    /// It lost its processor, so it waits for the event that tells of that; by now it may have another.
    pub(super) fn go_syscall_end_blocked(&mut self, ev: &Timed, place: Place) -> Step {
        if place.has_proc() && self.procs.at(place.on.proc_slot).status == ProcStatus::Syscall {
            return Ok(false);
        }
        place.check(ev, Need::May, Need::Must)?;
        self.current_in(ev, &place, GoStatus::Syscall)?.status = GoStatus::Runnable;
        self.threads.at(place.thread).leave_goroutine();
        self.emit(place.event(ev))
    }

    pub(super) fn go_create_syscall(&mut self, ev: &Timed, place: Place) -> Step {
        place.check(ev, Need::May, Need::MustNot)?;
        let slot = self.create(ev, GoStatus::Syscall)?;
        self.set_goroutine(place, GoID(ev.args[0] as i64), slot);
        self.emit(Event { args: [ev.args[0], 0, 0], ..place.event(ev) })
    }

    /// A foreign thread goes away. A processor that it has is lost with it, by an event of its own: the
    /// system may soon give the thread's number to another.
    pub(super) fn go_destroy_syscall(&mut self, ev: &Timed, place: Place) -> Step {
        place.check(ev, Need::May, Need::Must)?;
        self.current_in(ev, &place, GoStatus::Syscall)?;
        self.destroy(&place);
        self.threads.at(place.thread).leave_goroutine();
        let event = place.event(ev);
        if !place.has_proc() {
            return self.emit(event);
        }
        self.expect_proc_in_syscall(ev, &place)?;
        self.procs.at(place.on.proc_slot).status = ProcStatus::Abandoned;
        self.threads.at(place.thread).leave_proc();
        let lost = Event::new(EventType::ProcSteal, Time(ev.time), place.context());
        let args = [place.on.proc.0 as u64, 0, 0];
        self.push(Event { args, from: ProcStatus::Syscall.state() as u8, ..lost });
        self.emit(event)
    }
}

#[cold]
#[inline(never)]
fn not_next(event: EventType, id: ProcID, expected: u64, found: u64) -> Error {
    refused(event, &format!("expected number {expected} of processor {id}, found {found}"))
}

#[cold]
#[inline(never)]
fn not_in_syscall(event: EventType, id: ProcID, found: ProcStatus) -> Error {
    let why = format!("expected processor {id} to be in a system call, but it is {found:?}");
    refused(event, &why)
}

//! Goroutines: what makes, runs, stops and wakes them.

use super::state::{GoStatus, NO_THREAD, NOWHERE};
use super::table::Goroutine;
use super::{Need, Order, Place, Step, refused, stack, string, wrong};
use crate::reader::decode::Timed;
use crate::reader::error::Error;
use crate::reader::event::{Context, Event};
use crate::reader::generation::Generation;
use crate::reader::ids::{GoID, GoState, ThreadID, Time};
use crate::wire::event::EventType;

impl Order {
    #[inline(always)]
    pub(super) fn go_start(&mut self, ev: &Timed, here: &mut Place) -> Step {
        let id = GoID(ev.args[0] as i64);
        let sequence = self.sequence(ev.args[1]);
        let home = self.goroutines.home(id);
        let slot = self.goroutines.slot_of(home, id, GoStatus::Runnable);
        let Some(slot) = slot else { return Ok(false) };
        let goroutine = self.goroutines.at(slot);
        if !goroutine.sequence.is_next(sequence) {
            return Ok(false);
        }
        here.check(ev, Need::Must, Need::MustNot)?;
        goroutine.status = GoStatus::Running;
        goroutine.sequence.number = sequence.number;
        let event = here.event(ev);
        here.on.set_goroutine(id, slot);
        self.emit(Event { args: [ev.args[0], ev.args[1], 0], ..event })
    }

    /// Anybody can wake a goroutine, also who is no thread.
    #[inline(always)]
    pub(super) fn go_unblock(&mut self, ev: &Timed, here: &mut Place, of: &Generation) -> Step {
        let id = GoID(ev.args[0] as i64);
        let sequence = self.sequence(ev.args[1]);
        let home = self.goroutines.home(id);
        let slot = self.goroutines.slot_of(home, id, GoStatus::Waiting);
        let Some(slot) = slot else { return Ok(false) };
        let goroutine = self.goroutines.at(slot);
        if !goroutine.sequence.is_next(sequence) {
            return Ok(false);
        }
        goroutine.status = GoStatus::Runnable;
        goroutine.sequence.number = sequence.number;
        let stack = stack(ev, 2, of)?;
        self.emit(Event { args: [ev.args[0], ev.args[1], 0], stack, ..here.event(ev) })
    }

    /// The goroutine that runs here; it must be running.
    #[inline(always)]
    pub(super) fn running(&mut self, ev: &Timed, place: &Place) -> Result<&mut Goroutine, Error> {
        place.check_user(ev)?;
        self.current_in(ev, place, GoStatus::Running)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn not_in_state(
        &mut self,
        event: EventType,
        slot: u32,
        expected: GoStatus,
    ) -> Error {
        let goroutine = self.goroutines.at(slot);
        let (id, found) = (goroutine.id, goroutine.status);
        refused(event, &format!("expected goroutine {id} to be {expected:?}, but it is {found:?}"))
    }

    /// The running goroutine waits, or gives way.
    #[inline(always)]
    pub(super) fn go_stop(
        &mut self,
        ev: &Timed,
        here: &mut Place,
        to: GoStatus,
        of: &Generation,
    ) -> Step {
        self.running(ev, here)?.status = to;
        let stack = stack(ev, 1, of)?;
        let reason = string(ev, 0, of)?;
        let event = here.event(ev);
        here.on.leave_goroutine();
        self.emit(Event { args: [reason.0.into(), 0, 0], stack, ..event })
    }

    #[inline(always)]
    pub(super) fn go_destroy(&mut self, ev: &Timed, here: &mut Place) -> Step {
        self.running(ev, here)?;
        let event = here.event(ev);
        self.destroy(here);
        here.on.leave_goroutine();
        self.emit(event)
    }

    /// Forgets the goroutine that runs here, and all that is its.
    #[inline(always)]
    pub(super) fn destroy(&mut self, place: &Place) {
        let id = place.on.goroutine;
        if let Some(slot) = self.goroutines.find_at(place.on.goroutine_slot, id) {
            self.goroutines.remove(slot);
        }
        self.regions.forget(id);
        self.stops.forget(id);
    }

    #[inline(always)]
    pub(super) fn go_create(
        &mut self,
        ev: &Timed,
        here: &mut Place,
        status: GoStatus,
        of: &Generation,
    ) -> Step {
        here.check(ev, Need::Must, Need::May)?;
        let creator = self.goroutines.find_at(here.on.goroutine_slot, here.on.goroutine);
        if let Some(slot) = creator
            && self.goroutines.at(slot).status != GoStatus::Running
        {
            return Err(self.not_in_state(ev.event, slot, GoStatus::Running));
        }
        self.create(ev, status)?;
        let stack_of_creator = stack(ev, 2, of)?;
        let stack_of_new = stack(ev, 1, of)?;
        let args = [ev.args[0], stack_of_new.0.into(), 0];
        self.emit(Event { args, stack: stack_of_creator, ..here.event(ev) })
    }

    /// A goroutine that must not exist yet; its slot.
    #[inline(always)]
    pub(super) fn create(&mut self, ev: &Timed, status: GoStatus) -> Result<u32, Error> {
        let id = GoID(ev.args[0] as i64);
        if self.goroutines.find(id).is_some() {
            return Err(exists_already(ev.event, id));
        }
        Ok(self.goroutines.insert(id, status, self.number))
    }

    /// Wakes a goroutine, runs it in the place of the one that runs, which waits or ends: three events.
    pub(super) fn go_switch(&mut self, ev: &Timed, place: Place) -> Step {
        self.running(ev, &place)?;
        let next = GoID(ev.args[0] as i64);
        let sequence = self.sequence(ev.args[1]);
        let Some(next_slot) = self.goroutines.find(next) else { return Ok(false) };
        let goroutine = self.goroutines.at(next_slot);
        if goroutine.status != GoStatus::Waiting || !goroutine.sequence.is_next(sequence) {
            return Ok(false);
        }
        goroutine.status = GoStatus::Running;
        goroutine.sequence = sequence;
        let time = Time(ev.time);
        let left = if ev.event == EventType::GoSwitch {
            self.running(ev, &place)?.status = GoStatus::Waiting;
            EventType::GoBlock
        } else {
            self.destroy(&place);
            EventType::GoDestroy
        };
        self.set_goroutine(place, next, next_slot);
        let args = [ev.args[0], ev.args[1], 0];
        let nobody = Context { goroutine: GoID::NONE, ..place.context() };
        self.push(Event { args, ..place.event(ev) });
        self.push(Event::new(left, time, place.context()));
        self.emit(Event { args, ..Event::new(EventType::GoStart, time, nobody) })
    }

    pub(super) fn go_status(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        let [id, thread, number, _] = ev.args;
        let (id, thread) = (GoID(id as i64), ThreadID(thread as i64));
        let Some(status) = GoStatus::from_number(number as u8) else {
            return Err(wrong(
                ev,
                format!("expected a state of goroutine {id}, found a number {number}"),
            ));
        };
        let (slot, from) = self.go_status_of(ev, id, status)?;
        let mut context = place.context();
        match status {
            GoStatus::Running => self.set_goroutine(place, id, slot),
            GoStatus::Syscall => {
                self.go_status_syscall(ev, place, (id, slot), thread, &mut context)?
            }
            _ => {}
        }
        let has_stack = ev.event == EventType::GoStatusStack;
        let stack = if has_stack { stack(ev, 3, of)? } else { Default::default() };
        let (from, to) = (from as u8, status.state() as u8);
        let event = Event::new(ev.event, Time(ev.time), context);
        self.emit(Event { args: [ev.args[0], ev.args[1], 0], stack, from, to, ..event })
    }

    /// Where the goroutine is, and the state it comes from.
    fn go_status_of(
        &mut self,
        ev: &Timed,
        id: GoID,
        status: GoStatus,
    ) -> Result<(u32, GoState), Error> {
        let Some(slot) = self.goroutines.find(id) else {
            if !self.is_first {
                let why = format!("goroutine {id} shows up in a generation that is not the first");
                return Err(wrong(ev, why));
            }
            let slot = self.goroutines.insert(id, status, self.number);
            return Ok((slot, GoState::Undetermined));
        };
        if self.goroutines.at(slot).status != status {
            return Err(self.not_in_state(ev.event, slot, status));
        }
        self.goroutines.at(slot).sequence = self.sequence(0);
        Ok((slot, status.state()))
    }

    /// A goroutine in a system call is bound to a thread: the event's own, or another one, which the
    /// event is then about.
    fn go_status_syscall(
        &mut self,
        ev: &Timed,
        place: Place,
        (id, slot): (GoID, u32),
        thread: ThreadID,
        context: &mut Context,
    ) -> Result<(), Error> {
        if thread == ThreadID::NONE {
            return Err(wrong(ev, format!("goroutine {id} is in a system call, without a thread")));
        }
        let other = |found| {
            let why =
                format!("expected goroutine {id} on thread {thread}, found goroutine {found}");
            Err(wrong(ev, why))
        };
        if thread == context.thread {
            if !self.is_first && context.goroutine != id {
                return other(context.goroutine);
            }
            self.set_goroutine(place, id, slot);
            return Ok(());
        }
        match self.threads.find(thread).map(|known| self.threads.at(known).goroutine) {
            Some(goroutine) if goroutine != id => return other(goroutine),
            Some(goroutine) => context.goroutine = goroutine,
            None => {
                let new = self.threads.place(thread);
                debug_assert!(new != NO_THREAD);
                let new = self.threads.at(new);
                new.is_known = true;
                new.set_goroutine(id, slot);
                new.set_proc(crate::reader::ids::ProcID::NONE, NOWHERE);
            }
        }
        context.thread = thread;
        Ok(())
    }
}

#[cold]
#[inline(never)]
fn exists_already(event: EventType, id: GoID) -> Error {
    refused(event, &format!("goroutine {id} is created, but exists already"))
}

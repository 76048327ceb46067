//! Processors: who has them.

use super::state::ProcStatus;
use super::{Need, Order, Place, Step, wrong};
use crate::reader::decode::Timed;
use crate::reader::error::Error;
use crate::reader::event::{Context, Event};
use crate::reader::ids::{ProcID, ProcState, ThreadID, Time};

impl Place {
    #[inline(always)]
    pub(super) fn has_proc(self) -> bool {
        self.on.proc != ProcID::NONE
    }
}

impl Order {
    #[inline(always)]
    pub(super) fn proc_start(&mut self, ev: &Timed, place: Place) -> Step {
        let id = ProcID(ev.args[0] as i64);
        let sequence = self.sequence(ev.args[1]);
        let Some(slot) = self.procs.find(id) else { return Ok(false) };
        let proc = self.procs.at(slot);
        let is_ready = proc.status == ProcStatus::Idle && proc.sequence.is_next(sequence);
        // In a system call the thread may still have one, which is about to be taken.
        if !is_ready || place.has_proc() {
            return Ok(false);
        }
        place.check(ev, Need::MustNot, Need::May)?;
        proc.status = ProcStatus::Running;
        proc.sequence = sequence;
        self.set_proc(place, id, slot);
        self.emit(Event { args: [ev.args[0], ev.args[1], 0], ..place.event(ev) })
    }

    #[inline(always)]
    pub(super) fn proc_stop(&mut self, ev: &Timed, place: Place) -> Step {
        place.check(ev, Need::Must, Need::May)?;
        let id = place.on.proc;
        let proc = self.procs.at(place.on.proc_slot);
        if !matches!(proc.status, ProcStatus::Running | ProcStatus::Syscall) {
            let found = proc.status;
            return Err(wrong(
                ev,
                format!("expected processor {id} to be Running, but it is {found:?}"),
            ));
        }
        proc.status = ProcStatus::Idle;
        self.threads.at(place.thread).leave_proc();
        self.emit(place.event(ev))
    }

    pub(super) fn proc_steal(&mut self, ev: &Timed, place: Place) -> Step {
        let [id, number, from, _] = ev.args;
        let (id, from) = (ProcID(id as i64), ThreadID(from as i64));
        let sequence = self.sequence(number);
        let Some(slot) = self.procs.find(id) else { return Ok(false) };
        let proc = self.procs.at(slot);
        let was = proc.status;
        let is_stealable = matches!(was, ProcStatus::Syscall | ProcStatus::Abandoned);
        if !is_stealable || !proc.sequence.is_next(sequence) {
            return Ok(false);
        }
        place.check(ev, Need::May, Need::May)?;
        proc.status = ProcStatus::Idle;
        proc.sequence = sequence;
        // Of one that was abandoned the thread is not known: it may be at something else by now.
        if was != ProcStatus::Abandoned {
            self.take_proc(ev, place, id, from)?;
        }
        let args = [ev.args[0], ev.args[1], ev.args[2]];
        self.emit(Event { args, from: was.state() as u8, ..place.event(ev) })
    }

    /// Takes a processor from a thread, which may be the event's own.
    fn take_proc(
        &mut self,
        ev: &Timed,
        place: Place,
        id: ProcID,
        from: ThreadID,
    ) -> Result<(), Error> {
        let slot = if from == place.on.id {
            place.thread
        } else {
            let slot = self.threads.find(from);
            slot.ok_or_else(|| wrong(ev, format!("stolen from thread {from}, which is not known")))?
        };
        let thread = self.threads.at(slot);
        if thread.proc != id {
            let found = thread.proc;
            let why = format!("expected processor {id} on thread {from}, found processor {found}");
            return Err(wrong(ev, why));
        }
        thread.leave_proc();
        Ok(())
    }

    pub(super) fn proc_status(&mut self, ev: &Timed, place: Place) -> Step {
        let [id, number, ..] = ev.args;
        let id = ProcID(id as i64);
        let Some(mut status) = ProcStatus::from_number(number as u8) else {
            let why = format!("expected a state of processor {id}, found a number {number}");
            return Err(wrong(ev, why));
        };
        let (slot, from) = self.proc_status_of(ev, id, &mut status)?;
        let mut context = place.context();
        let was_written_as = ProcStatus::from_number(number as u8);
        match was_written_as {
            Some(ProcStatus::Running | ProcStatus::Syscall) => self.set_proc(place, id, slot),
            Some(ProcStatus::Abandoned) if from == ProcState::Running => {
                context = self.context_of_proc(ev, id)?;
            }
            _ => {}
        }
        let event = Event::new(ev.event, Time(ev.time), context);
        let (from, to) = (from as u8, status.state() as u8);
        self.emit(Event { args: [ev.args[0], 0, 0], from, to, ..event })
    }

    /// Where the processor is, and the state it comes from.
    ///
    /// One that is abandoned may be in a system call for all that is known here: then that is its
    /// status.
    fn proc_status_of(
        &mut self,
        ev: &Timed,
        id: ProcID,
        status: &mut ProcStatus,
    ) -> Result<(u32, ProcState), Error> {
        let Some(slot) = self.procs.find(id) else {
            let slot = self.procs.insert(id, *status, self.number);
            let unknown = if self.is_first { ProcState::Undetermined } else { ProcState::NotExist };
            return Ok((slot, unknown));
        };
        let sequence = self.sequence(0);
        let proc = self.procs.at(slot);
        match (*status, proc.status) {
            (ProcStatus::Abandoned, ProcStatus::Syscall) => *status = ProcStatus::Syscall,
            (written, known) if written != known => {
                let why = format!("expected processor {id} to be {written:?}, but it is {known:?}");
                return Err(wrong(ev, why));
            }
            _ => {}
        }
        proc.sequence = sequence;
        Ok((slot, status.state()))
    }

    /// The thread that has a processor which is about to be stolen.
    fn context_of_proc(&mut self, ev: &Timed, id: ProcID) -> Result<Context, Error> {
        let thread = self.procs.holder(id, &self.threads);
        let thread = thread.ok_or_else(|| wrong(ev, format!("no thread has processor {id}")))?;
        let thread = self.threads.get(thread);
        Ok(Context { thread: thread.id, proc: id, goroutine: thread.goroutine })
    }
}

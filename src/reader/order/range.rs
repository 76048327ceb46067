//! What lasts: the garbage collector's phases, and stops of the world.

use super::carried::Carried;
use super::{Need, Order, Place, Step, stack, string, wrong};
use crate::reader::decode::Timed;
use crate::reader::error::Error;
use crate::reader::event::Event;
use crate::reader::generation::Generation;
use crate::reader::hash::Map;
use crate::reader::ids::{GoID, ProcID, StringId};

/// The garbage collector.
#[derive(Debug, Default)]
pub(super) struct Collector {
    sequence: u64,
    /// `None` until an event says.
    is_running: Option<bool>,
}

/// Stops of the world that go on, by the goroutine that made them.
#[derive(Debug, Default)]
pub(super) struct Stops {
    open: Map<i64, Vec<StringId>>,
    /// The goroutines that made some in this generation.
    fresh: Vec<i64>,
}

/// As many stops of one goroutine go on at a time at most; a real one makes one.
const MAX_STOPS: usize = 16;

impl Stops {
    pub(super) fn forget(&mut self, id: GoID) {
        if !self.open.is_empty() {
            self.open.remove(&id.0);
        }
    }

    /// A later generation does not have this one's reasons.
    pub(super) fn carry(&mut self, carried: &mut Carried, before: &Generation) {
        for id in self.fresh.drain(..) {
            for reason in self.open.get_mut(&id).into_iter().flatten() {
                *reason = carried.name(*reason, before);
            }
        }
    }
}

impl Order {
    fn cycle(&mut self, ev: &Timed, is_running: bool) {
        self.collector = Collector { sequence: ev.args[0], is_running: Some(is_running) };
    }

    fn is_next_cycle(&self, ev: &Timed) -> bool {
        ev.args[0] == self.collector.sequence.wrapping_add(1)
    }

    pub(super) fn gc_active(&mut self, ev: &Timed, place: Place) -> Step {
        if self.is_first {
            if self.collector.is_running.is_some() {
                return Err(wrong(ev, "it is not the garbage collector's first event"));
            }
        } else {
            if !self.is_next_cycle(ev) {
                return Ok(false);
            }
            if self.collector.is_running != Some(true) {
                return Err(wrong(ev, "the garbage collector is not running"));
            }
            place.check_user(ev)?;
        }
        self.cycle(ev, true);
        self.emit(place.event(ev))
    }

    pub(super) fn gc_begin(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        if let Some(is_running) = self.collector.is_running {
            if !self.is_next_cycle(ev) {
                return Ok(false);
            }
            if is_running {
                return Err(wrong(ev, "the garbage collector is running already"));
            }
            place.check_user(ev)?;
        }
        self.cycle(ev, true);
        let stack = stack(ev, 1, of)?;
        self.emit(Event { stack, ..place.event(ev) })
    }

    pub(super) fn gc_end(&mut self, ev: &Timed, place: Place) -> Step {
        if !self.is_next_cycle(ev) {
            return Ok(false);
        }
        if self.collector.is_running != Some(true) {
            return Err(wrong(ev, "the garbage collector is not running"));
        }
        place.check_user(ev)?;
        self.cycle(ev, false);
        self.emit(place.event(ev))
    }

    pub(super) fn gc_sweep_begin(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        place.check(ev, Need::Must, Need::May)?;
        let proc = self.procs.at(place.on.proc_slot);
        begins(ev, &mut proc.sweeps, "the processor sweeps")?;
        let stack = stack(ev, 0, of)?;
        self.emit(Event { stack, ..place.event(ev) })
    }

    pub(super) fn gc_sweep_active(&mut self, ev: &Timed, place: Place) -> Step {
        let id = ProcID(ev.args[0] as i64);
        let slot = self.procs.find(id);
        let slot = slot.ok_or_else(|| wrong(ev, format!("processor {id} is not known")))?;
        let is_first = self.is_first;
        is_active(ev, &mut self.procs.at(slot).sweeps, is_first)?;
        self.emit(Event { args: [ev.args[0], 0, 0], ..place.event(ev) })
    }

    pub(super) fn gc_sweep_end(&mut self, ev: &Timed, place: Place) -> Step {
        place.check(ev, Need::Must, Need::May)?;
        ends(ev, &mut self.procs.at(place.on.proc_slot).sweeps)?;
        self.emit(Event { args: [ev.args[0], ev.args[1], 0], ..place.event(ev) })
    }

    pub(super) fn gc_mark_assist_begin(
        &mut self,
        ev: &Timed,
        place: Place,
        of: &Generation,
    ) -> Step {
        place.check_user(ev)?;
        let slot = self.current(ev.event, place.on.goroutine_slot, place.on.goroutine)?;
        begins(ev, &mut self.goroutines.at(slot).assists, "the goroutine assists")?;
        let stack = stack(ev, 0, of)?;
        self.emit(Event { stack, ..place.event(ev) })
    }

    pub(super) fn gc_mark_assist_active(&mut self, ev: &Timed, place: Place) -> Step {
        let id = GoID(ev.args[0] as i64);
        let slot = self.goroutines.find(id);
        let slot = slot.ok_or_else(|| wrong(ev, format!("goroutine {id} is not known")))?;
        let is_first = self.is_first;
        is_active(ev, &mut self.goroutines.at(slot).assists, is_first)?;
        self.emit(Event { args: [ev.args[0], 0, 0], ..place.event(ev) })
    }

    pub(super) fn gc_mark_assist_end(&mut self, ev: &Timed, place: Place) -> Step {
        place.check_user(ev)?;
        let slot = self.current(ev.event, place.on.goroutine_slot, place.on.goroutine)?;
        ends(ev, &mut self.goroutines.at(slot).assists)?;
        self.emit(place.event(ev))
    }

    pub(super) fn stw_begin(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        place.check_user(ev)?;
        self.current(ev.event, place.on.goroutine_slot, place.on.goroutine)?;
        let reason = string(ev, 0, of)?;
        let id = place.on.goroutine.0;
        let stops = self.stops.open.entry(id).or_default();
        if stops.contains(&reason) || stops.len() == MAX_STOPS {
            return Err(wrong(ev, "the goroutine has stopped the world for this already"));
        }
        stops.push(reason);
        self.stops.fresh.push(id);
        let stack = stack(ev, 1, of)?;
        self.emit(Event { args: [reason.0.into(), 0, 0], stack, ..place.event(ev) })
    }

    pub(super) fn stw_end(&mut self, ev: &Timed, place: Place) -> Step {
        place.check_user(ev)?;
        self.current(ev.event, place.on.goroutine_slot, place.on.goroutine)?;
        let id = place.on.goroutine.0;
        let stops = self.stops.open.get_mut(&id).filter(|stops| !stops.is_empty());
        let stops = stops.ok_or_else(|| wrong(ev, "the goroutine has not stopped the world"))?;
        let reason = stops.swap_remove(0);
        if stops.is_empty() {
            self.stops.open.remove(&id);
        }
        self.emit(Event { args: [reason.0.into(), 0, 0], ..place.event(ev) })
    }
}

/// Something that must not go on yet begins.
fn begins(ev: &Timed, goes_on: &mut bool, what: &str) -> Result<(), Error> {
    if std::mem::replace(goes_on, true) {
        return Err(wrong(ev, format!("{what} already")));
    }
    Ok(())
}

/// Something goes on: that is news in the first generation, and known later.
fn is_active(ev: &Timed, goes_on: &mut bool, is_first: bool) -> Result<(), Error> {
    match (std::mem::replace(goes_on, true), is_first) {
        (true, true) => Err(wrong(ev, "it began before, in the first generation")),
        (false, false) => Err(wrong(ev, "it did not begin in an earlier generation")),
        _ => Ok(()),
    }
}

/// Something that must go on ends.
fn ends(ev: &Timed, goes_on: &mut bool) -> Result<(), Error> {
    if !std::mem::replace(goes_on, false) {
        return Err(wrong(ev, "it did not begin"));
    }
    Ok(())
}

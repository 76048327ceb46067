//! From the units of a trace's clock to nanoseconds, and to other clocks.

use super::bytes::Cursor;
use super::error::{Error, ErrorKind};
use super::ids::Time;
use crate::wire::event::EventType;

/// Nanoseconds in a unit of a trace's clock.
///
/// Computed with floating-point numbers, as Go does, so that times are the same to the nanosecond.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unit(f64);

impl Unit {
    fn of_frequency(units_per_s: u64) -> Unit {
        Unit(1.0 / (units_per_s as f64 / 1e9))
    }

    /// As nanoseconds.
    #[inline(always)]
    pub(crate) fn ns(self, units: u64) -> i64 {
        // Of few, which most are, the conversion is one instruction.
        let units = u32::try_from(units).map_or(units as f64, f64::from);
        let ns = units * self.0;
        // The one test covers what is too large and what is no number.
        if ns < 9.2e18 { ns as i64 } else { out_of_range(ns) }
    }
}

/// What the processors that Go runs on make of a number that no integer has.
#[cold]
fn out_of_range(ns: f64) -> i64 {
    if ns < i64::MAX as f64 { ns as i64 } else { i64::MIN }
}

/// The clocks of a machine, read at one moment of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSnapshot {
    /// The trace's clock, which the events' times are of.
    pub trace: Time,
    /// The monotonic clock, in nanoseconds.
    pub monotonic_ns: u64,
    /// The wall clock: seconds since 1970,
    pub wall_s: i64,
    /// and nanoseconds beyond them.
    pub wall_ns: i64,
}

/// What a generation's clock batch says.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    unit: Option<Unit>,
    snapshot: Option<[u64; 4]>,
}

impl Clock {
    /// Adds a batch that is a lone frequency, before 1.25, or a sync batch. Errors have the place in
    /// `data`.
    pub(crate) fn add(&mut self, data: &[u8], time: u64, is_sync: bool) -> Result<(), Error> {
        let mut cursor = Cursor::new(data, usize::from(is_sync));
        let mut time = time;
        while !cursor.is_at_end() {
            let at = cursor.at() as u64;
            self.add_record(&mut cursor, &mut time, is_sync).map_err(|error| error.at(at))?;
        }
        Ok(())
    }

    fn add_record(
        &mut self,
        cursor: &mut Cursor<'_>,
        time: &mut u64,
        is_sync: bool,
    ) -> Result<(), Error> {
        let marker = cursor.byte().unwrap_or_default();
        let mut number = |what| cursor.number().map_err(|why| why.error(ErrorKind::Clock, what));
        match EventType::from_number(marker) {
            Some(EventType::Frequency) => {
                let unit = Unit::of_frequency(number("the clock's frequency")?);
                once(self.unit.replace(unit).is_none(), "frequency")
            }
            Some(EventType::ClockSnapshot) if is_sync => {
                let mut fields = [0; 4];
                for field in &mut fields {
                    *field = number("a clock")?;
                }
                *time = time.wrapping_add(fields[0]);
                fields[0] = *time;
                once(self.snapshot.replace(fields).is_none(), "snapshot of the clocks")
            }
            _ => Err(wrong(format!("expected a frequency or clocks, found a byte {marker}"))),
        }
    }

    /// The unit, which must be there, and the clocks, which from 1.25 on must be.
    pub(crate) fn finish(self, is_sync: bool) -> Result<(Unit, Option<ClockSnapshot>), Error> {
        let unit =
            self.unit.ok_or_else(|| wrong("expected a clock frequency, found none".into()))?;
        let snapshot = self.snapshot.map(|[time, monotonic_ns, wall_s, wall_ns]| ClockSnapshot {
            trace: Time(unit.ns(time)),
            monotonic_ns,
            wall_s: wall_s as i64,
            wall_ns: wall_ns as i64,
        });
        if is_sync && snapshot.is_none() {
            return Err(wrong("expected a snapshot of the clocks, found none".into()));
        }
        Ok((unit, snapshot))
    }
}

fn once(is_first: bool, what: &str) -> Result<(), Error> {
    if is_first { Ok(()) } else { Err(wrong(format!("expected one {what}, found two"))) }
}

#[cold]
fn wrong(what: String) -> Error {
    Error::new(ErrorKind::Clock, what)
}

//! Moments of a trace, counted from its first event.

use crate::reader::{Event, Time};

/// Counts moments. A trace's clock may be wrong, but these go on and are no numbers that one cannot
/// calculate with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    first: Option<Time>,
    last: i64,
}

impl Moments {
    /// Of a trace with this first event, from a moment on.
    pub(crate) fn since(first: Time, last: i64) -> Moments {
        Moments { first: Some(first), last }
    }

    /// The next event's: nanoseconds since the first one.
    pub(crate) fn of(&mut self, event: &Event) -> i64 {
        self.of_time(event.time())
    }

    fn of_time(&mut self, time: Time) -> i64 {
        self.first.get_or_insert(time);
        self.last = self.at(time);
        self.last
    }

    /// What comes next would have this moment.
    pub(crate) fn at(&self, time: Time) -> i64 {
        self.first.map_or(0, |first| time.since(first).clamp(self.last, i64::MAX / 4))
    }

    /// The first event's time.
    pub(crate) fn first(&self) -> Option<Time> {
        self.first
    }

    /// The last event's moment.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_go_on() {
        let mut moments = Moments::default();
        assert_eq!(moments.at(Time(7)), 0);
        let of = [10, 15, 12, i64::MAX, 20].map(|time| moments.of_time(Time(time)));
        assert_eq!(of, [0, 5, 5, i64::MAX / 4, i64::MAX / 4]);
        assert_eq!((moments.first(), moments.last()), (Some(Time(10)), i64::MAX / 4));
        assert_eq!(Moments::since(Time(10), 3).at(Time(5)), 3);
    }
}

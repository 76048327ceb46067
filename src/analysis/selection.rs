//! Which waits one wants to see.

use crate::reader::GoID;

/// Which waits one wants to see: those that fit everything that is given. Of a list, one is enough.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// From this moment on, in nanoseconds since the trace's first event. Of a wait counts what is
    /// within.
    pub from_ns: Option<i64>,
    /// Before this moment.
    pub to_ns: Option<i64>,
    /// Of these goroutines.
    pub goroutines: Vec<GoID>,
    /// Of goroutines that began in a function whose name contains one of these.
    pub functions: Vec<String>,
    /// For a reason whose name contains one of these.
    pub reasons: Vec<String>,
    /// In a region, which began in the trace, whose name contains one of these.
    pub regions: Vec<String>,
}

impl Selection {
    /// What of a time is wanted, if it is not nothing.
    pub(crate) fn clip(&self, begin: i64, end: i64) -> Option<(i64, i64)> {
        let begin = self.from_ns.map_or(begin, |from_ns| begin.max(from_ns));
        let end = self.to_ns.map_or(end, |to_ns| end.min(to_ns));
        (begin < end).then_some((begin, end))
    }

    /// Whether a moment is wanted.
    pub(crate) fn is_when(&self, now: i64) -> bool {
        self.from_ns.is_none_or(|from_ns| now >= from_ns)
            && self.to_ns.is_none_or(|to_ns| now < to_ns)
    }

    pub(crate) fn is_whose(&self, id: GoID) -> bool {
        self.goroutines.is_empty() || self.goroutines.contains(&id)
    }
}

/// Whether a text contains one of some parts; without parts every text does.
pub(crate) fn has_one(parts: &[String], text: &str) -> bool {
    parts.is_empty() || parts.iter().any(|part| text.contains(&**part))
}

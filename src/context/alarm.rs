//! The clock's part in a context's end.

pub(super) use crate::time::Instant;
use crate::time::{Timer, after_func};

/// A call at a moment.
pub(super) struct Alarm(Timer);

impl Alarm {
    /// Has `f` called at `when`, on a goroutine of its own.
    pub(super) fn start(when: Instant, f: impl FnOnce() + Send + 'static) -> Alarm {
        Alarm(after_func(when.duration_since(Instant::now()), f))
    }

    /// Calls it off, if it is not too late.
    pub(super) fn stop(self) {
        self.0.stop();
    }
}

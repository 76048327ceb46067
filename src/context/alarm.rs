//! The clock's part in a context's end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
pub(super) use std::time::Instant;

/// A call at a moment.
pub(super) struct Alarm {
    stopped: Arc<AtomicBool>,
}

impl Alarm {
    /// Has `f` called at `when`, on a goroutine of its own.
    pub(super) fn start(when: Instant, f: impl FnOnce() + Send + 'static) -> Alarm {
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        crate::go(move || {
            crate::sleep(when.saturating_duration_since(Instant::now()));
            if !flag.load(Ordering::Relaxed) {
                f();
            }
        });
        Alarm { stopped }
    }

    /// Calls it off, if it is not too late.
    pub(super) fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

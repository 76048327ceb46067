//! The watchdog: names goroutines that block or compute for long without telling the runtime.
//!
//! sysmon finds them (`retake.rs`), but a log sink is user code, which may block. So each report is
//! made by a thread of its own, at most one a second, which is gone when it has been made; it counts
//! as the user's, as the one that writes a trace does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::dump::{self, Printer};
use super::g::G;
use super::hand_off::Why;

/// From then on a goroutine without a processor is worth a word.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
/// The time between two reports, at least.
pub(super) const GAP: Duration = Duration::from_secs(1);

/// A report is being made.
static BUSY: AtomicBool = AtomicBool::new(false);

/// A goroutine that has been without a processor for long.
#[derive(Clone, Copy)]
pub(super) struct Culprit {
    pub(super) g: &'static G,
    pub(super) id: u64,
    pub(super) why: Why,
    pub(super) time: Duration,
}

/// Reports it to the log. False: nobody listens, or the last report is not over. By sysmon.
pub(super) fn report(culprit: Culprit) -> bool {
    if log::max_level() < level(culprit.why) || BUSY.swap(true, Ordering::Relaxed) {
        return false;
    }
    let say = move || {
        let _done = Done;
        say(&culprit);
    };
    let started = std::thread::Builder::new().name("gort-watchdog".into()).spawn(say);
    if started.is_err() {
        BUSY.store(false, Ordering::Relaxed);
    }
    started.is_ok()
}

/// The report has been made, or the log sink panicked.
struct Done;

impl Drop for Done {
    fn drop(&mut self) {
        BUSY.store(false, Ordering::Relaxed);
    }
}

/// Who computes takes a share of the cores beyond GOMAXPROCS; who blocks costs a thread only.
fn level(why: Why) -> log::Level {
    if why == Why::Computing { log::Level::Warn } else { log::Level::Info }
}

fn say(culprit: &Culprit) {
    let Some(seen) = dump::one(culprit.g, culprit.id) else { return };
    let mut stack = String::new();
    Printer::new().print(&seen, &mut stack);
    let (does, help) = match culprit.why {
        Why::Computing => ("computed", "gort::gosched() now and then lets others run"),
        Why::Call | Why::Blocked => ("blocked its thread", "wrap the call in gort::blocking"),
    };
    log::log!(
        target: "gort::watchdog",
        level(culprit.why),
        "goroutine {} has {does} for {:?} without a call of gort; others use its processor ({help})\n\
         {stack}",
        culprit.id,
        culprit.time,
    );
}

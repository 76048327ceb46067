//! The flight recorder: the latest generations, kept in memory.
//!
//! Each can be the first of a file, so what is kept is a trace as it is. Their events stay where the
//! threads wrote them, and are shared with a trace that is streamed meanwhile; batches are put
//! together and names looked up when the window is written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::sealed::Sealed;
use super::{clock, session, writer};
use crate::wire::encode;
use crate::wire::version::Version;

/// The version of what is written: it says where a generation ends.
const VERSION: Version = Version::Go126;

/// A goroutine that could run waited longer for that than it should.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    /// The goroutine's number.
    pub(crate) goroutine: u64,
    /// How long it waited, in nanoseconds.
    pub(crate) waited_ns: u64,
}

/// Called by the thread that cuts, under no lock: it may start a thread, and neither do the work nor
/// wait for anybody, who may wait for a cut.
pub(crate) type OnLate = Box<dyn Fn(&Arc<Recorder>, Late) + Send + Sync>;

/// The latest generations.
pub(crate) struct Recorder {
    min_age_units: u64,
    max_bytes: usize,
    window: Mutex<Window>,
    on_late: Mutex<Option<(u32, Arc<OnLate>)>>,
    /// When goroutines that wait too long are of interest again.
    watch_at: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Window {
    generations: VecDeque<Arc<Sealed>>,
    bytes: usize,
}

impl Recorder {
    /// Keeps the last `min_age_ns` nanoseconds, but at most `max_bytes`, and in any case the last
    /// generation that is over.
    pub(crate) fn new(min_age_ns: u64, max_bytes: usize) -> Recorder {
        Recorder {
            min_age_units: min_age_ns / clock::UNIT_NS,
            max_bytes,
            window: Mutex::new(Window::default()),
            on_late: Mutex::new(None),
            watch_at: Mutex::new(None),
        }
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// A generation is over; `None`: some of it was dropped. What came before does not lead to
    /// what comes then.
    pub(super) fn keep(&self, sealed: Option<&Arc<Sealed>>) {
        let mut window = self.window.lock();
        let Some(sealed) = sealed else {
            *window = Window::default();
            return;
        };
        window.bytes += sealed.bytes();
        window.generations.push_back(Arc::clone(sealed));
        while self.is_first_dispensable(&window) {
            let first = window.generations.pop_front();
            window.bytes -= first.map_or(0, |first| first.bytes());
        }
    }

    fn is_first_dispensable(&self, window: &Window) -> bool {
        let Some(second) = window.generations.get(1) else { return false };
        let age = clock::now().saturating_sub(second.began());
        window.bytes > self.max_bytes || age >= self.min_age_units
    }

    /// The generations kept.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot(self.window.lock().generations.iter().cloned().collect())
    }

    /// Calls `f` when a goroutine has waited for longer than `threshold_ns` from when it could run
    /// until it ran, from now on: once, and again after each [`watch_after`](Self::watch_after).
    pub(crate) fn set_on_late(&self, threshold_ns: u64, f: OnLate) {
        let units = u32::try_from(threshold_ns / clock::UNIT_NS).unwrap_or(u32::MAX - 1);
        *self.on_late.lock() = Some((units, Arc::new(f)));
        self.watch_after(Duration::ZERO);
        session::wake();
    }

    /// After this time, or up to a generation later, the next goroutine that waits too long is told
    /// of.
    pub(crate) fn watch_after(&self, rest: Duration) {
        *self.watch_at.lock() = Instant::now().checked_add(rest);
    }

    /// Begins to watch, if it is time to. By the thread that cuts, while this records.
    pub(super) fn watch_if_due(&self) {
        let mut at = self.watch_at.lock();
        if at.is_some_and(|at| at <= Instant::now()) {
            *at = None;
            let threshold = self.on_late.lock().as_ref().map_or(NEVER, |(units, _)| *units);
            LATE.goroutine.store(0, Ordering::Relaxed);
            LATE.threshold.store(threshold, Ordering::Relaxed);
        }
    }

    /// Tells of the goroutine that waited too long.
    pub(super) fn tell(self: &Arc<Self>, late: Late) {
        let f = self.on_late.lock().as_ref().map(|(_, f)| Arc::clone(f));
        f.iter().for_each(|f| f(self, late));
    }
}

/// No goroutine waits so long.
const NEVER: u32 = u32::MAX;

/// The watch over goroutines that wait too long.
struct LateWatch {
    /// In units of the clock.
    threshold: AtomicU32,
    /// When events began to be written: earlier times are those of another trace.
    since: AtomicU64,
    waited: AtomicU32,
    /// The one that waited too long, 0 for none.
    goroutine: AtomicU64,
}

static LATE: LateWatch = LateWatch {
    threshold: AtomicU32::new(NEVER),
    since: AtomicU64::new(0),
    waited: AtomicU32::new(0),
    goroutine: AtomicU64::new(0),
};

/// Nobody watches any more.
pub(super) fn end_watch() {
    LATE.threshold.store(NEVER, Ordering::Relaxed);
    LATE.goroutine.store(0, Ordering::Relaxed);
}

/// Events are written from here on.
pub(super) fn events_begin() {
    LATE.since.store(clock::now(), Ordering::Relaxed);
}

/// Whether a goroutine that started after so many units of the clock waited too long.
#[inline]
pub(super) fn is_late(waited: u32) -> bool {
    waited > LATE.threshold.load(Ordering::Relaxed)
}

/// A goroutine started at `now` and had waited too long, as far as 32 bits tell. Inside.
#[cold]
pub(super) fn note_late(goroutine: u64, waited: u32, now: u64) {
    // One that could run before there were events has no time at which that began.
    if now.saturating_sub(waited.into()) < LATE.since.load(Ordering::Relaxed) {
        return;
    }
    if LATE.threshold.swap(NEVER, Ordering::Relaxed) != NEVER {
        LATE.waited.store(waited, Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `take_late`.
        LATE.goroutine.store(goroutine, Ordering::Release);
        session::wake();
    }
}

/// The goroutine that waited too long since the last call.
pub(super) fn take_late() -> Option<Late> {
    // ORDERING: Acquire, pairs with the Release in `note_late`.
    let goroutine = LATE.goroutine.swap(0, Ordering::Acquire);
    let waited = LATE.waited.load(Ordering::Relaxed);
    let late = Late { goroutine, waited_ns: u64::from(waited) * clock::UNIT_NS };
    (goroutine != 0).then_some(late)
}

/// What a recorder had kept at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot(Vec<Arc<Sealed>>);

impl Snapshot {
    pub(super) fn empty() -> Snapshot {
        Snapshot(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `put` with one piece of the trace after the other, up to its first error. Looks up names,
    /// which takes stack and time: for a thread of its own.
    pub(crate) fn encode<E>(self, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut header = Vec::new();
        encode::file_header(&mut header, VERSION);
        put(&header)?;
        for sealed in self.0 {
            let rest = writer::with_symbols(|symbols| sealed.rest(VERSION, symbols));
            sealed.events().pieces(&mut put)?;
            put(&rest)?;
        }
        writer::with_symbols(|symbols| symbols.notice());
        Ok(())
    }
}

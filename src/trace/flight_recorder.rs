//! The flight recorder: what happened just before something went wrong.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::triggers::Triggers;
use super::{DumpError, StartError};
use crate::sched::deadlock::ExternalWait;
use crate::tracer::flight_recorder::{Recorder, Snapshot};
use crate::tracer::session;

/// What a [`FlightRecorder`] keeps.
///
/// # Go
/// `trace.FlightRecorderConfig`.
#[derive(Clone, Debug, Default)]
pub struct FlightRecorderConfig {
    /// So much of the past is kept at least, unless it has more than `max_bytes`. 0 is ten seconds.
    /// What is older goes in whole generations, which last a second or less.
    pub min_age: Duration,
    /// So many bytes are kept at most. 0 is 10 MiB. This goes before `min_age`.
    ///
    /// Besides these there is the current generation, which ends when it has a quarter of that (or
    /// 256 KiB, if that is more), and holds the state of each goroutine: some ten bytes of it. The last
    /// generation is kept even if it alone is larger than `max_bytes`. While the window is
    /// written, what has been dropped from it meanwhile is there until it is written.
    pub max_bytes: usize,
}

/// The last seconds of what the scheduler did, in memory, to be written when something has gone
/// wrong.
///
/// It costs what a trace costs that is written nowhere: names are looked up only for
/// [`write_to`](Self::write_to). One recorder records at a time, beside a trace of
/// [`start`](super::start) or without. It stops with [`stop`](Self::stop), or when it and all its
/// clones are dropped.
///
/// What is written is a trace of version Go 1.26, whatever `GORT_TRACE_VERSION` says; Go's tools
/// since Go 1.26 open it.
///
/// # Go
/// `trace.FlightRecorder`. There, triggers are the program's business; here are
/// [`dump_on`](Self::dump_on) and [`on_latency`](Self::on_latency).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use gort::trace::{FlightRecorder, FlightRecorderConfig, Trigger};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let deadlock = folder.path().join("deadlock.trace");
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let min_age = Duration::from_secs(5);
///         let recorder = FlightRecorder::new(FlightRecorderConfig { min_age, max_bytes: 0 });
///         recorder.dump_on(Trigger::Deadlock, deadlock).unwrap();
///         recorder.start().unwrap();
///         gort::go(|| gort::sleep(Duration::from_millis(1))).join().unwrap();
///         let mut trace = Vec::new();
///         let bytes = recorder.write_to(&mut trace).unwrap();
///         assert_eq!(bytes, trace.len() as u64);
///         recorder.stop();
///     })
/// };
/// ```
#[derive(Clone)]
#[must_use = "it stops when it is dropped"]
pub struct FlightRecorder {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    config: FlightRecorderConfig,
    /// While it records.
    recorder: Mutex<Option<Arc<Recorder>>>,
    is_writing: AtomicBool,
    pub(super) triggers: Triggers,
}

impl FlightRecorder {
    /// A recorder that does not record yet.
    ///
    /// # Go
    /// `trace.NewFlightRecorder`.
    pub fn new(config: FlightRecorderConfig) -> FlightRecorder {
        let FlightRecorderConfig { mut min_age, mut max_bytes } = config;
        if min_age.is_zero() {
            min_age = Duration::from_secs(10);
        }
        if max_bytes == 0 {
            max_bytes = 10 << 20;
        }
        let inner = Inner {
            config: FlightRecorderConfig { min_age, max_bytes },
            recorder: Mutex::new(None),
            is_writing: AtomicBool::new(false),
            triggers: Triggers::default(),
        };
        FlightRecorder { inner: Arc::new(inner) }
    }

    /// Begins to record. What this goroutine does after the call is recorded.
    ///
    /// # Errors
    /// When a recorder records already, this one or another; no [`run`](crate::run) has begun yet; or
    /// no thread could be started.
    ///
    /// # Go
    /// `FlightRecorder.Start`.
    pub fn start(&self) -> Result<(), StartError> {
        let mut recorder = self.inner.recorder.lock();
        if recorder.is_some() {
            return Err(StartError::RecorderEnabled);
        }
        let FlightRecorderConfig { min_age, max_bytes } = self.inner.config;
        let ns = u64::try_from(min_age.as_nanos()).unwrap_or(u64::MAX);
        let new = Arc::new(Recorder::new(ns, max_bytes));
        session::start_recorder(&new).map_err(StartError::of_recorder)?;
        self.inner.triggers.recorder_started(&self.inner, &new);
        *recorder = Some(new);
        Ok(())
    }

    /// Stops recording, and forgets what was recorded. A [`write_to`](Self::write_to) that has begun
    /// goes on with what it found. If it does not record, nothing happens.
    ///
    /// # Go
    /// `FlightRecorder.Stop`.
    pub fn stop(&self) {
        self.inner.stop(true);
    }

    /// Whether it records: [`start`](Self::start) succeeded, and [`stop`](Self::stop) was not called
    /// since.
    ///
    /// # Go
    /// `FlightRecorder.Enabled`.
    pub fn enabled(&self) -> bool {
        self.inner.recorder.lock().is_some()
    }

    /// Writes what was recorded up to this call, and returns how many bytes that were. It goes on
    /// recording. `out` is used on the calling goroutine, which may block meanwhile.
    ///
    /// # Errors
    /// When it does not record, another call of `write_to` is under way, or `out` fails.
    /// [`DumpError::Lost`] if events came faster than they could be taken out of the buffers, so
    /// that just now nothing is left to be written.
    ///
    /// # Go
    /// `FlightRecorder.WriteTo`.
    pub fn write_to(&self, mut out: impl Write) -> Result<u64, DumpError> {
        let recorder = self.inner.recorder().ok_or(DumpError::NotEnabled)?;
        let _turn = Turn::begin(&self.inner.is_writing).ok_or(DumpError::InProgress)?;
        let (tx, rx) = crate::chan(1);
        // The thread that cuts, which is the runtime's own, may take a while: no deadlock is that.
        let wait = ExternalWait::new();
        // It is a plain thread, and the buffer has room.
        let kept = Box::new(move |snapshot| {
            let _ = tx.try_send(snapshot);
            drop(wait);
        });
        if !session::snapshot(&recorder, kept) {
            return Err(DumpError::NotEnabled);
        }
        let snapshot = rx.recv().map_err(|_| DumpError::Died)?;
        if snapshot.is_empty() {
            return Err(DumpError::Lost);
        }
        let pieces = encoded(snapshot)?;
        let mut bytes = 0;
        while let Some(piece) = pieces.recv().map_err(|_| DumpError::Died)? {
            out.write_all(&piece).map_err(DumpError::Write)?;
            bytes += piece.len() as u64;
        }
        out.flush().map_err(DumpError::Write)?;
        Ok(bytes)
    }

    pub(super) fn of(inner: Arc<Inner>) -> FlightRecorder {
        FlightRecorder { inner }
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

impl std::fmt::Debug for FlightRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlightRecorder")
            .field("config", &self.inner.config)
            .field("enabled", &self.enabled())
            .finish_non_exhaustive()
    }
}

/// The pieces of a trace, from a thread that has the stack that it takes to look up names. The last
/// one is `None`.
fn encoded(snapshot: Snapshot) -> Result<crate::chan::Receiver<Option<Vec<u8>>>, DumpError> {
    let (tx, rx) = crate::chan(1);
    let encode = move || {
        // Whoever is not there any more does not want the rest.
        let sent = snapshot.encode(|piece| tx.send(Some(piece.to_vec())));
        let _ = sent.and_then(|()| tx.send(None));
    };
    let thread = std::thread::Builder::new().name("gort-dump".into()).spawn(encode);
    thread.map_err(DumpError::Thread)?;
    Ok(rx)
}

impl Inner {
    pub(super) fn min_age(&self) -> Duration {
        self.config.min_age
    }

    /// What records, if it does.
    pub(super) fn recorder(&self) -> Option<Arc<Recorder>> {
        self.recorder.lock().clone()
    }

    fn stop(&self, waits: bool) {
        if let Some(recorder) = self.recorder.lock().take() {
            session::stop_recorder(&recorder, waits);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(false);
    }
}

/// The right to write.
struct Turn<'a>(&'a AtomicBool);

impl Turn<'_> {
    fn begin(is_taken: &AtomicBool) -> Option<Turn<'_>> {
        (!is_taken.swap(true, Ordering::Relaxed)).then_some(Turn(is_taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

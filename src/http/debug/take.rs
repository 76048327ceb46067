//! What takes its time and is sent while it is taken: traces and CPU profiles.

use std::convert::Infallible;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::{Response, StatusCode};

use super::answer::{error, file, too_long};
use super::apart::detached;
use super::exceeds;
use super::query::Query;
use crate::chan::{Receiver, Sender, chan};
use crate::http::body::Hold;
use crate::http::{Body, BodyWriter};
use crate::{go, pprof, select, trace as tracing};

const TRACE: Duration = Duration::from_secs(1);
const CPU_PROFILE: Duration = Duration::from_secs(30);

/// So many pieces may wait for the client; a trace's pieces are up to some megabytes.
const PIECES: usize = 4;
/// The pieces of a profile.
const PIECE_BYTES: usize = 64 << 10;

/// Takes a trace.
pub(super) fn trace(query: &Query, timeout: Option<Duration>) -> Response<Body> {
    let duration = query.seconds(TRACE);
    if exceeds(duration, timeout) {
        return too_long();
    }
    let failed = |what: &dyn std::fmt::Display| {
        let what = format!("Could not enable tracing: {what}");
        error(StatusCode::INTERNAL_SERVER_ERROR, what)
    };
    let Some(turn) = Turn::begin() else {
        return failed(&tracing::StartError::AlreadyEnabled);
    };
    let (writer, ends, body) = watched();
    if let Err(reason) = tracing::start(writer) {
        return failed(&reason);
    }
    go(move || {
        ends.wait(duration);
        if let Err(reason) = tracing::stop() {
            log::warn!("gort: the trace asked for by HTTP has ended early: {reason}");
        }
        // Only then the response ends: whoever has got all of it can ask for the next trace.
        drop(turn);
        drop(ends);
    });
    file("trace", body)
}

/// Takes a CPU profile.
pub(super) fn cpu_profile(query: &Query, timeout: Option<Duration>) -> Response<Body> {
    let duration = query.whole_seconds(CPU_PROFILE);
    if exceeds(duration, timeout) {
        return too_long();
    }
    let (writer, ends, body) = watched();
    let writer = BufWriter::with_capacity(PIECE_BYTES, writer);
    let started = pprof::start_cpu_profile(writer).and_then(|()| {
        let stop = detached(move || {
            ends.wait(duration);
            if let Err(reason) = pprof::stop_cpu_profile() {
                log::warn!("gort: the CPU profile asked for by HTTP is incomplete: {reason}");
            }
            drop(ends);
        });
        // What cannot be stopped later is stopped now; its client has been told why.
        stop.inspect_err(|_| drop(pprof::stop_cpu_profile()))
    });
    match started {
        Ok(()) => file("profile", body),
        Err(reason) => {
            let what = format!("Could not enable CPU profiling: {reason}");
            error(StatusCode::INTERNAL_SERVER_ERROR, what)
        }
    }
}

/// The right to stop the trace: between the end of one that the endpoint has begun, by itself or
/// by its client, and the call that ends it, the endpoint begins no other.
struct Turn;

static TAKEN: AtomicBool = AtomicBool::new(false);

impl Turn {
    fn begin() -> Option<Turn> {
        // ORDERING: pairs with the release in `drop`: the former trace has been stopped.
        (!TAKEN.swap(true, Ordering::Acquire)).then_some(Turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // ORDERING: pairs with the acquire in `begin`.
        TAKEN.store(false, Ordering::Release);
    }
}

/// A writer of a response, what may end the writing, and the response's body.
fn watched() -> (Watched, Ends, Body) {
    let (writer, body) = Body::channel(PIECES);
    let (here, dropped) = chan(0);
    let ends = Ends { gone: writer.gone().clone(), dropped, _hold: writer.hold() };
    (Watched { writer, _here: here }, ends, body)
}

struct Watched {
    writer: BodyWriter,
    /// Closes when whoever writes is done.
    _here: Sender<Infallible>,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

struct Ends {
    gone: Receiver<Infallible>,
    dropped: Receiver<Infallible>,
    _hold: Hold,
}

impl Ends {
    /// Waits until the time is over, the client has left, or nothing more is written.
    fn wait(&self, duration: Duration) {
        select! {
            recv(&self.gone) -> _gone => {}
            recv(&self.dropped) -> _dropped => {}
            after(duration) => {}
        }
    }
}

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

/// So many pieces may wait for the client...
const PIECES: usize = 4;
/// ...of so many bytes at most...
const PIECE_BYTES: usize = 64 << 10;
/// ...and so long for the client to take one. While a client takes nothing, a trace grows in memory,
/// and nobody gets another one.
const PATIENCE: Duration = Duration::from_secs(60);

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
    let number = match tracing::Config::new().start_numbered(writer) {
        Ok(number) => number,
        Err(reason) => return failed(&reason),
    };
    go(move || {
        ends.wait(duration);
        // After a failure there may be one of the program's own by now.
        if let Err(reason) = tracing::stop_numbered(Some(number)) {
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

/// The right to take a trace. The next one begins only when the one before has been stopped.
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
    (Watched { writer, patience: PATIENCE, _here: here }, ends, body)
}

struct Watched {
    writer: BodyWriter,
    patience: Duration,
    /// Closes when whoever writes is done.
    _here: Sender<Infallible>,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE_BYTES)];
        self.writer.write_within(self.patience, piece)
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use hyper::body::Body as _;

    use super::*;
    use crate::block_on;

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        let main = || {
            let (mut writer, ends, body) = watched();
            writer.patience = Duration::from_millis(20);
            let error = writer.write_all(&vec![1; 2 * PIECES * PIECE_BYTES]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drop((writer, ends));
            // Should it go on, it sees that it has not got all.
            let mut body = pin!(body);
            let mut next = || block_on(poll_fn(|cx| body.as_mut().poll_frame(cx)));
            for _ in 0..PIECES {
                assert_eq!(next().unwrap().unwrap().into_data().unwrap().len(), PIECE_BYTES);
            }
            assert_eq!(next().unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert!(next().is_none());
        };
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe { crate::run(main) };
    }
}

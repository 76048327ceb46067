//! Panics that nobody sees: what becomes of them.

use std::any::Any;
use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;

use super::g::{Extras, FLAG_EXITING, G};
use super::spawn::{Payload, caught};
use super::{bubble, current_g, fatal};

/// What a panic does in a goroutine that nobody joins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum DetachedPanic {
    /// Ends the process with a report and exit status 2, as in Go.
    #[default]
    Abort = 0,
    /// Is logged as an error by the `log` crate; all others go on.
    Log = 1,
}

/// The process's policy.
static POLICY: AtomicU8 = AtomicU8::new(DetachedPanic::Abort as u8);

/// What the policy is.
pub(crate) fn policy() -> DetachedPanic {
    match POLICY.load(Ordering::Relaxed) {
        0 => DetachedPanic::Abort,
        _ => DetachedPanic::Log,
    }
}

pub(crate) fn set_policy(policy: DetachedPanic) {
    POLICY.store(policy as u8, Ordering::Relaxed);
}

/// The first panic of a run's goroutines that nobody saw, for runs that ask for it.
#[derive(Default)]
pub(crate) struct RunPanics(Mutex<First>);

#[derive(Default)]
struct First {
    payload: Option<Payload>,
    over: bool,
}

impl RunPanics {
    /// The extras of the run's goroutine.
    pub(crate) fn extras(this: &Arc<RunPanics>) -> Box<Extras> {
        let panics = OnceCell::from(Arc::clone(this));
        Box::new(Extras { panics, ..Extras::default() })
    }

    /// The run is over: takes the panic, if there was one. Later ones are not the run's.
    pub(crate) fn close(&self) -> Option<Payload> {
        let mut first = self.0.lock();
        first.over = true;
        first.payload.take()
    }

    /// Keeps the payload if it is the first, and drops it if not: the first tells that the run has
    /// failed, and the hook has printed both. Returns it if the run is over.
    fn keep(&self, payload: Payload) -> Result<(), Payload> {
        let mut first = self.0.lock();
        match first.payload {
            _ if first.over => Err(payload),
            Some(_) => {
                drop(first);
                discard(payload);
                Ok(())
            }
            None => {
                first.payload = Some(payload);
                Ok(())
            }
        }
    }
}

/// Whether the current goroutine `g` panics, as nobody will see, and will end the process by it.
pub(crate) fn is_about_to_end_the_process(g: &'static G) -> bool {
    std::thread::panicking()
        && g.join.is_detached()
        && !g.has_flag(FLAG_EXITING)
        && bubble::of(g).is_none()
        && g.extras().is_none_or(|extras| extras.scope.is_none() && extras.panics.get().is_none())
        && policy() == DetachedPanic::Abort
}

/// A panic came out of `g` that nobody sees. Outside.
#[cold]
pub(super) fn panic(g: &'static G, payload: Payload) {
    let Err(payload) = tell_owner(g, payload) else { return };
    match policy() {
        DetachedPanic::Abort => fatal::unjoined_panic(g),
        DetachedPanic::Log => log_it(g, payload),
    }
}

/// A future's waker panicked. Whoever called it did so for a future that is none of its business,
/// and goes on. Outside.
#[cold]
pub(super) fn waker_panic(payload: Payload) {
    let told = match current_g() {
        Some(g) => tell_owner(g, payload),
        None => Err(payload),
    };
    let Err(payload) = told else { return };
    match policy() {
        DetachedPanic::Abort => fatal::waker_panic(),
        DetachedPanic::Log => {
            let log = || log::error!("gort: a future's waker panicked: {}", text(&*payload));
            let logged = caught(log);
            discard(payload);
            logged.map_err(discard).unwrap_or_default();
        }
    }
}

/// Tells whoever is responsible for `g`: its scope, its bubble, or the run that it belongs to.
/// Gives the payload back if there is nobody.
fn tell_owner(g: &'static G, payload: Payload) -> Result<(), Payload> {
    if let Some(scope) = g.extras().and_then(|extras| extras.scope.as_ref()) {
        scope.set_panicked();
        discard(payload);
        return Ok(());
    }
    let Err(payload) = bubble::keep_panic(g, payload) else { return Ok(()) };
    match g.extras().and_then(|extras| extras.panics.get()) {
        // What comes after the run's end must not end the other tests of the process.
        Some(run) => {
            if let Err(payload) = run.keep(payload) {
                log_it(g, payload);
            }
            Ok(())
        }
        None => Err(payload),
    }
}

/// Logs a panic. The log sink is user code, too: what it panics with is dropped.
fn log_it(g: &'static G, payload: Payload) {
    let logged = caught(|| {
        let name = g.name().map(|n| format!(" \"{n}\"")).unwrap_or_default();
        let (id, location, text) = (g.id(), g.location(), text(&*payload));
        log::error!("gort: goroutine {id}{name} panicked and is joined by nobody: {text}");
        log::error!("gort: goroutine {id} was created at {location}");
    });
    discard(payload);
    logged.map_err(discard).unwrap_or_default();
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("(no text)")
}

/// Drops a payload. One whose destructor panics is left alone.
fn discard(payload: Payload) {
    if let Err(another) = caught(|| drop(payload)) {
        std::mem::forget(another);
    }
}

//! [`bubble`] and [`wait`].

use std::fmt::Write;
use std::panic::{Location, resume_unwind};

use crate::sched::bubble::{self, Bubble, End};
use crate::sched::g::{Extras, G};
use crate::sched::park::Goexit;
use crate::sched::{self, Inside, spawn};

/// Runs `f` on a new goroutine in a bubble: with a time of its own.
#[track_caller]
pub fn bubble<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    assert!(sched::is_started(), "gort: no runtime: a bubble can be made once gort::run has begun");
    assert!(bubble::current().is_none(), "gort: test::bubble called from within a bubble");
    let bubble = Bubble::new();
    let extras = Extras { bubble: Some(bubble.clone()), ..Extras::default() };
    // SAFETY: closure and result are 'static.
    let main = unsafe { spawn::spawn::<F, T, F>(f, Location::caller(), Some(Box::new(extras))) };
    let end = bubble.keep_time(main);
    bubble.clear();
    conclude(main, end)
}

/// What the caller of [`bubble`] gets.
fn conclude<T>(main: &'static G, end: End) -> T {
    let value = main.join.is_done().then(|| {
        // SAFETY: it is done, and its type is that of the function's result; taken once.
        unsafe { spawn::take_outcome::<T>(main) }
    });
    let ended = value.is_some();
    if ended {
        spawn::release(&Inside::enter(), main);
    }
    match (value, end) {
        (Some(Err(payload)), _) if payload.is::<Goexit>() => {
            panic!("gort: the function given to test::bubble called goexit, so there is no value")
        }
        (Some(Err(payload)), _) | (_, End::Panic(payload)) => resume_unwind(payload),
        (_, End::Deadlock(blocked)) => panic!("{}", deadlock(ended, &blocked)),
        (Some(Ok(value)), End::Over) => value,
        (None, End::Over) => unreachable!("gort: a bubble is over before its function"),
    }
}

/// Says who is blocked for ever.
fn deadlock(ended: bool, blocked: &[&'static G]) -> String {
    let mut text = String::from(match ended {
        true => "deadlock: main bubble goroutine has exited but blocked goroutines remain",
        false => "deadlock: all goroutines in bubble are blocked",
    });
    for g in blocked {
        let name = g.name().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let (reason, _) = g.last_wait();
        let (id, location) = (g.id(), g.location());
        let entry = (g.entry().name)();
        let _ = write!(
            text,
            "\n\ngoroutine {id}{name} [{}]:\n{entry}\ncreated at {location}",
            reason.text()
        );
    }
    text
}

/// Blocks until all other goroutines of the caller's bubble are durably blocked.
pub fn wait() {
    bubble::wait();
}

//! [`bubble`] and [`wait`].

use std::panic::{Location, resume_unwind};

use crate::sched::bubble::{self, Bubble, End};
use crate::sched::dump::{self, Printer};
use crate::sched::g::{Extras, G};
use crate::sched::park::Goexit;
use crate::sched::{self, Inside, spawn};

/// Runs `f` on a new goroutine in a bubble, where time passes only while everybody is blocked, and
/// returns its value when all goroutines of the bubble have ended.
///
/// The bubble is `f`'s goroutine and all that it and its goroutines start, functions of
/// [`after_func`](crate::time::after_func) included. In it [`Instant::now`](crate::time::Instant::now)
/// begins at one and the same moment, and everything of [`time`](crate::time) and every limit of a
/// wait goes by the bubble's own time: it stands still while any goroutine of the bubble runs, and
/// jumps to the next timer when all are *durably blocked*. So an hour takes no time, and what happens
/// at one moment of the test happens before the next one begins.
///
/// # Durably blocked
/// A goroutine is durably blocked if only the bubble itself can go on with it:
///
/// - in a sleep;
/// - in a send or a receive on a channel that was made in the bubble, or that nobody ever sends to
///   ([`never`](crate::chan::never)); in a [`select!`](crate::select!) over such channels only;
/// - in a wait of a [`WaitGroup`](crate::sync::WaitGroup) that the bubble added to, of a
///   [`Cond`](crate::sync::Cond), [`Semaphore`](crate::sync::Semaphore) or
///   [`Barrier`](crate::sync::Barrier) (which are then not to be used from outside);
/// - in a join of a goroutine of the bubble, at the end of a [`scope`](crate::scope), or in
///   [`wait`].
///
/// Not so: locking a mutex, an operation on a channel from outside, [`block_on`](crate::block_on),
/// and whatever blocks the thread. While a goroutine does that, time stands still.
///
/// What is made in a bubble stays there: using its channels, timers and wait groups from outside is
/// a panic. The order of what is due at one moment is random.
///
/// # Panics
/// - With what `f`, or as the first a goroutine that nobody joined, panicked with. Time then stands
///   still, and this comes as soon as all are blocked.
/// - `deadlock: all goroutines in bubble are blocked`, if no timer is left, and
///   `deadlock: main bubble goroutine has exited but blocked goroutines remain`, since time stops
///   when `f` has returned: with the list of these goroutines, which stay blocked for ever.
/// - If `f` calls [`goexit`](crate::goexit); in a bubble; before the first [`run`](crate::run) has
///   begun.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use gort::test::{bubble, wait};
/// use gort::time::{self, Instant};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         bubble(|| {
///             let (tx, rx) = gort::chan(1);
///             time::after_func(Duration::from_secs(3600), move || tx.send("late").unwrap());
///             let begin = Instant::now();
///             time::sleep(Duration::from_secs(3599));
///             assert!(rx.try_recv().is_err());
///             time::sleep(Duration::from_secs(1));
///             wait(); // for the function, which is due at this moment too
///             assert_eq!(rx.try_recv(), Ok("late"));
///             assert_eq!(begin.elapsed(), Duration::from_secs(3600));
///         })
///     })
/// };
/// ```
///
/// # Go
/// `synctest.Test`. A panic comes out here instead of ending the process, and so does the use of a
/// bubble's things from outside. [`Instant`](crate::time::Instant) is no wall clock.
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
    let mut printer = Printer::new();
    dump::each(&mut |seen| {
        if blocked.iter().any(|g| g.id() == seen.id) {
            text.push_str("\n\n");
            printer.print(&seen, &mut text);
            text.truncate(text.trim_end().len());
        }
    });
    text
}

/// Blocks until all other goroutines of the caller's [`bubble`] are durably blocked. Time does not
/// pass; what is due at this moment is done. All that they did before is seen afterwards.
///
/// # Panics
/// Outside of bubbles; and if another goroutine of the bubble is in this function.
///
/// # Go
/// `synctest.Wait`.
pub fn wait() {
    bubble::wait();
}

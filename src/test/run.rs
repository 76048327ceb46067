//! A run for tests: a goroutine that panics fails the test, and nothing else.

use std::panic::resume_unwind;
use std::sync::Arc;

use crate::Builder;
use crate::sched::unseen::RunPanics;

/// [`run`](crate::run) for tests: a panic that nobody joins, in any goroutine that `f` or its
/// goroutines started, does not end the process. `run` panics with it once `f` has returned.
///
/// With several such panics it is the first; if `f` itself panics, that one. A panic after `f` has
/// returned is logged, as by [`DetachedPanic::Log`](crate::DetachedPanic::Log): wait for what the
/// test starts.
///
/// # Panics
/// As [`run`](crate::run), and with the first panic that nobody joined.
///
/// # Safety
/// As for [`run`](crate::run).
///
/// # Examples
/// ```should_panic
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::test::run(|| {
///         let (tx, rx) = gort::chan(0);
///         let handle = gort::go(move || assert_eq!(rx.recv(), Ok(1)));
///         tx.send(2).unwrap();
///         while !handle.is_finished() {
///             gort::gosched();
///         }
///     })
/// };
/// ```
#[track_caller]
pub unsafe fn run<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let panics = Close(Arc::new(RunPanics::default()));
    // SAFETY: the caller's promise is the same.
    let outcome = unsafe { Builder::new().run_with(f, Some(&panics.0)) };
    if let Some(payload) = panics.0.close() {
        resume_unwind(payload);
    }
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Ends the run also where `f` panics.
struct Close(Arc<RunPanics>);

impl Drop for Close {
    fn drop(&mut self) {
        drop(self.0.close());
    }
}

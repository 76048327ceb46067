//! How the models are run.

use loom::sync::Arc;
use loom::thread;

use crate::sys::sync::set_early_returns;

/// Checks `model` over all interleavings with at most three forced switches of threads, unless
/// `LOOM_MAX_PREEMPTIONS` says otherwise.
pub(crate) fn check(model: impl Fn() + Sync + Send + 'static) {
    check_up_to(3, model);
}

/// Checks `model` over all interleavings with at most so many forced switches of threads.
pub(crate) fn check_up_to(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(move || {
        set_early_returns(0);
        model();
    });
}

/// Checks two parties that share a `T`, each of them once as the thread that loom runs first.
///
/// The order matters: loom tries another order of two accesses to a word only where no other
/// access to it came in between. So where one party loads a word and then stores to it, its own
/// load hides the other's load before it, unless the storing party runs first.
pub(crate) fn check_pair<T: Send + Sync + 'static>(
    make: fn() -> T,
    one: fn(&T),
    two: fn(&T),
    finish: fn(&T),
) {
    for (first, second) in [(one, two), (two, one)] {
        check(move || {
            let shared = Arc::new(make());
            let spawned = thread::spawn({
                let shared = shared.clone();
                move || second(&shared)
            });
            first(&shared);
            spawned.join().unwrap();
            finish(&shared);
        });
    }
}

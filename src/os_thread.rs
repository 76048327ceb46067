//! Goroutines that stay on one thread: [`lock_os_thread`].

use std::fmt;
use std::marker::PhantomData;

use crate::sched::current_g;
use crate::sched::g::{FLAG_LOCKED, G};

/// Keeps the calling goroutine on its thread until the guard is dropped, and everybody else off it.
///
/// For libraries that tie something to the thread: a graphics context, a name, a signal mask, a
/// namespace, `thread_local!` data that has to be there after a call that blocks. Where the
/// goroutine blocks, its thread sleeps, and others run on other threads; so each of its waits
/// costs wake-ups of threads, some microseconds, instead of a switch.
///
/// Guards nest: the last one to go unlocks. A guard that is forgotten keeps the goroutine there to
/// its end. On a plain thread there is nothing to do.
///
/// # Examples
/// ```
/// // SAFETY: what is kept over a blocking call is kept on a locked thread.
/// unsafe {
///     gort::run(|| {
///         let _locked = gort::lock_os_thread();
///         let thread = std::thread::current().id();
///         gort::sleep(std::time::Duration::from_millis(1));
///         assert_eq!(std::thread::current().id(), thread);
///     })
/// };
/// ```
///
/// # Go
/// `runtime.LockOSThread` and `UnlockOSThread`. A goroutine that ends locked does not end its
/// thread, as it would in Go.
pub fn lock_os_thread() -> OsThread {
    let g = current_g();
    if let Some(g) = g {
        let locks = &g.extras_or_new().os_thread_locks;
        locks.set(locks.get() + 1);
        g.set_flag(FLAG_LOCKED);
    }
    OsThread { g: g.map(G::id), not_send: PhantomData }
}

/// The goroutine's lock of its thread. See [`lock_os_thread`].
#[must_use = "the goroutine is unlocked when this is dropped"]
pub struct OsThread {
    /// The goroutine's number; `None`: a plain thread has nothing to lock.
    g: Option<u64>,
    /// It belongs to the goroutine that made it.
    not_send: PhantomData<*mut ()>,
}

impl fmt::Debug for OsThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OsThread").field("goroutine", &self.g).finish()
    }
}

impl Drop for OsThread {
    fn drop(&mut self) {
        // Kept in a thread-local, it may outlive its goroutine, and end on another.
        let Some(g) = current_g().filter(|g| Some(g.id()) == self.g) else { return };
        let locks = &g.extras_or_new().os_thread_locks;
        locks.set(locks.get() - 1);
        if locks.get() == 0 {
            g.clear_flag(FLAG_LOCKED);
        }
    }
}

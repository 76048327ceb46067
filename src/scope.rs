//! Scopes: goroutines that borrow from their creator.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::go::assert_runtime;
use crate::sched::g::Extras;
use crate::sched::scope::ScopeState;
use crate::sched::spawn;
use crate::{GoBuilder, GoError, JoinHandle};

/// Runs `f`, which may start goroutines that borrow, and waits for all of them.
///
/// As [`std::thread::scope`]: what outlives the call may be borrowed by the scope's goroutines, which
/// may start others. The call returns, or goes on unwinding if `f` panicked or called
/// [`goexit`](crate::goexit), when all of them have ended, joined or not, and all that they left has
/// been taken or dropped. Nothing cancels them meanwhile.
///
/// May be called from plain threads too, once a [`run`](crate::run) has begun.
///
/// # Panics
/// With what `f` panics with; otherwise with "a scoped goroutine panicked" if a goroutine of the
/// scope panicked and nobody joined it.
///
/// # Examples
/// ```
/// let words = ["one", "two", "three"];
/// let mut letters = 0;
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let longest = gort::scope(|s| {
///             let longest = s.go(|| words.iter().map(|w| w.len()).max());
///             s.go(|| letters = words.concat().len());
///             longest.join().unwrap()
///         });
///         assert_eq!(longest, Some(5));
///     })
/// };
/// assert_eq!(letters, 11);
/// ```
///
/// # Go
/// A `sync.WaitGroup` whose `Wait` cannot be forgotten.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope { state: Arc::new(ScopeState::new()), scope: PhantomData, env: PhantomData };
    let outcome = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    scope.state.wait();
    match outcome {
        Err(payload) => resume_unwind(payload),
        Ok(_) if scope.state.panicked() => panic!("a scoped goroutine panicked"),
        Ok(value) => value,
    }
}

/// Starts goroutines that borrow. Made by [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    state: Arc<ScopeState>,
    // Neither lifetime may shrink or grow.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a goroutine that the scope waits for. See [`go`](crate::go()).
    ///
    /// # Panics
    /// If no [`run`](crate::run) has begun yet.
    #[track_caller]
    pub fn go<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.start(f, Extras::default(), Location::caller())
    }

    fn start<F, T>(
        &self,
        f: F,
        extras: Extras,
        location: &'static Location<'static>,
    ) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        assert_runtime();
        let (scope, bubble) = (Some(Arc::clone(&self.state)), self.state.bubble.clone());
        let extras = Box::new(Extras { scope, bubble, ..extras });
        self.state.add();
        // SAFETY: `scope` does not return before the goroutine has ended and said so, which it does
        // after its closure and, without a handle, its result are gone. A handle cannot outlive
        // the scope, and one that is forgotten never touches the result.
        let g = unsafe { spawn::spawn::<F, T, F>(f, location, Some(extras)) };
        ScopedJoinHandle { handle: JoinHandle::new(g), scope: PhantomData }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl GoBuilder {
    /// Starts a goroutine of a scope. See [`Scope::go`].
    ///
    /// # Errors
    /// As [`GoBuilder::go`].
    ///
    /// # Panics
    /// As [`GoBuilder::go`].
    #[track_caller]
    pub fn go_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> Result<ScopedJoinHandle<'scope, T>, GoError>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Ok(scope.start(f, self.extras()?, Location::caller()))
    }
}

/// The right to wait for a goroutine of a scope and to take what it returned.
///
/// Dropping it leaves the waiting to the scope. If the goroutine then panics, so does the scope.
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<T>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    /// Waits for the goroutine's end. See [`JoinHandle::join`].
    ///
    /// # Errors
    /// The panic's payload.
    ///
    /// # Panics
    /// If the goroutine joins itself.
    pub fn join(self) -> Result<T, Box<dyn Any + Send>> {
        self.handle.join()
    }

    /// [`ScopedJoinHandle::join`] that gives up after `timeout`. See [`JoinHandle::join_timeout`].
    ///
    /// # Errors
    /// The handle, if the goroutine has not ended in time.
    ///
    /// # Panics
    /// If the goroutine joins itself.
    pub fn join_timeout(
        self,
        timeout: Duration,
    ) -> Result<Result<T, Box<dyn Any + Send>>, ScopedJoinHandle<'scope, T>> {
        let Self { handle, scope } = self;
        handle.join_timeout(timeout).map_err(|handle| ScopedJoinHandle { handle, scope })
    }

    /// Whether the goroutine has ended: whether [`ScopedJoinHandle::join`] would return at once.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The goroutine's number, unique in the process.
    pub fn id(&self) -> u64 {
        self.handle.id()
    }

    /// The goroutine's name, if [`GoBuilder::name`] gave it one.
    pub fn name(&self) -> Option<&str> {
        self.handle.name()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

//! [`ErrGroup`]: goroutines for parts of one task, which may fail.

use std::any::Any;
use std::fmt;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::semaphore::{Permit, Semaphore};
use super::wait_group::WaitGroup;
use crate::context::{self, CancelFunc, Context};
use crate::go::{Goexit, go_named, goexit};
use crate::sched::current_g;
use crate::sched::spawn::caught;

/// Runs the parts of one task on goroutines, and gives the first error. Clones are the same group,
/// so that a member can start others.
///
/// # Examples
/// ```
/// use gort::context;
/// use gort::sync::ErrGroup;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (group, ctx) = ErrGroup::with_context(&context::background());
///         for n in 0..10 {
///             group.go(move || if n == 7 { Err(format!("{n} failed")) } else { Ok(()) });
///         }
///         assert_eq!(group.wait(), Err("7 failed".to_owned()));
///         assert!(ctx.err().is_some());
///     })
/// };
/// ```
///
/// # Go
/// `errgroup.Group` of `golang.org/x/sync`. The error is not the context's cause, since there is
/// only one of it, and [`ErrGroup::wait`] returns it.
pub struct ErrGroup<E> {
    inner: Arc<Inner<E>>,
}

struct Inner<E> {
    all: WaitGroup,
    active: AtomicUsize,
    limit: Mutex<Option<Semaphore>>,
    cancel: Option<CancelFunc>,
    failure: Mutex<Failure<E>>,
}

/// The first of each.
struct Failure<E> {
    failed: bool,
    error: Option<E>,
    panic: Option<Box<dyn Any + Send>>,
    exited: bool,
}

impl<E: Send + 'static> ErrGroup<E> {
    /// A group without a context: an error does not disturb the other members.
    pub fn new() -> ErrGroup<E> {
        ErrGroup::make(None)
    }

    /// A group, and a context made from `ctx` that ends when the first member fails (by an error, a
    /// panic or `goexit`), or when [`ErrGroup::wait`] returns.
    pub fn with_context(ctx: &Context) -> (ErrGroup<E>, Context) {
        let (ctx, cancel) = context::with_cancel(ctx);
        (ErrGroup::make(Some(cancel)), ctx)
    }

    fn make(cancel: Option<CancelFunc>) -> ErrGroup<E> {
        let failure = Failure { failed: false, error: None, panic: None, exited: false };
        let inner = Inner {
            all: WaitGroup::new(),
            active: AtomicUsize::new(0),
            limit: Mutex::new(None),
            cancel,
            failure: Mutex::new(failure),
        };
        ErrGroup { inner: Arc::new(inner) }
    }

    /// At most so many members at a time from here on; `None`: any number. With 0, nobody can be
    /// started.
    ///
    /// # Panics
    /// If there are members now.
    pub fn set_limit(&self, limit: impl Into<Option<usize>>) {
        let active = self.inner.active.load(Ordering::Relaxed);
        assert!(active == 0, "gort: a new limit for an ErrGroup of {active} goroutines");
        *self.inner.limit.lock() = limit.into().map(Semaphore::new);
    }

    /// Starts a goroutine as a member of the group, waiting while there are as many as may be.
    ///
    /// # Panics
    /// As [`go`](crate::go). With a limit of 0, which lets nobody in ever.
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let limit = self.inner.limit.lock().clone();
        let permit = limit.map(|limit| limit.acquire(1));
        self.start(f, permit, Location::caller());
    }

    /// Starts a goroutine as a member of the group, if there may be one more. Else false, and `f`
    /// is dropped.
    ///
    /// # Panics
    /// As [`go`](crate::go).
    #[track_caller]
    pub fn try_go<F>(&self, f: F) -> bool
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let limit = self.inner.limit.lock().clone();
        let permit = match limit.map(|limit| limit.try_acquire(1)) {
            Some(None) => return false,
            Some(permit) => permit,
            None => None,
        };
        self.start(f, permit, Location::caller());
        true
    }

    fn start<F>(&self, f: F, permit: Option<Permit>, location: &'static Location<'static>)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let member = Member::new(self, permit);
        let body = move || {
            let outcome = caught(f);
            if let Some(payload) = member.0.inner.note(outcome) {
                drop(member);
                resume_unwind(payload); // it exits
            }
        };
        drop(go_named::<_, (), F>(body, location, None));
    }

    /// Waits for all members, ends the group's context, and returns the first error. The group may
    /// be used again; the error is gone with this call.
    ///
    /// # Errors
    /// What the first member that failed returned.
    ///
    /// # Panics
    /// With what the first member that panicked panicked with; where nobody waits, the panic has been
    /// reported only. If a member called `goexit`, this does so, too; on a plain thread it panics.
    pub fn wait(&self) -> Result<(), E> {
        self.inner.all.wait();
        self.inner.cancel();
        let failure = {
            let mut failure = self.inner.failure.lock();
            let new = Failure { failed: false, error: None, panic: None, exited: false };
            std::mem::replace(&mut *failure, new)
        };
        match failure {
            Failure { panic: Some(payload), .. } => resume_unwind(payload),
            Failure { exited: true, .. } if current_g().is_some() => goexit(),
            Failure { exited: true, .. } => panic!("gort: a member of an ErrGroup called goexit"),
            Failure { error, .. } => error.map_or(Ok(()), Err),
        }
    }
}

impl<E> Inner<E> {
    fn cancel(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }

    /// How a member ended. If by `goexit`, gives the payload back that its unwinding goes on with.
    fn note(
        &self,
        outcome: Result<Result<(), E>, Box<dyn Any + Send>>,
    ) -> Option<Box<dyn Any + Send>> {
        let (mut exit, mut rest) = (None, None);
        let first = {
            let mut failure = self.failure.lock();
            match outcome {
                Ok(Ok(())) => return None,
                Ok(Err(error)) if failure.error.is_none() => failure.error = Some(error),
                Ok(Err(error)) => rest = Some(Err(error)),
                Err(payload) if payload.is::<Goexit>() => {
                    failure.exited = true;
                    exit = Some(payload);
                }
                Err(payload) if failure.panic.is_none() => failure.panic = Some(payload),
                Err(payload) => rest = Some(Ok(payload)),
            }
            !std::mem::replace(&mut failure.failed, true)
        };
        drop(rest); // what came second, outside of the lock
        if first {
            self.cancel();
        }
        exit
    }
}

/// Membership, which ends with the goroutine.
struct Member<E>(ErrGroup<E>, #[allow(dead_code, reason = "to be dropped")] Option<Permit>);

impl<E> Member<E> {
    fn new(group: &ErrGroup<E>, permit: Option<Permit>) -> Member<E> {
        group.inner.active.fetch_add(1, Ordering::Relaxed);
        group.inner.all.add(1);
        Member(group.clone(), permit)
    }
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        drop(self.1.take());
        self.0.inner.active.fetch_sub(1, Ordering::Relaxed);
        self.0.inner.all.done();
    }
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> ErrGroup<E> {
        ErrGroup { inner: Arc::clone(&self.inner) }
    }
}

impl<E: Send + 'static> Default for ErrGroup<E> {
    fn default() -> ErrGroup<E> {
        ErrGroup::new()
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrGroup({})", self.inner.active.load(Ordering::Relaxed))
    }
}

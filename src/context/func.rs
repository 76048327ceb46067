//! What ends a context, and what is called when it has ended.

use std::error::Error;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::cancel::{Cancel, End, Hook};
use super::error::{Cause, ContextError};

/// Cancels a context. Clones cancel the same one.
///
/// **Dropping the last clone cancels, too.** So keep it in a variable as long as the context is
/// needed: `let (ctx, _cancel) = …`, not `let (ctx, _) = …`, which cancels at once.
///
/// # Go
/// `context.CancelFunc`, with `defer cancel()`.
#[must_use = "the context is cancelled when this is dropped"]
pub struct CancelFunc {
    /// Counts its functions.
    context: Arc<Cancel>,
}

impl Clone for CancelFunc {
    fn clone(&self) -> CancelFunc {
        CancelFunc::new(Arc::clone(&self.context))
    }
}

impl Drop for CancelFunc {
    fn drop(&mut self) {
        // ORDERING: AcqRel, pairs with itself: what came before the drops of all others comes before
        // the end.
        if self.context.funcs.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.cancel();
        }
    }
}

impl CancelFunc {
    pub(super) fn new(context: Arc<Cancel>) -> CancelFunc {
        context.funcs.fetch_add(1, Ordering::Relaxed);
        CancelFunc { context }
    }

    /// Ends the context and all that come from it, if it has not ended. When this returns, they
    /// have.
    pub fn cancel(&self) {
        self.context.end(End { error: ContextError::Canceled, cause: None });
    }
}

impl fmt::Debug for CancelFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelFunc")
    }
}

/// Cancels a context and says why. Dropping the last clone cancels, as with [`CancelFunc`].
///
/// # Go
/// `context.CancelCauseFunc`.
#[derive(Clone)]
#[must_use = "the context is cancelled when this is dropped"]
pub struct CancelCauseFunc {
    func: CancelFunc,
}

impl CancelCauseFunc {
    pub(super) fn new(func: CancelFunc) -> CancelCauseFunc {
        CancelCauseFunc { func }
    }

    /// Ends the context and all that come from it, if it has not ended. [`cause`](super::cause)
    /// then tells why; [`Context::err`](super::Context::err) says that it was cancelled.
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        let cause = Some(Cause::from(cause.into()));
        self.func.context.end(End { error: ContextError::Canceled, cause });
    }
}

impl fmt::Debug for CancelCauseFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelCauseFunc")
    }
}

/// A hook in a context's end, taken out when this is dropped.
pub(crate) struct Registration {
    hook: Option<(Arc<Cancel>, u64)>,
}

impl Registration {
    pub(super) fn new(
        cancel: Option<&Arc<Cancel>>,
        f: impl FnOnce() + Send + 'static,
    ) -> Option<Registration> {
        let Some(cancel) = cancel else { return Some(Registration { hook: None }) };
        let number = cancel.add_hook(Hook::Call(Box::new(f))).ok()?;
        Some(Registration { hook: Some((Arc::clone(cancel), number)) })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some((cancel, number)) = self.hook.take() {
            drop(cancel.take_hook(number));
        }
    }
}

/// Calls off what [`after_func`](super::after_func) is to run. Dropping it changes nothing.
pub struct AfterFunc {
    /// What is to be called off; `None` if it was, or if it has started.
    state: Mutex<Option<Pending>>,
}

enum Pending {
    /// When this ends.
    Hook(Arc<Cancel>, u64),
    /// Never.
    Never,
}

impl AfterFunc {
    pub(super) fn new(cancel: Option<&Arc<Cancel>>, f: Box<dyn FnOnce() + Send>) -> AfterFunc {
        let pending = match cancel {
            None => Some(Pending::Never),
            Some(cancel) => match cancel.add_hook(Hook::Call(f)) {
                Ok(number) => Some(Pending::Hook(Arc::clone(cancel), number)),
                Err(Hook::Call(f)) => {
                    f();
                    None
                }
                Err(Hook::Child(_)) => None,
            },
        };
        AfterFunc { state: Mutex::new(pending) }
    }

    /// Calls the function off. False: it has been started, or was called off before.
    pub fn stop(&self) -> bool {
        let pending = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        match pending {
            None => false,
            Some(Pending::Never) => true,
            Some(Pending::Hook(cancel, number)) => cancel.take_hook(number).is_some(),
        }
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AfterFunc")
    }
}

//! [`Context`]: what a piece of work carries with it; so far, the trace task it belongs to.

/// Carries the trace task that work belongs to, from function to function and goroutine to
/// goroutine. Cheap to clone.
///
/// # Go
/// `context.Context`, as far as `runtime/trace` uses it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    task: u64,
}

impl Context {
    /// The context of work that belongs to no task.
    ///
    /// # Go
    /// `context.Background`.
    pub fn background() -> Context {
        Context::default()
    }

    /// The context of work that belongs to this task.
    pub(crate) fn with_task(task: u64) -> Context {
        Context { task }
    }

    /// The task's number, 0 for none.
    pub(crate) fn task(&self) -> u64 {
        self.task
    }
}

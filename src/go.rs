//! Goroutines: [`go`], [`JoinHandle`], [`GoBuilder`], [`gosched`], [`goexit`].

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::time::Duration;

use crate::future::JoinFuture;
use crate::sched::g::{Extras, FLAG_EXITING, G};
use crate::sched::{self, Inside, current_g, joiner, spawn, stack};

/// The payload with which [`goexit`] unwinds, and the `Err` that joining such a goroutine gives.
pub use crate::sched::park::Goexit;

/// Starts a goroutine that runs `f`.
///
/// It runs beside its creator, on whichever worker thread is free, and may move to another thread
/// wherever it blocks. Goroutines outlive the [`run`](crate::run) that started the runtime, like
/// threads; the end of the process ends them.
///
/// Dropping the handle lets the goroutine go on by itself. If it then panics, the process ends
/// with a report and exit status 2, as in Go: a panic is never lost. [`JoinHandle::join`] returns
/// it instead.
///
/// May be called from plain threads too, once a `run` has begun.
///
/// # Panics
/// If no [`run`](crate::run) has begun yet.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// let sum = unsafe {
///     gort::run(|| {
///         let handles: Vec<_> = (1..=10).map(|n| gort::go(move || n * n)).collect();
///         handles.into_iter().map(|h| h.join().unwrap()).sum::<i32>()
///     })
/// };
/// assert_eq!(sum, 385);
/// ```
///
/// # Go
/// The `go` statement, with the function's result in a handle.
#[track_caller]
#[inline]
pub fn go<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    go_named::<F, T, F>(f, Location::caller(), None)
}

/// [`go`] for wrappers: `N` is the type that names the goroutine in traces.
#[inline]
pub(crate) fn go_named<F, T, N>(
    f: F,
    location: &'static Location<'static>,
    extras: Option<Box<Extras>>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    assert_runtime();
    // SAFETY: closure and result are 'static.
    let g = unsafe { spawn::spawn::<F, T, N>(f, location, extras) };
    JoinHandle::new(g)
}

/// A handle of a goroutine whose result the caller vouches for.
impl<T> JoinHandle<T> {
    pub(crate) fn new(g: &'static G) -> JoinHandle<T> {
        JoinHandle { g, marker: PhantomData }
    }

    pub(crate) fn g(&self) -> &'static G {
        self.g
    }
}

/// Panics where no goroutine can be started yet.
#[inline]
pub(crate) fn assert_runtime() {
    if sched::tls::current_m().is_null() {
        assert!(
            sched::is_started(),
            "gort: no runtime: goroutines can be started once gort::run has begun"
        );
    }
}

/// Settings for one goroutine.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let deep = gort::GoBuilder::new().name("deep").stack_size(4 << 20);
///         let handle = deep.go(|| gort::name()).unwrap();
///         assert_eq!(handle.join().unwrap().as_deref(), Some("deep"));
///     })
/// };
/// ```
#[derive(Debug, Default, Clone)]
pub struct GoBuilder {
    name: Option<String>,
    stack_bytes: Option<usize>,
}

impl GoBuilder {
    /// No name, and a stack of the default size.
    pub fn new() -> GoBuilder {
        GoBuilder::default()
    }

    /// Names the goroutine, for traces (where it is the goroutine's label) and reports.
    pub fn name(mut self, name: impl Into<String>) -> GoBuilder {
        self.name = Some(name.into());
        self
    }

    /// Gives the goroutine a stack of at least this many usable bytes, at least 16 KiB.
    pub fn stack_size(mut self, bytes: usize) -> GoBuilder {
        self.stack_bytes = Some(bytes);
        self
    }

    /// Starts a goroutine that runs `f`. See [`go`].
    ///
    /// # Errors
    /// When the stack size is out of range, or the system has no address space for it.
    ///
    /// # Panics
    /// As [`go`].
    #[track_caller]
    pub fn go<F, T>(self, f: F) -> Result<JoinHandle<T>, GoError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let extras = Box::new(self.extras()?);
        Ok(go_named::<F, T, F>(f, Location::caller(), Some(extras)))
    }

    pub(crate) fn extras(self) -> Result<Extras, GoError> {
        let coro = match self.stack_bytes {
            Some(bytes) => Some(reserve(bytes)?),
            None => None,
        };
        Ok(Extras { name: self.name, coro, ..Extras::default() })
    }
}

fn reserve(bytes: usize) -> Result<stack::Reserved, GoError> {
    if !(stack::MIN_STACK_BYTES..=stack::MAX_STACK_BYTES).contains(&bytes) {
        return Err(GoError::StackSize(bytes));
    }
    stack::reserve(bytes).map_err(|error| GoError::StackMemory(bytes, error))
}

/// Why [`GoBuilder::go`] started no goroutine.
#[derive(Debug)]
#[non_exhaustive]
pub enum GoError {
    /// The stack size, in bytes, is below 16 KiB or above 1 TiB.
    StackSize(usize),
    /// The system has no room for a stack of so many bytes.
    StackMemory(usize, io::Error),
}

impl fmt::Display for GoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GoError::StackSize(bytes) => write!(
                f,
                "a goroutine's stack of {bytes} bytes: it must have from {} to {}",
                stack::MIN_STACK_BYTES,
                stack::MAX_STACK_BYTES
            ),
            GoError::StackMemory(bytes, error) => {
                write!(f, "no room for a goroutine's stack of {bytes} bytes: {error}")
            }
        }
    }
}

impl Error for GoError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            GoError::StackSize(_) => None,
            GoError::StackMemory(_, error) => Some(error),
        }
    }
}

/// The right to wait for a goroutine and to take what it returned.
///
/// It can be awaited as well: it is [`IntoFuture`], for gort's [`block_on`](crate::block_on) and for
/// any other executor.
///
/// Dropping it detaches the goroutine. See [`go`] for what then becomes of a panic. It may be dropped
/// from a destructor, also while a panic unwinds.
pub struct JoinHandle<T> {
    g: &'static G,
    marker: PhantomData<fn() -> T>,
}

impl<T> JoinHandle<T> {
    /// Waits for the goroutine's end and returns its value, or, as `Err`, what it panicked with
    /// ([`Goexit`] if it called [`goexit`]).
    ///
    /// On a plain thread this blocks the thread.
    ///
    /// # Errors
    /// The panic's payload, as [`std::thread::JoinHandle::join`].
    ///
    /// # Panics
    /// If the goroutine joins itself.
    pub fn join(self) -> Result<T, Box<dyn Any + Send>> {
        joiner::refuse_oneself(self.g);
        joiner::join(Inside::enter_to_block(), self.g);
        self.take()
    }

    /// [`JoinHandle::join`] that gives up after `timeout`.
    ///
    /// # Errors
    /// The handle, if the goroutine has not ended in time; it may be joined again.
    ///
    /// # Panics
    /// If the goroutine joins itself.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// // SAFETY: nothing here keeps a thread's own data over a blocking call.
    /// unsafe {
    ///     gort::run(|| {
    ///         let (tx, rx) = gort::chan(0);
    ///         let handle = gort::go(move || rx.recv().unwrap());
    ///         let handle = handle.join_timeout(Duration::from_millis(1)).unwrap_err();
    ///         tx.send(5).unwrap();
    ///         assert_eq!(handle.join().unwrap(), 5);
    ///     })
    /// };
    /// ```
    pub fn join_timeout(
        self,
        timeout: Duration,
    ) -> Result<Result<T, Box<dyn Any + Send>>, JoinHandle<T>> {
        joiner::refuse_oneself(self.g);
        let deadline_ns = crate::time::deadline_ns(timeout);
        if joiner::join_until(Inside::enter_to_block(), self.g, deadline_ns) {
            Ok(self.take())
        } else {
            Err(self)
        }
    }

    /// Takes what the goroutine left. It is done.
    pub(crate) fn take(self) -> Result<T, Box<dyn Any + Send>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: it is done, and taken once, since `self` is consumed without its destructor.
        let outcome = unsafe { spawn::take_outcome::<T>(this.g) };
        spawn::release(&Inside::enter(), this.g);
        outcome
    }

    /// Whether the goroutine has ended: whether [`JoinHandle::join`] would return at once.
    pub fn is_finished(&self) -> bool {
        self.g.join.is_done()
    }

    /// The goroutine's number, unique in the process.
    pub fn id(&self) -> u64 {
        self.g.id()
    }

    /// The goroutine's name, if [`GoBuilder::name`] gave it one.
    pub fn name(&self) -> Option<&str> {
        self.g.name()
    }
}

/// Awaiting a handle joins its goroutine.
impl<T> IntoFuture for JoinHandle<T> {
    type Output = Result<T, Box<dyn Any + Send>>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        JoinFuture::new(self)
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.g.join.detach() {
            spawn::drop_result(self.g);
            spawn::release(&Inside::enter(), self.g);
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// Lets other goroutines run; the caller continues later.
///
/// # Go
/// `runtime.Gosched`. On a plain thread, [`std::thread::yield_now`].
#[inline]
pub fn gosched() {
    let rt = Inside::enter_to_block();
    if rt.g().is_some() {
        drop(rt.yield_now());
    } else {
        drop(rt);
        std::thread::yield_now();
    }
}

/// Ends the current goroutine: unwinds its stack, so that destructors run, and joins as
/// `Err(`[`Goexit`]`)`. It is no panic: the panic hook is silent and an unjoined end is fine.
///
/// If user code catches the unwinding, it goes on at the next call that may block. A
/// [`std::sync::MutexGuard`] held over it poisons its mutex, as by a panic.
///
/// # Panics
/// On a plain thread; and under `panic = "abort"`, where nothing can be unwound.
///
/// # Go
/// `runtime.Goexit`.
pub fn goexit() -> ! {
    let Some(g) = current_g() else { panic!("gort: goexit outside of a goroutine") };
    if !cfg!(panic = "unwind") {
        panic!("gort: goexit needs panic = \"unwind\"");
    }
    g.set_flag(FLAG_EXITING);
    std::panic::resume_unwind(Box::new(Goexit))
}

/// The current goroutine's number, unique in the process; `None` on plain threads.
pub fn id() -> Option<u64> {
    current_g().map(G::id)
}

/// The current goroutine's name, if [`GoBuilder::name`] gave it one.
pub fn name() -> Option<String> {
    current_g()?.name().map(str::to_owned)
}

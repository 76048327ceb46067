//! The runtime and its door: [`run`], [`Builder`], [`gomaxprocs`], [`num_goroutine`].

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sched::fatal::{self, Cause};
use crate::sched::park::Goexit;
use crate::sched::unseen::{self, RunPanics};
use crate::sched::{self, Inside, SCHED, joiner, spawn, stack};
use crate::trace;

pub use crate::sched::unseen::DetachedPanic;

/// Runs `f` as a goroutine and returns its value; the door to everything else here.
///
/// The first call starts the one runtime of the process. Several threads may be inside `run` at
/// once. `f` may borrow from its caller. Goroutines that it started and did not join outlive it.
///
/// The number of processors is `GOMAXPROCS` in the environment, if that is a positive number, and
/// otherwise the number of processors the process may use.
///
/// # Safety
/// A goroutine may continue on another thread after every call that blocks: channel operations,
/// [`sleep`](crate::sleep), [`gosched`](crate::gosched), [`JoinHandle::join`](crate::JoinHandle),
/// the waits in [`sync`](crate::sync), [`trace::stop`](crate::trace::stop) and whatever else is
/// documented to block. The compiler does not know that, so the caller promises, for all code that
/// goroutines run from now on, that *between two such calls only*
///
/// - no guard, borrow or pointer that is derived from the thread stays alive,
/// - nothing that is not [`Send`] is shared with a `thread_local!`, put in or taken out, and used
///   after one, and
/// - no function uses the same `thread_local!` on both sides of one where it may have been inlined
///   around it.
///
/// What that rules out and what to write instead: [Thread-locals](crate#thread-locals).
///
/// # Panics
/// With what `f` panics with. If the caller is a goroutine. If no worker thread can be started.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// let answer = unsafe { gort::run(|| gort::go(|| 42).join().unwrap()) };
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub unsafe fn run<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // SAFETY: the caller's promise is the same.
    match unsafe { Builder::new().run(f) } {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Settings of the runtime, for a process whose first [`run`] this is.
#[derive(Debug, Default, Clone)]
pub struct Builder {
    procs: Option<usize>,
    stack_bytes: Option<usize>,
    detached_panic: Option<DetachedPanic>,
    seed: Option<u64>,
}

impl Builder {
    /// The settings of [`run`].
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The number of processors, GOMAXPROCS, from 1 to 1024.
    pub fn procs(mut self, n: usize) -> Builder {
        self.procs = Some(n);
        self
    }

    /// Usable bytes of each goroutine's stack, at least 16 KiB; 192 KiB unless set. With the
    /// guard of 64 KiB that is address space; memory is taken where it is touched.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_bytes = Some(bytes);
        self
    }

    /// What a panic does in a goroutine that nobody joins; [`DetachedPanic::Abort`] unless set.
    ///
    /// # Examples
    /// ```
    /// let builder = gort::Builder::new().detached_panic(gort::DetachedPanic::Log);
    /// // SAFETY: nothing here keeps a thread's own data over a blocking call.
    /// let answer = unsafe {
    ///     builder.run(|| {
    ///         gort::go(|| panic!("nobody joins this"));
    ///         gort::gosched();
    ///         42
    ///     })
    /// };
    /// assert_eq!(answer.unwrap(), 42);
    /// ```
    pub fn detached_panic(mut self, policy: DetachedPanic) -> Builder {
        self.detached_panic = Some(policy);
        self
    }

    /// Lets a number decide what the scheduler and `select` leave to chance, and perturbs the order
    /// in which goroutines run; for tests. The same as `GORTDEBUG=seed=N`, before which it goes.
    ///
    /// With one processor, a program that depends on nothing else (time, input, other threads, the
    /// hasher of a `HashMap`) runs the same way each time, and other seeds give other ways.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// Runs `f` as a goroutine. See [`run`].
    ///
    /// # Errors
    /// When the caller is a goroutine, a setting is out of range, or the runtime runs already and
    /// its settings are others.
    ///
    /// # Panics
    /// With what `f` panics with, and if it calls [`goexit`](crate::goexit).
    ///
    /// # Safety
    /// As for [`run`].
    #[track_caller]
    pub unsafe fn run<F, T>(self, f: F) -> Result<T, RunError>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        // SAFETY: the caller's promise is the same.
        unsafe { self.run_with(f, None) }
    }

    /// [`Builder::run`] whose unseen panics go to `panics`.
    #[track_caller]
    pub(crate) unsafe fn run_with<F, T>(
        self,
        f: F,
        panics: Option<&Arc<RunPanics>>,
    ) -> Result<T, RunError>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        if !sched::tls::current_m().is_null() {
            return Err(RunError::InsideGoroutine);
        }
        self.start()?;
        let extras = panics.map(RunPanics::extras);
        // SAFETY: this function does not return before the closure has been consumed and its
        // result taken, so what they borrow outlives them.
        let g = unsafe { spawn::spawn::<F, T, F>(f, Location::caller(), extras) };
        joiner::join(Inside::enter(), g);
        // SAFETY: it is done and the handle's reference is ours.
        let outcome = unsafe { spawn::take_outcome::<T>(g) };
        spawn::release(&Inside::enter(), g);
        outcome.map_err(rethrow)
    }

    fn start(&self) -> Result<(), RunError> {
        if let Some(procs) = self.procs
            && !(1..=sched::p::MAX_PROCS).contains(&procs)
        {
            return Err(RunError::Procs(procs));
        }
        if let Some(bytes) = self.stack_bytes
            && !(stack::MIN_STACK_BYTES..=stack::MAX_STACK_BYTES).contains(&bytes)
        {
            return Err(RunError::StackSize(bytes));
        }
        let mut first = false;
        sched::start(|| {
            first = true;
            if let Some(bytes) = self.stack_bytes {
                stack::set_default_bytes(bytes);
            }
            if let Some(policy) = self.detached_panic {
                unseen::set_policy(policy);
            }
            SCHED.apply_debug_settings(&std::env::var("GORTDEBUG").unwrap_or_default());
            if let Some(seed) = self.seed {
                SCHED.set_seed(seed);
            }
            self.procs.or_else(wanted_procs).unwrap_or_else(default_procs)
        })
        .map_err(RunError::Thread)?;
        trace::whole_run::begin();
        if !first && self.differs() {
            return Err(RunError::AlreadyRunning);
        }
        if !first && let Some(procs) = self.procs {
            gomaxprocs(procs);
        }
        Ok(())
    }

    /// Whether the runtime, which runs already, has other settings.
    fn differs(&self) -> bool {
        self.stack_bytes.is_some_and(|b| stack::round(b) != stack::default_bytes())
            || self.detached_panic.is_some_and(|policy| policy != unseen::policy())
            || self.seed.is_some_and(|seed| !SCHED.has_seed(seed))
    }
}

/// What [`gomaxprocs`] was told before the start; 0: nothing.
static WANTED_PROCS: AtomicUsize = AtomicUsize::new(0);

fn wanted_procs() -> Option<usize> {
    Some(WANTED_PROCS.load(Ordering::Relaxed)).filter(|&n| n != 0)
}

/// GOMAXPROCS of the environment, or the processors that the process may use. As in Go, a value
/// that is no positive number counts as none.
fn default_procs() -> usize {
    let wanted = std::env::var("GOMAXPROCS").ok();
    match wanted.as_deref().map(str::parse::<usize>) {
        Some(Ok(n)) if n > 0 => n,
        Some(_) => {
            log::warn!("gort: GOMAXPROCS={} is no positive number", wanted.unwrap_or_default());
            num_cpus::get()
        }
        None => num_cpus::get(),
    }
}

fn rethrow(payload: Box<dyn Any + Send>) -> RunError {
    if payload.is::<Goexit>() {
        panic!("gort: the function given to run called goexit, so there is no value to return");
    }
    fatal::about_to_end(Cause::Panic);
    resume_unwind(payload)
}

/// Why [`Builder::run`] did not run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The caller is a goroutine already.
    InsideGoroutine,
    /// So many processors: it must be 1 to 1024.
    Procs(usize),
    /// A stack of so many bytes: it must be 16 KiB to 1 TiB.
    StackSize(usize),
    /// The runtime runs with another stack size, seed or policy for panics, which cannot be changed
    /// any more.
    AlreadyRunning,
    /// No worker thread can be started.
    Thread(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::InsideGoroutine => {
                f.write_str("gort: run was called inside a goroutine; call the function directly")
            }
            RunError::Procs(n) => write!(f, "gort: {n} processors: it must be 1 to 1024"),
            RunError::StackSize(n) => {
                write!(f, "gort: a stack of {n} bytes: it must have 16 KiB to 1 TiB")
            }
            RunError::AlreadyRunning => {
                f.write_str("gort: the runtime runs already, with other settings")
            }
            RunError::Thread(error) => write!(f, "gort: no worker thread: {error}"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RunError::Thread(error) => Some(error),
            _ => None,
        }
    }
}

/// Sets the number of processors that may run goroutines at once, and returns what it was; 0
/// only asks. More than 1024 count as 1024.
///
/// A goroutine that computes on a processor that falls away keeps it until it next blocks, yields
/// or ends. Before the first [`run`] this sets what the runtime will start with.
///
/// # Go
/// `runtime.GOMAXPROCS`.
pub fn gomaxprocs(n: usize) -> usize {
    if sched::is_started() {
        return SCHED.set_procs(n);
    }
    let old = wanted_procs().unwrap_or_else(default_procs);
    if n != 0 {
        WANTED_PROCS.store(n, Ordering::Relaxed);
    }
    old
}

/// How many goroutines there are now, roughly if they come and go meanwhile.
///
/// # Go
/// `runtime.NumGoroutine`.
pub fn num_goroutine() -> usize {
    SCHED.goroutines()
}

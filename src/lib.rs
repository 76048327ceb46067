//! Goroutines for Rust, with a tracer built in that speaks Go's trace format.
//!
//! `gort` runs stackful green threads on a work-stealing scheduler: [`go`] starts one for the price
//! of a function call, [`chan()`] makes the channels they talk over, and a goroutine that blocks
//! costs no thread. The scheduler itself records what it does, and [`trace`] writes that in the
//! format of Go's execution tracer, so `go tool trace` opens the trace of a Rust program.
//!
//! ```
//! // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! let sum: u64 = unsafe {
//!     gort::run(|| {
//!         let (tx, rx) = gort::chan(10);
//!         for n in 1..=100_u64 {
//!             let tx = tx.clone();
//!             gort::go(move || tx.send(n * n).unwrap());
//!         }
//!         drop(tx);
//!         rx.iter().sum()
//!     })
//! };
//! assert_eq!(sum, 338_350);
//! ```
//!
//! # Where to begin
//! - [`run`] is the door: it starts the runtime and runs a function as the first goroutine.
//! - [`go`] starts goroutines and [`JoinHandle::join`] waits for them; [`GoBuilder`] names them and
//!   gives them larger stacks; [`gosched`], [`goexit`], [`sleep`] are Go's.
//! - [`scope()`] starts goroutines that borrow; [`local!`] declares statics of which every goroutine
//!   has its own.
//! - [`block_on`] waits for a future, and a [`JoinHandle`] can be awaited.
//! - [`chan()`] makes channels, [`select!`] waits for several at once.
//! - [`sync`] has what goroutines wait for each other with: [`Mutex`](sync::Mutex) and
//!   [`RwMutex`](sync::RwMutex), whose guards may be kept over calls that block,
//!   [`WaitGroup`](sync::WaitGroup), [`Cond`](sync::Cond), [`Once`](sync::Once),
//!   [`Semaphore`](sync::Semaphore), [`ErrGroup`](sync::ErrGroup) and others.
//! - [`time`] has timers: [`time::after`], [`time::Timer`], [`time::Ticker`]; in a [`test::bubble`]
//!   time passes only while everybody is blocked, so tests of it take none.
//! - [`context`] tells work when to end, by a call or at a deadline, and carries its values.
//! - [`net`] has sockets; [`blocking()`] wraps whatever else blocks.
//! - [`stacks()`] and [`goroutines`] show what every goroutine does, [`metrics()`] has figures, and
//!   [`test::leaks`] finds goroutines that a test left behind.
//! - [`trace::start`] and [`trace::stop`] take a trace; tasks, regions and logs annotate it.
//!   [`trace::LogBridge`] puts records of the crate `log` into it, and a [`trace::FlightRecorder`] has
//!   the last seconds when something goes wrong.
//! - [`labels`] tell in traces, profiles and dumps what a goroutine is at work on.
//! - [`fs`], [`process`] and [`io`] are those of `std`, whose calls let other goroutines run;
//!   [`signal`] has signals on channels.
//! - [`test::run`] is [`run`] for tests: a goroutine that panics fails the test;
//!   [`test::bubble`] gives a test a time of its own.
//!
//! Everything works on plain threads as well, where what blocks blocks the thread.
//!
//! # Thread-locals
//! A goroutine may continue on another thread after every call that blocks. The compiler does not
//! know that: to it, a function runs on one thread from beginning to end. Code that keeps something
//! which belongs to the *thread* over such a call can be wrong, even unsound, although it contains
//! no `unsafe` of its own. Therefore [`run`] is an `unsafe fn`: whoever writes the `unsafe` block
//! promises that no goroutine does this. Everything behind the door is safe.
//!
//! What not to keep over a blocking call, and what to write instead:
//!
//! | kept over a blocking call | why it is wrong | instead |
//! | --- | --- | --- |
//! | `let out = stdout().lock(); for v in rx { writeln!(out, "{v}")?; }` | a re-entrant lock knows its owner by the thread: another goroutine on the first thread gets in too, and the second thread unlocks what it does not own | `for v in rx { writeln!(stdout(), "{v}")?; }`, or collect first |
//! | a borrow in `KEY.with(\|x\| { …rx.recv()… })` of a `thread_local!` | the thread that the data belongs to runs others meanwhile, or ends | [`local!`], whose values stay with the goroutine; or copy out of the closure, block afterwards |
//! | a clone of an `Rc` that a `thread_local!` also holds, or any value that is not `Send` and shared with one | whoever runs on the first thread meanwhile uses it too, without a lock | `Arc`; take it out again after the call |
//! | `rand`'s `ThreadRng`, `thread_rng()` | points to the data of the thread it was made on | make it anew after each blocking call, or own a `SmallRng` |
//! | [`std::sync::MutexGuard`] | a system mutex is unlocked by the thread that locked it; also blocks whole threads that want it | [`sync::Mutex`]; or end the guard's scope before blocking |
//! | tokio's `EnterGuard`, tracing's `Entered`, `scoped_tls` | they restore the thread's former state on drop, on the wrong thread | enter again after the call; for tracing, [`trace`]'s `TracingRegistry` (feature `tracing`) |
//! | [`std::thread::current`] as an identity, `thread::park`, [`std::thread::scope`] | they name the thread of the moment | [`id`], channels |
//!
//! Calls that block, and so may change the thread: sends and receives (not the `try_` forms),
//! [`JoinHandle::join`] and [`JoinHandle::join_timeout`], [`scope()`], [`block_on`] with every
//! `.await` in its future, in [`sync`] whatever locks (not the `try_` forms), acquires, waits or
//! runs something once, [`ErrGroup::go`](sync::ErrGroup::go) with a limit, [`select!`],
//! [`sleep`], [`gosched`], [`trace::stop`] and [`trace::stop_within`],
//! [`FlightRecorder::write_to`](trace::FlightRecorder::write_to), and in [`net`] whatever reads, writes, connects, accepts or
//! looks up names. Inside [`lock_os_thread`] none of them does. [`blocking()`], [`fs`] and [`process`]
//! block the thread, and so return on it. All other calls return on the thread they were made on. During a panic nothing changes threads.
//!
//! `GORTDEBUG=migrate=1` makes every goroutine change threads wherever it can, to shake such
//! mistakes out in tests. `GORTDEBUG=seed=N` perturbs the order in which goroutines run, and with
//! `GOMAXPROCS=1` repeats it.
//!
//! # Panics and ends
//! [`JoinHandle::join`] returns a goroutine's panic. A panic in a goroutine that nobody joins ends
//! the process with a report and exit status 2, as in Go: it is never lost. Others may be chosen:
//! [`Builder::detached_panic`] logs it; in [`test::run`] it fails the test; in a [`scope()`] the
//! scope panics. To these count a panic in a destructor of a goroutine-local, of a result that nobody
//! takes, and in a future's waker. Goroutines outlive the [`run`] they were
//! started in; the end of the process ends them.
//!
//! What goes wrong, and what becomes of it:
//!
//! | what | what happens |
//! | --- | --- |
//! | a goroutine joins or awaits itself | it panics: "gort: a goroutine joined itself" |
//! | two goroutines join each other | they wait for ever |
//! | a handle, a sender or a receiver is dropped in a destructor while a panic unwinds | as at any other time; what blocks there blocks the thread, whose processor others use |
//! | a panic or [`goexit`] leaves a destructor while a panic or `goexit` unwinds | the process aborts: it is Rust's rule that two unwindings at once do |
//! | recursion past the end of a goroutine's stack | a report that names the function, then SIGSEGV or SIGABRT |
//! | a panic with a [`std::sync::MutexGuard`] alive | the mutex is poisoned, as on threads |
//!
//! When all goroutines wait, and nothing is left that could wake one (no timer, no thread but those
//! that wait in gort themselves, no trace being written), the process ends with Go's report of a
//! deadlock, all stacks, and exit status 2. SIGQUIT (Ctrl-\) prints all stacks and does the same.
//! Dumps ask running threads for their stacks by SIGURG, as Go does.
//!
//! # Calls that block, and long computations
//! A goroutine that waits in gort ([`chan()`], [`sync`], [`net`], [`sleep`]) costs no thread. One that
//! blocks its thread in the system (a file, a pipe, a contended lock of `std`, a name that is looked
//! up) does not keep its processor: [`blocking()`] gives it away at once, as do [`fs`], [`process`] and
//! [`io`]; where a plain call of `std` blocks, the runtime takes it within some milliseconds at first
//! and a tenth of a millisecond once that is known to happen. One that computes past its 10 ms slice
//! loses its processor too, if others could run, and computes on as a thread beside them. Nothing in
//! the code has to say so. [`lock_os_thread`] keeps a goroutine on its thread.
//!
//! The log target `gort::watchdog` names goroutines that compute (a warning) or block (an info) for
//! 100 ms without a word to gort, with their stacks; [`metrics()`] counts them, traces show them as
//! system calls. While a trace is taken, a thread that blocks may be interrupted by SIGURG, as in Go, to
//! say where it is.
//!
//! Linux on x86-64 and aarch64 only.
//!
//! # Environment
//! - `GOMAXPROCS`: how many processors run goroutines; by default as many as the process may use.
//! - `GOTRACEBACK`: what the report of a panic that nobody joins shows: `none`, `single` (the
//!   goroutine itself, the default) or `all` goroutines.
//! - `GORT_TRACE`: a file, or a directory for a file of each process, that the trace of the whole run
//!   is written to; see [`trace`](trace#whole-runs).
//! - `GORT_TRACE_VERSION`: `1.23` (the default, but `1.26` of whole runs), `1.25` or `1.26`, the version
//!   traces are written in.
//! - `GORTDEBUG`: settings for tests, separated by commas: `migrate=1`; `seed=N`, a number that the
//!   scheduler's choices come from (see [`Builder::seed`]); `traceadvanceperiod=NS`, the length of a
//!   trace's generations in nanoseconds.
//!
//! # Features
//! - `symbolize` (on by default): function names, files and lines in traces, read from the
//!   program's debug information and symbol table. Turn it off to compile fewer dependencies, or
//!   where the program file is stripped anyway; stacks then show `module+0xoffset`.
//! - `pprof`: the module `pprof`, with profiles of goroutines, processor time, waits and locks that
//!   `go tool pprof` opens. Off, nothing of it is there.
//! - `tracing`: spans and events of the crate `tracing` in traces, by `trace::TracingLayer`, and
//!   `trace::TracingRegistry`, which knows by goroutine which spans are entered. Off,
//!   `tracing-subscriber` is not compiled.
//! - `reader`: the module `reader`, which reads execution traces, gort's and Go's. Off, nothing of it
//!   is there.
//! - `analysis` (with `reader`): the modules `analysis` and `render`: what traces mean, and how to show
//!   it. Off, `serde` and `serde_json` are not compiled, and without `pprof` neither are `prost` and
//!   `flate2`.
//! - `cli` (with `analysis`): the program `gort`, whose command `gort trace` shows traces. For a library
//!   there is no reason to turn it on.
//! - `http` (with `pprof`): the module `http`, with what hyper's servers and clients need to run on
//!   goroutines, and the debug endpoint `/debug/pprof/`. Off, hyper is not compiled.
//!
//! - `unwind` (on): whole stacks in builds without frame pointers, and through libraries without
//!   them, by the tables that panics unwind with. Off, one dependency less is compiled, and such
//!   builds know of a stack no more than the goroutine's function: for programs all of which is
//!   built with frame pointers.
//!
//! Stacks with lines need line tables, and cost a third with frame pointers:
//!
//! ```toml
//! # Cargo.toml
//! [profile.release]
//! debug = "line-tables-only"
//!
//! # .cargo/config.toml
//! [build]
//! rustflags = ["-Cforce-frame-pointers=yes"]
//! ```

#[cfg(feature = "analysis")]
pub mod analysis;
mod blocking;
pub mod chan;
pub mod context;
pub mod fs;
pub mod future;
mod go;
#[cfg(feature = "http")]
pub mod http;
pub mod io;
pub mod labels;
pub mod local;
pub mod metrics;
pub mod net;
mod os_thread;
#[cfg(feature = "pprof")]
pub mod pprof;
pub mod process;
#[cfg(any(feature = "analysis", feature = "pprof"))]
mod profile;
#[cfg(feature = "reader")]
pub mod reader;
#[cfg(feature = "analysis")]
pub mod render;
mod runtime;
mod sched;
mod scope;
pub mod select;
pub mod signal;
pub mod stacks;
pub mod sync;
mod sys;
pub mod test;
pub mod time;
pub mod trace;
mod tracer;
mod wire;

pub use blocking::blocking;
pub use chan::chan;
pub use context::Context;
pub use future::block_on;
pub use go::{GoBuilder, GoError, Goexit, JoinHandle, go, goexit, gosched, id, name};
pub use metrics::metrics;
pub use os_thread::{OsThread, lock_os_thread};
pub use runtime::{Builder, DetachedPanic, RunError, gomaxprocs, num_goroutine, run};
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use stacks::{goroutines, stacks};
pub use time::sleep;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

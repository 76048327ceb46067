//! Profiles that `go tool pprof` opens: what goroutines do, where processor time goes, who waits,
//! and for whom. Needs the feature `pprof`.
//!
//! | profile | what it counts | how |
//! | --- | --- | --- |
//! | [`goroutine`] | goroutines, by their stacks | on demand |
//! | [`start_cpu_profile`] | processor time of all threads | sampled while it is on |
//! | [`block`] | waits in gort, by who waits | sampled by [`set_block_profile_rate`] |
//! | [`mutex`] | delays by gort's locks, by who unlocks | sampled by [`set_mutex_profile_fraction`] |
//! | [`threadcreate`] | worker threads | on demand |
//!
//! [`profiles`] and [`lookup`] have them by their names, but for that of processor time.
//!
//! There is no `heap` and no `allocs`: a Rust program's memory does not come from its runtime, so
//! gort knows nothing of it. Profilers that replace the global allocator do.
//!
//! Whole stacks of goroutines need the feature `unwind` or frame pointers, those of other threads
//! need frame pointers, and names need debug information: see the
//! [crate's documentation](crate#features). Stacks are as in [`stacks()`](crate::stacks()): a
//! goroutine's ends with its function, and begins with the function of gort's that it called; only
//! in the profile of processor time gort's own functions are all there. [Labels](crate::labels) of
//! goroutines are labels, and so are their names, with the key `goroutine`.
//!
//! # Examples
//! ```
//! // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! let text = unsafe {
//!     gort::run(|| {
//!         let (tx, rx) = gort::chan::<()>(0);
//!         let waits: Vec<_> = (0..3).map(|_| { let rx = rx.clone(); gort::go(move || rx.recv()) }).collect();
//!         gort::sleep(std::time::Duration::from_millis(10));
//!         let mut text = Vec::new();
//!         gort::pprof::goroutine(1, &mut text).unwrap();
//!         drop(tx);
//!         waits.into_iter().for_each(|waits| drop(waits.join()));
//!         String::from_utf8(text).unwrap()
//!     })
//! };
//! assert!(text.starts_with("goroutine profile: total 4\n3 @ 0x"));
//! ```
//!
//! # Go
//! Package `runtime/pprof`, and the rates of package `runtime`.

mod counts;
mod cpu;
#[cfg(feature = "http")]
mod difference;
mod mappings;
mod profile;
mod text;
mod waits;

use std::io::{self, Write};

use crate::sched::labels::Set;
use crate::sched::{SCHED, contention, metrics};

#[cfg(feature = "http")]
pub(crate) use difference::difference;

#[doc(no_inline)]
pub use crate::labels::{
    Labels, current as goroutine_labels, set as set_goroutine_labels, with as with_labels,
};

/// The key of the label with a goroutine's name.
const LABEL: &str = "goroutine";

/// The labels of a sample: the goroutine's name, and its labels.
fn labels<'a>(name: Option<&'a str>, set: Option<&'a Set>) -> Vec<(&'a str, &'a str)> {
    let name = name.map(|name| (LABEL, name));
    let own = set.into_iter().flat_map(Set::pairs).map(|(key, value)| (&**key, &**value));
    name.into_iter().chain(own).collect()
}

/// Writes what all goroutines do, at once and while they go on.
///
/// `debug` 0: a profile for `go tool pprof`, compressed. 1: the same as text, with the addresses
/// and names of each distinct stack. 2 and more: each goroutine for itself, as
/// [`stacks()`](crate::stacks()) does.
///
/// # Errors
/// When `out` fails.
///
/// # Go
/// `pprof.Lookup("goroutine").WriteTo`. Go stops the world for it.
pub fn goroutine(debug: u8, out: impl Write) -> io::Result<()> {
    counts::goroutine(debug, out)
}

/// Writes how many worker threads there are. Where they were started nobody keeps: they all come
/// from the scheduler. `debug` is as in [`goroutine`].
///
/// # Errors
/// When `out` fails.
///
/// # Go
/// `pprof.Lookup("threadcreate").WriteTo`, whose stacks are empty as well.
pub fn threadcreate(debug: u8, out: impl Write) -> io::Result<()> {
    counts::threadcreate(debug, out)
}

/// Writes where goroutines and threads were blocked in gort since [`set_block_profile_rate`]: how
/// often, and for how long in all. `debug` 0: for `go tool pprof`; 1 and more: text.
///
/// It has waits for channels, in selects, for locks, conditions, groups, semaphores and barriers,
/// for the end of goroutines and for futures. A sleep is no blocking, and neither is a wait of
/// `std`'s. A goroutine's wait ends when it is readied, a thread's when it runs again. A wait is
/// there when it is over.
///
/// # Errors
/// When `out` fails.
///
/// # Go
/// `pprof.Lookup("block").WriteTo`.
pub fn block(debug: u8, out: impl Write) -> io::Result<()> {
    waits::block(debug, out)
}

/// Writes where gort's locks were unlocked for which others waited since
/// [`set_mutex_profile_fraction`]: how often, and how long they had waited, all of them together.
/// `debug` is as in [`block`].
///
/// It has [`Mutex`](crate::sync::Mutex) and [`RwMutex`](crate::sync::RwMutex); an unlock answers for
/// the time since the one before it that woke a waiter. Of more than a thousand who wait at once for
/// one lock, the first thousand count.
///
/// # Errors
/// When `out` fails.
///
/// # Go
/// `pprof.Lookup("mutex").WriteTo`.
pub fn mutex(debug: u8, out: impl Write) -> io::Result<()> {
    waits::mutex(debug, out)
}

/// Starts a profile of processor time, which [`stop_cpu_profile`] writes to `out`.
///
/// Every thread of the process, a worker or not, is interrupted by SIGPROF 100 times in a second of
/// its own processor time ([`set_cpu_profile_rate`] chooses another rate), and notes its stack. A
/// thread that is blocked is not interrupted. A plain thread that is started later is noticed within
/// a tenth of a second. Where the system has no timers of threads there is one for the whole
/// process. Where samples come faster than they are collected they are lost; their number
/// is in the profile as `gort::pprof::lost_samples`.
///
/// While a [trace](crate::trace#cpu-samples) is taken the samples are in it as well. If the trace asks
/// for more of them, the profile counts at its own rate all the same.
///
/// A handler of SIGPROF that was there before gets what is not the profile's, and is there again
/// after the profile. System calls are restarted, as far as the system does that.
///
/// # Errors
/// When a profile is being taken already ([`io::ErrorKind::ResourceBusy`]), or the system has no
/// timers or threads left.
///
/// # Examples
/// ```
/// let file = std::io::sink();
/// gort::pprof::start_cpu_profile(file)?;
/// let sum: u64 = (0..1_000_000).sum();
/// gort::pprof::stop_cpu_profile()?;
/// # assert!(sum > 0);
/// # std::io::Result::Ok(())
/// ```
///
/// # Go
/// `pprof.StartCPUProfile`. Go gives timers to its own threads only, and samples others by the
/// process's timer.
pub fn start_cpu_profile(out: impl Write + Send + 'static) -> io::Result<()> {
    cpu::start(Box::new(out))
}

/// Stops the profile of processor time, and writes it. Does nothing if there is none.
///
/// # Errors
/// When the writer fails.
///
/// # Go
/// `pprof.StopCPUProfile`.
pub fn stop_cpu_profile() -> io::Result<()> {
    cpu::stop()
}

/// How many samples the next profile of processor time takes in a second of a thread's time: 100 by
/// default, which 0 stands for, and 10,000 at most. What the kernel cannot do, which is more than
/// some hundred, it makes up for: then one sample counts as several.
///
/// # Go
/// `runtime.SetCPUProfileRate`, which in Go also starts and stops.
pub fn set_cpu_profile_rate(hz: u32) {
    cpu::set_rate(hz);
}

/// Of what is blocked, takes one sample for so many nanoseconds, on average, for [`block`]. 1:
/// every wait; 0, as in the beginning: none.
///
/// A wait that is as long as that or longer is always there, a shorter one with a probability of its
/// share, and counts for more accordingly.
///
/// # Go
/// `runtime.SetBlockProfileRate`.
pub fn set_block_profile_rate(ns: u64) {
    contention::set_block_rate(ns);
}

/// Of the unlocks for which others waited, takes one in `n`, on average, for [`mutex`]; 0, as in the
/// beginning: none. Returns what `n` was. A negative number changes nothing.
///
/// # Go
/// `runtime.SetMutexProfileFraction`.
pub fn set_mutex_profile_fraction(n: i32) -> i32 {
    let old = match u64::try_from(n) {
        Ok(n) => contention::set_mutex_fraction(n),
        Err(_) => contention::mutex_fraction(),
    };
    i32::try_from(old).unwrap_or(i32::MAX)
}

/// A profile that can be written at any time.
///
/// # Go
/// `pprof.Profile`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    kind: ProfileKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ProfileKind {
    Block,
    Goroutine,
    Mutex,
    ThreadCreate,
}

/// All profiles, by name.
const PROFILES: [Profile; 4] = [
    Profile { kind: ProfileKind::Block },
    Profile { kind: ProfileKind::Goroutine },
    Profile { kind: ProfileKind::Mutex },
    Profile { kind: ProfileKind::ThreadCreate },
];

/// All profiles that can be written at any time, in the order of their names.
///
/// # Go
/// `pprof.Profiles`.
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// The profile of this name: `block`, `goroutine`, `mutex` or `threadcreate`.
///
/// # Examples
/// ```
/// let goroutines = gort::pprof::lookup("goroutine").unwrap();
/// goroutines.write(1, std::io::stderr())?;
/// assert_eq!(gort::pprof::lookup("heap"), None);
/// # std::io::Result::Ok(())
/// ```
///
/// # Go
/// `pprof.Lookup`.
pub fn lookup(name: &str) -> Option<Profile> {
    PROFILES.into_iter().find(|profile| profile.name() == name)
}

impl Profile {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self.kind {
            ProfileKind::Block => "block",
            ProfileKind::Goroutine => "goroutine",
            ProfileKind::Mutex => "mutex",
            ProfileKind::ThreadCreate => "threadcreate",
        }
    }

    /// What it shows, for a list of profiles.
    pub fn description(self) -> &'static str {
        match self.kind {
            ProfileKind::Block => "Where goroutines and threads were blocked in gort",
            ProfileKind::Goroutine => "What all goroutines do now, by their stacks",
            ProfileKind::Mutex => "Who held gort's locks while others waited for them",
            ProfileKind::ThreadCreate => "How many worker threads there are",
        }
    }

    /// How many entries it has: goroutines, threads, or distinct stacks.
    pub fn count(self) -> usize {
        let stacks = |kind: &contention::Kind| {
            let mut count = 0;
            kind.each(|_, _, _| count += 1);
            count
        };
        match self.kind {
            ProfileKind::Block => stacks(&contention::BLOCK),
            ProfileKind::Goroutine => SCHED.goroutines(),
            ProfileKind::Mutex => stacks(&contention::MUTEX),
            ProfileKind::ThreadCreate => metrics::totals().workers as usize,
        }
    }

    /// Writes it, as the function of its name does.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write(self, debug: u8, out: impl Write) -> io::Result<()> {
        match self.kind {
            ProfileKind::Block => block(debug, out),
            ProfileKind::Goroutine => goroutine(debug, out),
            ProfileKind::Mutex => mutex(debug, out),
            ProfileKind::ThreadCreate => threadcreate(debug, out),
        }
    }
}

//! Goroutines that a test left behind.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::sched::dump::{self, Printer, Seen};
use crate::sched::watch;
use crate::stacks::GoroutineInfo;

/// How long goroutines may take to end, unless [`Leaks::grace`] says otherwise.
const GRACE: Duration = Duration::from_secs(1);
/// The first pause between two looks; each further one is twice as long, up to the last.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LAST_PAUSE: Duration = Duration::from_millis(20);

/// From here on watches the goroutines that the caller starts, and all that those start.
///
/// [`Leaks::verify`], or dropping the check, panics if one of them still exists and does not end
/// within a second; the message has their stacks.
///
/// Tests run beside each other in one process, so a check looks at *descendants* only: at what the
/// goroutine or plain thread that made the check has started since, directly or not, and on
/// whichever thread. On a plain thread that includes what its calls of [`run`](crate::run) start.
/// What some other goroutine or thread starts on the caller's behalf is not seen. A check inside
/// another one is part of it.
///
/// # Examples
/// ```
/// let check = gort::test::leaks();
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe { gort::run(|| gort::go(|| 5).join().unwrap()) };
/// check.verify();
/// ```
///
/// What is left behind is shown:
/// ```should_panic
/// let check = gort::test::leaks();
/// let (_tx, rx) = gort::chan::<u32>(0);
/// // SAFETY: as above.
/// unsafe { gort::run(|| drop(gort::go(move || rx.recv()))) };
/// check.grace(std::time::Duration::from_millis(10)).verify();
/// ```
///
/// # Go
/// `goleak.VerifyNone` of `go.uber.org/goleak`, which looks at all goroutines of the process, and
/// `testing/synctest`, where leaving a bubble's goroutines behind is an error.
pub fn leaks() -> Leaks {
    Leaks { check: watch::begin(), grace: GRACE, ignored: Vec::new(), marker: PhantomData }
}

type Filter = Box<dyn Fn(&GoroutineInfo) -> bool>;

/// A check for goroutines left behind. See [`leaks()`].
#[must_use = "it checks when it is dropped"]
pub struct Leaks {
    check: u32,
    grace: Duration,
    ignored: Vec<Filter>,
    /// It belongs to the goroutine or thread that made it.
    marker: PhantomData<*const ()>,
}

impl Leaks {
    /// Waits for so long for goroutines to end; a second unless set.
    pub fn grace(mut self, grace: Duration) -> Leaks {
        self.grace = grace;
        self
    }

    /// Leaves goroutines out for which `f` holds.
    pub fn ignore(mut self, f: impl Fn(&GoroutineInfo) -> bool + 'static) -> Leaks {
        self.ignored.push(Box::new(f));
        self
    }

    /// Leaves goroutines out that have this name, see [`GoBuilder::name`](crate::GoBuilder::name).
    pub fn ignore_name(self, name: impl Into<String>) -> Leaks {
        let name = name.into();
        self.ignore(move |info| info.name.as_deref() == Some(&*name))
    }

    /// Leaves goroutines out whose own function's name, or that of the function it stands in,
    /// begins with `function`, as in `my_crate::background`.
    pub fn ignore_function(self, function: impl Into<String>) -> Leaks {
        let function = function.into();
        self.ignore(move |info| {
            info.frames.last().is_some_and(|root| root.function.starts_with(&*function))
        })
    }

    /// The goroutines left behind, once they have had time to end. The check goes on.
    pub fn find(&self) -> Vec<GoroutineInfo> {
        self.look_until_none().into_iter().map(|(info, _)| info).collect()
    }

    /// Ends the check.
    ///
    /// # Panics
    /// If goroutines were left behind.
    #[track_caller]
    pub fn verify(self) {
        let left = self.end();
        assert!(left.is_empty(), "{}", Report(&left));
    }

    /// What is left, with nothing left to do when the check is dropped.
    fn end(mut self) -> Vec<(GoroutineInfo, String)> {
        let left = self.look_until_none();
        watch::end(self.check);
        self.check = 0;
        left
    }

    /// Looks again and again until there is none or the time is over.
    fn look_until_none(&self) -> Vec<(GoroutineInfo, String)> {
        let begin = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let left = self.look();
            if left.is_empty() || begin.elapsed() >= self.grace {
                return left;
            }
            crate::sleep(pause.min(self.grace));
            pause = (2 * pause).min(LAST_PAUSE);
        }
    }

    fn look(&self) -> Vec<(GoroutineInfo, String)> {
        let mut seen: Vec<Seen> = Vec::new();
        dump::each_watched(&mut |s| seen.push(s));
        seen.retain(|s| watch::is_within(s.watch, self.check));
        let mut printer = Printer::new();
        let with_text = seen.into_iter().map(|s| {
            let mut text = String::new();
            printer.print(&s, &mut text);
            (GoroutineInfo::new(s, &mut printer), text)
        });
        let mut left: Vec<_> = with_text.collect();
        drop(printer);
        left.retain(|(info, _)| !self.ignored.iter().any(|ignores| ignores(info)));
        left
    }
}

/// The end of a check that was not verified: verifies, unless a panic is on its way already.
impl Drop for Leaks {
    fn drop(&mut self) {
        if self.check == 0 {
            return;
        }
        let left = if std::thread::panicking() { Vec::new() } else { self.look_until_none() };
        watch::end(self.check);
        assert!(left.is_empty(), "{}", Report(&left));
    }
}

impl fmt::Debug for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaks").field("grace", &self.grace).finish_non_exhaustive()
    }
}

/// The message of the panic.
struct Report<'a>(&'a [(GoroutineInfo, String)]);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let what = if count == 1 { "goroutine was" } else { "goroutines were" };
        writeln!(f, "gort: {count} {what} left behind")?;
        self.0.iter().try_for_each(|(_, text)| write!(f, "\n{text}"))
    }
}

//! A signal by its number.

use std::fmt;

use crate::sys::caught::{MAX, number};

/// A signal: what the system sends a process.
///
/// # Examples
/// ```
/// use gort::signal::Signal;
///
/// assert_eq!(Signal::SIGINT.to_string(), "SIGINT");
/// assert_eq!(Signal::from_number(2), Some(Signal::SIGINT));
/// ```
///
/// # Go
/// `os.Signal` and the constants of package `syscall`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

macro_rules! constants {
    ($($name:ident, $what:literal;)*) => {
        impl Signal {
            $(
                #[doc = $what]
                pub const $name: Signal = Signal(number::$name);
            )*
        }
    };
}

constants! {
    SIGHUP, "The terminal has gone; by custom also: read the settings again.";
    SIGINT, "Ctrl-C. Go's `os.Interrupt`.";
    SIGQUIT, "Ctrl-\\. While nobody listens, it dumps all goroutines and ends the process.";
    SIGTRAP, "A breakpoint.";
    SIGABRT, "`abort`.";
    SIGUSR1, "For the program's own use.";
    SIGUSR2, "For the program's own use.";
    SIGPIPE, "A write to a pipe or socket that nobody reads; Rust's programs ignore it.";
    SIGALRM, "A timer of `alarm` or `setitimer`.";
    SIGTERM, "The process is to end, in its own way.";
    SIGSTKFLT, "Nothing sends it.";
    SIGCHLD, "A child has ended or stopped.";
    SIGCONT, "The process goes on after a stop.";
    SIGTSTP, "Ctrl-Z.";
    SIGTTIN, "A process in the background reads from the terminal.";
    SIGTTOU, "A process in the background writes to the terminal.";
    SIGXCPU, "The limit of processor time is reached.";
    SIGXFSZ, "The limit of a file's size is reached.";
    SIGVTALRM, "A timer of processor time.";
    SIGWINCH, "The terminal has another size.";
    SIGIO, "A descriptor is ready.";
    SIGPWR, "The power fails.";
    SIGSYS, "A system call that does not exist or is not allowed.";
    SIGKILL, "The end, which cannot be caught.";
    SIGSTOP, "A stop, which cannot be caught.";
    SIGSEGV, "Memory that is not there; cannot be listened to.";
    SIGBUS, "Memory that cannot be had; cannot be listened to.";
    SIGFPE, "Arithmetic; cannot be listened to.";
    SIGILL, "No such instruction; cannot be listened to.";
    SIGURG, "The runtime's own: it asks its threads where they are.";
    SIGPROF, "The runtime's own: profiles.";
}

impl Signal {
    /// The signal with this number, if there can be one: 1 to 64.
    pub fn from_number(number: i32) -> Option<Signal> {
        (1..=MAX).contains(&number).then_some(Signal(number))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

/// As in `SIGINT`, and `SIGRTMIN+1` for those that have no name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, name)) = number::ALL.iter().find(|(number, _)| *number == self.0) {
            return f.pad(name);
        }
        let realtime = number::realtime();
        match self.0 - realtime.start() {
            0 => f.pad("SIGRTMIN"),
            n if realtime.contains(&self.0) => write!(f, "SIGRTMIN+{n}"),
            _ => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

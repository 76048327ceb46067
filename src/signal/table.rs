//! Who wants which signals, and what each signal does because of that.
//!
//! A signal is caught while somebody listens to it, or while the end of the process is to be told
//! of; it is ignored if the program said so; otherwise it does what it did before this module
//! touched it. So a handler of somebody else's comes back when the last listener goes.
//!
//! What has come belongs to those who listen at that time. So whoever changes the table takes what has
//! come and notes who is to be told ([`change`]) before the change, as the thread does at its leisure;
//! it is sent when the table is unlocked, since that calls wakers.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Signal, SignalError};
use crate::chan::Sender;
use crate::sched::deadlock::ExternalWait;
use crate::sched::own_threads;
use crate::sys::caught::{self, Disposition, MAX, Mask, bit};

pub(super) static TABLE: Mutex<Table> = Mutex::new(Table {
    listeners: Vec::new(),
    watchers: Vec::new(),
    watched: 0,
    last: 0,
    ends: 0,
    on_end: None,
    ending: 0,
    ignored: 0,
    before: [None; MAX as usize],
    has_thread: false,
});

/// Signals as a set.
type Set = u64;

struct Listener {
    number: u64,
    signals: Set,
    sender: Sender<Signal>,
    /// While there is one, the process may be woken from outside.
    _wait: ExternalWait,
}

/// The runtime's own interest in a signal, which is no reason to expect that one comes.
struct Watcher {
    number: u64,
    signal: Signal,
    f: Told,
}

/// Called when a signal has come.
type Told = Arc<dyn Fn(Signal) + Send + Sync>;

pub(super) struct Table {
    listeners: Vec<Listener>,
    watchers: Vec<Watcher>,
    /// Those that have come, for watchers.
    watched: Set,
    last: u64,
    /// Those that end the process, which somebody wants to be told of first...
    ends: Set,
    /// ...by this.
    on_end: Option<fn(Signal)>,
    /// Those that have come, to end it.
    ending: Set,
    ignored: Set,
    /// What those that were touched did before.
    before: [Option<Disposition>; MAX as usize],
    has_thread: bool,
}

/// Changes the table, and tells those who listened before of what came before.
pub(super) fn change<R>(f: impl FnOnce(&mut Table) -> R) -> R {
    let mut table = TABLE.lock();
    let due = table.due();
    let result = f(&mut table);
    drop(table);
    due.send();
    result
}

/// Who is to be told of what.
struct Due {
    sends: Vec<(Sender<Signal>, Signal)>,
    /// Wakers that are called for it are the user's code, for which nothing stands in the search for
    /// deadlocks.
    _wait: ExternalWait,
}

impl Due {
    /// Whose channel is full is not told.
    fn send(self) {
        for (sender, signal) in self.sends {
            let _ = sender.try_send(signal);
        }
    }
}

impl Table {
    /// Takes what has come, for those who listen now.
    fn due(&mut self) -> Due {
        let _wait = ExternalWait::new();
        let came = caught::take();
        let heard = self.listeners.iter().fold(0, |set, l| set | l.signals);
        let watched = self.watch_set();
        self.watched |= came & watched;
        self.ending |= came & self.ends & !self.ignored & !heard & !watched;
        let mut sends = Vec::new();
        for signal in each(came & heard) {
            let told = self.listeners.iter().filter(|l| l.signals & bit(signal.number()) != 0);
            sends.extend(told.map(|l| (l.sender.clone(), signal)));
        }
        Due { sends, _wait }
    }

    /// Adds a listener to these signals and returns its number.
    pub(super) fn listen(
        &mut self,
        signals: &[Signal],
        sender: Sender<Signal>,
    ) -> Result<u64, SignalError> {
        self.start_thread()?;
        self.last += 1;
        let (number, wanted) = (self.last, chosen(signals)?);
        let set = wanted.iter().fold(0, |set, signal| set | bit(signal.number()));
        self.listeners.push(Listener { number, signals: set, sender, _wait: ExternalWait::new() });
        let ignored = self.ignored;
        self.ignored &= !set;
        for signal in wanted {
            match self.apply(signal) {
                // Of all signals, those that there are.
                Err(_) if signals.is_empty() => {}
                Err(error) => {
                    self.ignored = ignored;
                    drop(self.unlisten(number));
                    return Err(SignalError::System(signal, error));
                }
                Ok(()) => {}
            }
        }
        caught::poke();
        Ok(number)
    }

    /// Adds a watcher of this signal and returns its number.
    pub(super) fn watch(&mut self, signal: Signal, f: Told) -> Result<u64, SignalError> {
        check(signal)?;
        self.start_thread()?;
        self.last += 1;
        let number = self.last;
        self.watchers.push(Watcher { number, signal, f });
        if let Err(error) = self.apply(signal) {
            drop(self.unwatch(number));
            return Err(SignalError::System(signal, error));
        }
        caught::poke();
        Ok(number)
    }

    /// Takes a watcher out.
    pub(super) fn unwatch(&mut self, number: u64) -> Option<Told> {
        let at = self.watchers.iter().position(|w| w.number == number)?;
        let watcher = self.watchers.swap_remove(at);
        self.apply_all(bit(watcher.signal.number()));
        caught::poke();
        Some(watcher.f)
    }

    /// Takes who is to be told that a watched signal has come.
    fn take_watched(&mut self) -> Vec<(Told, Signal)> {
        let came = std::mem::take(&mut self.watched);
        let told = self.watchers.iter().filter(|w| came & bit(w.signal.number()) != 0);
        told.map(|w| (Arc::clone(&w.f), w.signal)).collect()
    }

    fn watch_set(&self) -> Set {
        self.watchers.iter().fold(0, |set, w| set | bit(w.signal.number())) & !self.ignored
    }

    /// Takes a listener out. Its channel's end is dropped by the caller, under no lock.
    pub(super) fn unlisten(&mut self, number: u64) -> Option<Sender<Signal>> {
        let at = self.listeners.iter().position(|l| l.number == number)?;
        let listener = self.listeners.swap_remove(at);
        let stay = self.listeners.iter().fold(0, |set, l| set | l.signals);
        // What is on its way was meant for the listener, as in `restore`.
        each(listener.signals & !stay & self.ends)
            .for_each(|signal| caught::forget(signal.number()));
        self.apply_all(listener.signals);
        caught::poke();
        Some(listener.sender)
    }

    /// Nobody listens to these signals any more, and they are ignored, or do what they did.
    pub(super) fn take_away(
        &mut self,
        signals: &[Signal],
        ignore: bool,
    ) -> Result<(), SignalError> {
        let set = chosen(signals)?.iter().fold(0, |set, signal| set | bit(signal.number()));
        self.listeners.iter_mut().for_each(|listener| listener.signals &= !set);
        if ignore {
            self.ignored |= set;
        } else {
            self.ignored &= !set;
        }
        for signal in each(set) {
            match self.apply(signal) {
                Err(error) if !signals.is_empty() => {
                    return Err(SignalError::System(signal, error));
                }
                _ => {}
            }
        }
        caught::poke();
        Ok(())
    }

    /// Has `f` called when one of these signals is about to end the process: by the thread that
    /// waits for signals. Those that do something else by now are left alone.
    pub(super) fn tell_of_end(
        &mut self,
        signals: &[Signal],
        f: fn(Signal),
    ) -> Result<(), SignalError> {
        self.start_thread()?;
        self.on_end = Some(f);
        for &signal in signals {
            let does = self.before[index(signal)].unwrap_or(Disposition::of(signal.number()));
            if does.is_default() {
                self.ends |= bit(signal.number());
                self.apply(signal).map_err(|error| SignalError::System(signal, error))?;
            }
        }
        caught::poke();
        Ok(())
    }

    /// Whether the program has said that the signal is to be ignored, or was started so.
    pub(super) fn is_ignored(&self, signal: Signal) -> bool {
        Disposition::of(signal.number()).is_ignored()
    }

    fn wanted(&self) -> Set {
        let own = self.ends & !self.ignored | self.watch_set();
        self.listeners.iter().fold(own, |set, l| set | l.signals)
    }

    fn apply_all(&mut self, signals: Set) {
        for signal in each(signals) {
            // Cannot fail: it could be set before.
            let _ = self.apply(signal);
        }
    }

    /// Makes the signal do what follows from all that was said of it.
    fn apply(&mut self, signal: Signal) -> io::Result<()> {
        let number = signal.number();
        let now = Disposition::of(number);
        let wanted = if self.wanted() & bit(number) != 0 {
            Some(Disposition::caught())
        } else if self.ignored & bit(number) != 0 {
            Some(Disposition::ignored())
        } else {
            None
        };
        match (wanted, self.before[index(signal)]) {
            (Some(wanted), before) => {
                wanted.set(number)?;
                // Somebody else's who came in between is who was there before, from now on.
                let is_ours = before.is_some() && (now.is_caught() || now.is_ignored());
                if !is_ours {
                    // Ours, that somebody has put back after we were gone, is nobody's.
                    let nobodys = now.is_caught().then(Disposition::default_action);
                    self.before[index(signal)] = Some(nobodys.unwrap_or(now));
                }
            }
            (None, Some(before)) => {
                self.before[index(signal)] = None;
                if now.is_caught() || now.is_ignored() {
                    restore(signal, before)?;
                }
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// Starts the thread that waits for signals.
    fn start_thread(&mut self) -> Result<(), SignalError> {
        if !self.has_thread {
            let builder = std::thread::Builder::new().name("gort-signal".into());
            builder.spawn(wait_for_signals).map_err(SignalError::Thread)?;
            self.has_thread = true;
        }
        Ok(())
    }
}

/// Lets a signal do what it did before. What was sent until now was meant for those who listened,
/// and is not to end the process, by default or by a dump.
fn restore(signal: Signal, before: Disposition) -> io::Result<()> {
    caught::forget(signal.number());
    before.set(signal.number())
}

fn index(signal: Signal) -> usize {
    signal.number() as usize - 1
}

fn each(set: Set) -> impl Iterator<Item = Signal> {
    (1..=MAX).filter(move |&n| set & bit(n) != 0).filter_map(Signal::from_number)
}

/// These signals, all of which may be had; for none, all that may be had.
fn chosen(signals: &[Signal]) -> Result<Vec<Signal>, SignalError> {
    if signals.is_empty() {
        return Ok(each(Set::MAX).filter(|&signal| check(signal).is_ok()).collect());
    }
    signals.iter().map(|&signal| check(signal)).collect()
}

/// Whether a program may decide what the signal does.
fn check(signal: Signal) -> Result<Signal, SignalError> {
    match signal {
        Signal::SIGKILL | Signal::SIGSTOP => Err(SignalError::Uncatchable(signal)),
        Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGFPE | Signal::SIGILL => {
            Err(SignalError::Fault(signal))
        }
        Signal::SIGURG | Signal::SIGPROF => Err(SignalError::Runtime(signal)),
        _ => Ok(signal),
    }
}

/// The thread: hands on what comes.
fn wait_for_signals() {
    own_threads::count_me();
    let mask = Mask::of_this_thread();
    let mut turn = 0;
    loop {
        mask.keep_out_but(TABLE.lock().wanted());
        caught::wait(&mut turn);
        let (ending, on_end) = change(|table| (std::mem::take(&mut table.ending), table.on_end));
        let watched = TABLE.lock().take_watched();
        watched.into_iter().for_each(|(f, signal)| f(signal));
        for signal in each(ending) {
            // Else whoever caught it after us called us.
            if Disposition::of(signal.number()).is_caught() {
                on_end.iter().for_each(|on_end| on_end(signal));
            }
        }
    }
}

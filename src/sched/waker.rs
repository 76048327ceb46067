//! A signal that a goroutine or a thread waits for, and the `Waker` that gives it.
//!
//! The waker may outlive the wait and even the waiter: it owns a share of the signal, and finds in
//! the signal's word whether anybody waits.

use std::mem::ManuallyDrop;
use std::panic::Location;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::park::{Goexit, Wait};
use super::signal_word::SignalWord;
use super::sudog::{Parker, Waiter};
use super::{Inside, spawn, unseen};
use crate::wire::reason::WaitReason;

/// See the module documentation.
pub(crate) struct Signal(SignalWord);

impl Signal {
    pub(crate) fn new() -> Signal {
        Signal(SignalWord::new())
    }

    /// Takes the signal, if it has been given. By its owner.
    pub(crate) fn take(&self) -> bool {
        self.0.take()
    }

    /// Whether the signal has been given and not yet taken.
    pub(crate) fn is_given(&self) -> bool {
        self.0.is_given()
    }

    /// Gives the signal.
    pub(crate) fn give(&self, rt: &Inside) {
        if let Some(waiter) = self.0.notify() {
            // SAFETY: its owner's, in place until it is woken, whose park is complete; nobody else
            // has found it.
            unsafe { (*(waiter as *const Waiter)).wake(rt) };
        }
    }

    /// Blocks the caller, the signal's owner, until it has been given. Then it is to be taken.
    pub(crate) fn wait(&self, rt: Inside, reason: WaitReason) -> Inside {
        let parker = Parker::new();
        let waiting = Waiting { word: &self.0, waiter: rt.waiter(&parker) };
        let argument = std::ptr::from_ref(&waiting).cast_mut().cast();
        let request = Wait { reason, commit: Waiting::commit, argument };
        // SAFETY: `waiting` lies on this stack until the caller is woken.
        unsafe { rt.block(waiting.waiter, request, None) }.0
    }

    /// A waker that gives the signal.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        let data = Arc::into_raw(Arc::clone(self)).cast();
        // SAFETY: the table's functions take the data for what it is, a share of a signal.
        unsafe { Waker::from_raw(RawWaker::new(data, &WAKER)) }
    }
}

/// The owner, who waits on its own stack.
struct Waiting<'a> {
    word: &'a SignalWord,
    waiter: Waiter,
}

impl Waiting<'_> {
    /// The commit: from here on the signal wakes the owner.
    unsafe fn commit(argument: *mut ()) -> bool {
        // SAFETY: the argument of `Signal::wait`.
        let this = unsafe { &*argument.cast::<Waiting<'_>>() };
        this.word.wait(std::ptr::from_ref(&this.waiter) as usize)
    }
}

/// By this table's address a waker is known to be a signal's.
static WAKER: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, forget);

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker owns a share.
    unsafe { Arc::increment_strong_count(data.cast::<Signal>()) };
    RawWaker::new(data, &WAKER)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker's share is ours now.
    let signal = unsafe { Arc::from_raw(data.cast::<Signal>()) };
    signal.give(&Inside::enter());
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps its share meanwhile.
    unsafe { (*data.cast::<Signal>()).give(&Inside::enter()) };
}

unsafe fn forget(data: *const ()) {
    // SAFETY: the waker's share is ours now.
    drop(unsafe { Arc::from_raw(data.cast::<Signal>()) });
}

/// Calls a future's waker, outside and without a lock. It is user code: should it panic, the caller
/// goes on, and the panic is one that nobody sees, as it is where a goroutine calls it. The unwinding of
/// `goexit` is no panic.
pub(crate) fn call(waker: Waker) {
    if let Err(payload) = spawn::caught(|| waker.wake())
        && !payload.is::<Goexit>()
    {
        unseen::waker_panic(payload);
    }
}

/// Gives the signal that the waker is for and returns who waits for it, to be woken once. `Err`: it
/// is another's waker.
pub(crate) fn notified(waker: Waker) -> Result<Option<Waiter>, Waker> {
    if !std::ptr::eq(waker.vtable(), &WAKER) {
        return Err(waker);
    }
    let waker = ManuallyDrop::new(waker);
    // SAFETY: by its table the waker is a signal's, and its share is ours now.
    let signal = unsafe { Arc::from_raw(waker.data().cast::<Signal>()) };
    // SAFETY: its owner's, in place until it is woken; nobody else has found it.
    Ok(signal.0.notify().map(|waiter| unsafe { *(waiter as *const Waiter) }))
}

/// Wakes from inside the runtime, where no user code may run.
///
/// A signal's waker readies its goroutine at once. Another one is user code: a goroutine is started
/// that calls it. On a plain thread, where inside is nowhere, it is called in place; there the
/// caller must hold no lock.
pub(crate) fn wake_from_inside(rt: &Inside, waker: Waker) {
    if std::ptr::eq(waker.vtable(), &WAKER) {
        let waker = ManuallyDrop::new(waker);
        // SAFETY: by its table the waker is a signal's, and its share is ours now.
        let signal = unsafe { Arc::from_raw(waker.data().cast::<Signal>()) };
        signal.give(rt);
    } else if rt.m().is_none() {
        call(waker);
    } else {
        call_apart(rt, waker);
    }
}

/// Starts a goroutine that calls the waker: for threads of the runtime's own, which have better
/// things to do.
pub(crate) fn call_apart(rt: &Inside, waker: Waker) {
    let call = move || waker.wake();
    // SAFETY: closure and result are 'static.
    unsafe { spawn::spawn_detached::<_, Waker>(rt, call, Location::caller()) };
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::Wake;

    use super::*;

    /// Notes on which goroutine it is called, and uses the runtime there.
    struct Foreign(Mutex<Vec<Option<u64>>>);

    impl Wake for Foreign {
        fn wake(self: Arc<Self>) {
            crate::gosched();
            self.0.lock().unwrap().push(crate::id());
        }
    }

    fn calls_from(wake: impl FnOnce(Waker) + Send) -> Vec<Option<u64>> {
        let foreign = Arc::new(Foreign(Mutex::new(Vec::new())));
        wake(Waker::from(Arc::clone(&foreign)));
        loop {
            let calls = foreign.0.lock().unwrap().clone();
            if !calls.is_empty() {
                return calls;
            }
            crate::gosched();
        }
    }

    fn from_inside(waker: Waker) {
        let rt = Inside::enter();
        wake_from_inside(&rt, waker);
    }

    #[test]
    fn a_foreign_waker_gets_a_goroutine_of_its_own() {
        let main = || {
            let calls = calls_from(from_inside);
            assert!(calls.len() == 1 && calls[0].is_some() && calls[0] != crate::id(), "{calls:?}");
        };
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe { crate::run(main) };
        // A plain thread calls it itself.
        assert_eq!(calls_from(from_inside), [None]);
    }

    #[test]
    fn a_signals_waker_is_known_and_readies_at_once() {
        let main = || {
            let signal = Arc::new(Signal::new());
            from_inside(signal.waker());
            assert!(signal.is_given() && signal.take());
            let waker = signal.waker();
            let other = crate::go(move || from_inside(waker));
            signal.wait(Inside::enter(), WaitReason::Future);
            assert!(signal.take());
            other.join().unwrap();
            assert_eq!(Arc::strong_count(&signal), 1);
        };
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe { crate::run(main) };
        main();
    }
}

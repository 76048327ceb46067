//! [`SingleFlight`]: one call for all who want its result.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::mutex::Mutex;
use super::once_value::text_of;
use super::wait_group::WaitGroup;
use crate::chan::{Receiver, Sender, chan};
use crate::go::{Goexit, goexit};
use crate::sched::current_g;
use crate::sched::spawn::caught;

/// Calls a function once for all who want its result at the same time. Clones are the same group.
///
/// # Examples
/// ```
/// use gort::sync::SingleFlight;
///
/// let pages = SingleFlight::new();
/// let (page, shared) = pages.run("menu", || "tea, coffee".to_owned());
/// assert_eq!((page.as_str(), shared), ("tea, coffee", false));
/// ```
///
/// # Go
/// `singleflight.Group` of `golang.org/x/sync`.
pub struct SingleFlight<K, V> {
    calls: Calls<K, V>,
}

/// The calls that are on their way.
type Calls<K, V> = Arc<Mutex<HashMap<K, Arc<Call<V>>>>>;

struct Call<V> {
    done: WaitGroup,
    state: Mutex<State<V>>,
}

struct State<V> {
    outcome: Option<Outcome<V>>,
    /// Others want the result as well.
    shared: bool,
    /// They want it on these channels.
    senders: Vec<Sender<(V, bool)>>,
}

/// How the function ended.
enum Outcome<V> {
    Value(V),
    Panic(String),
    Exit,
}

/// Whose call it is.
enum Part {
    /// The caller's, who makes it.
    Leader,
    /// Somebody else's.
    Follower,
}

impl<V> Call<V> {
    fn new() -> Call<V> {
        let done = WaitGroup::new();
        done.add(1);
        let state = State { outcome: None, shared: false, senders: Vec::new() };
        Call { done, state: Mutex::new(state) }
    }
}

impl<K: Hash + Eq, V: Clone + Send> SingleFlight<K, V> {
    /// No calls are on their way.
    pub fn new() -> SingleFlight<K, V> {
        SingleFlight { calls: Arc::new(Mutex::new(HashMap::new())) }
    }

    /// Calls `f`, or waits for the call with this key that is on its way, and takes a clone of its
    /// result. True: the result went to others as well.
    ///
    /// # Panics
    /// If the function that is called panics: its caller with its payload, all who wait for it with
    /// its message. If it calls `goexit`, so do all who wait for it; on plain threads they panic.
    pub fn run(&self, key: K, f: impl FnOnce() -> V) -> (V, bool)
    where
        K: Clone,
    {
        let (part, call) = self.join(&key, None);
        match part {
            Part::Leader => {
                if let Some(payload) = self.lead(&key, &call, f) {
                    resume_unwind(payload);
                }
            }
            Part::Follower => call.done.wait(),
        }
        call.result()
    }

    /// As [`SingleFlight::run`], on a goroutine of its own: the result comes on a channel.
    ///
    /// If the function panics the process ends, as with any goroutine that nobody joins. If it
    /// calls `goexit` the channel is closed.
    ///
    /// # Panics
    /// As [`go`](crate::go).
    ///
    /// # Go
    /// `Group.DoChan`.
    pub fn run_chan<F>(&self, key: K, f: F) -> Receiver<(V, bool)>
    where
        K: Clone + Send + 'static,
        V: 'static,
        F: FnOnce() -> V + Send + 'static,
    {
        let (sender, receiver) = chan(1);
        if let (Part::Leader, call) = self.join(&key, Some(sender)) {
            let group = self.clone();
            crate::go(move || {
                if let Some(payload) = group.lead(&key, &call, f) {
                    resume_unwind(payload);
                }
            });
        }
        receiver
    }

    /// Forgets the call with this key that is on its way: who comes next makes another.
    ///
    /// # Go
    /// `Group.Forget`.
    pub fn forget(&self, key: &K) {
        let forgotten = self.calls.lock().remove_entry(key);
        drop(forgotten);
    }

    /// Finds the call with this key, or begins it.
    fn join(&self, key: &K, sender: Option<Sender<(V, bool)>>) -> (Part, Arc<Call<V>>)
    where
        K: Clone,
    {
        let mut calls = self.calls.lock();
        let (part, call) = match calls.get(key) {
            Some(call) => (Part::Follower, Arc::clone(call)),
            None => {
                let call = Arc::new(Call::new());
                calls.insert(key.clone(), Arc::clone(&call));
                (Part::Leader, call)
            }
        };
        // While the calls are locked: the leader looks at it once its call is not among them.
        let mut state = call.state.lock();
        state.shared |= matches!(part, Part::Follower);
        state.senders.extend(sender);
        drop(state);
        (part, call)
    }

    /// Makes the call and tells everybody. Returns what the function unwound with.
    fn lead(
        &self,
        key: &K,
        call: &Arc<Call<V>>,
        f: impl FnOnce() -> V,
    ) -> Option<Box<dyn Any + Send>> {
        let (outcome, payload) = match caught(f) {
            Ok(value) => (Outcome::Value(value), None),
            Err(payload) if payload.is::<Goexit>() => (Outcome::Exit, Some(payload)),
            Err(payload) => (Outcome::Panic(text_of(&*payload)), Some(payload)),
        };
        let mut calls = self.calls.lock_to_finish();
        let is_ours = calls.get(key).is_some_and(|found| Arc::ptr_eq(found, call));
        let entry = if is_ours { calls.remove_entry(key) } else { None };
        drop(calls);
        drop(entry);
        let mut state = call.state.lock_to_finish();
        state.outcome = Some(outcome);
        let (senders, shared) = (std::mem::take(&mut state.senders), state.shared);
        drop(state);
        call.done.done();
        for sender in senders {
            if let Some(value) = call.value() {
                // The receiver may be gone; the channel has room for this one value.
                let _ = sender.try_send((value, shared));
            }
        }
        payload
    }
}

impl<V: Clone + Send> Call<V> {
    /// The value, once there is one.
    fn value(&self) -> Option<V> {
        match &self.state.lock_to_finish().outcome {
            Some(Outcome::Value(value)) => Some(value.clone()),
            _ => None,
        }
    }

    /// What everybody gets when the function has ended.
    fn result(&self) -> (V, bool) {
        let state = self.state.lock();
        let text = match &state.outcome {
            Some(Outcome::Value(value)) => return (value.clone(), state.shared),
            Some(Outcome::Panic(text)) => text.clone(),
            _ => {
                drop(state);
                if current_g().is_some() {
                    goexit();
                }
                "gort: the function of a SingleFlight called goexit".to_owned()
            }
        };
        panic!("{text}")
    }
}

impl<K, V> Clone for SingleFlight<K, V> {
    fn clone(&self) -> SingleFlight<K, V> {
        SingleFlight { calls: Arc::clone(&self.calls) }
    }
}

impl<K: Hash + Eq, V: Clone + Send> Default for SingleFlight<K, V> {
    fn default() -> SingleFlight<K, V> {
        SingleFlight::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight")
    }
}

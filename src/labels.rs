//! Labels of goroutines: keys with values that tell in traces, profiles and dumps what a goroutine
//! is at work on.
//!
//! A goroutine that is started has the labels that its creator has at that moment, and keeps them
//! until it [sets](set) others or runs something [with](with()) others. In a trace the labels stand
//! behind the goroutine's name, from the moment they change; in profiles of goroutines and of
//! processor time (feature `pprof`) each is a label, by which `go tool pprof -tagfocus` selects; in
//! [`stacks()`](crate::stacks()) they stand in the goroutine's first line.
//!
//! Plain threads have labels too, which the goroutines inherit that they start, and which traces show
//! where the thread annotates; profiles do not have them. Threads of `std` inherit none.
//!
//! ```
//! use gort::labels::{self, Labels};
//!
//! // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! unsafe {
//!     gort::run(|| {
//!         let purge = Labels::from([("worker", "purge")]);
//!         let worker = labels::with(&purge, || gort::go(labels::current));
//!         assert_eq!(worker.join().unwrap().get("worker"), Some("purge"));
//!         assert!(labels::current().is_empty());
//!     })
//! };
//! ```
//!
//! # Go
//! The labels of package `runtime/pprof`, which has them here as well, by Go's names. Go keeps those
//! that a function adds to in a context; here they are the goroutine's own, and traces show them.

use std::fmt;
use std::sync::Arc;

use crate::sched::annotations;
use crate::sched::labels::Set;

/// A set of labels. Cheap to clone; clones are the same set.
///
/// # Go
/// `pprof.LabelSet`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    set: Arc<Set>,
}

impl Labels {
    /// No labels.
    pub fn new() -> Labels {
        Labels::default()
    }

    /// These labels and those of `other`, whose values count where both have a key.
    #[must_use]
    pub fn and(&self, other: &Labels) -> Labels {
        match (self.is_empty(), other.is_empty()) {
            (_, true) => self.clone(),
            (true, _) => other.clone(),
            _ => self.iter().chain(other.iter()).collect(),
        }
    }

    /// The value of a key.
    ///
    /// # Go
    /// `pprof.Label`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let pairs = self.set.pairs();
        let at = pairs.binary_search_by(|(other, _)| other.as_str().cmp(key)).ok()?;
        Some(&pairs[at].1)
    }

    /// Keys and values, in the order of the keys.
    ///
    /// # Go
    /// `pprof.ForLabels`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set.pairs().iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.set.pairs().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.set.pairs().is_empty()
    }

    pub(crate) fn of(set: Option<Arc<Set>>) -> Labels {
        set.map_or_else(Labels::new, |set| Labels { set })
    }
}

/// Where a key comes twice, its last value counts.
impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Labels {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
        Labels { set: Arc::new(Set::new(pairs)) }
    }
}

/// Where a key comes twice, its last value counts.
///
/// # Go
/// `pprof.Labels`.
impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Labels {
    fn from(pairs: [(K, V); N]) -> Labels {
        pairs.into_iter().collect()
    }
}

/// As traces and dumps show them: `{key: value, "another key": value}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.set.text())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The labels of the current goroutine, or plain thread.
pub fn current() -> Labels {
    Labels::of(annotations::labels())
}

/// Gives the current goroutine, or plain thread, these labels and no others, and returns those
/// before.
///
/// # Go
/// `pprof.SetGoroutineLabels`.
pub fn set(labels: &Labels) -> Labels {
    let set = (!labels.is_empty()).then(|| Arc::clone(&labels.set));
    Labels::of(annotations::set_labels(set))
}

/// Runs `f` with these labels besides those that the current goroutine, or plain thread, has, and
/// gives it back those before, also after a panic. Goroutines that are started meanwhile keep them.
///
/// # Go
/// `pprof.Do`.
pub fn with<R>(labels: &Labels, f: impl FnOnce() -> R) -> R {
    struct Restore(Labels);
    impl Drop for Restore {
        fn drop(&mut self) {
            set(&self.0);
        }
    }
    let _restore = Restore(set(&current().and(labels)));
    f()
}

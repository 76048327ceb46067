//! The labels of a goroutine: a set that does not change, and the place where a goroutine keeps its
//! own, from which others may take a share while it stands still.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Labels, each key once.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    /// By key.
    pairs: Vec<(String, String)>,
    /// As traces and dumps show them.
    text: String,
}

impl Set {
    /// Of pairs of which a later one replaces an earlier one with its key.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Set {
        let mut set = Vec::new();
        for (key, value) in pairs {
            match set.binary_search_by(|(other, _): &(String, String)| other.cmp(&key)) {
                Ok(at) => set[at].1 = value,
                Err(at) => set.insert(at, (key, value)),
            }
        }
        let text = text(&set);
        Set { pairs: set, text }
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// As in `{key: value, "another key": value}`.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Default for Set {
    fn default() -> Set {
        Set::new([])
    }
}

/// In the layout of Go's tracebacks (`runtime/traceback.go`).
fn text(pairs: &[(String, String)]) -> String {
    let mut text = String::from("{");
    for (n, (key, value)) in pairs.iter().enumerate() {
        if n > 0 {
            text.push_str(", ");
        }
        put_quoted(key, &mut text);
        text.push_str(": ");
        put_quoted(value, &mut text);
    }
    text.push('}');
    text
}

/// Quoted where it would not be clear without.
fn put_quoted(word: &str, out: &mut String) {
    if word.chars().all(|c| c.is_ascii_alphanumeric() || "./_".contains(c)) {
        out.push_str(word);
    } else {
        let _ = write!(out, "{word:?}");
    }
}

/// Where a goroutine keeps its labels. Only its owner changes them, inside the runtime.
#[derive(Default)]
pub(crate) struct Slot(AtomicPtr<Set>);

impl Slot {
    /// A share of what is there. By the owner, by whoever keeps the owner from changing it, and by a
    /// signal handler on the owner's thread.
    pub(crate) fn get(&self) -> Option<Arc<Set>> {
        let set = self.retain();
        // SAFETY: null, or a share that `retain` took.
        (!set.is_null()).then(|| unsafe { Arc::from_raw(set) })
    }

    /// As [`Slot::get`], as a pointer that [`Arc::from_raw`] takes back; null for none.
    pub(crate) fn retain(&self) -> *const Set {
        // ORDERING: Acquire, pairs with the AcqRel in `replace`.
        let set = self.0.load(Ordering::Acquire);
        if !set.is_null() {
            // SAFETY: from `Arc::into_raw`, and the slot's share lasts as long as nobody replaces it.
            unsafe { Arc::increment_strong_count(set) };
        }
        set
    }

    /// Whether there are none. By the owner.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Changes the labels and returns those before, to be dropped outside. By the owner.
    pub(crate) fn replace(&self, set: Option<Arc<Set>>) -> Option<Arc<Set>> {
        let new = set.map_or(std::ptr::null_mut(), |set| Arc::into_raw(set).cast_mut());
        // ORDERING: AcqRel, pairs with the Acquire in `retain` and with itself.
        let old = self.0.swap(new, Ordering::AcqRel);
        // SAFETY: from `Arc::into_raw`, and nobody finds it here any more.
        (!old.is_null()).then(|| unsafe { Arc::from_raw(old) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.replace(None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Set {
        Set::new(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())))
    }

    #[test]
    fn later_pairs_replace_earlier_ones() {
        let set = set(&[("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(set.text(), "{a: 2, b: 3}");
        assert_eq!(set.pairs().len(), 2);
    }

    #[test]
    fn what_is_unclear_is_quoted() {
        assert_eq!(set(&[]).text(), "{}");
        assert_eq!(set(&[("a b", "c:\"d\"")]).text(), r#"{"a b": "c:\"d\""}"#);
        assert_eq!(set(&[("path", "/a/b_c.rs")]).text(), "{path: /a/b_c.rs}");
    }

    #[test]
    fn a_slot_shares_and_gives_back() {
        let slot = Slot::default();
        assert!(slot.get().is_none() && slot.retain().is_null());
        let first = Arc::new(set(&[("n", "1")]));
        assert!(slot.replace(Some(Arc::clone(&first))).is_none());
        let share = slot.get().unwrap();
        assert!(Arc::ptr_eq(&share, &first));
        assert_eq!(Arc::strong_count(&first), 3);
        assert!(slot.replace(None).is_some_and(|old| Arc::ptr_eq(&old, &first)));
        drop(share);
        slot.replace(Some(Arc::clone(&first)));
        drop(slot);
        assert_eq!(Arc::strong_count(&first), 1);
    }
}

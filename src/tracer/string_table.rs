//! Strings of a generation: each text once, with a number that events carry.

use std::collections::HashMap;

use crate::wire::encode::Keep;
use crate::wire::reason::{TRACE_TEXTS, WaitReason};

/// The strings of one generation.
pub(crate) struct StringTable {
    ids: HashMap<Box<str>, (u64, Keep)>,
    /// Texts that are not worth looking up again: log messages.
    once: Vec<(u64, Box<str>)>,
    next: u64,
    /// Bytes of all texts.
    bytes: usize,
}

impl StringTable {
    /// A table that holds the reasons under [`reason_id`].
    pub(crate) fn new() -> StringTable {
        let mut table = StringTable { ids: HashMap::new(), once: Vec::new(), next: 1, bytes: 0 };
        for (number, text) in TRACE_TEXTS.into_iter().enumerate() {
            assert_eq!(table.id(text), number as u64 + 1);
        }
        table
    }

    /// An empty table whose numbers follow on this one's.
    pub(super) fn more(&self) -> StringTable {
        StringTable { ids: HashMap::new(), once: Vec::new(), next: self.next, bytes: 0 }
    }

    /// The number of `text`; 0 is the empty string.
    pub(crate) fn id(&mut self, text: &str) -> u64 {
        self.id_keeping(text, Keep::Head)
    }

    /// The number of `text`, which keeps this end if it is too long for the format.
    pub(crate) fn id_keeping(&mut self, text: &str, keep: Keep) -> u64 {
        if text.is_empty() {
            return 0;
        }
        if let Some(&(id, _)) = self.ids.get(text) {
            return id;
        }
        let id = self.take(text);
        self.ids.insert(text.into(), (id, keep));
        id
    }

    /// A number of its own for `text`, without looking for an equal one.
    pub(crate) fn id_once(&mut self, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let id = self.take(text);
        self.once.push((id, text.into()));
        id
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn take(&mut self, text: &str) -> u64 {
        self.bytes += text.len();
        self.next += 1;
        self.next - 1
    }

    /// All numbers and texts, and which end of them to keep.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &str, Keep)> {
        let named = self.ids.iter().map(|(text, &(id, keep))| (id, &**text, keep));
        named.chain(self.once.iter().map(|(id, text)| (*id, &**text, Keep::Head)))
    }
}

/// A reason's number, the same in every generation.
pub(crate) fn reason_id(reason: WaitReason) -> u64 {
    reason.trace_text() as u64 + 1
}

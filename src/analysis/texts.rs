//! Texts with numbers of their own, the same through all generations.

use std::collections::HashMap;

use crate::reader::hash::Map;
use crate::reader::{Generation, StringId};

/// Texts that were seen.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    all: Vec<Box<str>>,
    by_text: HashMap<Box<str>, TextId>,
    /// Of the generation at hand.
    by_string: Map<StringId, TextId>,
}

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TextId(u32);

impl TextId {
    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }
}

impl Texts {
    /// Another generation begins, with strings of its own.
    pub(crate) fn begin(&mut self) {
        self.by_string.clear();
    }

    /// The number of a string's text.
    pub(crate) fn of(&mut self, generation: &Generation, string: StringId) -> TextId {
        if let Some(&id) = self.by_string.get(&string) {
            return id;
        }
        let id = self.named(&generation.text(string));
        self.by_string.insert(string, id);
        id
    }

    /// The number of a text.
    pub(crate) fn named(&mut self, text: &str) -> TextId {
        if let Some(&id) = self.by_text.get(text) {
            return id;
        }
        let id = TextId(u32::try_from(self.all.len()).expect("fewer texts than that"));
        self.all.push(text.into());
        self.by_text.insert(text.into(), id);
        id
    }

    pub(crate) fn text(&self, id: TextId) -> &str {
        &self.all[id.0 as usize]
    }
}

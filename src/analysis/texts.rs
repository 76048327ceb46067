//! Texts with numbers of their own, the same through all generations.

use std::collections::HashMap;

use crate::reader::hash::Map;
use crate::reader::{Generation, RangeName, StringId};

/// Ids of strings below that are low.
const LOW: usize = 1 << 16;

/// Texts that were seen.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    all: Vec<Box<str>>,
    by_text: HashMap<Box<str>, TextId>,
    /// Of the generation at hand.
    by_string: Map<StringId, TextId>,
    /// Those of them with low ids, by id.
    low: Vec<Option<TextId>>,
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
        self.low.clear();
    }

    /// The number of a string's text.
    #[inline]
    pub(crate) fn of(&mut self, generation: &Generation, string: StringId) -> TextId {
        match self.low.get(string.0 as usize) {
            Some(Some(id)) => *id,
            _ => self.find(generation, string),
        }
    }

    #[cold]
    fn find(&mut self, generation: &Generation, string: StringId) -> TextId {
        if let Some(&id) = self.by_string.get(&string) {
            return id;
        }
        let id = self.named(&generation.text(string));
        self.by_string.insert(string, id);
        let at = string.0 as usize;
        if at < LOW {
            self.low.resize(self.low.len().max(at + 1), None);
            self.low[at] = Some(id);
        }
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

    /// The number of what a range is called, with why the world stops if that is what it is.
    pub(crate) fn range_name(&mut self, generation: &Generation, name: RangeName) -> TextId {
        match name {
            RangeName::StopTheWorld(reason) => {
                let text = format!("{} ({})", name.name(), generation.text(reason));
                self.named(&text)
            }
            name => self.named(name.name()),
        }
    }

    pub(crate) fn text(&self, id: TextId) -> &str {
        &self.all[id.0 as usize]
    }
}

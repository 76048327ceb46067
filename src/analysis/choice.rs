//! A question about texts, asked once of each.

use super::texts::{TextId, Texts};

/// Which texts are chosen.
pub(crate) struct Choice {
    is_chosen: Box<dyn Fn(&str) -> bool>,
    /// By the text's number.
    known: Vec<Option<bool>>,
}

impl Choice {
    pub(crate) fn new(is_chosen: impl Fn(&str) -> bool + 'static) -> Choice {
        Choice { is_chosen: Box::new(is_chosen), known: Vec::new() }
    }

    /// Whether a text is.
    pub(crate) fn has(&mut self, texts: &Texts, id: TextId) -> bool {
        let at = id.number();
        if let Some(Some(known)) = self.known.get(at) {
            return *known;
        }
        let is_chosen = (self.is_chosen)(texts.text(id));
        self.known.resize(self.known.len().max(at + 1), None);
        self.known[at] = Some(is_chosen);
        is_chosen
    }
}

//! What has to be known of a goroutine to show it.

use crate::analysis::texts::{TextId, Texts};
use crate::reader::{GoID, StackId};

/// A goroutine that lives.
#[derive(Debug, Default)]
pub(super) struct Goroutine {
    /// The function it began in.
    pub(super) function: Option<TextId>,
    pub(super) label: Option<TextId>,
    /// The processor on whose row it is.
    pub(super) proc: Option<i64>,
    /// What it waits for, while it does.
    pub(super) reason: Option<TextId>,
    /// The number of the arrow that leads to it; 0 is none.
    pub(super) arrow: u64,
    /// Where it stopped last, in the generation at hand.
    pub(super) stopped: StackId,
    /// The generation at hand, as it stopped.
    pub(super) stopped_in: u64,
    /// The ranges it is in.
    pub(super) ranges: Vec<TextId>,
    /// How many regions it is in.
    pub(super) regions: usize,
    /// Whether there is a row for its regions.
    pub(super) has_row: bool,
}

impl Goroutine {
    /// `G12 main.worker (label)`.
    pub(super) fn name_into(&self, id: GoID, texts: &Texts, name: &mut String) {
        use std::fmt::Write;
        name.clear();
        // A text takes whatever it is given.
        let _ = write!(name, "G{id}");
        if let Some(function) = self.function {
            let _ = write!(name, " {}", texts.text(function));
        }
        if let Some(label) = self.label {
            let _ = write!(name, " ({})", texts.text(label));
        }
    }
}

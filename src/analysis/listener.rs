//! How a trace is told to an analysis.

use crate::reader::{Event, Generation};

/// Who is told the events of a trace, in their order, and then has an answer.
pub trait Listener {
    /// What it finds out.
    type Answer;

    /// A generation begins.
    ///
    /// The ids of texts and stacks are those of the generation: what was kept of others means nothing
    /// any more.
    fn begin(&mut self, generation: &Generation) {
        let _ = generation;
    }

    /// The next event.
    fn event(&mut self, generation: &Generation, event: &Event);

    /// There are no more.
    fn finish(self) -> Self::Answer;
}

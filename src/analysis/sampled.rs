//! What profiles and flame graphs are made of.

use super::regions::Place;

/// An answer that has stacks, and what was spent on each.
pub trait Sampled {
    /// The stacks.
    fn samples(&self) -> impl Iterator<Item = Sample<'_>>;
}

/// A stack, and what was spent there.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Innermost first.
    pub stack: &'a [Place],
    /// Why it was, if stacks have several reasons.
    pub reason: Option<&'a str>,
    /// How often.
    pub count: u64,
    /// How long, together.
    pub delay_ns: i64,
}

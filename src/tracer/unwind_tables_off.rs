//! Builds without unwinding by tables: the twin of `unwind_tables.rs`.

use super::unwind::{Bounds, Pcs, Registers};

/// Whether stacks can be walked by tables: not here.
pub(crate) const ARE_BUILT_IN: bool = false;

/// Nothing to remember.
pub(crate) struct Cache;

impl Cache {
    /// A cache of nothing.
    pub(crate) const fn new() -> Cache {
        Cache
    }
}

/// There is nothing to prepare.
pub(crate) fn prepare() {}

/// Leads nowhere.
pub(crate) fn walk(_: &mut Cache, _: &Registers, _: Bounds, _: &mut Pcs) -> bool {
    false
}

/// Leads nowhere.
#[cfg(feature = "pprof")]
pub(crate) fn walk_unbounded(_: &Registers, _: impl Fn(usize) -> Option<usize>, _: &mut Pcs) {}

/// Leads nowhere.
pub(crate) fn walk_shared(_: &Registers, _: Bounds, _: &mut Pcs) -> bool {
    false
}

//! The twin of `sampler.rs` for builds without the feature `pprof`: nobody takes samples.

/// The calling thread has become a worker.
#[inline(always)]
pub(super) fn worker_started(_tid: u64) {}

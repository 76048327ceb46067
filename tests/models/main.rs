//! loom models of gort's lock-free protocols.
//!
//! Each module is one protocol. It includes the crate's own source file over loom's atomics
//! (`sys/sync.rs` here stands in for `src/sys/sync.rs` there) and says where it has to imitate
//! the rest. `mutations.rs` shows that the models see what they are for: it breaks the sources
//! one line at a time and expects a model to fail.
//!
//! loom knows no asymmetric barriers: both sides of `src/sys/barrier.rs` are full fences here.

mod arrivals;
mod bed;
mod bubble;
mod cond;
mod door;
mod explore;
mod hand_off;
mod join;
mod lock;
mod mutations;
mod mutex;
mod park;
mod parker;
mod readiness;
mod runnext;
mod rw_mutex;
mod sample_ring;
mod select;
mod signal_word;
mod spinners;
mod stack_sums;
mod state_word;
mod ticket;
mod timer;
mod wait_group;
mod watch;

/// Where the files under test look for `src/sys`.
mod sys {
    pub(crate) mod sync;
}

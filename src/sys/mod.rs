//! Every system call and operating-system type of gort stands in this folder.
//!
//! A system call and the reading of its `errno` are one `#[inline(never)]` function that never
//! suspends: were it inlined around a park, whole-program optimisation could keep the address of
//! one thread's `errno` and read it on another thread.

mod arrivals;
pub(crate) mod barrier;
pub(crate) mod caught;
pub(crate) mod clock;
pub(crate) mod epoll;
pub(crate) mod exit;
pub(crate) mod fork;
pub(crate) mod futex;
pub(crate) mod interrupt;
pub(crate) mod memory;
pub(crate) mod modules;
pub(crate) mod prof_timer;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod stderr;
pub(crate) mod sync;
pub(crate) mod thread;

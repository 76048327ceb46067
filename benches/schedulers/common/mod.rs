//! What gort's child and the peers need alike in some workloads, so that
//! only the scheduling differs. They share these files; the Go twin has its own.

#![allow(dead_code, reason = "the harness and each child use a part of it")]

pub(crate) mod blockers;
pub(crate) mod echo;
pub(crate) mod fib;
pub(crate) mod fifos;
pub(crate) mod guarded;
pub(crate) mod hogs;
pub(crate) mod timers;

//! What gort's child and the peers need alike for workloads about blocking and sockets, so that
//! only the scheduling differs. They share these files; the Go twin has its own.

#![allow(dead_code, reason = "the harness and each child use a part of it")]

pub(crate) mod blockers;
pub(crate) mod echo;
pub(crate) mod fifos;
pub(crate) mod hogs;

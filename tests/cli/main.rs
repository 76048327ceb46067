//! The program `gort`, beside Go's tools.

mod check;
mod convert;
mod debug;
mod events;
mod pages;
mod paths;
mod profiles;
mod program;
mod protobuf;
mod raw;
mod repair;
mod time;
mod timelines;
mod usage;
mod waits;

#[path = "../support/process.rs"]
mod process;
#[path = "../reader/programs.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;

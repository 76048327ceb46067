//! The program `gort`, beside Go's tools.

mod check;
mod debug;
mod events;
mod pages;
mod profiles;
mod program;
mod raw;
mod usage;
mod waits;

#[path = "../support/process.rs"]
mod process;
#[path = "../reader/programs.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;

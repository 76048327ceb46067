//! Traces read by `gort::reader`, beside Go's own reader.

#[path = "../support/mod.rs"]
mod support;

//! Profiles in pprof's format, as data: those that a program takes of itself (`pprof`) and those that
//! are made of traces (`render`) are written here.

#![forbid(unsafe_code)]

mod proto;
mod tables;

#[cfg(feature = "http")]
pub(crate) use proto::{Label, Profile, Sample};
#[cfg(feature = "pprof")]
pub(crate) use proto::{Line, Mapping};
pub(crate) use tables::{Tables, Types};

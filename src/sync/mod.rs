//! Waiting for each other.
//!
//! | | |
//! | --- | --- |
//! | [`Mutex`], [`RwMutex`] | data that one at a time may use, or many may read |
//! | [`WaitGroup`], [`Barrier`] | wait for many to be done; wait until many are here |
//! | [`Cond`] | waits until data under a mutex is as one wants it |
//! | [`Once`], [`OnceValue`] | once only, whoever comes first |
//! | [`Semaphore`] | so many at a time, by weight |
//! | [`ErrGroup`], [`SingleFlight`] | goroutines with errors; one call for all who want its result |
//! | [`Pool`] | values that are used again |
//!
//! All of it works for goroutines, which cost no thread while they wait, for plain threads, and in
//! destructors during a panic. Atomics are those of [`std::sync::atomic`].
//!
//! # Go
//! `sync` and, of `golang.org/x/sync`, `semaphore`, `errgroup` and `singleflight`.

mod barrier;
mod cond;
mod cond_word;
mod count;
mod errgroup;
mod mutex;
mod mutex_word;
mod once;
mod once_value;
mod pool;
mod queue;
mod raw_mutex;
mod rw_mutex;
mod rw_word;
mod semaphore;
mod singleflight;
mod wait_group;

pub use barrier::Barrier;
pub use cond::Cond;
pub use errgroup::ErrGroup;
pub use mutex::{Mutex, MutexGuard};
pub use once::Once;
pub use once_value::OnceValue;
pub use pool::{Lent, Pool};
pub use rw_mutex::{RwMutex, RwReadGuard, RwWriteGuard};
pub use semaphore::{Permit, Semaphore};
pub use singleflight::SingleFlight;
pub use wait_group::WaitGroup;

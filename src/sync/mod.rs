//! Waiting for each other: [`WaitGroup`].

mod wait_group;

pub use wait_group::WaitGroup;

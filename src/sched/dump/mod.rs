//! Dumps: what every goroutine does, and where its stack stands.
//!
//! ```text
//! collect   under stops of the world, a batch at a time: who is there, raw addresses
//! probe     a running thread is interrupted and says itself where it is
//! names     after the doors are open again: names, without the runtime's own frames
//! layout    Go's textual layout
//! ```

mod collect;
mod layout;
pub(crate) mod names;
pub(super) mod probe;

use std::sync::Arc;
use std::time::Duration;

use super::coarse;
use super::g::G;
use super::labels;
use crate::tracer::stack_table::Site;
use crate::wire::reason::WaitReason;

pub(super) use collect::one;
pub(crate) use collect::{each, each_watched};
pub(crate) use layout::Printer;

/// What a goroutine does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Running,
    Runnable,
    /// On a thread without a processor, for so long.
    Syscall(Duration),
    /// Why, and since when by the coarse clock.
    Waiting(WaitReason, u32),
}

impl State {
    /// How long it waits.
    pub(crate) fn waited(self) -> Option<Duration> {
        match self {
            State::Waiting(_, since) => Some(coarse::elapsed(since)),
            State::Syscall(time) => Some(time),
            _ => None,
        }
    }
}

/// A goroutine, seen at one moment.
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) name: Option<String>,
    pub(crate) labels: Option<Arc<labels::Set>>,
    pub(crate) site: Site,
    pub(crate) creator: Option<u64>,
    pub(crate) state: State,
    /// It can continue on its own thread only.
    pub(crate) locked: bool,
    /// The leak check that watches it, 0 for none.
    pub(crate) watch: u32,
    /// Return addresses, innermost first. `None`: its thread did not say where it is.
    pub(crate) pcs: Option<Box<[usize]>>,
}

impl Seen {
    /// What can be read of a goroutine that cannot end meanwhile.
    fn new(g: &G, state: State, pcs: Option<&[usize]>) -> Seen {
        let extras = g.extras();
        Seen {
            id: g.id(),
            name: g.name().map(str::to_owned),
            labels: extras.and_then(|extras| extras.annotations.labels.get()),
            site: g.site(),
            creator: g.creator(),
            state,
            locked: g.has_flag(super::g::FLAG_LOCKED),
            watch: extras.map_or(0, super::g::Extras::watch),
            pcs: pcs.map(Box::from),
        }
    }

    /// A goroutine that ended by a panic, whose stack is gone; it or its handle is the caller's.
    pub(super) fn of_ended(g: &G) -> Seen {
        Seen::new(g, State::Running, Some(&[]))
    }
}

/// Prepares for questions to running threads. Called once.
pub(super) fn init() {
    probe::init();
}

//! Why goroutines wait.

use super::choice::Choice;
use super::selection::{Selection, has_one};
use super::stays::{Known, Stay};
use super::texts::{TextId, Texts};
use crate::reader::GoState;

/// What a system call is as a reason.
pub(crate) const SYSCALL: &str = "system call";
/// What a wait is that a trace has no reason of: for the other side of a coroutine, as those of Go's
/// package `iter`.
const COROUTINE: &str = "coroutine";

/// Tells the reasons of waits, of which some are wanted.
pub(crate) struct Reasons {
    wanted: Choice,
    syscall: Option<TextId>,
    coroutine: Option<TextId>,
}

impl Reasons {
    pub(crate) fn new(selection: &Selection) -> Reasons {
        let wanted = selection.reasons.clone();
        let wanted = Choice::new(move |reason| has_one(&wanted, reason));
        Reasons { wanted, syscall: None, coroutine: None }
    }

    /// Before all others.
    pub(crate) fn begin(&mut self, texts: &mut Texts) {
        self.syscall = Some(texts.named(SYSCALL));
        self.coroutine = Some(texts.named(COROUTINE));
    }

    /// The reason of a wait, if it is wanted.
    pub(crate) fn of(&mut self, known: &Known, stay: &Stay) -> Option<TextId> {
        let own = match stay.state {
            GoState::Syscall => self.syscall,
            _ if stay.reason == known.empty && stay.from != GoState::Undetermined => self.coroutine,
            _ => None,
        };
        let reason = own.unwrap_or(stay.reason);
        self.wanted.has(&known.texts, reason).then_some(reason)
    }
}

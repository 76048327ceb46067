//! What lasts on a row: what begins last has to end first.

use crate::analysis::texts::TextId;
use crate::reader::GoID;

/// Something that lasts on the row of a processor, or of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasting {
    Goroutine(GoID),
    /// A goroutine's system call.
    Syscall(GoID),
    /// A goroutine's range.
    Range(GoID, TextId),
    /// A range of the row itself.
    Own(TextId),
}

impl Lasting {
    /// Whether it ends when the other one does.
    fn is_part_of(self, other: Lasting) -> bool {
        let Lasting::Goroutine(goroutine) = other else { return false };
        matches!(self, Lasting::Syscall(id) | Lasting::Range(id, _) if id == goroutine)
    }
}

/// What lasts on a row, the outermost first.
#[derive(Debug, Default)]
pub(super) struct Lane(Vec<Lasting>);

/// What has to be done for something to end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// How many have to end on the row before it.
    pub(super) above: usize,
    /// What has to begin again after it.
    pub(super) again: Vec<Lasting>,
}

impl Lane {
    pub(super) fn begin(&mut self, lasting: Lasting) {
        self.0.push(lasting);
    }

    pub(super) fn has(&self, lasting: Lasting) -> bool {
        self.0.contains(&lasting)
    }

    pub(super) fn last(&self) -> Option<Lasting> {
        self.0.last().copied()
    }

    /// The goroutine that runs there.
    pub(super) fn goroutine(&self) -> Option<GoID> {
        self.0.iter().find_map(|lasting| match lasting {
            Lasting::Goroutine(id) => Some(*id),
            _ => None,
        })
    }

    /// Takes something off, wherever it is; `None` if it is not there. What begins again is on it.
    pub(super) fn end(&mut self, lasting: Lasting) -> Option<Ending> {
        let place = self.0.iter().rposition(|other| *other == lasting)?;
        let above = self.0.split_off(place + 1);
        self.0.pop();
        let count = above.len();
        let again: Vec<_> = above.into_iter().filter(|other| !other.is_part_of(lasting)).collect();
        self.0.extend(&again);
        Some(Ending { above: count, again })
    }

    /// Takes off the innermost.
    pub(super) fn pop(&mut self) -> Option<Lasting> {
        self.0.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::texts::Texts;

    #[test]
    fn what_ends_in_the_middle_takes_its_parts_along() {
        let mut texts = Texts::default();
        let (sweep, assist) = (Lasting::Own(texts.named("sweep")), texts.named("assist"));
        let (one, call) = (Lasting::Goroutine(GoID(1)), Lasting::Syscall(GoID(1)));
        let mut lane = Lane::default();
        for lasting in [one, Lasting::Range(GoID(1), assist), sweep, call] {
            lane.begin(lasting);
        }
        assert_eq!(lane.goroutine(), Some(GoID(1)));
        assert_eq!(lane.end(one), Some(Ending { above: 3, again: vec![sweep] }));
        assert_eq!(lane.goroutine(), None);
        assert_eq!((lane.end(one), lane.has(sweep), lane.last()), (None, true, Some(sweep)));
        lane.begin(one);
        assert_eq!(lane.end(sweep), Some(Ending { above: 1, again: vec![one] }));
        assert_eq!((lane.pop(), lane.pop()), (Some(one), None));
    }
}

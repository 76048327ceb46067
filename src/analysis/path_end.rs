//! Where a critical path ends, and where the generations are that it may lead through.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::critical_path::PathQuery;
use super::listener::Listener;
use super::moments::Moments;
use crate::reader::hash::Map;
use crate::reader::{
    Error, Event, EventKind, Generation, GoID, GoState, Reader, StackId, Time, Transition, Version,
};

/// Where a path ends.
pub(crate) struct End {
    pub(crate) first: Time,
    pub(crate) version: Version,
    pub(crate) generations: Vec<Place>,
    pub(crate) goroutine: GoID,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// A generation.
pub(crate) struct Place {
    pub(crate) bytes: Range<u64>,
    /// The time of the event that it begins with.
    pub(crate) begin: i64,
}

/// Reads the trace to its end.
pub(crate) fn find(
    input: &mut (impl Read + Seek + Send),
    query: &PathQuery,
) -> Result<(Option<End>, Option<Error>), Error> {
    input.seek(SeekFrom::Start(0)).map_err(|error| Error::io(error, 0))?;
    let reader = Reader::new(input)?;
    let version = reader.version();
    let finder = Finder::new(query.clone(), version);
    Ok(super::run(reader, finder))
}

struct Finder {
    query: PathQuery,
    version: Version,
    generations: Vec<Place>,
    moments: Moments,
    now: i64,
    /// Whether goroutines that live are the runtime's own, as far as that is known.
    own: Map<GoID, bool>,
    /// Who ran last, and when; and when the goroutine that is asked for was made.
    last: Option<(GoID, i64)>,
    made: Option<i64>,
    /// When the task began, and when and by whom it was ended.
    begun: Option<i64>,
    ended: Option<(GoID, i64)>,
}

impl Finder {
    fn new(query: PathQuery, version: Version) -> Finder {
        Finder {
            query,
            version,
            generations: Vec::new(),
            moments: Moments::default(),
            now: 0,
            own: Map::default(),
            last: None,
            made: None,
            begun: None,
            ended: None,
        }
    }

    fn ran(&mut self, id: GoID) {
        if id == GoID::NONE || self.query.to_ns.is_some_and(|to| self.now > to) {
            return;
        }
        let is_wanted = match self.query.goroutine {
            Some(wanted) => id == wanted,
            None => self.own.get(&id) == Some(&false),
        };
        if is_wanted {
            self.last = Some((id, self.now));
        }
    }

    fn name(&mut self, generation: &Generation, id: GoID, stack: StackId) {
        if !self.own.contains_key(&id)
            && let Some(frame) = generation.stack(stack).last()
        {
            let is_own = super::lives::is_system(&generation.text(frame.function));
            self.own.insert(id, is_own);
        }
    }
}

impl Listener for Finder {
    type Answer = Option<End>;

    fn begin(&mut self, generation: &Generation) {
        let begin = self.moments.at(generation.begin());
        self.generations.push(Place { bytes: generation.range(), begin });
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.now = self.moments.of(event);
        match event.kind() {
            EventKind::StateTransition(Transition::Goroutine { id, from, to, stack, .. }) => {
                self.name(generation, id, stack);
                if Some(id) == self.query.goroutine {
                    if from == GoState::NotExist {
                        self.made = Some(self.now);
                    }
                    self.ran(id);
                }
                if to == GoState::NotExist {
                    self.ran(id);
                    self.own.remove(&id);
                }
            }
            EventKind::TaskBegin(task) if Some(task.id) == self.query.task => {
                self.begun = Some(self.now);
                self.ended = Some((event.goroutine(), self.now));
            }
            EventKind::TaskEnd(task) if Some(task.id) == self.query.task => {
                self.ended = Some((event.goroutine(), self.now));
            }
            _ => {}
        }
        self.ran(event.goroutine());
    }

    fn finish(self) -> Option<End> {
        let PathQuery { task, from_ns, to_ns, .. } = self.query;
        let (goroutine, last) =
            if task.is_some() && self.query.goroutine.is_none() { self.ended? } else { self.last? };
        let last = if task.is_some() { self.ended?.1 } else { last };
        let to = to_ns.map_or(last, |to| to.clamp(0, last));
        let begun = if task.is_some() { self.begun } else { self.made };
        let from = from_ns.or(begun).unwrap_or(0).clamp(0, to);
        let (first, version) = (self.moments.first()?, self.version);
        Some(End { first, version, generations: self.generations, goroutine, from, to })
    }
}

//! A critical path, followed backward through one generation after the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{Read, Seek};

use super::critical_path::{CriticalPath, PathFunction, PathStep, PathTimes};
use super::moments::Moments;
use super::path_end::Place;
use super::stacks::{StackNumber, Stacks};
use super::texts::{TextId, Texts};
use crate::reader::hash::Map;
use crate::reader::{
    Error, Event, EventKind, Generation, GoID, GoState, Reader, Time, Transition, Version,
};

/// There is no record.
const NONE: u32 = u32::MAX;
/// What was before is in an earlier generation.
const EARLIER: u32 = u32::MAX - 1;

/// A goroutine comes into a state.
#[derive(Clone, Copy)]
struct Record {
    time: i64,
    /// The goroutine's record before.
    before: u32,
    /// The last record of who woke it; none if nobody did.
    cause: u32,
    /// The stack of who did this.
    site: StackNumber,
    state: GoState,
    /// The place of the goroutine, and the reason, in tables of their own.
    goroutine: u32,
    reason: TextId,
}

/// What a generation's events say of who waits for whom.
#[derive(Default)]
struct Records {
    all: Vec<Record>,
    last: Map<GoID, u32>,
    goroutines: Vec<GoID>,
    names: Map<GoID, TextId>,
}

/// A step in the making.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Step {
    begin: i64,
    end: i64,
    goroutine: GoID,
    state: GoState,
    reason: Option<TextId>,
    woken_by: Option<GoID>,
    waited: i64,
    site: StackNumber,
}

/// A path that has been followed down to a moment.
pub(crate) struct Walk {
    texts: Texts,
    sites: Stacks,
    empty: TextId,
    goroutine: GoID,
    from: i64,
    to: i64,
    /// Down to here.
    time: i64,
    /// Where the goroutine was as it was left.
    site: StackNumber,
    is_over: bool,
    /// The step that is not told yet: it may have begun earlier.
    open: Option<Step>,
    max_steps: usize,
    /// The longest steps: the shortest of them first.
    longest: BinaryHeap<(Reverse<i64>, i64, usize)>,
    kept: Vec<Step>,
    steps: u64,
    names: Map<GoID, TextId>,
    /// By goroutine, until all names are known.
    times: Map<GoID, PathTimes>,
}

impl Walk {
    pub(crate) fn new(goroutine: GoID, from: i64, to: i64, max_steps: usize) -> Walk {
        let mut texts = Texts::default();
        let empty = texts.named("");
        Walk {
            texts,
            sites: Stacks::new(),
            empty,
            goroutine,
            from,
            to,
            time: to,
            site: StackNumber::NONE,
            is_over: false,
            open: None,
            max_steps,
            longest: BinaryHeap::new(),
            kept: Vec::new(),
            steps: 0,
            names: Map::default(),
            times: Map::default(),
        }
    }

    /// Follows the path through a generation; whether it leads further back.
    pub(crate) fn generation(
        &mut self,
        input: &mut (impl Read + Seek + Send),
        version: Version,
        place: &Place,
        first: Time,
    ) -> Result<bool, Error> {
        let mut reader = Reader::of_part(version, place.bytes.clone(), input)?;
        self.texts.begin();
        self.sites.begin();
        let mut records = Records::default();
        let mut moments = Moments::since(first, place.begin);
        // What is wrong with it was told by who read it before.
        while let Some(Ok(event)) = reader.next() {
            let now = moments.of(&event);
            if now > self.to {
                break;
            }
            self.record(&mut records, reader.generation(), &event, now);
        }
        self.follow(&records);
        Ok(!self.is_over)
    }

    fn record(&mut self, records: &mut Records, generation: &Generation, event: &Event, now: i64) {
        let EventKind::StateTransition(Transition::Goroutine { id, from, to, reason, stack }) =
            event.kind()
        else {
            return;
        };
        if !records.names.contains_key(&id)
            && let Some(frame) = generation.stack(stack).last()
        {
            records.names.insert(id, self.texts.of(generation, frame.function));
        }
        if from == to {
            return;
        }
        let is_woken =
            to == GoState::Runnable && matches!(from, GoState::Waiting | GoState::NotExist);
        let waker = records.last.get(&event.goroutine()).copied();
        let before = match (records.last.get(&id), from) {
            (_, GoState::NotExist) => NONE,
            (Some(&before), _) => before,
            (None, _) => EARLIER,
        };
        let goroutine = match before {
            NONE | EARLIER => {
                records.goroutines.push(id);
                records.goroutines.len() as u32 - 1
            }
            before => records.all[before as usize].goroutine,
        };
        records.last.insert(id, records.all.len() as u32);
        records.all.push(Record {
            time: now,
            before,
            cause: waker.filter(|_| is_woken).unwrap_or(NONE),
            site: self.sites.of(&mut self.texts, generation, event.stack()),
            state: to,
            goroutine,
            reason: self.texts.of(generation, reason),
        });
    }

    fn follow(&mut self, records: &Records) {
        let mut at = records.last.get(&self.goroutine).copied().unwrap_or(EARLIER);
        // Down to what the goroutine did then.
        while at < EARLIER && records.all[at as usize].time > self.time {
            self.site = records.all[at as usize].site;
            at = records.all[at as usize].before;
        }
        while at < EARLIER && !self.is_over {
            at = self.step(records, at);
        }
        self.is_over |= at == NONE;
    }

    /// Tells a step, and where the one before it is.
    fn step(&mut self, records: &Records, at: u32) -> u32 {
        let record = records.all[at as usize];
        let before = match record.before {
            NONE | EARLIER => None,
            before => Some(records.all[before as usize]),
        };
        let goroutine = records.goroutines[record.goroutine as usize];
        if let Some(&name) = records.names.get(&goroutine) {
            self.names.entry(goroutine).or_insert(name);
        }
        let is_jump = record.state == GoState::Runnable && record.cause != NONE;
        let waited = before.filter(|before| is_jump && before.state == GoState::Waiting);
        let reason = match record.state {
            GoState::Runnable => waited.map(|before| before.reason),
            GoState::Waiting => Some(record.reason),
            _ => None,
        };
        let waker = is_jump.then(|| records.all[record.cause as usize].goroutine);
        self.tell(Step {
            begin: record.time.max(self.from),
            end: self.time,
            goroutine,
            state: record.state,
            reason: reason.filter(|reason| *reason != self.empty),
            woken_by: waker.map(|waker| records.goroutines[waker as usize]),
            waited: waited.map_or(0, |before| record.time - before.time),
            site: if record.state == GoState::Running { self.site } else { record.site },
        });
        self.time = record.time;
        self.site = record.site;
        self.is_over = self.time <= self.from;
        if !is_jump {
            return record.before;
        }
        self.goroutine = records.goroutines[records.all[record.cause as usize].goroutine as usize];
        record.cause
    }

    /// What goes on over a generation's border is one step.
    fn tell(&mut self, step: Step) {
        if let Some(open) = &mut self.open {
            if (open.goroutine, open.state, open.begin) == (step.goroutine, step.state, step.end) {
                open.begin = step.begin;
                open.reason = open.reason.or(step.reason);
                open.woken_by = open.woken_by.or(step.woken_by);
                open.waited = open.waited.max(step.waited);
                if open.site == StackNumber::NONE {
                    open.site = step.site;
                }
                return;
            }
            let open = *open;
            self.keep(open);
        }
        self.open = Some(step);
    }

    fn keep(&mut self, step: Step) {
        let lasts = step.end - step.begin;
        if matches!(step.state, GoState::NotExist | GoState::Undetermined) {
            return;
        }
        self.times.entry(step.goroutine).or_default().add(step.state, lasts);
        self.steps += 1;
        if self.kept.len() < self.max_steps {
            self.longest.push((Reverse(lasts), step.begin, self.kept.len()));
            self.kept.push(step);
        } else if let Some(mut shortest) = self.longest.peek_mut()
            && shortest.0.0 < lasts
        {
            let place = shortest.2;
            *shortest = (Reverse(lasts), step.begin, place);
            self.kept[place] = step;
        }
    }

    /// The path, which ends with this goroutine.
    pub(crate) fn finish(mut self, goroutine: GoID) -> CriticalPath {
        if let Some(open) = self.open.take() {
            self.keep(open);
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_by_key(|step| (step.begin, step.end));
        let mut functions = BTreeMap::<&str, PathTimes>::new();
        let mut times = PathTimes::default();
        for (id, of_goroutine) in &self.times {
            times.add_all(of_goroutine);
            let name = self.names.get(id).copied().unwrap_or(self.empty);
            functions.entry(self.texts.text(name)).or_default().add_all(of_goroutine);
        }
        let function =
            |(name, times): (&str, PathTimes)| PathFunction { function: name.to_owned(), times };
        let mut functions: Vec<_> = functions.into_iter().map(function).collect();
        functions.sort_by_key(|function| Reverse(function.times.total_ns));
        CriticalPath {
            from_ns: self.time.max(self.from),
            to_ns: self.to,
            goroutine: goroutine.0,
            times,
            functions,
            steps_left_out: self.steps - kept.len() as u64,
            steps: kept.iter().map(|step| self.path_step(step)).collect(),
        }
    }

    fn path_step(&self, step: &Step) -> PathStep {
        let text = |id: TextId| self.texts.text(id).to_owned();
        PathStep {
            begin_ns: step.begin,
            duration_ns: step.end - step.begin,
            goroutine: step.goroutine.0,
            function: self.names.get(&step.goroutine).copied().map_or_else(String::new, text),
            state: step.state.name(),
            reason: step.reason.map_or_else(String::new, text),
            woken_by: step.woken_by.map(|id| id.0),
            waited_ns: step.waited,
            stack: self.sites.places(&self.texts, step.site),
        }
    }
}

impl PathTimes {
    fn add(&mut self, state: GoState, ns: i64) {
        let of_state = match state {
            GoState::Running => &mut self.running_ns,
            GoState::Runnable => &mut self.runnable_ns,
            GoState::Syscall => &mut self.syscall_ns,
            _ => &mut self.waiting_ns,
        };
        *of_state += ns;
        self.total_ns += ns;
    }

    fn add_all(&mut self, other: &PathTimes) {
        self.total_ns += other.total_ns;
        self.running_ns += other.running_ns;
        self.runnable_ns += other.runnable_ns;
        self.syscall_ns += other.syscall_ns;
        self.waiting_ns += other.waiting_ns;
    }
}

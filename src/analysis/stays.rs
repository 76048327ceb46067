//! What goroutines did while they did not run: one pass, for whoever sums it up.

use super::Listener;
use super::choice::Choice;
use super::moments::Moments;
use super::selection::{Selection, has_one};
use super::stacks::{StackNumber, Stacks};
use super::texts::{TextId, Texts};
use crate::reader::hash::Map;
use crate::reader::{
    Event, EventKind, Generation, GoID, GoState, ProcID, ProcState, StackId, StringId, Transition,
};

/// So many stays are kept until it is known which functions their goroutines began in: mostly a few, but
/// of who ran as the trace began, and then takes turns with a coroutine, nothing is known for long.
const MAX_HELD: usize = 100_000;

/// A time that a goroutine spent in a state. Moments are nanoseconds since the first event.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    pub(crate) goroutine: GoID,
    /// Where the goroutine began; the empty text if that is not known.
    pub(crate) function: TextId,
    /// When it first ran.
    pub(crate) first_run: Option<i64>,
    /// Whether the goroutine stands for a thread that is not Go's. Others may have its number, one after
    /// the other.
    pub(crate) is_thread: bool,
    pub(crate) state: GoState,
    /// The state before.
    pub(crate) from: GoState,
    /// Of a wait.
    pub(crate) reason: TextId,
    /// Of who ran where the goroutine's state changed: itself, or who woke it.
    pub(crate) stack: StackNumber,
    /// Where a goroutine without a stack began that woke this one.
    pub(crate) by: Option<TextId>,
    /// The event that it begins with.
    pub(crate) begin: i64,
    /// As `begin`; or the begin of the trace, if the goroutine was in the state by then.
    pub(crate) since: i64,
    /// Its end, or the trace's.
    pub(crate) end: i64,
    /// Whether it ends in the trace.
    pub(crate) is_over: bool,
    /// Since when a system call has no processor.
    pub(crate) taken: Option<i64>,
    /// The processor that a system call began on.
    proc: ProcID,
}

/// What is known of all.
pub(crate) struct Known {
    pub(crate) texts: Texts,
    pub(crate) stacks: Stacks,
    pub(crate) selection: Selection,
    pub(crate) last: i64,
    pub(crate) empty: TextId,
}

/// Who is told of stays, in the order in which it gets known what they are.
pub(crate) trait Sink {
    type Answer;

    /// Before everything else: it may have texts of its own.
    fn begin(&mut self, texts: &mut Texts) {
        let _ = texts;
    }

    /// Whether it is told of stays in this state.
    fn wants(&self, state: GoState) -> bool;

    /// Whether it is told of waits for this reason.
    fn wants_wait(&mut self, texts: &Texts, reason: TextId) -> bool {
        let _ = (texts, reason);
        true
    }

    fn add(&mut self, known: &Known, stay: &Stay);

    /// A goroutine that stands for a thread first runs.
    fn thread_runs(&mut self, id: GoID) {
        let _ = id;
    }

    fn finish(self, known: &Known) -> Self::Answer;
}

/// Tells a [`Sink`] of all stays that are selected, but for their reasons and times.
pub(crate) struct Stays<S> {
    known: Known,
    teller: Teller<S>,
    all: Map<GoID, Who>,
    /// Who is in a system call on which processor.
    syscall_on: Map<ProcID, GoID>,
    regions: Option<Choice>,
    /// When the generation began.
    sync: i64,
    moments: Moments,
}

/// A goroutine.
#[derive(Default)]
struct Who {
    function: Option<TextId>,
    first_run: Option<i64>,
    is_thread: bool,
    now: Option<Stay>,
    /// As long as it is not known who it is.
    held: Vec<Stay>,
    /// Whether those are chosen that it is in, outermost first.
    regions: Vec<bool>,
}

/// Whom to tell, and of which functions.
struct Teller<S> {
    sink: S,
    functions: Option<Choice>,
    /// How many stays are held.
    held: usize,
}

/// A goroutine's change of state.
struct Change {
    id: GoID,
    from: GoState,
    to: GoState,
    reason: StringId,
    stack: StackId,
    now: i64,
}

/// A choice of what contains one of some parts, if there are any.
fn choice(parts: &[String]) -> Option<Choice> {
    let parts = parts.to_owned();
    (!parts.is_empty()).then(|| Choice::new(move |text| has_one(&parts, text)))
}

impl<S: Sink> Stays<S> {
    pub(crate) fn new(selection: Selection, mut sink: S) -> Stays<S> {
        let (functions, regions) = (choice(&selection.functions), choice(&selection.regions));
        let mut texts = Texts::default();
        let empty = texts.named("");
        sink.begin(&mut texts);
        Stays {
            known: Known { texts, stacks: Stacks::new(), selection, last: 0, empty },
            teller: Teller { sink, functions, held: 0 },
            all: Map::default(),
            syscall_on: Map::default(),
            regions,
            sync: 0,
            moments: Moments::default(),
        }
    }

    fn goroutine(&mut self, generation: &Generation, event: &Event, change: &Change) {
        let &Change { id, from, to, stack, now, .. } = change;
        if from == to {
            return;
        }
        if matches!(from, GoState::Undetermined | GoState::NotExist) {
            let is_thread = from == GoState::NotExist && to == GoState::Syscall;
            self.all.insert(id, Who { is_thread, ..Who::default() });
        }
        let Some(who) = self.all.get_mut(&id) else { return };
        if who.function.is_none() {
            let root = generation.stack(stack).last();
            who.function = root.map(|frame| self.known.texts.of(generation, frame.function));
        }
        if to == GoState::Running && who.first_run.is_none() {
            who.first_run = Some(now);
            if who.is_thread {
                self.teller.sink.thread_runs(id);
            }
        }
        if let Some(stay) = &mut who.now {
            leave(stay, to, now, &mut self.syscall_on);
            self.teller.tell(&self.known, who);
        }
        match to {
            GoState::Running => {}
            GoState::NotExist => {
                self.teller.tell_held(&self.known, who);
                self.all.remove(&id);
            }
            state if self.teller.sink.wants(state) => {
                let is_outside = self.regions.is_some() && !who.regions.contains(&true);
                if !is_outside && self.known.selection.is_whose(id) {
                    self.enter(generation, event, change);
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self, generation: &Generation, event: &Event, change: &Change) {
        let &Change { id, from, to, reason, now, .. } = change;
        let (ran, proc) = (event.goroutine(), event.proc());
        let texts = &mut self.known.texts;
        let reason = match to {
            GoState::Waiting => texts.of(generation, reason),
            _ => self.known.empty,
        };
        if to == GoState::Waiting && !self.teller.sink.wants_wait(texts, reason) {
            return;
        }
        let stack = self.known.stacks.of(texts, generation, event.stack());
        let is_nowhere = stack == StackNumber::NONE && ran != id;
        let by = if is_nowhere { self.all.get(&ran).and_then(|who| who.function) } else { None };
        let is_syscall = to == GoState::Syscall;
        if is_syscall && proc != ProcID::NONE {
            self.syscall_on.insert(proc, id);
        }
        let Some(who) = self.all.get_mut(&id) else { return };
        who.now = Some(Stay {
            goroutine: id,
            function: self.known.empty,
            first_run: None,
            is_thread: who.is_thread,
            state: to,
            from,
            reason,
            stack,
            by,
            begin: now,
            since: if from == GoState::Undetermined { self.sync } else { now },
            end: now,
            is_over: false,
            taken: (is_syscall && proc == ProcID::NONE).then_some(now),
            proc,
        });
    }

    /// A processor that goes idle while its goroutine is in a system call was taken from it.
    fn proc(&mut self, id: ProcID, from: ProcState, to: ProcState, now: i64) {
        if from == to || to != ProcState::Idle {
            return;
        }
        let goroutine = self.syscall_on.remove(&id);
        let who = goroutine.and_then(|goroutine| self.all.get_mut(&goroutine));
        if let Some(stay) = who.and_then(|who| who.now.as_mut())
            && stay.state == GoState::Syscall
        {
            stay.taken.get_or_insert(now);
        }
    }

    fn region(&mut self, generation: &Generation, event: &Event, name: Option<StringId>) {
        let Some(regions) = &mut self.regions else { return };
        let Some(who) = self.all.get_mut(&event.goroutine()) else { return };
        match name {
            Some(name) => {
                let name = self.known.texts.of(generation, name);
                who.regions.push(regions.has(&self.known.texts, name));
            }
            None => drop(who.regions.pop()),
        }
    }
}

/// The end of a stay.
fn leave(stay: &mut Stay, to: GoState, now: i64, syscall_on: &mut Map<ProcID, GoID>) {
    stay.end = now;
    stay.is_over = true;
    if stay.state != GoState::Syscall {
        return;
    }
    // Who comes back and may not run has lost the processor, even if the trace did not say so.
    if to == GoState::Runnable {
        stay.taken.get_or_insert(now);
    }
    if syscall_on.get(&stay.proc) == Some(&stay.goroutine) {
        syscall_on.remove(&stay.proc);
    }
}

impl<S: Sink> Teller<S> {
    /// Tells of the stay that a goroutine has ended, or keeps it until it is known whose it is.
    fn tell(&mut self, known: &Known, who: &mut Who) {
        let is_known = who.function.is_some() && who.first_run.is_some();
        if !is_known && self.held < MAX_HELD {
            self.held += who.now.is_some() as usize;
            return who.held.extend(who.now.take());
        }
        if !who.held.is_empty() {
            self.tell_held(known, who);
        }
        if let Some(stay) = &mut who.now {
            self.tell_now(known, (who.function, who.first_run), stay);
            who.now = None;
        }
    }

    fn tell_held(&mut self, known: &Known, who: &mut Who) {
        self.held -= who.held.len();
        for mut stay in std::mem::take(&mut who.held) {
            self.tell_now(known, (who.function, who.first_run), &mut stay);
        }
    }

    fn tell_now(
        &mut self,
        known: &Known,
        (function, first_run): (Option<TextId>, Option<i64>),
        stay: &mut Stay,
    ) {
        stay.function = function.unwrap_or(known.empty);
        stay.first_run = first_run;
        if let Some(functions) = &mut self.functions
            && !functions.has(&known.texts, stay.function)
        {
            return;
        }
        self.sink.add(known, stay);
    }
}

impl<S: Sink> Listener for Stays<S> {
    type Answer = S::Answer;

    fn begin(&mut self, _: &Generation) {
        self.known.texts.begin();
        self.known.stacks.begin();
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        let now = self.moments.of(event);
        self.known.last = now;
        match event.kind() {
            EventKind::Sync(_) => self.sync = now,
            EventKind::StateTransition(Transition::Goroutine { id, from, to, reason, stack }) => {
                let change = Change { id, from, to, reason, stack, now };
                self.goroutine(generation, event, &change);
            }
            EventKind::StateTransition(Transition::Proc { id, from, to }) => {
                self.proc(id, from, to, now);
            }
            EventKind::RegionBegin(region) => self.region(generation, event, Some(region.name)),
            EventKind::RegionEnd(_) => self.region(generation, event, None),
            _ => {}
        }
    }

    fn finish(mut self) -> S::Answer {
        let mut all: Vec<(GoID, Who)> = self.all.drain().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        for (_, mut who) in all {
            self.teller.tell_held(&self.known, &mut who);
            if let Some(stay) = &mut who.now {
                stay.end = self.known.last;
                let of = (who.function, who.first_run);
                self.teller.tell_now(&self.known, of, stay);
            }
        }
        self.teller.sink.finish(&self.known)
    }
}

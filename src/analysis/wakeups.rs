//! Who woke whom.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

use super::Listener;
use super::moments::Moments;
use super::regions::Place;
use super::stacks::{StackNumber, Stacks};
use super::texts::{TextId, Texts};
use crate::reader::hash::Map;
use crate::reader::{Event, EventKind, Generation, GoID, GoState, StackId, Transition};

/// Who woke whom, and how long it took until they ran: pairs of functions, and of stacks in those.
///
/// Making a goroutine is waking it, too. Memory is taken by pairs and by goroutines that live, not by
/// events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Wakeups {
    /// All together.
    pub total: WakeupTimes,
    /// Pairs of functions, those with the longest waits to run first.
    pub pairs: Vec<WakeupPair>,
}

/// How long it took to run after being woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WakeupTimes {
    /// How often.
    pub count: u64,
    /// From being woken until running, all together.
    pub latency_ns: i64,
    /// The longest of these.
    pub max_latency_ns: i64,
    /// How long they had waited to be woken, all together, as far as that is in the trace.
    pub waited_ns: i64,
}

/// Goroutines that began in one function and woke such as began in another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WakeupPair {
    /// The function of who woke. Empty for the runtime: timers, the network.
    pub waker: String,
    /// The function of who was woken.
    pub woken: String,
    /// How long it took.
    pub times: WakeupTimes,
    /// By where that was, those with the longest waits to run first.
    pub stacks: Vec<WakeupStacks>,
}

/// Where one woke the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WakeupStacks {
    /// What the woken one waited for. Empty where it was made, or waited as the trace began.
    pub reason: String,
    /// The stack of who woke, the innermost frame first.
    pub waker_stack: Vec<Place>,
    /// The stack that the woken one waited on.
    pub woken_stack: Vec<Place>,
    /// How long it took.
    pub times: WakeupTimes,
}

impl Wakeups {
    /// What to give to [`run`](super::run).
    pub fn listener() -> impl Listener<Answer = Wakeups> {
        WakeupsListener::new()
    }
}

impl WakeupTimes {
    fn add(&mut self, latency: i64, waited: i64) {
        self.count += 1;
        self.latency_ns = self.latency_ns.saturating_add(latency);
        self.max_latency_ns = self.max_latency_ns.max(latency);
        self.waited_ns = self.waited_ns.saturating_add(waited);
    }

    pub(crate) fn add_all(&mut self, other: &WakeupTimes) {
        self.count += other.count;
        self.latency_ns = self.latency_ns.saturating_add(other.latency_ns);
        self.max_latency_ns = self.max_latency_ns.max(other.max_latency_ns);
        self.waited_ns = self.waited_ns.saturating_add(other.waited_ns);
    }
}

/// The longest first.
type TimesOrder = Reverse<(i64, u64)>;

impl WakeupTimes {
    fn order(&self) -> TimesOrder {
        Reverse((self.latency_ns, self.count))
    }
}

impl WakeupPair {
    /// No two pairs of a trace are equal in this.
    fn order(&self) -> (TimesOrder, &str, &str) {
        (self.times.order(), &self.waker, &self.woken)
    }
}

impl WakeupStacks {
    /// No two of a pair are equal in this.
    fn order(&self) -> (TimesOrder, &str, &[Place], &[Place]) {
        (self.times.order(), &self.reason, &self.waker_stack, &self.woken_stack)
    }
}

struct WakeupsListener {
    texts: Texts,
    sites: Stacks,
    goroutines: Map<GoID, Goroutine>,
    times: HashMap<Pair, WakeupTimes>,
    empty: TextId,
    moments: Moments,
    now: i64,
}

/// A goroutine that lives.
struct Goroutine {
    function: TextId,
    /// Since when it waits, and for what.
    waits: Option<(i64, TextId, StackNumber)>,
    /// When it was woken, and by whom.
    woken: Option<Woken>,
}

#[derive(Clone, Copy)]
struct Woken {
    at: i64,
    waker: TextId,
    waker_site: StackNumber,
    reason: TextId,
    site: StackNumber,
    waited: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    waker: TextId,
    woken: TextId,
    reason: TextId,
    waker_site: StackNumber,
    woken_site: StackNumber,
}

impl WakeupsListener {
    fn new() -> WakeupsListener {
        let mut texts = Texts::default();
        let empty = texts.named("");
        WakeupsListener {
            texts,
            sites: Stacks::new(),
            goroutines: Map::default(),
            times: HashMap::new(),
            empty,
            moments: Moments::default(),
            now: 0,
        }
    }

    fn site(&mut self, generation: &Generation, stack: StackId) -> StackNumber {
        self.sites.of(&mut self.texts, generation, stack)
    }

    fn goroutine(&mut self, id: GoID) -> &mut Goroutine {
        let function = self.empty;
        self.goroutines.entry(id).or_insert(Goroutine { function, waits: None, woken: None })
    }

    /// The function a goroutine began in becomes known with its first stack.
    fn name(&mut self, generation: &Generation, id: GoID, stack: StackId) {
        let empty = self.empty;
        if self.goroutine(id).function == empty
            && let Some(frame) = generation.stack(stack).last()
        {
            self.goroutine(id).function = self.texts.of(generation, frame.function);
        }
    }

    /// Is woken, or made, by who runs.
    fn woken(&mut self, generation: &Generation, event: &Event, id: GoID) {
        let at = self.now;
        let empty = self.empty;
        let waker = self.goroutines.get(&event.goroutine());
        let waker = waker.map_or(empty, |waker| waker.function);
        let waker_site = self.site(generation, event.stack());
        let goroutine = self.goroutine(id);
        let waits = goroutine.waits.take();
        let (since, reason, site) = waits.unwrap_or((at, empty, StackNumber::NONE));
        let waited = at - since;
        goroutine.woken = Some(Woken { at, waker, waker_site, reason, site, waited });
    }

    fn runs(&mut self, id: GoID) {
        let now = self.now;
        let goroutine = self.goroutine(id);
        let woken = goroutine.function;
        let Some(Woken { at, waker, waker_site, reason, site, waited }) = goroutine.woken.take()
        else {
            return;
        };
        let pair = Pair { waker, woken, reason, waker_site, woken_site: site };
        self.times.entry(pair).or_default().add(now - at, waited);
    }

    fn stacks(&self, pair: Pair, times: WakeupTimes) -> WakeupStacks {
        WakeupStacks {
            reason: self.texts.text(pair.reason).to_owned(),
            waker_stack: self.sites.places(&self.texts, pair.waker_site),
            woken_stack: self.sites.places(&self.texts, pair.woken_site),
            times,
        }
    }
}

impl Listener for WakeupsListener {
    type Answer = Wakeups;

    fn begin(&mut self, _: &Generation) {
        self.texts.begin();
        self.sites.begin();
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.now = self.moments.of(event);
        let EventKind::StateTransition(Transition::Goroutine { id, from, to, reason, stack }) =
            event.kind()
        else {
            return;
        };
        self.name(generation, id, stack);
        match (from, to) {
            (GoState::Waiting, GoState::Runnable) | (GoState::NotExist, GoState::Runnable) => {
                self.woken(generation, event, id);
            }
            (_, GoState::Running) if from != to => self.runs(id),
            (GoState::Running, GoState::Waiting) => {
                let waits =
                    (self.now, self.texts.of(generation, reason), self.site(generation, stack));
                self.goroutine(id).waits = Some(waits);
            }
            (_, GoState::NotExist) => drop(self.goroutines.remove(&id)),
            _ => {}
        }
    }

    fn finish(self) -> Wakeups {
        let mut pairs = HashMap::<(TextId, TextId), WakeupPair>::new();
        let mut total = WakeupTimes::default();
        for (&pair, times) in &self.times {
            total.add_all(times);
            let of = pairs.entry((pair.waker, pair.woken)).or_insert_with(|| WakeupPair {
                waker: self.texts.text(pair.waker).to_owned(),
                woken: self.texts.text(pair.woken).to_owned(),
                ..WakeupPair::default()
            });
            of.times.add_all(times);
            of.stacks.push(self.stacks(pair, *times));
        }
        let mut pairs: Vec<WakeupPair> = pairs.into_values().collect();
        for pair in &mut pairs {
            pair.stacks.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        }
        pairs.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        Wakeups { total, pairs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_all_fields() {
        let times = |latency_ns, count| WakeupTimes { latency_ns, count, ..WakeupTimes::default() };
        let stack = |line: u64| vec![Place { line, ..Place::default() }];
        let of = |times, woken| WakeupStacks {
            times,
            woken_stack: stack(woken),
            ..WakeupStacks::default()
        };
        let sorted =
            [of(times(2, 1), 9), of(times(1, 2), 9), of(times(1, 1), 1), of(times(1, 1), 2)];
        assert!(sorted.is_sorted_by(|a, b| a.order() < b.order()));
    }
}

//! Goroutines by the function they began in, with how they spent their time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::histogram::{Delays, Histogram};
use super::life::Life;
use super::listener::Then;
use super::lives::Lives;
use super::spent::Times;

/// All goroutines of a trace, in groups: those that ran longest, together, come first.
///
/// # Go
/// The pages `/goroutines` and `/goroutine` of `go tool trace`, with the same figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Goroutines {
    /// From the trace's first event to its last.
    pub duration_ns: i64,
    /// How long those were there that began and ended in the trace. Percentiles are up to 3 percent too
    /// large.
    pub lives: Delays,
    /// The groups.
    pub groups: Vec<GoroutineGroup>,
}

/// Goroutines that began in the same function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GoroutineGroup {
    /// The function. Empty for those that did nothing while the trace was taken.
    pub function: String,
    /// How many there are.
    pub count: u64,
    /// How they spent their time, together.
    pub times: Times,
    /// Each of them, those that were there longest first.
    pub goroutines: Vec<Goroutine>,
}

/// A goroutine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Goroutine {
    /// Its number.
    pub id: i64,
    /// When it was made, or first known of.
    pub created_ns: i64,
    /// When it first ran.
    pub started_ns: Option<i64>,
    /// When it ended.
    pub ended_ns: Option<i64>,
    /// How it spent its time.
    pub times: Times,
}

impl Goroutines {
    /// What to give to [`run`](super::run).
    pub fn listener() -> impl Listener<Answer = Goroutines> {
        Then(Lives::new(), Goroutines::new)
    }

    fn new(mut lives: Lives) -> Goroutines {
        let lengths = lengths(&lives);
        let mut groups = BTreeMap::<&str, GoroutineGroup>::new();
        // The memory of lives is for who they become.
        let mut all = std::mem::take(&mut lives.all);
        while let Some(life) = all.pop() {
            let name = lives.name_of(&life);
            groups.entry(name).or_default().add(Goroutine::new(&lives, &life));
            if all.len().is_multiple_of(LET_GO) {
                all.shrink_to_fit();
            }
        }
        let mut groups: Vec<GoroutineGroup> = groups
            .into_iter()
            .map(|(function, group)| GoroutineGroup { function: function.to_owned(), ..group })
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.times.running_ns));
        for group in &mut groups {
            group.goroutines.sort_by_key(|g| (std::cmp::Reverse(g.times.total_ns), g.id));
        }
        Goroutines { duration_ns: lives.last, lives: lengths, groups }
    }
}

/// So many lives are done with before their memory is let go.
const LET_GO: usize = 16 << 10;

/// How long goroutines were there.
fn lengths(lives: &Lives) -> Delays {
    let mut lengths = Histogram::default();
    for life in lives.all.iter().filter(|life| life.is_new) {
        life.ended.into_iter().for_each(|ended| lengths.add(ended - life.created));
    }
    Delays::new(&lengths)
}

impl GoroutineGroup {
    fn add(&mut self, goroutine: Goroutine) {
        self.count += 1;
        self.times.add(&goroutine.times);
        self.goroutines.push(goroutine);
    }
}

impl Goroutine {
    fn new(lives: &Lives, life: &Life) -> Goroutine {
        Goroutine {
            id: life.id.0,
            created_ns: life.created,
            started_ns: life.started,
            ended_ns: life.ended,
            times: life.spent.times(&lives.texts),
        }
    }
}

//! Regions by name and place, with how long they took.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use super::Listener;
use super::distribution::Distribution;
use super::lives::{Lives, RegionLife, Root};
use super::spent::Times;
use super::texts::TextId;
use crate::reader::{Event, Generation};

/// All regions of a trace, in groups, by name.
///
/// A goroutine that is made by one in a region has a region without a name, which says whose task it
/// works for; those of the runtime's own goroutines do not count.
///
/// # Go
/// The pages `/userregions` and `/userregion` of `go tool trace`, with the same figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Regions {
    /// The groups.
    pub groups: Vec<RegionGroup>,
}

/// Regions with the same name whose goroutines began in the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RegionGroup {
    /// The name.
    pub name: String,
    /// Where their goroutines began. Unknown for those that began before the trace.
    pub place: Option<Place>,
    /// How long they took. What began before the trace, or ended after it, is cut off there.
    pub durations: Distribution,
    /// Each of them, those that took longest first.
    pub regions: Vec<Region>,
}

/// A place in a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The program counter, or what stands for it; in JSON a text, as `0x46bdc3`.
    #[serde(serialize_with = "hexadecimal")]
    pub pc: u64,
    /// The function.
    pub function: String,
    /// Its file.
    pub file: String,
    /// The line.
    pub line: u64,
}

/// A region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Region {
    /// The task it was a part of; 0 is none.
    pub task: u64,
    /// The goroutine it was in.
    pub goroutine: i64,
    /// When it began. Missing where that was before the trace.
    pub begin_ns: Option<i64>,
    /// When it ended. Missing where that was after the trace.
    pub end_ns: Option<i64>,
    /// How the goroutine spent its time in it.
    pub times: Times,
}

impl Regions {
    /// What to give to [`run`](super::run).
    pub fn listener() -> impl Listener<Answer = Regions> {
        RegionListener(Lives::new())
    }

    fn new(lives: &Lives) -> Regions {
        let mut groups = HashMap::<(TextId, Option<Root>), Vec<&RegionLife>>::new();
        for life in lives.regions.iter().filter(|region| region.counts) {
            groups.entry((life.name, life.root)).or_default().push(life);
        }
        let mut groups: Vec<RegionGroup> = groups
            .into_iter()
            .map(|((name, root), regions)| RegionGroup::new(lives, name, root, &regions))
            .collect();
        groups.sort_by(|a, b| (&a.name, &a.place).cmp(&(&b.name, &b.place)));
        Regions { groups }
    }
}

impl RegionGroup {
    fn new(lives: &Lives, name: TextId, root: Option<Root>, all: &[&RegionLife]) -> RegionGroup {
        let durations = all.iter().map(|region| region.duration_ns(lives)).collect();
        let mut regions: Vec<Region> = all.iter().map(|life| Region::new(lives, life)).collect();
        regions.sort_by_key(|region| (std::cmp::Reverse(region.times.total_ns), region.begin_ns));
        RegionGroup {
            name: lives.texts.text(name).to_owned(),
            place: root.map(|root| Place::new(lives, root)),
            durations: Distribution::new(durations),
            regions,
        }
    }
}

impl Place {
    fn new(lives: &Lives, root: Root) -> Place {
        let text = |id| lives.texts.text(id).to_owned();
        let Root { pc, function, file, line } = root;
        Place { pc, function: text(function), file: text(file), line }
    }
}

/// Numbers that large are not the same in all that reads JSON.
fn hexadecimal<S: Serializer>(pc: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{pc:#x}"))
}

impl RegionLife {
    fn duration_ns(&self, lives: &Lives) -> i64 {
        self.end.unwrap_or(lives.last) - self.begin.unwrap_or(0)
    }
}

impl Region {
    pub(crate) fn new(lives: &Lives, life: &RegionLife) -> Region {
        Region {
            task: life.task.0,
            goroutine: life.goroutine.0,
            begin_ns: life.begin,
            end_ns: life.end,
            times: life.spent.times(&lives.texts),
        }
    }
}

struct RegionListener(Lives);

impl Listener for RegionListener {
    type Answer = Regions;

    fn begin(&mut self, generation: &Generation) {
        self.0.begin(generation);
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.0.event(generation, event);
    }

    fn finish(self) -> Regions {
        Regions::new(&self.0.finish())
    }
}

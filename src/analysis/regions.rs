//! Regions by name and place, with how long they took.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use super::Listener;
use super::distribution::Distribution;
use super::listener::Then;
use super::lives::{Lives, RegionLife};
use super::spent::Times;
use super::stacks::Site;
use super::texts::TextId;

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
        Then(Lives::new(), |lives| Regions::new(&lives))
    }

    fn new(lives: &Lives) -> Regions {
        let mut groups = HashMap::<(TextId, Option<Site>), Vec<&RegionLife>>::new();
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
    fn new(lives: &Lives, name: TextId, root: Option<Site>, all: &[&RegionLife]) -> RegionGroup {
        let durations = all.iter().map(|region| region.duration_ns(lives)).collect();
        let mut regions: Vec<Region> = all.iter().map(|life| Region::new(lives, life)).collect();
        regions.sort_by_key(|region| (std::cmp::Reverse(region.times.total_ns), region.begin_ns));
        RegionGroup {
            name: lives.texts.text(name).to_owned(),
            place: root.map(|root| root.place(&lives.texts)),
            durations: Distribution::new(durations),
            regions,
        }
    }
}

/// Numbers that large are not the same in all that reads JSON.
fn hexadecimal<S: Serializer>(pc: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{pc:#x}"))
}

impl RegionLife {
    pub(crate) fn duration_ns(&self, lives: &Lives) -> i64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Reader;
    use crate::wire::varint;

    fn batch(thread: u64, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1];
        for number in [1, thread, 1, data.len() as u64] {
            varint::push(&mut bytes, number);
        }
        [&bytes, data].concat()
    }

    /// Of a goroutine that waited for so many reasons and was then in so many regions.
    fn trace(reasons: u64, regions: u64) -> Vec<u8> {
        let mut trace = b"go 1.23 trace\0\0\0".to_vec();
        trace.extend(batch(u64::MAX, &[8, 0x80, 0x94, 0xeb, 0xdc, 0x03]));
        // A processor, and the goroutine that runs on it.
        let mut events = vec![vec![13, 1, 0, 1, 25, 1, 1, 5, 2]];
        for reason in 1..=reasons {
            let mut string = vec![4, 5];
            varint::push(&mut string, reason);
            let text = reason.to_string();
            string.push(text.len() as u8);
            string.extend(text.as_bytes());
            trace.extend(batch(u64::MAX, &string));
            let mut waits = vec![20, 1];
            varint::push(&mut waits, reason);
            waits.extend([0, 21, 1, 1]);
            varint::push(&mut waits, 2 * reason - 1);
            waits.extend([0, 16, 1, 1]);
            varint::push(&mut waits, 2 * reason);
            events.push(waits);
        }
        // In each it waits once.
        for region in 0..regions {
            let mut waits = vec![42, 1, 0, 1, 0, 20, 1, 2, 0, 21, 5, 1];
            varint::push(&mut waits, 2 * (reasons + region) + 1);
            waits.extend([0, 16, 1, 1]);
            varint::push(&mut waits, 2 * (reasons + region) + 2);
            waits.extend([43, 1, 0, 1, 0]);
            events.push(waits);
        }
        trace.extend(events.iter().flat_map(|events| batch(5, events)));
        trace
    }

    #[test]
    fn a_region_takes_no_more_than_what_happened_in_it() {
        let trace = trace(3000, 3000);
        let (regions, damage) =
            crate::analysis::run(Reader::new(&trace[..]).unwrap(), Regions::listener());
        assert!(damage.is_none(), "{damage:?}");
        let [group] = &regions.groups[..] else { panic!("{} groups", regions.groups.len()) };
        assert_eq!((group.durations.count, group.durations.p50_ns), (3000, 4));
        for region in &group.regions {
            let Times { total_ns, running_ns, runnable_ns, blocked_ns, .. } = &region.times;
            assert_eq!((*total_ns, *running_ns, *runnable_ns), (4, 2, 1));
            // Of what its goroutine waited for before there is nothing.
            assert_eq!(blocked_ns.iter().collect::<Vec<_>>(), [(&"2".to_owned(), &1)]);
        }
    }
}

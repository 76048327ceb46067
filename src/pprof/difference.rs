//! The difference of two profiles of one kind.

use std::collections::HashMap;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use prost::Message;

use super::profile::compressed;
use super::proto::{Function, Label, Line, Location, Profile, Sample};

/// What has been added from one profile to a later one of the same kind, both as they were written
/// for `go tool pprof`, and so is this. Samples that are in both are left out; what has become less
/// is negative.
///
/// # Errors
/// When one of them is no such profile.
///
/// # Go
/// `profile.Merge` with the first profile scaled by -1.
pub(crate) fn difference(before: &[u8], after: &[u8]) -> io::Result<Vec<u8>> {
    let (before, mut after) = (read(before)?, read(after)?);
    after.duration_nanos = after.time_nanos - before.time_nanos;
    let mut merged = Merged::new(after);
    for sample in &before.sample {
        merged.subtract(&before, sample);
    }
    let mut profile = merged.profile;
    profile.sample.retain(|sample| sample.value.iter().any(|value| *value != 0));
    let mut out = Vec::new();
    compressed(&profile, &mut out)?;
    Ok(out)
}

fn read(bytes: &[u8]) -> io::Result<Profile> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Profile::decode(&*plain).map_err(io::Error::other)
}

/// A place by what it is, not by its number in a profile: its address, and the names and lines of
/// the functions there.
type Place<'a> = (u64, Vec<(&'a str, &'a str, i64)>);

/// A stack and its labels.
type Key = (Vec<u64>, Vec<(i64, i64)>);

/// The later profile, whose tables take up what only the earlier one has.
struct Merged {
    profile: Profile,
    strings: HashMap<String, i64>,
    functions: HashMap<(i64, i64), u64>,
    locations: HashMap<(u64, Vec<Line>), u64>,
    samples: HashMap<Key, usize>,
}

impl Merged {
    fn new(profile: Profile) -> Merged {
        let strings = profile.string_table.iter().cloned().zip(0..).collect();
        let functions = profile.function.iter().map(|f| ((f.name, f.filename), f.id)).collect();
        let locations =
            profile.location.iter().map(|l| ((l.address, l.line.clone()), l.id)).collect();
        let samples = profile.sample.iter().enumerate().map(|(n, s)| (key(s), n)).collect();
        Merged { profile, strings, functions, locations, samples }
    }

    fn subtract(&mut self, from: &Profile, sample: &Sample) {
        let location_id = sample.location_id.iter().map(|id| self.location(from, *id)).collect();
        let text = |at: i64| from.string_table.get(at as usize).map_or("", |text| &**text);
        let label = sample.label.iter().map(|label| Label {
            key: self.string(text(label.key)),
            str: self.string(text(label.str)),
        });
        let label = label.collect();
        let value = sample.value.iter().map(|value| value.wrapping_neg()).collect();
        let sample = Sample { location_id, value, label };
        let next = self.profile.sample.len();
        let at = *self.samples.entry(key(&sample)).or_insert(next);
        match self.profile.sample.get_mut(at) {
            None => self.profile.sample.push(sample),
            Some(known) => {
                let values = known.value.iter_mut().zip(&sample.value);
                values.for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
            }
        }
    }

    fn location(&mut self, from: &Profile, id: u64) -> u64 {
        let Some((address, lines)) = place(from, id) else { return 0 };
        let line: Vec<Line> = lines
            .iter()
            .map(|(name, file, line)| Line { function_id: self.function(name, file), line: *line })
            .collect();
        let next = self.profile.location.len() as u64 + 1;
        let id = *self.locations.entry((address, line.clone())).or_insert(next);
        if id == next {
            let in_it =
                |m: &&super::proto::Mapping| (m.memory_start..m.memory_limit).contains(&address);
            let mapping_id = self.profile.mapping.iter().find(in_it).map_or(0, |m| m.id);
            self.profile.location.push(Location { id, mapping_id, address, line });
        }
        id
    }

    fn function(&mut self, name: &str, file: &str) -> u64 {
        let (name, filename) = (self.string(name), self.string(file));
        let next = self.profile.function.len() as u64 + 1;
        let id = *self.functions.entry((name, filename)).or_insert(next);
        if id == next {
            self.profile.function.push(Function { id, name, system_name: name, filename });
        }
        id
    }

    fn string(&mut self, text: &str) -> i64 {
        if let Some(known) = self.strings.get(text) {
            return *known;
        }
        let new = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), new);
        new
    }
}

fn key(sample: &Sample) -> Key {
    (sample.location_id.clone(), sample.label.iter().map(|l| (l.key, l.str)).collect())
}

fn place(profile: &Profile, id: u64) -> Option<Place<'_>> {
    // Locations and functions are numbered as they lie in their tables.
    let location = profile.location.get(usize::try_from(id).ok()?.checked_sub(1)?)?;
    let text = |at: i64| profile.string_table.get(at as usize).map_or("", |text| &**text);
    let lines = location.line.iter().filter_map(|line| {
        let at = usize::try_from(line.function_id).ok()?.checked_sub(1)?;
        let function = profile.function.get(at)?;
        Some((text(function.name), text(function.filename), line.line))
    });
    Some((location.address, lines.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile with these stacks, each of one function, and their values.
    fn profile(time_ns: i64, samples: &[(&str, &str, i64)]) -> Vec<u8> {
        let mut merged = Merged::new(Profile { time_nanos: time_ns, ..Profile::default() });
        merged.string("");
        for (n, (function, label, value)) in samples.iter().enumerate() {
            let line = Line { function_id: merged.function(function, "file"), line: 7 };
            let id = n as u64 + 1;
            let address = function.len() as u64;
            let location = Location { id, address, line: vec![line], ..Location::default() };
            merged.profile.location.push(location);
            let label = Label { key: merged.string("goroutine"), str: merged.string(label) };
            let label = vec![label];
            let sample = Sample { location_id: vec![id], value: vec![*value, 0], label };
            merged.profile.sample.push(sample);
        }
        let mut bytes = Vec::new();
        compressed(&merged.profile, &mut bytes).unwrap();
        bytes
    }

    fn samples(bytes: &[u8]) -> Vec<(String, String, i64)> {
        let profile = read(bytes).unwrap();
        let text = |at: i64| profile.string_table[at as usize].clone();
        let mut all: Vec<_> = profile
            .sample
            .iter()
            .map(|sample| {
                let (_, lines) = place(&profile, sample.location_id[0]).unwrap();
                (lines[0].0.to_owned(), text(sample.label[0].str), sample.value[0])
            })
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn what_is_in_both_is_subtracted() {
        let before = profile(10, &[("gone", "", 3), ("same", "x", 5), ("more", "", 1)]);
        let after =
            profile(25, &[("more", "", 4), ("same", "y", 2), ("same", "x", 5), ("new", "", 7)]);
        let bytes = difference(&before, &after).unwrap();
        let expected = [("gone", "", -3), ("more", "", 3), ("new", "", 7), ("same", "y", 2)];
        let expected = expected.map(|(f, l, value)| (f.to_owned(), l.to_owned(), value));
        assert_eq!(samples(&bytes), expected);
        let profile = read(&bytes).unwrap();
        assert_eq!((profile.time_nanos, profile.duration_nanos), (25, 15));
        assert!(difference(b"junk", &after).is_err());
    }
}

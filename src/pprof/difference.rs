//! The difference of two profiles of one kind.

use std::collections::HashMap;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use prost::Message;

use crate::profile::{Label, Line, Profile, Sample, Tables};

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
    let mut tables = merged.tables;
    tables.profile.sample.retain(|sample| sample.value.iter().any(|value| *value != 0));
    let mut out = Vec::new();
    tables.write(&mut out)?;
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
    tables: Tables,
    samples: HashMap<Key, usize>,
}

impl Merged {
    fn new(profile: Profile) -> Merged {
        let samples = profile.sample.iter().enumerate().map(|(n, s)| (key(s), n)).collect();
        Merged { tables: Tables::of(profile), samples }
    }

    fn subtract(&mut self, from: &Profile, sample: &Sample) {
        let location_id = sample.location_id.iter().map(|id| self.location(from, *id)).collect();
        let text = |at: i64| from.string_table.get(at as usize).map_or("", |text| &**text);
        let label = sample.label.iter().map(|label| Label {
            key: self.tables.string(text(label.key)),
            str: self.tables.string(text(label.str)),
        });
        let label = label.collect();
        let value = sample.value.iter().map(|value| value.wrapping_neg()).collect();
        let sample = Sample { location_id, value, label };
        let next = self.tables.profile.sample.len();
        let at = *self.samples.entry(key(&sample)).or_insert(next);
        match self.tables.profile.sample.get_mut(at) {
            None => self.tables.profile.sample.push(sample),
            Some(known) => {
                let values = known.value.iter_mut().zip(&sample.value);
                values.for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
            }
        }
    }

    fn location(&mut self, from: &Profile, id: u64) -> u64 {
        let Some((address, lines)) = place(from, id) else { return 0 };
        let line = lines
            .iter()
            .map(|&(name, file, line)| Line { function_id: self.tables.function(name, file), line })
            .collect();
        self.tables.location(address, line)
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
        let mut tables = Tables::of(Profile { time_nanos: time_ns, ..Profile::default() });
        tables.string("");
        for (function, label, value) in samples {
            let line = Line { function_id: tables.function(function, "file"), line: 7 };
            let location = tables.location(function.len() as u64, vec![line]);
            tables.push(vec![location], vec![*value, 0], &[("goroutine", label)]);
        }
        let mut bytes = Vec::new();
        tables.write(&mut bytes).unwrap();
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

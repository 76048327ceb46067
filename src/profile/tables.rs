//! A profile in the making: what samples refer to is in tables, each thing once.

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::proto::{Function, Label, Line, Location, Profile, Sample, ValueType};

/// What the values of a profile are.
#[derive(Clone, Copy)]
pub(crate) struct Types {
    /// A name and a unit for each value of a sample.
    pub(crate) values: &'static [(&'static str, &'static str)],
    /// What is sampled, in what.
    pub(crate) period_type: (&'static str, &'static str),
    pub(crate) period: u64,
}

/// A profile, and where in it things are.
pub(crate) struct Tables {
    pub(crate) profile: Profile,
    strings: HashMap<String, i64>,
    functions: HashMap<(i64, i64), u64>,
    locations: HashMap<(u64, Vec<Line>), u64>,
}

impl Tables {
    /// An empty profile of values of these types.
    pub(crate) fn new(types: &Types) -> Tables {
        let mut tables = Tables::of(Profile::default());
        tables.string("");
        let values = types.values.iter().map(|of| tables.value_type(of)).collect();
        tables.profile.sample_type = values;
        tables.profile.period_type = Some(tables.value_type(&types.period_type));
        tables.profile.period = types.period as i64;
        tables
    }

    /// A profile that there is, to add to.
    pub(crate) fn of(profile: Profile) -> Tables {
        let strings = profile.string_table.iter().cloned().zip(0..).collect();
        let functions = profile.function.iter().map(|f| ((f.name, f.filename), f.id)).collect();
        let locations =
            profile.location.iter().map(|l| ((l.address, l.line.clone()), l.id)).collect();
        Tables { profile, strings, functions, locations }
    }

    /// The place of a text.
    pub(crate) fn string(&mut self, text: &str) -> i64 {
        if let Some(&known) = self.strings.get(text) {
            return known;
        }
        let new = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), new);
        new
    }

    fn value_type(&mut self, (name, unit): &(&str, &str)) -> ValueType {
        ValueType { r#type: self.string(name), unit: self.string(unit) }
    }

    /// The number of a function; the name of its file may be empty.
    pub(crate) fn function(&mut self, name: &str, file: &str) -> u64 {
        let (name, filename) = (self.string(name), self.string(file));
        let next = self.profile.function.len() as u64 + 1;
        let id = *self.functions.entry((name, filename)).or_insert(next);
        if id == next {
            self.profile.function.push(Function { id, name, system_name: name, filename });
        }
        id
    }

    /// The number of an address (0: of none) with these functions and lines, innermost first.
    pub(crate) fn location(&mut self, address: u64, line: Vec<Line>) -> u64 {
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

    /// The number of an address in a line of a function.
    #[cfg(feature = "analysis")]
    pub(crate) fn place(&mut self, address: u64, function: &str, file: &str, line: u64) -> u64 {
        let function_id = self.function(function, file);
        self.location(address, vec![Line { function_id, line: line as i64 }])
    }

    /// Adds a sample: a value of each type.
    pub(crate) fn push(&mut self, location_id: Vec<u64>, value: Vec<i64>, labels: &[(&str, &str)]) {
        let label =
            |(key, text): &(&str, &str)| Label { key: self.string(key), str: self.string(text) };
        let label = labels.iter().map(label).collect();
        self.profile.sample.push(Sample { location_id, value, label });
    }

    /// Writes the profile, compressed.
    ///
    /// # Errors
    /// When `out` fails.
    pub(crate) fn write(&self, out: impl Write) -> io::Result<()> {
        let mut gzip = GzEncoder::new(out, Compression::fast());
        gzip.write_all(&self.profile.encode_to_vec())?;
        gzip.finish()?.flush()
    }
}

//! Delays by stack in pprof's format, for `go tool pprof`.

use std::io::{self, Write};

use crate::analysis::{Sample, Sampled};
use crate::profile::{Tables, Types};

const TYPES: Types = Types {
    values: &[("contentions", "count"), ("delay", "nanoseconds")],
    period_type: ("trace", "count"),
    period: 1,
};

/// Writes a profile: of each stack the number of delays and their time; the reason, where there are
/// several, is the label `reason`.
///
/// # Errors
/// When the output cannot be written.
///
/// # Go
/// What `go tool trace -pprof` writes, but for the order of samples, which is no two times the same
/// there.
pub fn write(answer: &impl Sampled, out: impl Write) -> io::Result<()> {
    let mut tables = Tables::new(&TYPES);
    for Sample { stack, reason, count, delay_ns } in answer.samples() {
        let locations = stack
            .iter()
            .map(|place| tables.place(place.pc, &place.function, &place.file, place.line))
            .collect();
        let label = reason.map(|reason| ("reason", reason));
        tables.push(locations, vec![count as i64, delay_ns], label.as_slice());
    }
    tables.write(out)
}

//! Folded stacks, which flame graphs are made of.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::analysis::{Sample, Sampled};

/// Writes a line for each stack: its functions, outermost first, with semicolons between them, then
/// the reason in brackets, where there are several; and after a space the nanoseconds spent there.
///
/// # Errors
/// When the output cannot be written.
pub fn write(answer: &impl Sampled, mut out: impl Write) -> io::Result<()> {
    let mut times = BTreeMap::<String, i64>::new();
    for sample in answer.samples().filter(|sample| sample.delay_ns > 0) {
        let time = times.entry(line(&sample)).or_default();
        *time = time.saturating_add(sample.delay_ns);
    }
    let text: String = times.iter().map(|(line, ns)| format!("{line} {ns}\n")).collect();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Stacks that differ in lines only are one.
fn line(sample: &Sample<'_>) -> String {
    let functions = sample.stack.iter().rev().map(|place| match &*place.function {
        "" => "(unknown)".to_owned(),
        function => name(function),
    });
    let reason = sample.reason.map(|reason| match reason {
        "" => "[unknown]".to_owned(),
        reason => format!("[{}]", name(reason)),
    });
    let parts: Vec<String> = functions.chain(reason).collect();
    if parts.is_empty() { "(unknown)".to_owned() } else { parts.join(";") }
}

/// A name without what means something in a line.
fn name(name: &str) -> String {
    let plain = |c: char| match c {
        ';' => ':',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Place, Profile, ProfileSample};

    fn sample(functions: &[&str], delay_ns: i64) -> ProfileSample {
        let place =
            |function: &&str| Place { function: (*function).to_owned(), ..Place::default() };
        ProfileSample { stack: functions.iter().map(place).collect(), count: 1, delay_ns }
    }

    #[test]
    fn lines() {
        let samples = [
            sample(&["inner", "main"], 5),
            sample(&["a [u8; 2]\n", "main"], 7),
            sample(&["inner", "main"], 6),
            sample(&[], 1),
            sample(&["nothing"], 0),
        ];
        let mut out = Vec::new();
        write(&Profile { samples: samples.into() }, &mut out).unwrap();
        let expected = "(unknown) 1\nmain;a [u8: 2]\u{fffd} 7\nmain;inner 11\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

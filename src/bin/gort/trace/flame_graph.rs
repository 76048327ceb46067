//! A flame graph as a picture that browsers show, with what makes it answer to clicks.

use std::io::Write;

use gort::analysis::Sampled;
use gort::render::folded;
use inferno::flamegraph::{self, Options};

use crate::failure::Failure;

/// Writes one of a file.
pub(crate) fn write(answer: &impl Sampled, file: &str, mut out: impl Write) -> Result<(), Failure> {
    let mut lines = Vec::new();
    folded::write(answer, &mut lines)?;
    let mut options = Options::default();
    options.title = "Time spent waiting".to_owned();
    options.count_name = "ns".to_owned();
    // The same trace gives the same picture.
    options.deterministic = true;
    let mut picture = Vec::new();
    match flamegraph::from_reader(&mut options, &*lines, &mut picture) {
        // The picture says that there is nothing.
        Err(_) if lines.is_empty() => {}
        made => made.map_err(|error| {
            Failure::trace(file, format!("no flame graph can be made of it: {error}"))
        })?,
    }
    Ok(out.write_all(&picture)?)
}

//! What is written besides the table on the terminal: a chart, and the table for a document.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cell::Cell;
use crate::machine;
use crate::markdown;
use crate::options::Options;
use crate::plot;
use crate::system::System;

pub(crate) struct Report {
    plot: Option<PathBuf>,
    markdown: Option<PathBuf>,
    /// On what it was measured, and how.
    circumstances: String,
    procs: usize,
}

impl Report {
    /// Before anything is measured: whether the document can take the table is no surprise for the
    /// end, and the commit is that of the program that runs.
    pub(crate) fn begin(systems: &[System], options: &Options) -> Result<Report, String> {
        let report = Report {
            plot: options.plot.clone(),
            markdown: options.markdown.clone(),
            circumstances: machine::circumstances(systems, options),
            procs: options.procs,
        };
        match &report.markdown {
            Some(file) => report.document(file, "").map(|_| report),
            None => Ok(report),
        }
    }

    pub(crate) fn end(self, rows: &[Vec<Cell>]) -> Result<(), String> {
        if let Some(file) = &self.plot {
            let title = format!("GOMAXPROCS={}, {}", self.procs, self.circumstances);
            plot::draw(rows, &title, file).map_err(|error| at(file, error))?;
        }
        if let Some(file) = &self.markdown {
            let table = markdown::table(rows, &self.circumstances);
            fs::write(file, self.document(file, &table)?).map_err(|error| at(file, error))?;
        }
        Ok(())
    }

    /// The document with the table in it.
    fn document(&self, file: &Path, table: &str) -> Result<String, String> {
        let old = match file.exists() {
            true => Some(fs::read_to_string(file).map_err(|error| at(file, error))?),
            false => None,
        };
        markdown::document(old.as_deref(), self.procs, table).map_err(|error| at(file, error))
    }
}

fn at(file: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}

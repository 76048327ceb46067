//! The project's files as text.

use std::fs;
use std::path::{Path, PathBuf};

/// What is built, not written: folders, and the file that is `.git` in a worktree.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];

/// A text file of the project.
pub(crate) struct Source {
    /// Its path from the project's root, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = (usize, &str)> {
        self.text.lines().collect::<Vec<_>>().into_iter().enumerate().map(|(n, l)| (n + 1, l))
    }

    /// The lines of code: no comments, nothing after `#[cfg(test)]`.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(n, line)| (n + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files.
pub(crate) fn all() -> Vec<Source> {
    let mut files = Vec::new();
    collect(root(), &mut files);
    let sources = files.into_iter().filter_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        Some(Source { path, text })
    });
    let sources: Vec<_> = sources.collect();
    assert!(sources.len() > 60, "the tree was not found");
    sources
}

/// The Rust files below a folder.
pub(crate) fn rust(folder: &str) -> Vec<Source> {
    let found: Vec<_> =
        all().into_iter().filter(|s| s.is_rust() && s.path.starts_with(folder)).collect();
    assert!(!found.is_empty(), "no Rust files in {folder}");
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        if SKIPPED.iter().any(|skipped| *skipped == name) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Fails with all the complaints, if there are any.
pub(crate) fn expect_none(rule: &str, complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}

//! Texts of traces on terminals.

/// A text without characters that a terminal would obey.
pub(crate) fn text(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The last part of a file's path.
pub(crate) fn file(path: &str) -> String {
    text(path.rsplit('/').next().unwrap_or(path))
}

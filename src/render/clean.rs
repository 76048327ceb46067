//! Texts of traces on terminals.

use super::quote;

/// A text without characters that a terminal would obey: those that change the direction of writing,
/// too.
pub(crate) fn text(text: &str) -> String {
    let shown = |c| if quote::is_printable(c) { c } else { char::REPLACEMENT_CHARACTER };
    text.chars().map(shown).collect()
}

/// The last part of a file's path.
pub(crate) fn file(path: &str) -> String {
    text(path.rsplit('/').next().unwrap_or(path))
}

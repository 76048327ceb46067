//! Stacks as text.

use std::fmt::Write;

use super::clean;
use crate::analysis::Place;

/// A line for each frame, innermost first.
pub(crate) fn text(stack: &[Place]) -> String {
    if stack.is_empty() {
        return "    (no stack)\n".to_owned();
    }
    let mut text = String::new();
    for Place { function, file, line, .. } in stack {
        let function = if function.is_empty() { "(unknown)" } else { function };
        let _ = write!(text, "    {}", clean::text(function));
        if !file.is_empty() {
            let _ = write!(text, " {}:{line}", clean::file(file));
        }
        text.push('\n');
    }
    text
}

/// A name, or that there is none.
pub(crate) fn name<'a>(name: &'a str, none: &'a str) -> &'a str {
    if name.is_empty() { none } else { name }
}

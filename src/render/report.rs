//! Answers of analyses, shown.

use serde::Serialize;

use super::table::Style;

/// An answer that can be shown as text.
pub trait Report: Serialize {
    /// Lines of text, the last one with its end.
    fn text(&self, detail: &Detail, style: Style) -> String;
}

/// What is shown of an answer in detail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Each member of the groups with a function, or a name, that contains one of these.
    pub names: Vec<String>,
    /// These tasks.
    pub tasks: Vec<u64>,
    /// So many stacks, those with the longest times.
    pub stacks: usize,
    /// Long system calls, or goroutines of the runtime's own, or how long goroutines lived: what the
    /// answer has besides.
    pub all: bool,
}

impl Detail {
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|part| name.contains(&**part))
    }
}

/// An answer about a file as an object of JSON on a line: `file`, and the fields of the answer's type.
pub fn json(file: &str, answer: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct OfFile<'a, T> {
        file: &'a str,
        #[serde(flatten)]
        answer: &'a T,
    }
    json_line(&OfFile { file, answer })
}

/// Anything as JSON on a line.
pub fn json_line(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("answers can be JSON") + "\n"
}

//! Who may use whom: the arrows of `ARCHITECTURE.md`.

use crate::tree::{self, Source};

/// A word of the source and the only places where it may stand.
const ONLY_IN: [(&str, &[&str]); 4] = [
    ("libc::", &["src/sys/"]),
    ("corosensei::", &["src/sched/coro.rs"]),
    ("thread_local!", &["src/sched/tls.rs"]),
    ("crossbeam_deque::", &["src/sched/runq.rs"]),
];

/// A folder, and the parts of the crate it may use besides itself.
const MAY_USE: [(&str, &[&str]); 9] = [
    ("src/profile/", &[]),
    ("src/wire/", &[]),
    ("src/sys/", &[]),
    ("src/reader/", &["wire"]),
    ("src/tracer/", &["wire", "sys"]),
    ("src/sched/", &["tracer", "wire", "sys"]),
    ("src/analysis/", &["reader"]),
    ("src/render/", &["analysis", "profile", "reader", "wire"]),
    // Its own modules; of the library it sees what everybody does.
    ("src/bin/", &["arguments", "documents", "failure", "files", "output", "table", "trace"]),
];

#[test]
fn words_stand_only_where_they_belong() {
    let mut complaints = Vec::new();
    for source in tree::rust("src/") {
        for (n, line) in source.code() {
            for (word, places) in ONLY_IN {
                if line.contains(word) && !places.iter().any(|p| source.path.starts_with(p)) {
                    complaints.push(format!("{}:{n}: {word}", source.path));
                }
            }
        }
    }
    tree::expect_none("a word outside of its place", complaints);
}

#[test]
fn arrows_go_down() {
    let mut complaints = Vec::new();
    for (folder, allowed) in MAY_USE {
        let own = folder.trim_start_matches("src/").trim_end_matches('/');
        for source in tree::rust(folder) {
            for (n, part) in used_parts(&source) {
                if part != own && !allowed.contains(&&*part) {
                    complaints.push(format!("{}:{n}: crate::{part}", source.path));
                }
            }
        }
    }
    tree::expect_none("an arrow that goes up", complaints);
}

/// The top-level parts of the crate that a file names as `crate::part`.
fn used_parts(source: &Source) -> Vec<(usize, String)> {
    let mut parts = Vec::new();
    for (n, line) in source.code() {
        for rest in line.split("crate::").skip(1) {
            let part: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if part.chars().next().is_some_and(char::is_lowercase) {
                parts.push((n, part));
            } else if let Some(list) = rest.strip_prefix('{') {
                parts.extend(
                    list.split(',').map(|p| (n, p.trim_matches([' ', '}', ';']).to_owned())),
                );
            }
        }
    }
    parts
}

#[test]
fn what_reads_and_writes_traces_has_no_unsafe_code() {
    for folder in ["profile", "wire", "reader", "analysis", "render", "bin/gort"] {
        let root = if folder.starts_with("bin") { "main" } else { "mod" };
        let file = tree::rust(&format!("src/{folder}/{root}.rs"));
        assert!(file[0].text.contains("#![forbid(unsafe_code)]"), "{folder}");
    }
}

/// A system call and the reading of its `errno` are one function that nothing is inlined around.
#[test]
fn errno_is_read_in_functions_that_are_never_inlined() {
    let mut complaints = Vec::new();
    for source in tree::rust("src/") {
        for (n, line) in source.code().filter(|(_, line)| line.contains("last_os_error")) {
            let above = source.lines().take(n).collect::<Vec<_>>();
            let head = above.iter().rposition(|(_, l)| l.trim_start().contains("fn ")).unwrap();
            let attributes = above[..head].iter().rev().take_while(|(_, l)| !l.trim().is_empty());
            if !attributes.into_iter().any(|(_, l)| l.contains("#[inline(never)]")) {
                complaints.push(format!("{}:{n}: {}", source.path, line.trim()));
            }
        }
    }
    tree::expect_none("errno read where it may be inlined", complaints);
}

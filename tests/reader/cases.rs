//! The cases of Go's own tests: the same verdict, for the same cause.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gort::reader::ErrorKind;

use crate::support::Go;
use crate::verdict;

/// The cases of Go's tests and of its fuzzer's corpus, by name.
pub(crate) fn cases(go: &Go, folder: &Path) -> (Vec<PathBuf>, BTreeMap<String, bool>) {
    let expected = go.cases(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension() == Some("trace".as_ref())).collect();
    files.sort();
    (files, expected)
}

/// What Go says of the cases that it does not accept, and what we do.
const CAUSES: [(&str, ErrorKind, &str); 6] = [
    ("expected a proc but didn't have one", ErrorKind::Order, "expected a processor, found none"),
    ("expected frequency or clock snapshot event", ErrorKind::Clock, "expected a frequency"),
    ("invalid status for proc", ErrorKind::Order, "expected a state of processor"),
    ("found invalid uvarint", ErrorKind::Encoding, "a number of"),
    ("unexpected event type", ErrorKind::OldVersion, "whose format is another one"),
    ("no frequency event found", ErrorKind::Clock, "expected a clock frequency"),
];

/// Where a fuzzer begins.
fn copy_to(folder: &Path, files: &[PathBuf]) {
    fs::create_dir_all(folder).unwrap();
    for file in files {
        fs::copy(file, folder.join(file.file_name().unwrap())).unwrap();
    }
}

#[test]
fn the_cases_of_gos_own_tests() {
    let Some(go) = Go::find("the cases of Go's tests of its reader") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (files, expected) = cases(&go, folder.path());
    assert!(expected.len() >= 20 && files.len() > expected.len() + 10, "{files:#?}");
    let verdicts = go.verdicts(&files);
    if let Some(seeds) = std::env::var_os("GORT_FUZZ_SEEDS") {
        copy_to(Path::new(&seeds), &files);
    }
    for (file, theirs) in files.iter().zip(verdicts) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let (ours, error) = verdict(&fs::read(file).unwrap());
        let both = format!("{name}:\n{ours:?}\n{theirs:?}");
        if let Some(is_sound) = expected.get(name) {
            assert_eq!(theirs.is_accepted, *is_sound, "{both}");
        }
        assert_eq!(ours.is_accepted, theirs.is_accepted, "{both}");
        // Go reads the old format.
        let is_old = error.as_ref().is_some_and(|error| error.kind() == ErrorKind::OldVersion);
        let is_same = ours.events == theirs.events && ours.hash == theirs.hash;
        assert!(is_same || is_old, "{both}");
        if let Some(error) = error {
            let cause = CAUSES.iter().find(|(phrase, ..)| theirs.complaint.contains(phrase));
            let (_, kind, what) =
                cause.unwrap_or_else(|| panic!("a cause that is not known: {both}"));
            assert!(error.kind() == *kind && error.what().contains(what), "{both}");
        }
    }
}

//! Files that the runtime writes of its own accord: their names, and who may read them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Traces say what a program does, and are its user's.
pub(super) const MODE: u32 = 0o600;

/// The most files of one name.
const MOST: u32 = 10_000;

/// The path of the file: in a folder, which what ends with `/` is or becomes, it is called like the
/// program.
pub(super) fn path(wanted: &Path) -> io::Result<PathBuf> {
    let is_new_folder = wanted.as_os_str().as_bytes().ends_with(b"/");
    if is_new_folder {
        std::fs::create_dir_all(wanted)?;
    }
    let is_folder = is_new_folder || wanted.is_dir();
    let name = || wanted.join(executable()).with_added_extension("trace");
    Ok(if is_folder { name() } else { wanted.to_owned() })
}

/// Makes a file that was not there: `wanted`, or else one with a number, as in `late.1.trace`.
/// What is there already, a link too, is left alone.
pub(super) fn create(wanted: &Path) -> io::Result<(File, PathBuf)> {
    let first = path(wanted)?;
    let mut options = File::options();
    options.write(true).create_new(true).mode(MODE);
    for number in 0..MOST {
        let path = if number == 0 { first.clone() } else { with_number(&first, number) };
        match options.open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The name of the program's file. Those of cargo's tests have a hash, and are all different.
fn executable() -> OsString {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("program"));
    let name = path.file_name().unwrap_or(OsStr::new("program"));
    // As the system calls what was deleted, or built anew, meanwhile.
    let name = name.as_bytes();
    OsStr::from_bytes(name.strip_suffix(b" (deleted)").unwrap_or(name)).to_owned()
}

/// As in `trace.123.out`.
pub(super) fn with_number(path: &Path, number: u32) -> PathBuf {
    let number = number.to_string();
    match path.extension() {
        Some(extension) => {
            let mut end = OsString::from(number);
            end.push(".");
            end.push(extension);
            path.with_extension(end)
        }
        None => path.with_extension(number),
    }
}

//! Files and directories, for goroutines: `std::fs` whose calls hand their processor over.
//!
//! The functions and types are those of [`std::fs`], with the same arguments, results and errors.
//! A call blocks its thread, as the system has it, and goes through [`blocking`]:
//! other goroutines run on meanwhile, on the processor that it gives away. Also calls that are
//! mostly quick do so ([`metadata`], [`File::set_len`], …), since none is on every file system. What
//! cannot wait for a device at all does not: [`Seek`](std::io::Seek), [`File::try_clone`], closing.
//!
//! Each call costs what handing over costs: read and write in large pieces, or by way of
//! [`BufReader`](std::io::BufReader) and [`BufWriter`](std::io::BufWriter).
//!
//! ```
//! use std::io::{Read, Seek, Write};
//! use gort::fs::{self, File};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("greeting");
//! # // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! # unsafe { gort::run(|| {
//! let mut file = File::options().read(true).write(true).create(true).open(&path).unwrap();
//! file.write_all(b"hello").unwrap();
//! file.rewind().unwrap();
//! let mut text = String::new();
//! file.read_to_string(&mut text).unwrap();
//! assert_eq!(text, fs::read_to_string(&path).unwrap());
//! # }) }
//! ```
//!
//! # Go
//! The part of package `os` about files. As in Go, a call on a file takes a thread while it lasts.

mod dir;
mod file;
mod options;

use std::io;
use std::path::{Path, PathBuf};

use crate::blocking;

pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};

pub use dir::{DirBuilder, DirEntry, ReadDir};
pub use file::File;
pub use options::OpenOptions;

/// Reads a whole file. As [`std::fs::read`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.ReadFile`.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    blocking(|| std::fs::read(path.as_ref()))
}

/// Reads a whole file of text. As [`std::fs::read_to_string`].
///
/// # Errors
/// As there.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    blocking(|| std::fs::read_to_string(path.as_ref()))
}

/// Writes a whole file, in place of what was there. As [`std::fs::write`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.WriteFile`.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let contents = contents.as_ref();
    blocking(|| std::fs::write(path.as_ref(), contents))
}

/// Copies a file with its permissions, in the kernel where that can. As [`std::fs::copy`].
///
/// # Errors
/// As there.
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    blocking(|| std::fs::copy(from.as_ref(), to.as_ref()))
}

/// Gives a file or directory another name. As [`std::fs::rename`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Rename`.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::rename(from.as_ref(), to.as_ref()))
}

/// Removes a file. As [`std::fs::remove_file`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Remove`.
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::remove_file(path.as_ref()))
}

/// Makes a directory. As [`std::fs::create_dir`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Mkdir`.
pub fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::create_dir(path.as_ref()))
}

/// Makes a directory and those above it. As [`std::fs::create_dir_all`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.MkdirAll`.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::create_dir_all(path.as_ref()))
}

/// Removes an empty directory. As [`std::fs::remove_dir`].
///
/// # Errors
/// As there.
pub fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::remove_dir(path.as_ref()))
}

/// Removes a directory and all that is in it. As [`std::fs::remove_dir_all`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.RemoveAll`.
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::remove_dir_all(path.as_ref()))
}

/// What the system knows of a file. As [`std::fs::metadata`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Stat`.
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    blocking(|| std::fs::metadata(path.as_ref()))
}

/// As [`metadata`], of a symbolic link itself. As [`std::fs::symlink_metadata`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Lstat`.
pub fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    blocking(|| std::fs::symlink_metadata(path.as_ref()))
}

/// The absolute path without links in it. As [`std::fs::canonicalize`].
///
/// # Errors
/// As there.
///
/// # Go
/// `filepath.EvalSymlinks`, absolute.
pub fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    blocking(|| std::fs::canonicalize(path.as_ref()))
}

/// What is in a directory. As [`std::fs::read_dir`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.ReadDir`, unsorted and bit by bit.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    blocking(|| std::fs::read_dir(path.as_ref())).map(ReadDir::from)
}

/// Gives a file one more name. As [`std::fs::hard_link`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Link`.
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::hard_link(original.as_ref(), link.as_ref()))
}

/// Makes a symbolic link. As [`std::os::unix::fs::symlink`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Symlink`.
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::os::unix::fs::symlink(original.as_ref(), link.as_ref()))
}

/// Where a symbolic link leads. As [`std::fs::read_link`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Readlink`.
pub fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    blocking(|| std::fs::read_link(path.as_ref()))
}

/// Says who may do what with a file. As [`std::fs::set_permissions`].
///
/// # Errors
/// As there.
///
/// # Go
/// `os.Chmod`.
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    blocking(|| std::fs::set_permissions(path.as_ref(), permissions))
}

/// Whether there is such a file. As [`std::fs::exists`].
///
/// # Errors
/// As there.
pub fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    blocking(|| std::fs::exists(path.as_ref()))
}

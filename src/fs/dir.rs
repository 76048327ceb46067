//! Directories: made, and read.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt};
use std::path::{Path, PathBuf};

use super::{FileType, Metadata};
use crate::blocking;

/// Entries that one call reads ahead: the system gives many at once, so most would not block.
const AHEAD: usize = 64;

/// What is in a directory, bit by bit. As [`std::fs::ReadDir`].
///
/// # Go
/// `File.ReadDir`.
pub struct ReadDir {
    inner: std::fs::ReadDir,
    ahead: VecDeque<io::Result<std::fs::DirEntry>>,
    is_over: bool,
}

impl ReadDir {
    /// Reads on.
    fn fill(&mut self) {
        let (inner, ahead) = (&mut self.inner, &mut self.ahead);
        self.is_over = blocking(|| {
            while ahead.len() < AHEAD {
                match inner.next() {
                    Some(entry) => ahead.push_back(entry),
                    None => return true,
                }
            }
            false
        });
    }
}

impl From<std::fs::ReadDir> for ReadDir {
    fn from(inner: std::fs::ReadDir) -> ReadDir {
        ReadDir { inner, ahead: VecDeque::new(), is_over: false }
    }
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        if self.ahead.is_empty() && !self.is_over {
            self.fill();
        }
        Some(self.ahead.pop_front()?.map(DirEntry))
    }
}

impl FusedIterator for ReadDir {}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// What is in a directory, one thing of it. As [`std::fs::DirEntry`].
///
/// # Go
/// `os.DirEntry`.
pub struct DirEntry(std::fs::DirEntry);

impl DirEntry {
    /// Its path: the directory's, as that was given, and its name.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Its name.
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// What the system knows of it; links are not followed.
    ///
    /// # Errors
    /// As [`std::fs::DirEntry::metadata`].
    pub fn metadata(&self) -> io::Result<Metadata> {
        blocking(|| self.0.metadata())
    }

    /// What it is; links are not followed.
    ///
    /// # Errors
    /// As [`std::fs::DirEntry::file_type`].
    pub fn file_type(&self) -> io::Result<FileType> {
        blocking(|| self.0.file_type())
    }

    /// Its number in the file system.
    pub fn ino(&self) -> u64 {
        self.0.ino()
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a directory is made. As [`std::fs::DirBuilder`].
#[derive(Debug)]
pub struct DirBuilder {
    inner: std::fs::DirBuilder,
}

impl DirBuilder {
    /// One directory, whose mode the umask decides.
    #[allow(clippy::new_without_default, reason = "as in std")]
    pub fn new() -> DirBuilder {
        DirBuilder { inner: std::fs::DirBuilder::new() }
    }

    /// Whether those above it are made as well, and it may be there.
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.inner.recursive(recursive);
        self
    }

    /// Who may do what with it. As [`DirBuilderExt::mode`].
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.inner.mode(mode);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// As [`std::fs::DirBuilder::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        blocking(|| self.inner.create(path.as_ref()))
    }
}

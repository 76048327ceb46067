//! An open file.

use std::fmt;
use std::io::{self, IoSliceMut, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use super::{FileTimes, Metadata, OpenOptions, Permissions, TryLockError};
use crate::blocking::{blocking, write_by_reference};

/// An open file. As [`std::fs::File`], whose calls hand the processor over.
///
/// It is read and written also by reference, `&File`, so goroutines may share one. It is closed when
/// it is dropped; [`File::sync_all`] before that tells of errors.
///
/// # Examples
/// ```
/// use std::io::Write;
/// use gort::fs::File;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("log");
/// let mut file = File::create(&path).unwrap();
/// file.write_all(b"a line\n").unwrap();
/// file.write_all_at(b"A", 0).unwrap();
/// assert_eq!(gort::fs::read(&path).unwrap(), b"A line\n");
/// ```
///
/// # Go
/// `os.File`. Files cannot be told to have deadlines.
pub struct File {
    inner: std::fs::File,
}

impl File {
    /// Opens a file to read it. As [`std::fs::File::open`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `os.Open`.
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::open(path.as_ref())).map(File::from_std)
    }

    /// Opens a file to write it, empty. As [`std::fs::File::create`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `os.Create`, which opens it for reading as well.
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::create(path.as_ref())).map(File::from_std)
    }

    /// Makes a file that was not there, to read and write it. As [`std::fs::File::create_new`].
    ///
    /// # Errors
    /// As there.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::create_new(path.as_ref())).map(File::from_std)
    }

    /// How to open a file, to be chosen. As [`std::fs::File::options`].
    ///
    /// # Go
    /// The flags of `os.OpenFile`.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// The file that `std` has opened.
    pub fn from_std(file: std::fs::File) -> File {
        File { inner: file }
    }

    /// The file, for `std`.
    pub fn into_std(self) -> std::fs::File {
        self.inner
    }

    /// Waits until all is on the device. As [`std::fs::File::sync_all`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `File.Sync`.
    pub fn sync_all(&self) -> io::Result<()> {
        blocking(|| self.inner.sync_all())
    }

    /// As [`File::sync_all`], for the contents only. As [`std::fs::File::sync_data`].
    ///
    /// # Errors
    /// As there.
    pub fn sync_data(&self) -> io::Result<()> {
        blocking(|| self.inner.sync_data())
    }

    /// Makes it so long. As [`std::fs::File::set_len`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `File.Truncate`.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        blocking(|| self.inner.set_len(size))
    }

    /// What the system knows of it. As [`std::fs::File::metadata`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `File.Stat`.
    pub fn metadata(&self) -> io::Result<Metadata> {
        blocking(|| self.inner.metadata())
    }

    /// The same open file once more: both have one position. As [`std::fs::File::try_clone`].
    ///
    /// # Errors
    /// As there.
    pub fn try_clone(&self) -> io::Result<File> {
        self.inner.try_clone().map(File::from_std)
    }

    /// Says who may do what with it. As [`std::fs::File::set_permissions`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `File.Chmod`.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        blocking(|| self.inner.set_permissions(permissions))
    }

    /// Sets its times. As [`std::fs::File::set_times`].
    ///
    /// # Errors
    /// As there.
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        blocking(|| self.inner.set_times(times))
    }

    /// Sets when it was written last. As [`std::fs::File::set_modified`].
    ///
    /// # Errors
    /// As there.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        blocking(|| self.inner.set_modified(time))
    }

    /// Waits for the file's lock, which is everybody's who has this open file and no goroutine's of
    /// its own. As [`std::fs::File::lock`].
    ///
    /// # Errors
    /// As there.
    pub fn lock(&self) -> io::Result<()> {
        blocking(|| self.inner.lock())
    }

    /// As [`File::lock`], beside others who share it. As [`std::fs::File::lock_shared`].
    ///
    /// # Errors
    /// As there.
    pub fn lock_shared(&self) -> io::Result<()> {
        blocking(|| self.inner.lock_shared())
    }

    /// As [`File::lock`], unless that has to wait. As [`std::fs::File::try_lock`].
    ///
    /// # Errors
    /// As there.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        blocking(|| self.inner.try_lock())
    }

    /// As [`File::lock_shared`], unless that has to wait. As [`std::fs::File::try_lock_shared`].
    ///
    /// # Errors
    /// As there.
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        blocking(|| self.inner.try_lock_shared())
    }

    /// Gives the lock back. As [`std::fs::File::unlock`].
    ///
    /// # Errors
    /// As there.
    pub fn unlock(&self) -> io::Result<()> {
        blocking(|| self.inner.unlock())
    }

    /// Reads at a place, and leaves the position where it is. As [`FileExt::read_at`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `File.ReadAt`, which reads on until all is there.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        blocking(|| self.inner.read_at(bytes, offset))
    }

    /// As [`File::read_at`], until all is there. As [`FileExt::read_exact_at`].
    ///
    /// # Errors
    /// As there.
    pub fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        blocking(|| self.inner.read_exact_at(bytes, offset))
    }

    /// Writes at a place, and leaves the position where it is. As [`FileExt::write_at`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Go
    /// `File.WriteAt`, which writes on until all is there.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        blocking(|| self.inner.write_at(bytes, offset))
    }

    /// As [`File::write_at`], until all is there. As [`FileExt::write_all_at`].
    ///
    /// # Errors
    /// As there.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        blocking(|| self.inner.write_all_at(bytes, offset))
    }
}

impl Read for &File {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        blocking(|| (&self.inner).read(bytes))
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        blocking(|| (&self.inner).read_vectored(slices))
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        blocking(|| (&self.inner).read_to_end(bytes))
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        blocking(|| (&self.inner).read_to_string(text))
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        blocking(|| (&self.inner).read_exact(bytes))
    }
}

impl Read for File {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self).read(bytes)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(slices)
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(bytes)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(text)
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(bytes)
    }
}

write_by_reference!(File);

impl Seek for &File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        (&self.inner).seek(position)
    }
}

impl Seek for File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        (&self.inner).seek(position)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File::from_std(file)
    }
}

impl From<File> for std::fs::File {
    fn from(file: File) -> std::fs::File {
        file.into_std()
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> File {
        File::from_std(fd.into())
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        file.inner.into()
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        file.inner.into()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}

impl FromRawFd for File {
    unsafe fn from_raw_fd(fd: RawFd) -> File {
        // SAFETY: by the caller's promise.
        File::from_std(unsafe { std::fs::File::from_raw_fd(fd) })
    }
}

//! A program that runs, and the pipes to it.

use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::process::{ExitStatus, Output, Stdio};

use crate::blocking::{blocking, write_by_reference};

/// A program that was started. As [`std::process::Child`]: dropping it neither ends it nor waits
/// for it.
///
/// # Go
/// `exec.Cmd` once it is started, and `os.Process`.
#[derive(Debug)]
pub struct Child {
    /// The pipe to its input, if that was asked for.
    pub stdin: Option<ChildStdin>,
    /// The pipe from its output, if that was asked for.
    pub stdout: Option<ChildStdout>,
    /// The pipe from its errors, if that was asked for.
    pub stderr: Option<ChildStderr>,
    inner: std::process::Child,
}

impl Child {
    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Ends it with SIGKILL. It has to be waited for all the same.
    ///
    /// # Errors
    /// As [`std::process::Child::kill`].
    pub fn kill(&mut self) -> io::Result<()> {
        self.inner.kill()
    }

    /// Waits for its end. Its input is closed first, if this process has it.
    ///
    /// # Errors
    /// As [`std::process::Child::wait`].
    ///
    /// # Go
    /// `Cmd.Wait`.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        blocking(|| self.inner.wait())
    }

    /// How it has ended, if it has; does not wait.
    ///
    /// # Errors
    /// As [`std::process::Child::try_wait`].
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.inner.try_wait()
    }

    /// Waits for its end and collects what it writes to its pipes.
    ///
    /// # Errors
    /// As [`std::process::Child::wait_with_output`].
    pub fn wait_with_output(self) -> io::Result<Output> {
        let inner = self.into_std();
        blocking(|| inner.wait_with_output())
    }

    /// It, for `std`, with its pipes.
    pub fn into_std(self) -> std::process::Child {
        let Child { stdin, stdout, stderr, mut inner } = self;
        inner.stdin = stdin.map(|pipe| pipe.inner);
        inner.stdout = stdout.map(|pipe| pipe.inner);
        inner.stderr = stderr.map(|pipe| pipe.inner);
        inner
    }
}

impl From<std::process::Child> for Child {
    fn from(mut inner: std::process::Child) -> Child {
        let stdin = inner.stdin.take().map(ChildStdin::from);
        let stdout = inner.stdout.take().map(ChildStdout::from);
        let stderr = inner.stderr.take().map(ChildStderr::from);
        Child { stdin, stdout, stderr, inner }
    }
}

/// What each of the three pipes can do.
macro_rules! pipe {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            inner: std::process::$name,
        }

        impl From<std::process::$name> for $name {
            fn from(inner: std::process::$name) -> $name {
                $name { inner }
            }
        }

        impl From<$name> for std::process::$name {
            fn from(pipe: $name) -> std::process::$name {
                pipe.inner
            }
        }

        impl From<OwnedFd> for $name {
            fn from(fd: OwnedFd) -> $name {
                $name { inner: fd.into() }
            }
        }

        impl From<$name> for OwnedFd {
            fn from(pipe: $name) -> OwnedFd {
                pipe.inner.into()
            }
        }

        impl From<$name> for Stdio {
            fn from(pipe: $name) -> Stdio {
                pipe.inner.into()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.inner.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.inner.as_raw_fd()
            }
        }

        impl IntoRawFd for $name {
            fn into_raw_fd(self) -> RawFd {
                self.inner.into_raw_fd()
            }
        }
    };
}

/// What comes out of each of the two.
macro_rules! read {
    ($name:ident) => {
        impl Read for $name {
            fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
                blocking(|| self.inner.read(bytes))
            }

            fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                blocking(|| self.inner.read_vectored(slices))
            }

            fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
                blocking(|| self.inner.read_to_end(bytes))
            }
        }
    };
}

pipe! {
    /// The pipe to a program's input. As [`std::process::ChildStdin`].
    ChildStdin
}
pipe! {
    /// The pipe from a program's output. As [`std::process::ChildStdout`].
    ChildStdout
}
pipe! {
    /// The pipe from a program's errors. As [`std::process::ChildStderr`].
    ChildStderr
}
read!(ChildStdout);
read!(ChildStderr);

write_by_reference!(ChildStdin);

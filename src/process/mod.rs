//! Other programs, for goroutines: `std::process` whose waits hand their processor over.
//!
//! A [`Command`] is built as in [`std::process`]; [`spawn`](Command::spawn),
//! [`status`](Command::status), [`output`](Command::output) and [`Child::wait`] go through
//! [`blocking`], and so do reads and writes of a child's pipes. Each wait takes a
//! thread while it lasts.
//!
//! ```
//! use gort::process::Command;
//!
//! # // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! # unsafe { gort::run(|| {
//! let output = gort::go(|| Command::new("echo").arg("hello").output());
//! assert_eq!(output.join().unwrap().unwrap().stdout, b"hello\n");
//! # }) }
//! ```
//!
//! A new program has the default for signals whose channels somebody listens to, and ignores what
//! this one ignores, [`signal::ignore`](crate::signal::ignore) included. Between fork and exec no
//! part of the runtime runs in the child, unless a [`pre_exec`](Command::pre_exec) calls it, which
//! it must not.
//!
//! # Go
//! `os/exec`, with the names and rules of `std`.

mod child;

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{CommandArgs, CommandEnvs};

use crate::blocking;

pub use std::process::{ExitCode, ExitStatus, Output, Stdio, abort, exit, id};

pub use child::{Child, ChildStderr, ChildStdin, ChildStdout};

/// A program to be run, and how. As [`std::process::Command`].
///
/// # Go
/// `exec.Cmd` before it is started.
#[derive(Debug)]
pub struct Command {
    inner: std::process::Command,
}

impl Command {
    /// The program of this name, found on `PATH` if it has no slash.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command { inner: std::process::Command::new(program) }
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.inner.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.inner.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.inner.env(key, value);
        self
    }

    /// Sets variables of its environment.
    pub fn envs<I, K, V>(&mut self, variables: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.envs(variables);
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.inner.env_remove(key);
        self
    }

    /// Gives it an empty environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.inner.env_clear();
        self
    }

    /// The directory in which it runs.
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.inner.current_dir(dir);
        self
    }

    /// Where its input comes from; by default this process's, and nothing for
    /// [`Command::output`].
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.inner.stdin(stdin);
        self
    }

    /// Where its output goes; by default this process's, and to the caller for
    /// [`Command::output`].
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.inner.stdout(stdout);
        self
    }

    /// Where its errors go; by default as [`Command::stdout`].
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.inner.stderr(stderr);
        self
    }

    /// The user it runs as. As [`CommandExt::uid`].
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.inner.uid(id);
        self
    }

    /// The group it runs as. As [`CommandExt::gid`].
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.inner.gid(id);
        self
    }

    /// What it is told that it is called. As [`CommandExt::arg0`].
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.inner.arg0(arg);
        self
    }

    /// The process group it is put into, 0 for one of its own. As [`CommandExt::process_group`].
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.inner.process_group(group);
        self
    }

    /// Has `f` called in the child before the program starts. As [`CommandExt::pre_exec`].
    ///
    /// # Safety
    /// As there: what `f` may do is little. Above all it must not call anything of this crate's.
    pub unsafe fn pre_exec(
        &mut self,
        f: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
    ) -> &mut Command {
        // SAFETY: by the caller's promise.
        unsafe { self.inner.pre_exec(f) };
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// As [`std::process::Command::spawn`].
    ///
    /// # Go
    /// `Cmd.Start`.
    pub fn spawn(&mut self) -> io::Result<Child> {
        blocking(|| self.inner.spawn()).map(Child::from)
    }

    /// Runs it to its end and collects what it writes.
    ///
    /// # Errors
    /// As [`std::process::Command::output`].
    ///
    /// # Go
    /// `Cmd.Output`; how it ended is no error here.
    pub fn output(&mut self) -> io::Result<Output> {
        blocking(|| self.inner.output())
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// As [`std::process::Command::status`].
    ///
    /// # Go
    /// `Cmd.Run`; how it ended is no error here.
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        blocking(|| self.inner.status())
    }

    /// Puts it in this process's place. Returns only if that fails. As [`CommandExt::exec`]: no
    /// destructor runs, and a trace that is being taken stays without its end.
    ///
    /// # Go
    /// `syscall.Exec`.
    pub fn exec(&mut self) -> io::Error {
        blocking(|| self.inner.exec())
    }

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        self.inner.get_program()
    }

    /// The arguments.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.inner.get_args()
    }

    /// The variables that were set, and those taken out.
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.inner.get_envs()
    }

    /// The directory in which it runs, if one was chosen.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.inner.get_current_dir()
    }

    /// It, as `std` has it.
    pub fn as_std(&self) -> &std::process::Command {
        &self.inner
    }

    /// It, as `std` has it.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.inner
    }

    /// It, as `std` has it.
    pub fn into_std(self) -> std::process::Command {
        self.inner
    }
}

impl From<std::process::Command> for Command {
    fn from(inner: std::process::Command) -> Command {
        Command { inner }
    }
}

impl From<Command> for std::process::Command {
    fn from(command: Command) -> std::process::Command {
        command.inner
    }
}

//! Other programs, and the standard streams of this one.

#[path = "support/process.rs"]
mod again;
#[path = "support/runtime.rs"]
mod runtime;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gort::process::{ChildStdin, ChildStdout, Command};
use gort::{chan, go, io, sleep};
use runtime::run;

/// Runs `f` on a goroutine and on a plain thread.
fn on_both(f: impl Fn() + Sync) {
    run(&f);
    f();
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn output_and_status() {
    on_both(|| {
        let output = sh("echo out; echo err >&2; exit 3").output().unwrap();
        assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(sh("kill -9 $$").status().unwrap().signal(), Some(9));
        let error = Command::new("a-program-that-nobody-has").output().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_command_is_built() {
    on_both(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = sh("echo $0 $1 $A $B ${C-none}; pwd -P");
        command.arg("zero").args(["one"]).env("A", "a").envs([("B", "b"), ("C", "c")]);
        command.env_remove("C").current_dir(folder.path());
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let real = folder.path().canonicalize().unwrap();
        assert_eq!(text, format!("zero one a b none\n{}\n", real.display()));
        assert_eq!(command.get_program(), "sh");
        assert_eq!(command.get_args().count(), 4);
        assert_eq!(command.get_envs().count(), 3);
        assert_eq!(command.get_current_dir(), Some(folder.path()));
        let mut std = std::process::Command::new("true");
        std.env_clear();
        assert!(Command::from(std).status().unwrap().success());
        let mut grouped = sh("ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat");
        let child = grouped.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let group = child.wait_with_output().unwrap().stdout;
        assert_eq!(String::from_utf8(group).unwrap().trim(), id.to_string());
    });
}

#[test]
fn what_a_child_does_before_it_starts() {
    on_both(|| {
        let mut command = sh("exit 0");
        // SAFETY: it does nothing but return.
        unsafe { command.pre_exec(|| Err(std::io::Error::from_raw_os_error(libc::EPERM))) };
        assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(libc::EPERM));
    });
}

#[test]
fn pipes_to_a_child() {
    on_both(|| {
        let mut command = sh("read line; echo \"got $line\"; echo oops >&2; cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        writeln!(stdin, "hello").unwrap();
        let mut bytes = [0; 10];
        stdout.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"got hello\n");
        (&stdin).write_all(b"the rest").unwrap();
        drop(stdin);
        let mut rest = Vec::new();
        stdout.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"the rest");
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty());
        assert_eq!(output.stderr, b"oops\n");
    });
}

#[test]
fn waiting_closes_the_childs_input() {
    on_both(|| {
        let mut command = Command::new("cat");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        assert!(child.try_wait().unwrap().is_none());
        assert!(child.wait().unwrap().success());
        assert!(child.try_wait().unwrap().unwrap().success());
    });
}

#[test]
fn a_child_is_killed() {
    on_both(|| {
        let mut child = sh("exec sleep 600").spawn().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn pipes_are_passed_on() {
    on_both(|| {
        let mut first = Command::new("echo");
        let mut first = first.arg("through two").stdout(Stdio::piped()).spawn().unwrap();
        let pipe = OwnedFd::from(first.stdout.take().unwrap());
        let mut second = Command::new("cat");
        let output = second.stdin(ChildStdout::from(pipe)).output().unwrap();
        assert_eq!(output.stdout, b"through two\n");
        assert!(first.wait().unwrap().success());
        let mut cat = std::process::Command::new("cat");
        let child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut child = gort::process::Child::from(child);
        child.stdin.as_mut().unwrap().write_all(b"std").unwrap();
        let mut child = child.into_std();
        drop(child.stdin.take().map(ChildStdin::from));
        assert_eq!(child.wait_with_output().unwrap().stdout, b"std");
    });
}

#[test]
fn many_children_at_once() {
    run(|| {
        let children = (0..32).map(|n| {
            go(move || sh(&format!("sleep 0.0{}; echo {n}", n % 10)).output().unwrap().stdout)
        });
        for (n, child) in children.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(child.join().unwrap(), format!("{n}\n").as_bytes());
        }
    });
}

/// What is read is what was there, also when it comes bit by bit and to several readers.
#[test]
fn the_standard_input_is_read() {
    let Some(mut again) = again::again("the_standard_input_is_read") else {
        run(|| {
            let mut line = String::new();
            assert_eq!(io::stdin().read_line(&mut line).unwrap(), 6);
            assert_eq!(line, "first\n");
            let mut bytes = [0; 4];
            io::stdin().read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"1234");
            assert!(!io::stdin().is_terminal());
            let (tx, rx) = chan(0);
            drop(go(move || io::stdin().lines().take(3).for_each(|line| tx.send(line).unwrap())));
            let lines: Vec<_> = rx.iter().map(Result::unwrap).collect();
            assert_eq!(lines, ["", "dos", "cr\r\rend"]);
            let mut rest = String::new();
            io::stdin().read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "the\nrest");
            assert!(io::stdin().lines().next().is_none());
            assert_eq!(io::stdin().read(&mut bytes).unwrap(), 0);
        });
        return;
    };
    again.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = again.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for piece in ["fir", "st\n12", "34\ndos\r\ncr\r\rend\nthe\n", "rest"] {
        stdin.write_all(piece.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(stdin);
    again::assert_success(&child.wait_with_output().unwrap());
}

/// Lines of many goroutines are whole, whatever they format blocks meanwhile.
#[test]
fn lines_come_out_whole() {
    struct Slow(usize);
    impl std::fmt::Display for Slow {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            sleep(Duration::from_micros(100));
            write!(f, "<{}>", self.0)
        }
    }
    struct Fails;
    impl std::fmt::Display for Fails {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    let Some(output) = again::process("lines_come_out_whole", &[]) else {
        run(|| {
            let goroutines = (0..50).map(|n| {
                go(move || {
                    writeln!(io::stdout(), "a {} b {} c", Slow(n), Slow(n)).unwrap();
                    writeln!(io::stderr(), "a {} b {} c", Slow(n), Slow(n)).unwrap();
                })
            });
            goroutines.collect::<Vec<_>>().into_iter().for_each(|g| g.join().unwrap());
            assert!(write!(io::stdout(), "{Fails}").is_err());
            io::stdout().write_all(b"plain\n").unwrap();
            io::stdout().flush().unwrap();
            assert!(!io::stdout().is_terminal() && !io::stderr().is_terminal());
        });
        return;
    };
    again::assert_success(&output);
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(bytes);
        for n in 0..50 {
            // The harness begins the first line.
            let line = format!("a <{n}> b <{n}> c\n");
            assert_eq!(text.matches(&line).count(), 1, "{line} in {text}");
        }
    }
    assert!(String::from_utf8_lossy(&output.stdout).contains("plain\n"));
}

/// With one processor, which the goroutine that waits gives away.
#[test]
fn others_run_while_a_child_is_waited_for() {
    let environment = [("GOMAXPROCS", "1"), ("GORTDEBUG", "")];
    let Some(output) = again::process("others_run_while_a_child_is_waited_for", &environment)
    else {
        run(|| {
            // It reads until the others have had their turns.
            let mut cat = Command::new("cat");
            let mut child = cat.stdin(Stdio::piped()).spawn().unwrap();
            let input = child.stdin.take();
            let waits = go(move || child.wait().unwrap());
            for _ in 0..20 {
                sleep(Duration::from_millis(1));
                assert!(!waits.is_finished());
            }
            drop(input);
            assert!(waits.join().unwrap().success());
        });
        return;
    };
    again::assert_success(&output);
}

#[test]
fn a_sleeping_child_is_waited_for() {
    run(|| {
        let begin = Instant::now();
        assert!(Command::new("sleep").arg("0.05").status().unwrap().success());
        assert!(begin.elapsed() >= Duration::from_millis(50));
    });
}

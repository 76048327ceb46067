//! Signals as values. A signal concerns the whole process, so each test has one of its own.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use gort::context::{self, ContextError};
use gort::signal::{self, Signal, SignalError};
use gort::{chan, fs, go, select, sleep};
use process::{again, assert_success};
use runtime::{PATIENCE, eventually, run};

/// For what must not happen.
const A_WHILE: Duration = Duration::from_millis(50);

/// Runs `f` in a process of its own, and expects it to succeed.
fn alone(test: &str, f: impl FnOnce()) {
    match again(test) {
        None => f(),
        Some(mut command) => assert_success(&command.output().unwrap()),
    }
}

/// Sends this process a signal.
fn raise(signal: Signal) {
    // SAFETY: kill has no preconditions.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal.number()) }, 0);
}

/// The address of the handler of a signal.
fn handler(signal: Signal) -> usize {
    // SAFETY: only asks; the place is filled in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal.number(), std::ptr::null(), &mut action);
        action.sa_sigaction
    }
}

/// A process that runs until it says that it is ready.
struct Ready {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Ready {
    fn new(test: &str) -> Option<Ready> {
        let mut command = again(test)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut ready = Ready { child, out };
        ready.wait_for("ready");
        Some(ready)
    }

    fn wait_for(&mut self, word: &str) {
        let mut said = String::new();
        while !said.contains(word) {
            assert_ne!(self.out.read_line(&mut said).unwrap(), 0, "it ended: {said}");
        }
    }

    fn send(&self, signal: Signal) {
        // SAFETY: a signal to a child that has not been waited for.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal.number()) }, 0);
    }

    fn end(mut self) -> Output {
        let mut stdout = Vec::new();
        self.out.read_to_end(&mut stdout).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Output { stdout, ..output }
    }
}

#[test]
fn who_listens_is_told() {
    alone("who_listens_is_told", || {
        run(|| {
            let all = signal::notify(&[Signal::SIGUSR1, Signal::SIGUSR2]).unwrap();
            let one = signal::notify(&[Signal::SIGUSR1]).unwrap();
            assert_eq!(all.try_recv(), None);
            raise(Signal::SIGUSR1);
            assert_eq!((all.recv(), one.recv()), (Signal::SIGUSR1, Signal::SIGUSR1));
            raise(Signal::SIGUSR2);
            assert_eq!(all.recv(), Signal::SIGUSR2);
            let waits = go(move || all.recv());
            sleep(Duration::from_millis(5));
            raise(Signal::SIGUSR2);
            assert_eq!(waits.join().unwrap(), Signal::SIGUSR2);
            assert_eq!(one.try_recv(), None);
        });
        // On a plain thread as well.
        let one = signal::notify(&[Signal::SIGUSR1]).unwrap();
        raise(Signal::SIGUSR1);
        assert_eq!(one.recv(), Signal::SIGUSR1);
    });
}

#[test]
fn no_runtime_is_needed() {
    alone("no_runtime_is_needed", || {
        let one = signal::notify(&[Signal::SIGUSR1]).unwrap();
        raise(Signal::SIGUSR1);
        assert_eq!(one.recv(), Signal::SIGUSR1);
    });
}

#[test]
fn a_signal_is_selected() {
    alone("a_signal_is_selected", || {
        run(|| {
            let signals = signal::notify(&[Signal::SIGTERM]).unwrap();
            let (tx, rx) = chan::<u32>(0);
            let select = || {
                select! {
                    recv(signals.receiver()) -> signal => Err(signal.unwrap()),
                    recv(rx) -> number => Ok(number.unwrap()),
                }
            };
            drop(go(move || tx.send(1).unwrap()));
            assert_eq!(select(), Ok(1));
            drop(go(|| raise(Signal::SIGTERM)));
            // The other channel is closed by now or soon; only a signal may win.
            let got = select! {
                recv(signals.receiver()) -> signal => signal.unwrap(),
                after(PATIENCE) => panic!("no signal"),
            };
            assert_eq!(got, Signal::SIGTERM);
            let future = async { signals.receiver().recv_async().await.unwrap() };
            drop(go(|| raise(Signal::SIGTERM)));
            assert_eq!(gort::block_on(future), Signal::SIGTERM);
        });
    });
}

#[test]
fn what_finds_the_buffer_full_is_dropped() {
    alone("what_finds_the_buffer_full_is_dropped", || {
        run(|| {
            let narrow = signal::notify_buffered(0, &[Signal::SIGUSR1]).unwrap();
            let wide = signal::notify(&[Signal::SIGUSR1]).unwrap();
            assert_eq!((narrow.receiver().cap(), wide.receiver().cap()), (1, 16));
            for _ in 0..20 {
                let seen = wide.receiver().len();
                raise(Signal::SIGUSR1);
                eventually("it was told", || wide.receiver().len() > seen.min(15) || seen == 16);
            }
            assert_eq!((narrow.receiver().len(), wide.receiver().len()), (1, 16));
            assert_eq!(narrow.recv(), Signal::SIGUSR1);
        });
    });
}

#[test]
fn the_end_of_the_last_listener_restores_what_was() {
    alone("the_end_of_the_last_listener_restores_what_was", || {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        extern "C" fn own(_: libc::c_int) {
            CALLS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: a handler that does what a handler may.
        unsafe { libc::signal(libc::SIGUSR1, own as *const () as usize) };
        let own = handler(Signal::SIGUSR1);
        run(|| {
            let quit = handler(Signal::SIGQUIT);
            assert_ne!(quit, libc::SIG_DFL);
            let signals = [Signal::SIGUSR1, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGPIPE];
            let first = signal::notify(&signals).unwrap();
            let second = signal::notify(&signals).unwrap();
            drop(first);
            raise(Signal::SIGQUIT);
            assert_eq!(second.recv(), Signal::SIGQUIT);
            assert_eq!(CALLS.load(Ordering::Relaxed), 0);
            let rest = second.receiver().clone();
            drop(second);
            assert!(rest.recv().is_err());
            let now = signals.map(handler);
            assert_eq!(now, [own, quit, libc::SIG_DFL, libc::SIG_IGN]);
            raise(Signal::SIGUSR1);
            eventually("the old handler", || CALLS.load(Ordering::Relaxed) == 1);
        });
    });
}

/// A signal is on its way to some thread for a moment; it does not end the process when the default
/// is restored meanwhile.
#[test]
fn what_was_sent_to_a_listener_does_not_end_the_process() {
    alone("what_was_sent_to_a_listener_does_not_end_the_process", || {
        run(|| {
            for signal in [Signal::SIGUSR1, Signal::SIGQUIT] {
                let before = handler(signal);
                for _ in 0..2000 {
                    let signals = signal::notify(&[signal]).unwrap();
                    raise(signal);
                    drop(signals);
                    assert_eq!(handler(signal), before);
                }
            }
        });
    });
}

/// Not even for a moment: who is started then would ignore it for good.
#[test]
fn no_program_is_started_that_ignores_signals() {
    alone("no_program_is_started_that_ignores_signals", || {
        let (stop, stops) = chan::<()>(0);
        let listens = thread::spawn(move || {
            while stops.try_recv() == Err(gort::chan::TryRecvError::Empty) {
                drop(signal::notify(&[Signal::SIGUSR1]).unwrap());
            }
        });
        for _ in 0..200 {
            let mut command = std::process::Command::new("grep");
            let output = command.args(["SigIgn", "/proc/self/status"]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let set = u64::from_str_radix(text.split_whitespace().last().unwrap(), 16).unwrap();
            assert_eq!(set & 1 << (Signal::SIGUSR1.number() - 1), 0, "{text}");
        }
        drop(stop);
        listens.join().unwrap();
    });
}

/// What was sent before belongs to those who listened then.
#[test]
fn what_was_sent_before_does_not_count() {
    alone("what_was_sent_before_does_not_count", || {
        let both = [Signal::SIGUSR1, Signal::SIGUSR2];
        // SAFETY: a signal with a handler, which runs in this call.
        let raise_here = |signal: Signal| unsafe { libc::raise(signal.number()) };
        for _ in 0..2000 {
            let early = signal::notify(&[Signal::SIGUSR1]).unwrap();
            raise_here(Signal::SIGUSR1);
            let late = signal::notify(&both).unwrap();
            assert_eq!(early.recv(), Signal::SIGUSR1);
            raise_here(Signal::SIGUSR1);
            drop(early);
            assert_eq!(late.recv(), Signal::SIGUSR1);
            raise_here(Signal::SIGUSR1);
            drop(late);
            let last = signal::notify(&both).unwrap();
            raise_here(Signal::SIGUSR2);
            assert_eq!(last.recv(), Signal::SIGUSR2);
        }
    });
}

#[test]
fn a_handler_that_came_in_between_stays() {
    alone("a_handler_that_came_in_between_stays", || {
        extern "C" fn own(_: libc::c_int) {}
        let first = signal::notify(&[Signal::SIGUSR1]).unwrap();
        let ours = handler(Signal::SIGUSR1);
        // SAFETY: a handler that does what a handler may.
        unsafe { libc::signal(libc::SIGUSR1, own as *const () as usize) };
        let own = handler(Signal::SIGUSR1);
        drop(first);
        assert_eq!(handler(Signal::SIGUSR1), own);
        let first = signal::notify(&[Signal::SIGUSR1]).unwrap();
        assert_ne!(handler(Signal::SIGUSR1), own);
        drop(first);
        assert_eq!(handler(Signal::SIGUSR1), own);
        // It goes, and puts back what it found.
        // SAFETY: as it was, up to the flags.
        unsafe { libc::signal(libc::SIGUSR1, ours) };
        drop(signal::notify(&[Signal::SIGUSR1]).unwrap());
        assert_eq!(handler(Signal::SIGUSR1), libc::SIG_DFL);
    });
}

#[test]
fn some_signals_are_refused() {
    alone("some_signals_are_refused", || {
        let why = |signal| {
            let error = signal::notify(&[Signal::SIGUSR1, signal]).unwrap_err().to_string();
            assert_eq!(signal::ignore(&[signal]).unwrap_err().to_string(), error);
            assert_eq!(signal::reset(&[signal]).unwrap_err().to_string(), error);
            error
        };
        for signal in [Signal::SIGKILL, Signal::SIGSTOP] {
            let text = format!("{signal} cannot be caught or ignored: it is the system's alone");
            assert_eq!(why(signal), text);
        }
        for signal in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL] {
            assert!(why(signal).starts_with(&format!("{signal} means a fault")));
        }
        for signal in [Signal::SIGURG, Signal::SIGPROF] {
            assert!(why(signal).starts_with(&format!("{signal} is the runtime's own")));
        }
        assert_eq!(handler(Signal::SIGUSR1), libc::SIG_DFL);
        // The C library keeps it for itself.
        let own = Signal::from_number(32).unwrap();
        match signal::notify(&[Signal::SIGUSR1, own]) {
            Err(SignalError::System(signal, _)) => assert_eq!(signal, own),
            other => panic!("{other:?}"),
        }
        assert_eq!(handler(Signal::SIGUSR1), libc::SIG_DFL);
    });
}

#[test]
fn numbers_and_names() {
    assert_eq!(Signal::from_number(0), None);
    assert_eq!(Signal::from_number(65), None);
    assert_eq!(Signal::from_number(15), Some(Signal::SIGTERM));
    assert_eq!(Signal::SIGTERM.number(), libc::SIGTERM);
    assert_eq!(format!("{:?} {}", Signal::SIGHUP, Signal::SIGCHLD), "SIGHUP SIGCHLD");
    let realtime = |n| Signal::from_number(libc::SIGRTMIN() + n).unwrap().to_string();
    assert_eq!((realtime(0), realtime(3)), ("SIGRTMIN".into(), "SIGRTMIN+3".into()));
    assert_eq!(Signal::from_number(33).unwrap().to_string(), "signal 33");
}

#[test]
fn no_list_means_all_signals() {
    alone("no_list_means_all_signals", || {
        let all = signal::notify(&[]).unwrap();
        let realtime = Signal::from_number(libc::SIGRTMAX()).unwrap();
        for signal in [Signal::SIGHUP, Signal::SIGTSTP, Signal::SIGCHLD, realtime] {
            raise(signal);
            assert_eq!(all.recv(), signal);
        }
        signal::reset(&[]).unwrap();
        assert_eq!(handler(Signal::SIGHUP), libc::SIG_DFL);
        signal::ignore(&[]).unwrap();
        assert!(signal::is_ignored(Signal::SIGHUP) && signal::is_ignored(realtime));
        raise(Signal::SIGHUP);
        raise(Signal::SIGTERM);
        signal::reset(&[]).unwrap();
        assert!(!signal::is_ignored(Signal::SIGHUP));
    });
}

#[test]
fn ignored_and_reset() {
    alone("ignored_and_reset", || {
        let listens = signal::notify(&[Signal::SIGTERM, Signal::SIGUSR1]).unwrap();
        assert!(!signal::is_ignored(Signal::SIGTERM));
        signal::ignore(&[Signal::SIGTERM]).unwrap();
        assert!(signal::is_ignored(Signal::SIGTERM));
        raise(Signal::SIGTERM);
        raise(Signal::SIGUSR1);
        assert_eq!(listens.recv(), Signal::SIGUSR1);
        assert_eq!(listens.try_recv(), None);
        // Whoever listens anew is told.
        let anew = signal::notify(&[Signal::SIGTERM]).unwrap();
        raise(Signal::SIGTERM);
        assert_eq!(anew.recv(), Signal::SIGTERM);
        drop(anew);
        assert_eq!(handler(Signal::SIGTERM), libc::SIG_DFL);
        signal::ignore(&[Signal::SIGTERM]).unwrap();
        signal::reset(&[Signal::SIGTERM, Signal::SIGUSR1]).unwrap();
        let now = [Signal::SIGTERM, Signal::SIGUSR1].map(handler);
        assert_eq!(now, [libc::SIG_DFL; 2]);
        drop(listens);
    });
}

#[test]
fn a_signal_that_all_threads_block_is_told() {
    alone("a_signal_that_all_threads_block_is_told", || {
        // SAFETY: a set on this stack.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGUSR1);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        }
        // The harness has a thread of its own, which does not block it.
        let blocks = thread::spawn(|| {
            let signals = signal::notify(&[Signal::SIGUSR1]).unwrap();
            raise(Signal::SIGUSR1);
            assert_eq!(signals.recv(), Signal::SIGUSR1);
        });
        blocks.join().unwrap();
    });
}

#[test]
fn a_context_ends_by_a_signal() {
    alone("a_context_ends_by_a_signal", || {
        run(|| {
            let background = context::background();
            let usr1 = &[Signal::SIGUSR1];
            let (ctx, stop) = signal::notify_context(&background, usr1).unwrap();
            assert!(ctx.err().is_none());
            raise(Signal::SIGUSR1);
            assert!(ctx.done().recv().is_err());
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
            assert_eq!(context::cause(&ctx).unwrap().to_string(), "SIGUSR1 signal received");
            // It is listened to still.
            eventually("no goroutine is left", || gort::num_goroutine() == 1);
            assert_ne!(handler(Signal::SIGUSR1), libc::SIG_DFL);
            raise(Signal::SIGUSR1);
            stop.stop();
            assert_eq!(handler(Signal::SIGUSR1), libc::SIG_DFL);

            let (ctx, stop) = signal::notify_context(&background, usr1).unwrap();
            drop(stop);
            assert_eq!(ctx.err(), Some(ContextError::Canceled));
            assert_eq!(context::cause(&ctx).unwrap().to_string(), "context canceled");

            let (outer, cancel) = context::with_cancel(&background);
            let (ctx, _stop) = signal::notify_context(&outer, usr1).unwrap();
            cancel.cancel();
            assert!(ctx.done().recv().is_err());
            let (ctx, _stop) = signal::notify_context(&outer, usr1).unwrap();
            assert!(ctx.err().is_some());
            eventually("no goroutine is left", || gort::num_goroutine() == 1);
            assert!(signal::notify_context(&background, &[Signal::SIGKILL]).is_err());
        });
    });
}

#[test]
fn ctrl_c_is_waited_for_and_does_its_work_again_afterwards() {
    let Some(mut ready) = Ready::new("ctrl_c_is_waited_for_and_does_its_work_again_afterwards")
    else {
        run(|| {
            let waits = go(|| signal::ctrl_c().unwrap());
            eventually("listens", || handler(Signal::SIGINT) != libc::SIG_DFL);
            println!("ready");
            waits.join().unwrap();
            println!("once");
            loop {
                sleep(PATIENCE);
            }
        });
        return;
    };
    ready.send(Signal::SIGINT);
    ready.wait_for("once");
    ready.send(Signal::SIGINT);
    assert_eq!(ready.end().status.signal(), Some(libc::SIGINT));
}

/// A process that waits for a signal only is no deadlock; one that does so no more is.
#[test]
fn waiting_for_a_signal_is_no_deadlock() {
    let Some(ready) = Ready::new("waiting_for_a_signal_is_no_deadlock") else {
        // The harness's thread waits for this one, so all this needs threads that gort knows.
        run(|| {
            let signals = signal::notify(&[Signal::SIGUSR1]).unwrap();
            println!("ready");
            assert_eq!(signals.recv(), Signal::SIGUSR1);
        });
        return;
    };
    thread::sleep(3 * A_WHILE);
    ready.send(Signal::SIGUSR1);
    assert_success(&ready.end());
}

#[test]
fn a_listener_in_a_bubble_is_not_durably_blocked() {
    alone("a_listener_in_a_bubble_is_not_durably_blocked", || {
        run(|| {
            gort::test::bubble(|| {
                let signals = signal::notify(&[Signal::SIGUSR1]).unwrap();
                let raises = thread::spawn(|| {
                    thread::sleep(A_WHILE);
                    raise(Signal::SIGUSR1);
                });
                assert_eq!(signals.recv(), Signal::SIGUSR1);
                raises.join().unwrap();
            });
        });
    });
}

/// Signals all the time, while everything that blocks does.
#[test]
fn signals_during_every_blocking_call() {
    alone("signals_during_every_blocking_call", || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a string that ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        run(|| {
            let signals = signal::notify(&[Signal::SIGUSR1]).unwrap();
            let (stop, stopped) = chan::<()>(0);
            let raises = thread::spawn(move || {
                // SAFETY: as in `raise`; each thread in turn.
                while stopped.try_recv() == Err(gort::chan::TryRecvError::Empty) {
                    for task in std::fs::read_dir("/proc/self/task").unwrap() {
                        let task = task.unwrap().file_name().into_string().unwrap();
                        let (task, signal) = (task.parse::<i32>().unwrap(), libc::SIGUSR1);
                        // SAFETY: a signal that is caught, to a thread of this process, or to none.
                        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), task, signal) };
                    }
                    thread::sleep(Duration::from_micros(200));
                }
            });
            for turn in 0..20 {
                everything_that_blocks(&path, turn);
            }
            drop(stop);
            raises.join().unwrap();
            assert_eq!(signals.try_recv(), Some(Signal::SIGUSR1));
        });
    });
}

fn everything_that_blocks(path: &std::path::Path, turn: u32) {
    let reader = path.to_owned();
    let reads = go(move || {
        let mut bytes = Vec::new();
        fs::File::open(reader).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    });
    let writer = path.to_owned();
    let writes = go(move || {
        let mut pipe = fs::File::options().write(true).open(writer).unwrap();
        for n in 0..10_u8 {
            sleep(Duration::from_micros(300));
            pipe.write_all(&[n; 10_000]).unwrap();
        }
    });
    let child = go(|| gort::process::Command::new("sleep").arg("0.01").output().unwrap());
    let std_sleeps = go(|| thread::sleep(Duration::from_millis(5)));
    let (tx, rx) = chan::<u32>(0);
    let sends = thread::spawn(move || {
        thread::sleep(Duration::from_millis(3));
        tx.send(turn).unwrap();
    });
    assert_eq!(rx.recv(), Ok(turn));
    assert!(rx.recv_timeout(Duration::from_millis(2)).is_err());
    sends.join().unwrap();
    writes.join().unwrap();
    assert_eq!(reads.join().unwrap().len(), 100_000);
    assert!(child.join().unwrap().status.success());
    std_sleeps.join().unwrap();
}

//! Dumps of goroutines, and the reports that end a process: SIGQUIT, deadlock, a lost panic.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::hint::black_box;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::chan::{Receiver, Sender};
use gort::stacks::{GoroutineInfo, GoroutineState};
use gort::sync::WaitGroup;
use gort::{Builder, GoBuilder, JoinHandle, chan, go, goexit, goroutines, gosched, sleep, stacks};
use runtime::{PATIENCE, eventually, run};

/// Whether stacks are whole in this build.
const WHOLE: bool =
    (cfg!(gort_frame_pointers) || cfg!(feature = "unwind")) && cfg!(feature = "symbolize");

fn run_on<T: Send>(procs: usize, f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: as above.
    unsafe { Builder::new().procs(procs).run(f) }.unwrap()
}

/// The goroutine's record, once it waits.
fn once_waiting(id: u64) -> GoroutineInfo {
    let begin = Instant::now();
    loop {
        let found = goroutines().into_iter().find(|info| info.id == id);
        if let Some(info) = found.filter(|info| info.state == GoroutineState::Waiting) {
            return info;
        }
        assert!(begin.elapsed() < PATIENCE, "goroutine {id} does not wait");
        sleep(Duration::from_millis(1));
    }
}

// No call is the last thing that a function does, or an optimiser would leave its frame out.

/// A function that waits, where it was called, and the text of the reason.
struct Case {
    id: u64,
    reason: &'static str,
    function: &'static str,
    line: u32,
    api: &'static str,
}

static LINE: AtomicU64 = AtomicU64::new(0);

/// Notes the line it is called on and gives its argument back.
#[track_caller]
fn here<T>(value: T) -> T {
    LINE.store(Location::caller().line().into(), Ordering::SeqCst);
    value
}

#[inline(never)]
fn receives(rx: &Receiver<u32>) {
    let _ = black_box(here(rx).recv());
}

#[inline(never)]
fn sends(tx: &Sender<u32>) {
    let _ = black_box(here(tx).send(1));
}

#[inline(never)]
fn sleeps(time: Duration) {
    sleep(here(time));
    black_box(());
}

#[inline(never)]
fn joins(handle: JoinHandle<()>) {
    let _ = black_box(here(handle).join());
}

#[inline(never)]
fn awaits(group: &WaitGroup) {
    here(group).wait();
    black_box(());
}

#[inline(never)]
fn receives_in_time(rx: &Receiver<u32>) {
    let _ = black_box(here(rx).recv_timeout(PATIENCE));
}

#[inline(never)]
fn iterates(rx: &Receiver<u32>) {
    for n in here(rx) {
        assert_eq!(n, 0);
    }
}

fn case(
    reason: &'static str,
    function: &'static str,
    api: &'static str,
    f: impl FnOnce() + Send + 'static,
) -> Case {
    LINE.store(0, Ordering::SeqCst);
    let id = go(f).id();
    eventually("it is there", || LINE.load(Ordering::SeqCst) != 0);
    Case { id, reason, function, line: LINE.load(Ordering::SeqCst) as u32, api }
}

#[test]
fn each_wait_has_its_reason_and_its_place() {
    run(|| {
        let (tx, rx) = chan::<u32>(0);
        let (full, _full_rx) = chan::<u32>(0);
        let (ends, end) = chan::<()>(0);
        let joined = go(move || assert!(end.recv().is_err()));
        let group = WaitGroup::new();
        group.add(1);
        let (rx1, rx2, rx3, waits) = (rx.clone(), rx.clone(), rx, group.clone());
        let cases = [
            case("chan receive", "receives", "recv", move || receives(&rx1)),
            case("chan receive", "receives_in_time", "recv_timeout", move || {
                receives_in_time(&rx2)
            }),
            case("chan receive", "iterates", "next", move || iterates(&rx3)),
            case("chan send", "sends", "send", move || sends(&full)),
            case("sleep", "sleeps", "sleep", || sleeps(Duration::from_secs(1000))),
            case("join", "joins", "join", move || joins(joined)),
            case("sync.WaitGroup.Wait", "awaits", "wait", move || awaits(&waits)),
        ];
        for Case { id, reason, function, line, api } in cases {
            let info = once_waiting(id);
            assert_eq!(info.wait_reason, Some(reason), "{info:#?}");
            assert_eq!(info.creator, gort::id());
            assert!(info.created_at.file().ends_with("tests/dumps.rs"));
            let root = info.frames.last().unwrap();
            assert!(root.function.contains("each_wait_has_its_reason_and_its_place"), "{info:#?}");
            if WHOLE {
                // The call into gort first, then the function that made it.
                assert!(info.frames[0].function.contains(api), "{info:#?}");
                assert!(info.frames[0].file.contains("/src/"), "{info:#?}");
                let user = &info.frames[1];
                assert_eq!(user.function, format!("dumps::{function}"), "{info:#?}");
                assert!(user.file.ends_with("tests/dumps.rs"));
                assert_eq!(user.line, line, "{info:#?}");
                assert_eq!(info.frames.len(), 3, "{info:#?}");
            }
        }
        drop((tx, ends));
        group.done();
    });
}

#[test]
fn the_text_is_laid_out_as_gos() {
    run(|| {
        let (tx, rx) = chan::<u32>(0);
        let named = GoBuilder::new().name("the \"worker\"").go(move || receives(&rx)).unwrap();
        let (id, own) = (named.id(), gort::id().unwrap());
        once_waiting(id);
        let text = stacks();
        // The caller comes first.
        assert!(text.starts_with(&format!("goroutine {own} [running]:\n")), "{text}");
        let mine = text.split("\n\n").find(|part| part.contains(&format!("goroutine {id} ")));
        let lines: Vec<&str> = mine.unwrap().lines().collect();
        assert_eq!(lines[0], format!("goroutine {id} \"the \\\"worker\\\"\" [chan receive]:"));
        if WHOLE {
            // What is inlined has a short name where there are line tables only.
            let full =
                lines[1].starts_with("gort::chan::Receiver") && lines[1].ends_with("::recv()");
            assert!(full || lines[1] == "recv()", "{}", lines[1]);
            assert!(lines[2].starts_with('\t') && lines[2].contains("/src/chan/"), "{}", lines[2]);
            assert_eq!(lines[3], "dumps::receives()");
            assert!(lines[4].starts_with('\t') && lines[4].contains("tests/dumps.rs:"));
            assert_eq!(lines.len(), 9, "{lines:#?}");
        }
        let [.., function, place, creator, created] = lines[..] else { unreachable!() };
        assert!(function.starts_with("dumps::the_text_is_laid_out_as_gos::"), "{function}");
        assert!(function.ends_with("}()") && place.contains("tests/dumps.rs:"), "{place}");
        let expected = "created by dumps::the_text_is_laid_out_as_gos::{{closure}} in goroutine ";
        assert_eq!(creator, format!("{expected}{own}"));
        assert!(created.starts_with("\ttests/dumps.rs:"), "{created}");
        drop(tx);
        named.join().unwrap();
    });
}

#[test]
fn a_plain_thread_sees_goroutines_and_is_none() {
    let (tx, rx) = chan::<u32>(0);
    let id = run(|| {
        let id = go(move || receives(&rx)).id();
        once_waiting(id);
        id
    });
    let all = goroutines();
    assert_eq!(all.iter().filter(|info| info.id == id).count(), 1);
    // Who annotates has a stand-in in traces, which is no goroutine.
    gort::trace::start(std::io::sink()).unwrap();
    gort::trace::log(&gort::Context::background(), "category", "message");
    gort::trace::stop().unwrap();
    let before = goroutines().len();
    assert!(goroutines().iter().all(|info| info.name.is_none() || info.id != 0), "{before}");
    assert!(!stacks().contains("(plain thread)"));
    // A goroutine that a thread starts has no creator.
    let (tx2, rx2) = chan::<u32>(0);
    let handle = go(move || receives(&rx2));
    assert_eq!(once_waiting(handle.id()).creator, None);
    drop((tx, tx2));
    handle.join().unwrap();
}

/// Computes until it is told to stop.
#[inline(never)]
fn computes(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

#[test]
fn running_goroutines_say_where_they_are() {
    let test = "running_goroutines_say_where_they_are";
    let Some(output) = process::process(test, &[]) else {
        run_on(3, || {
            let stop = Arc::new(AtomicBool::new(false));
            let spin = |_| {
                let stop = Arc::clone(&stop);
                go(move || computes(&stop)).id()
            };
            let ids: Vec<u64> = (0..2).map(spin).collect();
            eventually("they run", || {
                let all = goroutines();
                let running =
                    |id| all.iter().any(|i| i.id == id && i.state == GoroutineState::Running);
                ids.iter().all(|&id| running(id))
            });
            for _ in 0..20 {
                let all = goroutines();
                for id in &ids {
                    let info = all.iter().find(|info| info.id == *id).unwrap();
                    assert_eq!(info.state, GoroutineState::Running);
                    let there = info.frames.iter().any(|f| f.function == "dumps::computes");
                    assert!(there || !WHOLE, "{info:#?}");
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        return;
    };
    process::assert_success(&output);
}

#[test]
fn dumps_of_those_that_are_busy_with_each_other() {
    run_on(4, || {
        let stop = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicUsize::new(0));
        let mut handles = Vec::new();
        for _ in 0..8 {
            let ((tx, rx), (back, forth)) = (chan::<u32>(0), chan::<u32>(0));
            let (ends, counts) = (Arc::clone(&stop), Arc::clone(&turns));
            handles.push(go(move || {
                while !ends.load(Ordering::Relaxed) {
                    tx.send(1).unwrap();
                    forth.recv().unwrap();
                    go(gosched).join().unwrap();
                    counts.fetch_add(1, Ordering::Relaxed);
                }
            }));
            handles.push(go(move || rx.iter().for_each(|n| back.send(n).unwrap())));
        }
        let ids: Vec<u64> = handles.iter().map(JoinHandle::id).collect();
        for _ in 0..200 {
            let all = goroutines();
            for id in &ids {
                let info = all.iter().find(|info| info.id == *id).expect("it lives");
                assert!(info.frames.len() <= 64, "{info:#?}");
            }
            assert!(all.is_sorted_by_key(|i| if Some(i.id) == gort::id() { 0 } else { i.id }));
        }
        stop.store(true, Ordering::Relaxed);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert!(turns.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn a_goroutine_that_blocks_while_it_unwinds_is_locked_to_its_thread() {
    struct Blocks(Receiver<u32>);
    impl Drop for Blocks {
        fn drop(&mut self) {
            receives(&self.0);
        }
    }
    run(|| {
        let (tx, rx) = chan::<u32>(0);
        let handle: JoinHandle<()> = go(move || {
            let _blocks = Blocks(rx);
            goexit()
        });
        let info = once_waiting(handle.id());
        assert!(info.locked_to_thread);
        assert_eq!(info.wait_reason, Some("chan receive"));
        if WHOLE {
            assert!(info.frames.iter().any(|f| f.function == "dumps::receives"), "{info:#?}");
        }
        assert!(stacks().contains("[chan receive, locked to thread]:\n"));
        drop(tx);
        assert!(handle.join().is_err());
    });
}

#[test]
fn waiting_times_are_told_by_the_coarse_clock() {
    run(|| {
        let (tx, rx) = chan::<u32>(0);
        let id = go(move || receives(&rx)).id();
        once_waiting(id);
        thread::sleep(Duration::from_millis(1500));
        let waited = once_waiting(id).waited.unwrap();
        assert!((Duration::from_millis(1400)..PATIENCE).contains(&waited), "{waited:?}");
        let own = goroutines().swap_remove(0);
        assert_eq!((own.waited, own.wait_reason, Some(own.id)), (None, None, gort::id()));
        drop(tx);
    });
}

/// The processor time of the calling thread.
fn cpu_time() -> Duration {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut ts) };
    Duration::new(ts.tv_sec as u64, ts.tv_nsec as u32)
}

#[test]
fn a_dump_of_many_is_quick() {
    let Some(output) = process::process("a_dump_of_many_is_quick", &[]) else {
        const MANY: usize = 100_000;
        run_on(2, || {
            let (tx, rx) = chan::<u32>(0);
            let there = Arc::new(AtomicUsize::new(0));
            for _ in 0..MANY {
                let (rx, there) = (rx.clone(), Arc::clone(&there));
                go(move || {
                    there.fetch_add(1, Ordering::Relaxed);
                    receives(&rx);
                });
            }
            eventually("all are there", || there.load(Ordering::Relaxed) == MANY);
            sleep(Duration::from_millis(100));
            // Others run on meanwhile.
            let stop = Arc::new(AtomicBool::new(false));
            let ends = Arc::clone(&stop);
            let other = go(move || {
                let mut longest = Duration::ZERO;
                while !ends.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    gosched();
                    longest = longest.max(begin.elapsed());
                }
                longest
            });
            // Others may have the processors meanwhile, so only this thread's own time counts.
            let _locked = gort::lock_os_thread();
            let begin = cpu_time();
            let mut waiting = 0;
            gort::stacks::each(|info| waiting += usize::from(info.wait_reason.is_some()));
            let took = cpu_time() - begin;
            stop.store(true, Ordering::Relaxed);
            let longest = other.join().unwrap();
            println!("{MANY} goroutines in {took:?}; another waited for {longest:?} at most");
            assert!(waiting >= MANY, "{waiting}");
            assert!(took < Duration::from_secs(10), "{took:?}");
            let begin = Instant::now();
            let text = stacks();
            println!("as text, {} bytes, in {:?}", text.len(), begin.elapsed());
            // "[chan receive, 1 minutes]" on a slow machine.
            assert!(text.matches("[chan receive").count() >= MANY);
            drop(tx);
        });
        return;
    };
    println!("{}", String::from_utf8_lossy(&output.stdout));
    process::assert_success(&output);
}

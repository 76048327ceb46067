//! How much memory goroutines take, and what happens where there is none. Each test has a process
//! of its own.

#[path = "support/process.rs"]
mod process;

use std::hint::black_box;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gort::sync::WaitGroup;
use gort::{Builder, GoBuilder, GoError, JoinHandle, RunError, chan, go, sleep};
use process::process;

/// For whatever is certain to happen, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(300);

fn run_on(procs: usize, f: impl FnOnce() + Send) {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(procs).run(f) }.unwrap();
}

/// Asserts that it succeeded and prints what it measured.
fn assert_success(output: &Output) {
    process::assert_success(output);
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

/// Waits for something that happens on its own.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never so: {what}");
        sleep(Duration::from_millis(1));
    }
}

/// A figure of a file in /proc, in bytes.
fn figure(file: &str, name: &str) -> usize {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("a figure in kB");
    kilobytes.parse::<usize>().unwrap() << 10
}

fn resident() -> usize {
    figure("/proc/self/status", "VmRSS")
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Whether guards need no mappings of their own here: Linux 6.13 or later.
fn guards_are_free() -> bool {
    const MADV_GUARD_INSTALL: i32 = 102;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping that nobody uses.
    unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        libc::madvise(page, 4096, MADV_GUARD_INSTALL) == 0
    }
}

/// How many goroutines to park. A million if there are enough memory and, for the guards of their
/// stacks, enough mappings.
fn parked_goroutines() -> usize {
    // Unoptimised code takes ten times as long.
    let wanted = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let memory = figure("/proc/meminfo", "MemAvailable") / 2 / PARKED_BYTES;
    wanted.min(memory).min(if guards_are_free() { usize::MAX } else { 20_000 })
}

/// Resident bytes of a parked goroutine: a page of stack, its slot, its handle, and little more.
/// Frames of unoptimised code do not fit into one page.
const PARKED_BYTES: usize = if cfg!(debug_assertions) { 9_300 } else { 5_200 };
/// Bytes of it that are the goroutine's own.
const OWN_BYTES: usize = if cfg!(debug_assertions) { 0 } else { 1_800 };

#[test]
fn parked_goroutines_are_small() {
    let Some(output) = process("parked_goroutines_are_small", &[]) else {
        let count = parked_goroutines();
        run_on(2, || {
            go(|| ()).join().unwrap();
            let (resident_before, mappings_before) = (resident(), mappings());
            let (tx, rx) = chan::<()>(0);
            let there = Arc::new(AtomicUsize::new(0));
            let park = |_| {
                let (rx, there) = (rx.clone(), Arc::clone(&there));
                go(move || {
                    let own = black_box([1_u8; OWN_BYTES]);
                    there.fetch_add(1, Ordering::Relaxed);
                    rx.recv().is_err() && *black_box(&own) == [1; OWN_BYTES]
                })
            };
            let handles: Vec<JoinHandle<bool>> = (0..count).map(park).collect();
            eventually("all are there", || there.load(Ordering::Relaxed) == count);
            sleep(Duration::from_millis(100));
            assert!(!handles.iter().any(JoinHandle::is_finished));
            let each = (resident() - resident_before) / count;
            let mapped = mappings() - mappings_before;
            println!("{count} parked goroutines: {each} bytes each, {mapped} mappings");
            assert!(each <= PARKED_BYTES, "{each} bytes each");
            let most = if guards_are_free() { 500 } else { 2 * count + 500 };
            assert!(mapped <= most, "{mapped} mappings");
            // All of them wake.
            drop(tx);
            assert!(handles.into_iter().all(|handle| handle.join().unwrap()));
            eventually("alone", || gort::num_goroutine() == 1);
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn a_storm_of_short_goroutines_is_small() {
    // With a seed, nobody loses a processor for computing long.
    let seed = [("GORTDEBUG", "seed=1")];
    let Some(output) = process("a_storm_of_short_goroutines_is_small", &seed) else {
        // Fewer where the code is ten times as slow.
        const STORM: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
        // With one processor none of them runs before all of them exist.
        run_on(1, || {
            let (all, count) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
            for _ in 0..STORM {
                let count = Arc::clone(&count);
                drop(all.go(move || count.fetch_add(1, Ordering::Relaxed)));
            }
            assert_eq!(gort::num_goroutine(), STORM + 1);
            assert_eq!(count.load(Ordering::Relaxed), 0);
            all.wait();
            assert_eq!(count.load(Ordering::Relaxed), STORM);
            let most = figure("/proc/self/status", "VmHWM");
            println!("{STORM} short goroutines: {} MB at most", most / 1_000_000);
            assert!(most < 400 * STORM, "{most} bytes");
        });
        return;
    };
    assert_success(&output);
}

/// Starts ten of itself, and so on, and joins them. Returns how many leaves there were.
fn tree(leaves: usize) -> usize {
    if leaves == 1 {
        return 1;
    }
    let branches: Vec<_> = (0..10).map(|_| go(move || tree(leaves / 10))).collect();
    branches.into_iter().map(|branch| branch.join().unwrap()).sum()
}

#[test]
fn a_tree_of_goroutines_is_small() {
    // Goroutines that are made to migrate wait in the common queue, and not depth first.
    let settings = [("GORTDEBUG", "")];
    let Some(output) = process("a_tree_of_goroutines_is_small", &settings) else {
        const LEAVES: usize = 100_000;
        run_on(1, || {
            for procs in [1, 2] {
                gort::gomaxprocs(procs);
                assert_eq!(tree(LEAVES), LEAVES);
                // Breadth first, a tenth of them would wait on a stack of its own, some 50 MB.
                let most = figure("/proc/self/status", "VmHWM");
                println!("{LEAVES} leaves on {procs}: {} kB at most", most / 1_000);
                assert!(most < 200 * LEAVES, "{most} bytes");
            }
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn what_ended_is_used_again() {
    let Some(output) = process("what_ended_is_used_again", &[]) else {
        run_on(2, || {
            let round = || {
                let (tx, rx) = chan::<()>(0);
                let park = |n: usize| {
                    let (rx, large) = (rx.clone(), [n; 100]);
                    let part = move || (rx.recv().is_err(), large);
                    let builder = GoBuilder::new().name("a name that takes memory");
                    match n % 20 {
                        0 => builder.stack_size(100_000).go(part).unwrap(),
                        1..3 => builder.go(part).unwrap(),
                        _ => go(part),
                    }
                };
                let handles: Vec<_> = (0..300).map(park).collect();
                sleep(Duration::from_millis(1));
                drop(tx);
                for (n, handle) in handles.into_iter().enumerate() {
                    match n % 3 {
                        0 => drop(handle),
                        _ => assert_eq!(handle.join().unwrap(), (true, [n; 100])),
                    }
                }
                eventually("alone", || gort::num_goroutine() == 1);
            };
            // At first every stack grows to what the deepest of its goroutines needs.
            (0..100).for_each(|_| round());
            let (resident_before, mappings_before) = (resident(), mappings());
            (0..500).for_each(|_| round());
            let more = resident().saturating_sub(resident_before);
            let mapped = mappings().saturating_sub(mappings_before);
            println!("{more} bytes and {mapped} mappings more");
            // Less than 40 bytes for each of 150,000 goroutines: none of them left anything.
            assert!(more < 6_000_000, "{more} bytes more");
            assert!(mapped < 20, "{mapped} mappings more");
        });
        return;
    };
    assert_success(&output);
}

/// Limits the address space to what is used now and so many bytes more; `None`: no limit.
fn limit_address_space(more: Option<u64>) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let used = statm.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096;
    let limit = libc::rlimit {
        rlim_cur: more.map_or(libc::RLIM_INFINITY, |more| used + more),
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a valid pointer.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

#[test]
fn without_room_for_a_stack_there_is_an_error() {
    let Some(output) = process("without_room_for_a_stack_there_is_an_error", &[]) else {
        const STACK: usize = 64 << 20;
        const COUNT: usize = 20;
        let crowd = || {
            limit_address_space(Some(5 * STACK as u64));
            let huge = GoBuilder::new().stack_size(1 << 40).go(|| ()).unwrap_err();
            assert!(matches!(huge, GoError::StackMemory(n, _) if n == 1 << 40));
            let text = "no room for a goroutine's stack of 1099511627776 bytes: Cannot";
            assert!(huge.to_string().starts_with(text), "{huge}");
            assert!(std::error::Error::source(&huge).is_some());

            let (tx, rx) = chan::<()>(0);
            let there = Arc::new(AtomicUsize::new(0));
            let wait = |_| {
                let (rx, there) = (rx.clone(), Arc::clone(&there));
                go(move || {
                    there.fetch_add(1, Ordering::Relaxed);
                    assert!(rx.recv().is_err());
                })
            };
            let handles: Vec<_> = (0..COUNT).map(wait).collect();
            let refused = || handles.iter().filter(|h| h.is_finished()).count();
            eventually("all are there or refused", || {
                there.load(Ordering::Relaxed) + refused() == COUNT
            });
            let served = there.load(Ordering::Relaxed);
            assert!((2..6).contains(&served), "{served}");
            drop(tx);
            let ends: Vec<_> = handles.into_iter().map(JoinHandle::join).collect();
            assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), served);
            // Those that did not run have dropped their closures as well.
            assert_eq!(Arc::strong_count(&there), 1);
            for refused in ends.into_iter().filter_map(Result::err) {
                let text = refused.downcast_ref::<String>().expect("a text");
                assert!(text.starts_with("gort: no stack for goroutine "), "{text}");
            }
            limit_address_space(None);
            let large = GoBuilder::new().stack_size(1 << 30).go(|| 5).unwrap();
            assert_eq!(large.join().unwrap(), 5);
        };
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe { Builder::new().stack_size(STACK).run(crowd) }.unwrap();
        return;
    };
    assert_success(&output);
}

#[test]
fn without_room_for_a_thread_there_is_an_error() {
    let Some(output) = process("without_room_for_a_thread_there_is_an_error", &[]) else {
        // Less than a thread's stack.
        limit_address_space(Some(1 << 20));
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        let error = unsafe { Builder::new().run(|| ()) }.unwrap_err();
        assert!(matches!(error, RunError::Thread(_)), "{error}");
        assert!(error.to_string().starts_with("gort: no worker thread: "), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        limit_address_space(None);
        run_on(2, || assert_eq!(go(|| 5).join().unwrap(), 5));
        return;
    };
    assert_success(&output);
}

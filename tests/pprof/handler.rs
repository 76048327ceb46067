//! SIGPROF's handler beside those of others, and where it must not be left behind.

use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::pprof;
use gort::signal::{self, Signal};

use crate::process;

/// Runs the test alone in a process. True: this is the process.
fn is_alone(test: &str) -> bool {
    process::process(test, &[]).map(|output| process::assert_success(&output)).is_none()
}

static SEEN: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    SEEN.fetch_add(1, Ordering::Relaxed);
}

fn set_counter() {
    let handler = count as extern "C" fn(libc::c_int);
    // SAFETY: the handler only counts.
    unsafe { libc::signal(libc::SIGPROF, handler as libc::sighandler_t) };
}

/// The address of SIGPROF's handler.
fn handler() -> usize {
    // SAFETY: only asks; the place is filled in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut action);
        action.sa_sigaction
    }
}

fn profile(time: Duration) {
    pprof::start_cpu_profile(io::sink()).unwrap();
    thread::sleep(time);
    pprof::stop_cpu_profile().unwrap();
}

/// Computes far down on its stack, so that whoever looks at it takes a while.
#[inline(never)]
fn deep(n: u32, end: Instant) -> u64 {
    let mut sum = 0;
    if n > 0 {
        return black_box(deep(n - 1, end) + 1);
    }
    while Instant::now() < end {
        sum = (0..1000_u64).fold(sum, |sum, n| black_box(sum ^ n));
    }
    sum
}

/// The signal stacks that `std` gives its threads have room for one handler, not for two.
#[test]
fn other_signals_wait_for_a_tick() {
    if !is_alone("handler::other_signals_wait_for_a_tick") {
        return;
    }
    static STOP: AtomicBool = AtomicBool::new(false);
    let listens = signal::notify(&[Signal::SIGUSR1]).unwrap();
    pprof::set_cpu_profile_rate(10_000);
    pprof::start_cpu_profile(io::sink()).unwrap();
    // SAFETY: asks.
    let target = unsafe { libc::pthread_self() };
    let sends = thread::spawn(move || {
        while !STOP.load(Ordering::Relaxed) {
            // SAFETY: a signal with a handler, to a thread that waits for this one.
            unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
        }
    });
    deep(200, Instant::now() + Duration::from_secs(5));
    STOP.store(true, Ordering::Relaxed);
    sends.join().unwrap();
    assert_eq!(listens.recv(), Signal::SIGUSR1);
    pprof::stop_cpu_profile().unwrap();
}

/// Has the system refuse timers.
fn allow_signals_in_queues(number: libc::rlim_t) {
    // SAFETY: plain data.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_SIGPENDING, &mut limit), 0);
        limit.rlim_cur = number.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_SIGPENDING, &limit), 0);
    }
}

#[test]
fn a_start_that_fails_leaves_no_handler() {
    if !is_alone("handler::a_start_that_fails_leaves_no_handler") {
        return;
    }
    set_counter();
    let before = handler();
    allow_signals_in_queues(0);
    let error = pprof::start_cpu_profile(io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
    assert_eq!(handler(), before);
    allow_signals_in_queues(libc::rlim_t::MAX);
    profile(Duration::from_millis(10));
    assert_eq!(handler(), before);
    // SAFETY: a signal with a handler, to this thread.
    unsafe { libc::raise(libc::SIGPROF) };
    assert_eq!(SEEN.load(Ordering::Relaxed), 1);
}

/// Another profiler begins during a profile, ends after it, and puts back what it found.
#[test]
fn a_handler_that_comes_in_between_stays() {
    if !is_alone("handler::a_handler_that_comes_in_between_stays") {
        return;
    }
    pprof::start_cpu_profile(io::sink()).unwrap();
    let ours = handler();
    set_counter();
    let theirs = handler();
    pprof::stop_cpu_profile().unwrap();
    assert_eq!(handler(), theirs);
    // SAFETY: as it was before `set_counter`, up to the flags.
    unsafe { libc::signal(libc::SIGPROF, ours) };
    pprof::start_cpu_profile(io::sink()).unwrap();
    // Nobody's: there is no one to pass it to.
    // SAFETY: a signal with a handler, to this thread.
    unsafe { libc::raise(libc::SIGPROF) };
    pprof::stop_cpu_profile().unwrap();
    // By default a late signal would end the process.
    assert_eq!(handler(), ours);
    // SAFETY: as above.
    unsafe { libc::raise(libc::SIGPROF) };
}

/// The end of the thread that collected for one profile does not end the next.
#[test]
fn a_profile_right_after_another() {
    if !is_alone("handler::a_profile_right_after_another") {
        return;
    }
    set_counter();
    let before = handler();
    for n in 0..500 {
        pprof::start_cpu_profile(io::sink()).unwrap();
        thread::sleep(Duration::from_micros(200));
        assert_ne!(handler(), before, "profile {n} takes no samples");
        pprof::stop_cpu_profile().unwrap();
        assert_eq!(handler(), before);
    }
}

/// In a test bubble, whose channels are no other thread's.
#[test]
fn profiles_of_bubbles() {
    if !is_alone("handler::profiles_of_bubbles") {
        return;
    }
    crate::run(|| {
        gort::test::bubble(|| {
            let begin = gort::time::Instant::now();
            pprof::start_cpu_profile(io::sink()).unwrap();
            pprof::goroutine(0, io::sink()).unwrap();
            pprof::block(0, io::sink()).unwrap();
            pprof::stop_cpu_profile().unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
        });
    });
}

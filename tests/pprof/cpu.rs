//! The profile of processor time.
//!
//! SIGPROF belongs to the process, so each test is a process of its own.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::{GoBuilder, chan, go, pprof, sleep};

use crate::{Broken, Shared, WHOLE, eventually, process, run, tool};

/// Runs the test alone in a process.
macro_rules! alone {
    ($test:literal) => {
        alone!($test, &[])
    };
    ($test:literal, $environment:expr) => {
        if let Some(output) = process::process(concat!("cpu::", $test), $environment) {
            return process::assert_success(&output);
        }
    };
}

#[inline(never)]
fn hog(time: Duration) -> u64 {
    let (begin, mut sum) = (cpu_time(), 0_u64);
    while cpu_time() - begin < time {
        sum = sum.wrapping_add(work(black_box(20_000)));
    }
    black_box(sum)
}

#[inline(never)]
fn work(n: u64) -> u64 {
    (0..n).fold(0, |sum, n| black_box(sum ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The processor time of the calling thread.
fn cpu_time() -> Duration {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut ts) };
    Duration::new(ts.tv_sec as u64, ts.tv_nsec as u32)
}

fn profile_of(hz: u32, f: impl FnOnce()) -> Vec<u8> {
    let out = Shared::default();
    pprof::set_cpu_profile_rate(hz);
    pprof::start_cpu_profile(out.clone()).unwrap();
    f();
    pprof::stop_cpu_profile().unwrap();
    out.bytes()
}

#[test]
fn a_hog_has_the_samples() {
    alone!("a_hog_has_the_samples");
    let Some(tool) = tool::find("the profile of processor time") else { return };
    let profile = run(|| {
        profile_of(100, || {
            let spawn = || assert_ne!(black_box(hog(Duration::from_millis(1500))), 1);
            let named = GoBuilder::new().name("busy").go(spawn).unwrap();
            named.join().unwrap();
        })
    });
    let raw = tool.run(&["-raw"], &profile);
    assert!(
        raw.contains("PeriodType: cpu nanoseconds") && raw.contains("Period: 10000000"),
        "{raw}"
    );
    let table = tool.top(&["-sample_index=cpu"], &profile);
    if WHOLE {
        assert!(!table.keys().any(|name| name.starts_with("0x")), "no code: {table:#?}");
        // The runtime's own threads work too, sysmon and whoever collects the samples.
        let own = "-ignore=gort::sched::|gort::pprof::";
        let others = tool.top(&["-sample_index=cpu", "-relative_percentages", own], &profile);
        assert!(tool::sum(&others, "cpu::hog").cum_percent > 80.0, "{others:#?}");
        let row = tool::sum(&table, "cpu::hog");
        assert!((1.2..1.8).contains(&row.cum), "{table:#?}");
        // The goroutine's function is called as in dumps and traces.
        assert!(table.keys().any(|name| name.contains("{closure@")), "{table:#?}");
    }
    let tags = tool.run(&["-tags"], &profile);
    assert!(tags.contains("goroutine:") && tags.contains("busy"), "{tags}");
}

/// Labels that change while the goroutine is sampled, by as much as it works with each.
#[test]
fn samples_have_labels() {
    alone!("samples_have_labels");
    let Some(tool) = tool::find("labels of processor time") else { return };
    let profile = run(|| {
        profile_of(1000, || {
            let work = || {
                for turn in 0..500_u32 {
                    // Never in step with the samples, which would meet the same label again and again.
                    let micros = 300 + u64::from(turn) * 37 % 400;
                    // Sets that nobody else keeps come and go.
                    let turn = [("turn", format!("{turn} of many"))].into();
                    pprof::with_labels(&turn, || {
                        let (short, long) = ([("size", "short")].into(), [("size", "long")].into());
                        pprof::with_labels(&short, || hog(Duration::from_micros(micros)));
                        pprof::with_labels(&long, || hog(Duration::from_micros(3 * micros)));
                    });
                }
            };
            go(work).join().unwrap();
        })
    });
    let weight = |size: &str| {
        let focus = format!("-tagfocus=size=^{size}$");
        tool::sum(&tool.top(&["-sample_index=cpu", &focus], &profile), "").flat
    };
    let (short, long) = (weight("short"), weight("long"));
    assert!((2.0..4.5).contains(&(long / short)), "{short} s and {long} s");
    let tags = tool.run(&["-tags"], &profile);
    assert!(tags.contains("size: Total") && tags.contains("of many"), "{tags}");
}

/// Threads that are no workers, of before and of after the start.
#[test]
fn plain_threads_are_sampled() {
    alone!("plain_threads_are_sampled");
    let Some(tool) = tool::find("the profile of plain threads") else { return };
    #[inline(never)]
    fn early() {
        black_box(hog(Duration::from_millis(1000)));
    }
    #[inline(never)]
    fn late() {
        black_box(hog(Duration::from_millis(1000)));
    }
    let go_on = Arc::new(AtomicBool::new(false));
    let first = thread::spawn({
        let go_on = Arc::clone(&go_on);
        move || {
            while !go_on.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            early();
        }
    });
    let profile = profile_of(100, || {
        go_on.store(true, Ordering::Relaxed);
        let second = thread::spawn(late);
        first.join().unwrap();
        second.join().unwrap();
    });
    let table = tool.top(&["-sample_index=cpu"], &profile);
    // A handler on a plain thread has no room to read the tables.
    if cfg!(gort_frame_pointers) && WHOLE {
        let (early, late) = (tool::sum(&table, "::early").cum, tool::sum(&table, "::late").cum);
        assert!((0.8..1.2).contains(&early), "{early}: {table:#?}");
        // It was found within a tenth of a second.
        assert!((0.6..1.2).contains(&late), "{late}: {table:#?}");
    }
}

/// More ticks than the kernel looks at its timers: a sample counts for several.
#[test]
fn any_rate_gives_the_time() {
    alone!("any_rate_gives_the_time");
    let Some(tool) = tool::find("the profile at high rates") else { return };
    for hz in [0, 500, 5000, u32::MAX] {
        let profile = run(|| {
            profile_of(hz, || {
                go(|| assert_ne!(black_box(hog(Duration::from_secs(1))), 1)).join().unwrap()
            })
        });
        let table = tool.top(&["-sample_index=cpu"], &profile);
        if WHOLE {
            let row = tool::sum(&table, "cpu::hog");
            assert!((0.8..1.2).contains(&row.cum), "{hz} Hz: {table:#?}");
        }
    }
}

#[test]
fn one_at_a_time_and_a_hundred_after_each_other() {
    alone!("one_at_a_time_and_a_hundred_after_each_other");
    pprof::stop_cpu_profile().unwrap(); // there is none
    run(|| {
        pprof::start_cpu_profile(io::sink()).unwrap();
        let error = pprof::start_cpu_profile(io::sink()).unwrap_err();
        assert_eq!(error.to_string(), "cpu profiling already in use");
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        pprof::stop_cpu_profile().unwrap();
        pprof::start_cpu_profile(Broken).unwrap();
        assert_eq!(pprof::stop_cpu_profile().unwrap_err().to_string(), "the disk is full");
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let stop = Arc::clone(&stop);
                go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        black_box(work(1000));
                        gort::gosched();
                    }
                })
            })
            .collect();
        for n in 0..100 {
            pprof::set_cpu_profile_rate([100, 1000, 10_000][n % 3]);
            let out = Shared::default();
            pprof::start_cpu_profile(out.clone()).unwrap();
            sleep(Duration::from_millis(n as u64 % 7));
            pprof::stop_cpu_profile().unwrap();
            assert_eq!(out.bytes()[..2], [0x1f, 0x8b], "gzip");
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
        eventually("the profiles' threads have ended", || profile_threads() == 0);
    });
}

/// Threads that collect or make profiles. (Workers may come at any time.)
fn profile_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("gort-samples") || name.starts_with("gort-pprof")).count()
}

static SEEN: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    SEEN.fetch_add(1, Ordering::Relaxed);
}

/// Whoever had a use for SIGPROF has it again, and meanwhile gets what is his.
#[test]
fn an_earlier_handler_stays() {
    alone!("an_earlier_handler_stays");
    let handler = count as extern "C" fn(libc::c_int);
    // SAFETY: the handler only counts.
    unsafe { libc::signal(libc::SIGPROF, handler as libc::sighandler_t) };
    // SAFETY: a signal with a handler, to this thread.
    let send = || unsafe { libc::raise(libc::SIGPROF) };
    for n in 1..=3 {
        profile_of(1000, || {
            hog(Duration::from_millis(50));
            send();
        });
        assert_eq!(SEEN.load(Ordering::Relaxed), 2 * n - 1, "only what was sent");
        send();
        hog(Duration::from_millis(20));
        assert_eq!(SEEN.load(Ordering::Relaxed), 2 * n);
        // SAFETY: asks.
        unsafe {
            let mut now: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut now);
            assert_eq!(now.sa_sigaction, handler as libc::sighandler_t);
        }
    }
}

static BEFORE: AtomicU64 = AtomicU64::new(0);

/// Counts, and passes on to whoever was there before.
extern "C" fn count_and_pass_on(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    SEEN.fetch_add(1, Ordering::Relaxed);
    type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    let before = BEFORE.load(Ordering::Relaxed) as usize;
    // SAFETY: what was there before is the profile's, which is of this kind.
    unsafe { std::mem::transmute::<usize, Handler>(before)(signal, info, context) };
}

/// Somebody comes while there is a profile, stays, and is there at the next one.
#[test]
fn a_later_handler_stays() {
    alone!("a_later_handler_stays");
    profile_of(1000, || {
        // SAFETY: the handler counts, and passes on what it gets.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut action);
            BEFORE.store(action.sa_sigaction as u64, Ordering::Relaxed);
            action.sa_sigaction = count_and_pass_on as *const () as usize;
            libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut());
        }
    });
    for _ in 0..9 {
        profile_of(1000, || {
            let before = SEEN.load(Ordering::Relaxed);
            // SAFETY: a signal with a handler, to this thread.
            unsafe { libc::raise(libc::SIGPROF) };
            assert_eq!(SEEN.load(Ordering::Relaxed), before + 1);
        });
    }
}

/// A thread that blocks in the system is interrupted often, and its calls do what they should.
#[test]
fn blocking_calls_are_not_disturbed() {
    alone!("blocking_calls_are_not_disturbed");
    let profile = run(|| {
        profile_of(10_000, || {
            let (mut reader, mut writer) = io::pipe().unwrap();
            let writing = thread::spawn(move || {
                for n in 0..2000_u32 {
                    writer.write_all(&n.to_ne_bytes()).unwrap();
                    black_box(work(20_000));
                }
            });
            let reading = go(move || {
                for expected in 0..2000_u32 {
                    let mut bytes = [0; 4];
                    reader.read_exact(&mut bytes).unwrap();
                    assert_eq!(u32::from_ne_bytes(bytes), expected);
                    black_box(work(20_000));
                }
            });
            let sleeping = thread::spawn(|| {
                for _ in 0..50 {
                    let begin = Instant::now();
                    thread::sleep(Duration::from_millis(2));
                    assert!(begin.elapsed() >= Duration::from_millis(2));
                    black_box(work(100_000));
                }
            });
            let files = go(|| {
                for _ in 0..200 {
                    let mut text = String::new();
                    File::open("/proc/self/status").unwrap().read_to_string(&mut text).unwrap();
                    assert!(text.contains("Threads:"));
                }
            });
            reading.join().unwrap();
            files.join().unwrap();
            writing.join().unwrap();
            sleeping.join().unwrap();
        })
    });
    assert!(!profile.is_empty());
}

/// Goroutines that park all the time, on as many threads as may be, are sampled without harm.
#[test]
fn goroutines_that_park_all_the_time() {
    alone!("goroutines_that_park_all_the_time", &[("GORTDEBUG", "migrate=1")]);
    const TIME: Duration = Duration::from_secs(10);
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    let profile = unsafe {
        gort::Builder::new().procs(8).run(|| {
            pprof::set_block_profile_rate(1000);
            pprof::set_mutex_profile_fraction(3);
            profile_of(10_000, || park_all_the_time(TIME))
        })
    };
    let profile = profile.unwrap();
    if let Some(tool) = tool::find("the profile of those who park") {
        let table = tool.top(&["-sample_index=samples"], &profile);
        let all: f64 = table.values().map(|row| row.flat).sum();
        assert!(all > 5_000.0, "{all} samples: {table:#?}");
        for write in [pprof::block, pprof::mutex] as [fn(u8, Shared) -> io::Result<()>; 2] {
            let out = Shared::default();
            write(0, out.clone()).unwrap();
            tool.run(&["-raw"], &out.bytes());
        }
    }
}

fn park_all_the_time(time: Duration) {
    let end = Instant::now() + time;
    let shared = Arc::new(gort::sync::Mutex::new(0_u64));
    let pairs: Vec<_> = (0..16)
        .flat_map(|n| {
            let (tx, rx) = chan::<u64>(n % 2);
            let shared = Arc::clone(&shared);
            let sender = move || {
                while Instant::now() < end {
                    tx.send(black_box(work(50))).unwrap();
                }
            };
            let receiver = move || {
                while let Ok(n) = rx.recv() {
                    *shared.lock() ^= n;
                    if n.is_multiple_of(64) {
                        assert_ne!(go(|| black_box(work(100))).join().unwrap(), 1);
                    }
                }
            };
            let names =
                ["sends", "receives"].map(|name| GoBuilder::new().name(format!("{name} {n}")));
            let [first, second] = names;
            [first.go(sender).unwrap(), second.go(receiver).unwrap()]
        })
        .collect();
    // Dumps meanwhile ask the same threads by another signal.
    while Instant::now() < end {
        pprof::goroutine(0, io::sink()).unwrap();
        sleep(Duration::from_millis(20));
    }
    pairs.into_iter().for_each(|pair| pair.join().unwrap());
}

/// Timers go with their threads, and the numbers of threads come again.
#[test]
fn threads_come_and_go() {
    alone!("threads_come_and_go");
    let profile = profile_of(1000, || {
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let threads: Vec<_> =
                (0..8).map(|_| thread::spawn(|| black_box(work(200_000)))).collect();
            threads.into_iter().for_each(|thread| assert_ne!(thread.join().unwrap(), 1));
        }
    });
    if let Some(tool) = tool::find("the profile of threads that end") {
        assert!(!tool.top(&[], &profile).is_empty());
    }
}

//! CPU samples in traces: Go's reader finds who computed, and where, as much as was computed.
//!
//! SIGPROF belongs to the process, so each test is a process of its own.

#[path = "support/process.rs"]
mod process;
mod support;
#[cfg(feature = "pprof")]
#[allow(dead_code, reason = "a part is used")]
#[path = "pprof/tool.rs"]
mod tool;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::trace::{self, Config, StartError, Summary};
use gort::{Builder, GoBuilder, chan, go, sleep};
use support::Go;
use support::parsed::{self, Event};

/// Whether stacks are whole in this build.
const WHOLE: bool = cfg!(gort_frame_pointers) && cfg!(feature = "symbolize");

/// Runs the test alone in a process.
macro_rules! alone {
    ($test:literal) => {
        alone!($test, &[])
    };
    ($test:literal, $environment:expr) => {
        if let Some(output) = process::process($test, $environment) {
            return process::assert_success(&output);
        }
    };
}

fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(4).run(f) }.unwrap()
}

/// Computes for so long, of the thread's processor time.
#[inline(never)]
fn compute(time: Duration) -> Duration {
    let begin = cpu_time();
    while cpu_time() - begin < time {
        black_box(work(20_000));
    }
    cpu_time() - begin
}

#[inline(never)]
fn work(n: u64) -> u64 {
    (0..n).fold(0, |sum, n| black_box(sum ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// One of two with much to do...
#[inline(never)]
fn large(time: Duration) -> Duration {
    black_box(compute(black_box(time)))
}

/// ...and the other one.
#[inline(never)]
fn small(time: Duration) -> Duration {
    black_box(compute(black_box(time)))
}

/// The processor time of the calling thread.
fn cpu_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The processor time of all of them.
fn process_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(clock: libc::clockid_t) -> Duration {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid.
    unsafe { libc::clock_gettime(clock, &mut ts) };
    Duration::new(ts.tv_sec as u64, ts.tv_nsec as u32)
}

fn thread_id() -> i64 {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) }
}

/// A trace in a file.
struct Taken {
    _folder: tempfile::TempDir,
    file: PathBuf,
    summary: Summary,
}

fn taken(config: Config, f: impl FnOnce()) -> Taken {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.trace");
    config.start(File::create(&file).unwrap()).unwrap();
    f();
    Taken { summary: trace::stop().unwrap(), _folder: folder, file }
}

impl Taken {
    /// What Go reads in it, of which its strict validator has nothing to say.
    fn events(&self, go: &Go) -> Vec<Event> {
        go.check(std::slice::from_ref(&self.file)).unwrap();
        let events = parsed::events(&go.parsed(&self.file).unwrap());
        let samples = events.iter().filter(|event| is_sample(event)).count();
        assert_eq!(samples as u64, self.summary.cpu_samples());
        assert_eq!(self.summary.lost_cpu_samples(), 0);
        // And on the wire.
        let wire = go.wire_counts(&self.file).remove("CPUSample").unwrap_or(0);
        assert_eq!(wire, self.summary.cpu_samples());
        events
    }
}

fn is_sample(event: &Event) -> bool {
    event.kind == "StackSample"
}

fn samples(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| is_sample(event))
}

fn has(event: &Event, function: &str) -> bool {
    event.stack.iter().any(|frame| frame.function.ends_with(function))
}

/// Whether so many samples are what `time` gives at this rate. A tick may be lost or gained at each
/// end; and where the machine itself has to wait, the kernel sends one signal for several ticks. (That
/// no sample is lost that was taken is for a test of `src/sched/sampler.rs`, which can count them.)
fn assert_fits(samples: usize, time: Duration, hz: u32, what: &str) {
    let expected = time.as_secs_f64() * f64::from(hz);
    let range = expected * 0.3 - 3.0..expected * 1.1 + 3.0;
    assert!(range.contains(&(samples as f64)), "{what}: {samples} samples, not {range:?}");
}

/// Who runs a goroutine: the thread and the processor, which is -1 where it was taken away.
type Who = (i64, i64);

/// Checks that samples are of whom the events say: the goroutine on that thread, with that
/// processor or, where it has none, in a system call. But for those of a moment in which that
/// changes; how many there are of both.
fn check_who(events: &[Event]) -> (usize, usize) {
    let mut running = HashMap::<i64, Who>::new();
    let (mut right, mut wrong) = (0, 0);
    for event in events {
        if is_sample(event) && event.goroutine != -1 {
            let is_right = running.get(&event.goroutine) == Some(&(event.thread, event.proc));
            *(if is_right { &mut right } else { &mut wrong }) += 1;
        } else if let (Some((_, new)), Some(id)) = (&event.states, event.fields.get("GoID")) {
            let id = id.parse().unwrap();
            match (new.as_str(), running.get(&id).copied()) {
                ("Running", _) => drop(running.insert(id, (event.thread, event.proc))),
                ("Syscall", before) => {
                    let thread = before.map_or(event.thread, |(thread, _)| thread);
                    running.insert(id, (thread, -1));
                }
                _ => drop(running.remove(&id)),
            }
        }
    }
    (right, wrong)
}

#[test]
fn samples_show_where_the_time_goes() {
    alone!("samples_show_where_the_time_goes");
    let Some(go) = Go::find("CPU samples in traces") else { return };
    let (trace, [large, small, sleeper], times) = run(|| {
        let (mut ids, mut times) = ([0; 3], [Duration::ZERO; 2]);
        let trace = taken(Config::new().profile_hz(100), || {
            let hogs = [
                GoBuilder::new().name("large").go(|| large(Duration::from_millis(1500))).unwrap(),
                GoBuilder::new().name("small").go(|| small(Duration::from_millis(500))).unwrap(),
            ];
            let sleeper = gort::go(|| sleep(Duration::from_millis(500)));
            ids = [hogs[0].id(), hogs[1].id(), sleeper.id()].map(|id| id as i64);
            sleeper.join().unwrap();
            times = hogs.map(|hog| hog.join().unwrap());
        });
        (trace, ids, times)
    });
    let events = trace.events(&go);
    let of = |id| samples(&events).filter(|event| event.goroutine == id).collect::<Vec<_>>();
    assert_fits(of(large).len(), times[0], 100, "the large one");
    assert_fits(of(small).len(), times[1], 100, "the small one");
    assert!(of(sleeper).len() <= 1, "who sleeps does not compute");
    let (right, wrong) = check_who(&events);
    assert!(wrong * 20 <= right, "{wrong} samples of {right} are of somebody else");
    for (id, function, other) in [(large, "large", "small"), (small, "small", "large")] {
        for sample in of(id) {
            assert!(!sample.stack.is_empty() && sample.thread > 0, "{sample:?}");
            assert!(!has(sample, &format!("cpu_samples::{other}")), "{sample:?}");
            let root = sample.stack.last().unwrap();
            assert!(root.function.contains("{closure@"), "{sample:?}");
        }
        let whole = of(id).into_iter().filter(|event| {
            has(event, &format!("cpu_samples::{function}")) && has(event, "cpu_samples::compute")
        });
        assert!(!WHOLE || whole.count() * 10 >= of(id).len() * 9, "{:#?}", of(id));
    }
}

/// They are marked in the timelines of threads, processors and goroutines.
#[test]
fn the_viewer_shows_samples() {
    alone!("the_viewer_shows_samples");
    let Some(go) = Go::find("CPU samples in the viewer") else { return };
    let (trace, id) = run(|| {
        let mut id = 0;
        let trace = taken(Config::new().profile_hz(100), || {
            let hog = gort::go(|| large(Duration::from_millis(300)));
            id = hog.id();
            hog.join().unwrap();
        });
        (trace, id)
    });
    let viewer = go.viewer(&trace.file).unwrap();
    for view in ["view=proc", "view=thread", &format!("goid={id}")] {
        let page = viewer.get(&format!("/jsontrace?{view}")).unwrap();
        assert_eq!(page.status, 200);
        let marks = page.text().matches("CPU profile sample").count();
        // Among the threads there are also the tracer's own.
        assert!(marks >= 15 && (marks <= 45 || view == "view=thread"), "{view}: {marks}");
    }
    for path in
        ["/", "/goroutines", "/userregions", "/usertasks", "/sched?raw=1", "/trace?view=proc"]
    {
        assert_eq!(viewer.get(path).unwrap().status, 200, "{path}");
    }
}

/// Generations of a few milliseconds: each sample is in one, and none in two.
#[test]
fn cuts_lose_none() {
    alone!("cuts_lose_none", &[("GORTDEBUG", "traceadvanceperiod=3000000")]);
    let Some(go) = Go::find("CPU samples and generations") else { return };
    let (trace, hogs) = run(|| {
        let mut hogs = Vec::new();
        let trace = taken(Config::new().profile_hz(100), || {
            let spawn = |_| gort::go(|| large(Duration::from_millis(800)));
            let spawned: Vec<_> = (0..2).map(spawn).collect();
            let end = |hog: gort::JoinHandle<Duration>| (hog.id() as i64, hog.join().unwrap());
            hogs = spawned.into_iter().map(end).collect();
        });
        (trace, hogs)
    });
    assert!(trace.summary.generations() >= 50, "{:?}", trace.summary);
    let events = trace.events(&go);
    for (id, time) in hogs {
        let count = samples(&events).filter(|event| event.goroutine == id).count();
        assert_fits(count, time, 100, "a hog");
    }
    // No two are at one place of the time of one thread.
    let mut last = BTreeMap::new();
    for sample in samples(&events) {
        let before = last.insert(sample.thread, sample.time).unwrap_or(0);
        assert!(sample.time > before, "{sample:?} after {before}");
    }
}

/// Threads that are no workers, of before and of after the start.
#[test]
fn plain_threads_are_sampled() {
    alone!("plain_threads_are_sampled");
    let Some(go) = Go::find("CPU samples of plain threads") else { return };
    let go_on = Arc::new(AtomicBool::new(false));
    let early = thread::spawn({
        let go_on = Arc::clone(&go_on);
        move || {
            while !go_on.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            (thread_id(), large(Duration::from_millis(600)))
        }
    });
    run(|| ()); // the runtime is there
    let mut threads = Vec::new();
    let trace = taken(Config::new().profile_hz(100), || {
        go_on.store(true, Ordering::Relaxed);
        let late = thread::spawn(|| (thread_id(), small(Duration::from_millis(600))));
        threads = [early, late].map(|thread| thread.join().unwrap()).into();
    });
    let events = trace.events(&go);
    for ((id, time), function) in threads.into_iter().zip(["large", "small"]) {
        let own: Vec<_> = samples(&events).filter(|event| event.thread == id).collect();
        // (The later one was found within a tenth of a second.)
        assert_fits(own.len(), time, 100, function);
        assert!(own.iter().all(|sample| (sample.proc, sample.goroutine) == (-1, -1)));
        let known = own.iter().filter(|s| has(s, &format!("cpu_samples::{function}"))).count();
        assert!(!WHOLE || known * 10 >= own.len() * 9, "{function}: {own:#?}");
    }
}

/// Again and again, at all rates, while goroutines run: each trace is accepted, nothing stays.
#[test]
fn a_hundred_after_each_other() {
    alone!("a_hundred_after_each_other");
    let Some(go) = Go::find("many traces with CPU samples") else { return };
    let folder = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (files, sampled) = run(|| {
        let busy: Vec<_> = (0..4).map(|_| gort::go(until(&stop))).collect();
        let (mut files, mut sampled) = (Vec::new(), 0);
        for n in 0..100 {
            let file = folder.path().join(format!("{n}.trace"));
            let hz = [1, 100, 1000, 10_000][n % 4];
            let out = File::create(&file).unwrap();
            Config::new().profile_hz(hz).start(out).unwrap();
            sleep(Duration::from_millis(n as u64 % 7));
            sampled += trace::stop().unwrap().cpu_samples();
            files.push(file);
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
        (files, sampled)
    });
    go.check(&files).unwrap();
    assert!(sampled > 0);
    assert_eq!(timers(), 0);
    let begin = Instant::now();
    while threads_called("gort-samples") > 0 {
        assert!(begin.elapsed() < Duration::from_secs(30), "they do not end");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Threads come and go, hundreds are there: each that lives has a timer, and none that has ended.
#[test]
fn threads_come_and_go() {
    alone!("threads_come_and_go");
    let Some(go) = Go::find("CPU samples of threads that end") else { return };
    let end = Arc::new(AtomicBool::new(false));
    let sleep_on = |_| {
        let end = Arc::clone(&end);
        thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                thread::park();
            }
        })
    };
    run(|| ());
    let sleeping: Vec<_> = (0..300).map(sleep_on).collect();
    let trace = taken(Config::new().profile_hz(1000), || {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(1) {
            let brief: Vec<_> = (0..8).map(|_| thread::spawn(|| work(200_000))).collect();
            brief.into_iter().for_each(|brief| assert_ne!(brief.join().unwrap(), 1));
        }
        // Where the kernel tells of timers at all. By now they have been looked at.
        thread::sleep(Duration::from_millis(500));
        let timers = timers();
        assert!(timers == 0 || (300..350).contains(&timers), "{timers} timers");
        end.store(true, Ordering::Relaxed);
        sleeping.iter().for_each(|sleeping| sleeping.thread().unpark());
    });
    sleeping.into_iter().for_each(|sleeping| sleeping.join().unwrap());
    assert_eq!(timers(), 0);
    trace.events(&go);
}

/// Computes, now and then in the runtime, until it is told to stop.
fn until(stop: &Arc<AtomicBool>) -> impl FnOnce() + Send + 'static {
    let stop = Arc::clone(stop);
    move || {
        while !stop.load(Ordering::Relaxed) {
            black_box(work(1000));
            gort::gosched();
        }
    }
}

/// How many timers the process has, where the kernel says.
fn timers() -> usize {
    let text = std::fs::read_to_string("/proc/self/timers").unwrap_or_default();
    text.lines().filter(|line| line.starts_with("ID:")).count()
}

fn threads_called(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|own| own.trim() == name).count()
}

/// Signals at every moment of goroutines that park, spawn and change threads all the time, and of
/// cuts: Go's reader accepts the trace, and samples are of whom they say.
#[test]
fn at_the_worst_moment() {
    alone!("at_the_worst_moment", &[("GORTDEBUG", "migrate=1,traceadvanceperiod=20000000")]);
    let Some(go) = Go::find("CPU samples at the worst moment") else { return };
    let pairs = |time| {
        let end = process_time() + time;
        let pairs: Vec<_> = (0..8).flat_map(|n| pair(n % 2, end)).collect();
        pairs.into_iter().for_each(|half| half.join().unwrap());
    };
    let trace = run(|| {
        // What it takes to read the symbols, at first, is no part of it.
        let config = || Config::new().profile_hz(10_000);
        taken(config(), || pairs(Duration::from_millis(200)));
        taken(config(), || pairs(Duration::from_secs(1)))
    });
    assert!(trace.summary.generations() >= 3, "{:?}", trace.summary);
    let events = trace.events(&go);
    let (right, wrong) = check_who(&events);
    assert!(right > 50, "{right} samples");
    // Where goroutines switch all the time some samples fall into a switch.
    assert!(wrong * 2 <= right, "{wrong} samples of {right} are of somebody else");
}

/// Two goroutines that pass each other numbers, and spawn now and then.
fn pair(room: usize, end: Duration) -> [gort::JoinHandle<()>; 2] {
    let (tx, rx) = chan::<u64>(room);
    let sender = move || {
        while process_time() < end {
            tx.send(black_box(work(2000))).unwrap();
        }
    };
    let receiver = move || {
        for (count, n) in rx.iter().enumerate() {
            if count % 64 == 0 {
                assert_ne!(go(move || black_box(work(100) ^ n)).join().unwrap(), 1);
            }
        }
    };
    [go(sender), go(receiver)]
}

/// The test again, with the trace of its whole run in this file.
fn whole_run(test: &str, file: &Path) -> Option<Command> {
    let mut again = process::again(test)?;
    again.env("GORT_TRACE", file);
    Some(again)
}

#[test]
fn a_whole_run_is_sampled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.trace");
    let Some(mut again) = whole_run("a_whole_run_is_sampled", &file) else {
        run(|| go(|| large(Duration::from_millis(500))).join().unwrap());
        return;
    };
    process::assert_success(&again.env("GORT_TRACE_PROFILE_HZ", "100").output().unwrap());
    let Some(go) = Go::find("CPU samples of a whole run") else { return };
    go.check(std::slice::from_ref(&file)).unwrap();
    assert!(go.wire_counts(&file)["CPUSample"] >= 5);
}

#[test]
fn a_whole_run_with_a_bad_rate_is_not_traced() {
    let test = "a_whole_run_with_a_bad_rate_is_not_traced";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.trace");
    let Some(mut again) = whole_run(test, &file) else {
        return run(|| assert!(!trace::is_enabled()));
    };
    let output = again.env("GORT_TRACE_PROFILE_HZ", "0").output().unwrap();
    process::assert_success(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("no such rate of CPU samples: 0").count(), 1, "{said}");
    assert!(!file.exists());
}

/// A profile's samples are in a trace that asks for none itself.
#[cfg(feature = "pprof")]
#[test]
fn a_profile_s_samples_are_in_the_trace() {
    alone!("a_profile_s_samples_are_in_the_trace");
    let Some(go) = Go::find("a profile's samples in a trace") else { return };
    let (trace, profile, time) = run(|| beside(Config::new(), 100));
    let events = trace.events(&go);
    let found = samples(&events).filter(|event| event.goroutine > 0).count();
    assert_fits(found, time, 100, "the trace");
    assert_profile(&profile, time);
}

/// Both at once: the trace has all samples, the profile counts at its own rate.
#[cfg(feature = "pprof")]
#[test]
fn beside_a_profile_at_another_rate() {
    alone!("beside_a_profile_at_another_rate");
    let Some(go) = Go::find("CPU samples beside a profile") else { return };
    for (trace_hz, profile_hz) in [(200, 50), (50, 200)] {
        let config = Config::new().profile_hz(trace_hz);
        let (trace, profile, time) = run(|| beside(config, profile_hz));
        let events = trace.events(&go);
        let found = samples(&events).filter(|event| event.goroutine > 0).count();
        assert_fits(found, time, 200, "the trace");
        assert_profile(&profile, time);
        let tool = tool::find("the profile beside a trace").unwrap();
        let raw = tool.run(&["-raw"], &profile);
        let period = 1_000_000_000 / profile_hz;
        assert!(raw.contains(&format!("Period: {period}\n")), "{raw}");
    }
}

/// One computes for a second, traced and profiled.
#[cfg(feature = "pprof")]
fn beside(config: Config, profile_hz: u32) -> (Taken, Vec<u8>, Duration) {
    use gort::pprof;
    let mut profile = tempfile::tempfile().unwrap();
    let mut time = Duration::ZERO;
    let trace = taken(config, || {
        pprof::set_cpu_profile_rate(profile_hz);
        pprof::start_cpu_profile(profile.try_clone().unwrap()).unwrap();
        time = go(|| large(Duration::from_secs(1))).join().unwrap();
        pprof::stop_cpu_profile().unwrap();
    });
    let mut bytes = Vec::new();
    io::Seek::rewind(&mut profile).unwrap();
    io::Read::read_to_end(&mut profile, &mut bytes).unwrap();
    (trace, bytes, time)
}

#[cfg(feature = "pprof")]
fn assert_profile(profile: &[u8], time: Duration) {
    if WHOLE {
        let tool = tool::find("the profile beside a trace").unwrap();
        let table = tool.top(&["-sample_index=cpu"], profile);
        let seconds = tool::sum(&table, "cpu_samples::large").cum;
        assert!((seconds - time.as_secs_f64()).abs() < 0.2, "{seconds} s of {time:?}");
    }
}

#[test]
fn there_are_limits_to_the_rate() {
    alone!("there_are_limits_to_the_rate");
    run(|| {
        for hz in [0, 10_001, u32::MAX] {
            let error = Config::new().profile_hz(hz).start(io::sink()).unwrap_err();
            assert!(matches!(&error, StartError::ProfileRate(text) if *text == hz.to_string()));
            assert_eq!(
                error.to_string(),
                format!("no such rate of CPU samples: {hz} (there are 1 to 10000 a second)")
            );
            assert!(!trace::is_enabled());
        }
        for hz in [1, 10_000] {
            Config::new().profile_hz(hz).start(io::sink()).unwrap();
            // A second one takes nothing from the first.
            let error = Config::new().profile_hz(7).start(io::sink()).unwrap_err();
            assert!(matches!(error, StartError::AlreadyEnabled));
            assert_eq!(trace::stop().unwrap().lost_cpu_samples(), 0);
        }
        trace::start(io::sink()).unwrap();
        assert_eq!(trace::stop().unwrap().cpu_samples(), 0);
    });
}

/// The environment asks for samples where the trace says nothing itself.
#[test]
fn the_environment_asks_for_samples() {
    alone!("the_environment_asks_for_samples", &[("GORT_TRACE_PROFILE_HZ", "500")]);
    run(|| {
        let hog = || drop(black_box(go(|| large(Duration::from_millis(200))).join()));
        let all = taken(Config::new(), hog).summary.cpu_samples();
        let few = taken(Config::new().profile_hz(10), hog).summary.cpu_samples();
        assert!(all >= 20 && few <= 8, "{all}, {few}");
    });
}

#[test]
fn an_environment_that_asks_for_nonsense_is_refused() {
    alone!(
        "an_environment_that_asks_for_nonsense_is_refused",
        &[("GORT_TRACE_PROFILE_HZ", "often")]
    );
    run(|| {
        let error = trace::start(io::sink()).unwrap_err();
        assert!(error.to_string().starts_with("no such rate of CPU samples: often"), "{error}");
    });
}

/// Each thread takes a timer of a number that all the user's processes share.
#[test]
fn threads_that_find_no_timer_are_counted() {
    alone!("threads_that_find_no_timer_are_counted");
    run(|| {
        let summary = taken(Config::new().profile_hz(100), || {
            limit_timers(0);
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let ended = Arc::new(std::sync::Mutex::new(ended));
            let waits = |_| {
                let ended = Arc::clone(&ended);
                thread::spawn(move || ended.lock().unwrap().recv().unwrap_err())
            };
            let threads: Vec<_> = (0..7).map(waits).collect();
            // They are looked for ten times a second, or, on a busy machine, less often.
            sleep(Duration::from_secs(2));
            drop(end);
            threads.into_iter().for_each(|thread| _ = thread.join().unwrap());
        });
        assert!(summary.summary.unsampled_threads() >= 7, "{:?}", summary.summary);
        limit_timers(libc::RLIM_INFINITY);
        let summary = taken(Config::new().profile_hz(100), || sleep(Duration::from_millis(300)));
        assert_eq!(summary.summary.unsampled_threads(), 0);
    });
}

/// The process may have no more timers if there are so many already; as many as it may if that is more.
fn limit_timers(count: libc::rlim_t) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both places are valid for the call.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_SIGPENDING, &mut limit), 0);
        limit.rlim_cur = count.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_SIGPENDING, &limit), 0);
    }
}

/// Whoever had SIGPROF before has it again afterwards, with all that he asked for the last time.
#[test]
fn a_handler_that_changes_what_it_keeps_out_is_put_back_so() {
    alone!("a_handler_that_changes_what_it_keeps_out_is_put_back_so");
    extern "C" fn own(_: libc::c_int) {}
    run(|| {
        for kept_out in [libc::SIGUSR1, libc::SIGUSR2] {
            // SAFETY: a handler that does nothing.
            let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
            before.sa_sigaction = own as *const () as usize;
            // SAFETY: as above; the places are valid.
            let after = unsafe {
                libc::sigaddset(&mut before.sa_mask, kept_out);
                assert_eq!(libc::sigaction(libc::SIGPROF, &before, std::ptr::null_mut()), 0);
                taken(Config::new().profile_hz(100), || ());
                let mut after: libc::sigaction = std::mem::zeroed();
                assert_eq!(libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut after), 0);
                after
            };
            assert_eq!(after.sa_sigaction, before.sa_sigaction);
            // SAFETY: the sets are valid.
            let has = |signal| unsafe { libc::sigismember(&after.sa_mask, signal) == 1 };
            assert_eq!(
                [libc::SIGUSR1, libc::SIGUSR2].map(has),
                [libc::SIGUSR1, libc::SIGUSR2].map(|s| s == kept_out)
            );
        }
    });
}

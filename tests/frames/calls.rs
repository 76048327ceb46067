//! A call for every kind of event that carries a stack, each in a function of its own and on a
//! line of its own, with a note of what the trace must say of it.
//!
//! Part of the test and of the program that the test builds.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use gort::net::{TcpListener, TcpStream, UdpSocket};
use gort::sync::{Barrier, Cond, Mutex, RwMutex, Semaphore, WaitGroup};
use gort::{Context, GoBuilder, chan, go, trace};

/// How long whoever waits waits at least, so that it does wait; in milliseconds.
static MOMENT_MS: AtomicU64 = AtomicU64::new(2);

fn moment() -> Duration {
    Duration::from_millis(MOMENT_MS.load(Ordering::Relaxed))
}

/// What a trace must have: an event whose first frame is that line of that function.
pub(crate) struct Wanted {
    /// A transition as Go's tool prints it, or a kind of event.
    pub(crate) event: String,
    /// Go's word for the reason; empty where there is none.
    pub(crate) reason: String,
    /// The function, without its path.
    pub(crate) function: String,
    pub(crate) line: u32,
    /// The first frames may be the system's: the one wanted is the first of the program's.
    pub(crate) through_system: bool,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted { event, reason, function, line, through_system } = self;
        write!(f, "{event}|{reason}|{function}|{line}|{through_system}")
    }
}

static WANTED: StdMutex<Vec<Wanted>> = StdMutex::new(Vec::new());

fn want(event: &str, reason: &str, function: &str, line: u32, through_system: bool) {
    let parts: Vec<&str> = function.split("::").filter(|part| *part != "{{closure}}").collect();
    let wanted = Wanted {
        event: event.to_owned(),
        reason: reason.to_owned(),
        function: parts[parts.len() - 2].to_owned(), // the last is that of the macro
        line,
        through_system,
    };
    WANTED.lock().unwrap().push(wanted);
}

/// Makes a call on this line that is to be found in the trace.
macro_rules! at {
    ($event:expr, $reason:expr, $call:expr) => {
        noted!($event, $reason, false, $call)
    };
}

/// As `at!`; the first frames may be the system's.
macro_rules! at_through {
    ($event:expr, $call:expr) => {
        noted!($event, "", true, $call)
    };
}

macro_rules! noted {
    ($event:expr, $reason:expr, $through_system:expr, $call:expr) => {{
        fn here() {}
        want($event, $reason, std::any::type_name_of_val(&here), line!(), $through_system);
        let result = $call;
        // Else the call might be a jump, after which nothing is left of this function.
        std::hint::black_box(());
        result
    }};
}

const CREATE: &str = "NotExist->Runnable";
const BLOCK: &str = "Running->Waiting";
const STOP: &str = "Running->Runnable";
const UNBLOCK: &str = "Waiting->Runnable";
const SYSCALL: &str = "Running->Syscall";

/// Makes all calls and writes their trace. Returns what is wanted of it, which is there if nobody is
/// late for as long as a `moment`.
pub(crate) fn trace_to(file: &Path, moment: Duration) -> Vec<Wanted> {
    MOMENT_MS.store(moment.as_millis() as u64, Ordering::Relaxed);
    let out = File::create(file).unwrap();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            trace::start(out).unwrap();
            go(all).join().unwrap();
            trace::stop().unwrap();
        });
    }
    std::mem::take(&mut WANTED.lock().unwrap())
}

fn all() {
    creations();
    channels();
    iterators();
    selects();
    locks();
    waits();
    times();
    sockets();
    turns();
    system_calls();
    annotations();
    generic::<u32>(7);
    outer();
    through_c();
    if let Some(file) = std::env::var_os(LIBRARY) {
        through_library(&CString::new(file.into_vec()).unwrap());
    }
    deep(200);
}

/// Runs `f` in a goroutine when the caller, who goes on to wait, surely does.
fn soon(f: impl FnOnce() + Send + 'static) {
    drop(go(move || {
        gort::sleep(moment());
        f();
    }));
}

/// Waits until a goroutine that was just started surely waits.
fn settle() {
    gort::sleep(moment());
}

fn creations() {
    create();
    create_named();
    create_in_group();
    create_in_scope();
}

#[inline(never)]
fn create() {
    let handle = at!(CREATE, "", go(|| ()));
    handle.join().unwrap();
}

#[inline(never)]
fn create_named() {
    let handle = at!(CREATE, "", GoBuilder::new().name("named").go(|| ()));
    handle.unwrap().join().unwrap();
}

#[inline(never)]
fn create_in_group() {
    let group = WaitGroup::new();
    let handle = at!(CREATE, "", group.go(|| ()));
    group.wait();
    handle.join().unwrap();
}

#[inline(never)]
fn create_in_scope() {
    gort::scope(|scope| {
        let handle = at!(CREATE, "", scope.go(|| ()));
        handle.join().unwrap();
    });
    std::hint::black_box(());
}

fn channels() {
    send();
    receive();
    receive_timeout();
    send_to_waiting();
    receive_from_waiting();
    close();
}

#[inline(never)]
fn send() {
    let (tx, rx) = chan(0);
    soon(move || _ = rx.recv());
    at!(BLOCK, "chan send", tx.send(1).unwrap());
}

#[inline(never)]
fn receive() {
    let (tx, rx) = chan(0);
    soon(move || tx.send(1).unwrap());
    at!(BLOCK, "chan receive", rx.recv().unwrap());
}

#[inline(never)]
fn receive_timeout() {
    let (_tx, rx) = chan::<u8>(0);
    let result = at!(BLOCK, "chan receive", rx.recv_timeout(moment()));
    result.unwrap_err();
}

#[inline(never)]
fn send_to_waiting() {
    let (tx, rx) = chan(0);
    let receiver = go(move || rx.recv().unwrap());
    settle();
    at!(UNBLOCK, "", tx.send(1).unwrap());
    receiver.join().unwrap();
}

#[inline(never)]
fn receive_from_waiting() {
    let (tx, rx) = chan(0);
    let sender = go(move || tx.send(1).unwrap());
    settle();
    at!(UNBLOCK, "", rx.recv().unwrap());
    sender.join().unwrap();
}

#[inline(never)]
fn close() {
    let (tx, rx) = chan::<u8>(0);
    let receiver = go(move || rx.recv().unwrap_err());
    settle();
    at!(UNBLOCK, "", tx.close().unwrap());
    receiver.join().unwrap();
}

fn iterators() {
    sum();
    for_each();
}

/// The standard library lies between gort and the caller.
#[inline(never)]
fn sum() {
    let (tx, rx) = chan(0);
    soon(move || (0..3).for_each(|n| tx.send(n).unwrap()));
    let sum: i32 = at!(BLOCK, "chan receive", rx.iter().sum());
    assert_eq!(sum, 3);
}

/// As above, with a closure of the caller's in between.
#[inline(never)]
fn for_each() {
    let (tx, rx) = chan(0);
    soon(move || _ = rx.recv());
    (0..1).for_each(|n| at!(BLOCK, "chan send", tx.send(n).unwrap()));
}

fn selects() {
    select_macro();
    select_dynamic();
}

#[inline(never)]
fn select_macro() {
    let (tx, rx) = chan(0);
    let (_other, never) = chan::<i32>(0);
    soon(move || tx.send(1).unwrap());
    let result = at!(BLOCK, "select", gort::select! { recv(rx) -> n => n, recv(never) -> n => n });
    result.unwrap();
}

#[inline(never)]
fn select_dynamic() {
    let (tx, rx) = chan(0);
    let (_other, never) = chan::<i32>(0);
    soon(move || tx.send(1).unwrap());
    let select = gort::select::Select::new().recv(&rx, drop).recv(&never, drop);
    at!(BLOCK, "select", select.wait());
}

fn locks() {
    lock();
    unlock();
    read_lock();
    write_lock();
    condition();
    signal();
}

#[inline(never)]
fn lock() {
    let mutex = Arc::new(Mutex::new(0));
    let other = Arc::clone(&mutex);
    let (locked, is_locked) = chan(0);
    drop(go(move || {
        let _guard = other.lock();
        locked.send(()).unwrap();
        gort::sleep(10 * moment());
    }));
    is_locked.recv().unwrap();
    drop(at!(BLOCK, "sync", mutex.lock()));
}

#[inline(never)]
fn unlock() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock();
    let other = Arc::clone(&mutex);
    let waiter = go(move || *other.lock());
    settle();
    at!(UNBLOCK, "", drop(guard));
    waiter.join().unwrap();
}

#[inline(never)]
fn read_lock() {
    let lock = Arc::new(RwMutex::new(0));
    let other = Arc::clone(&lock);
    let (locked, is_locked) = chan(0);
    drop(go(move || {
        let _guard = other.write();
        locked.send(()).unwrap();
        gort::sleep(10 * moment());
    }));
    is_locked.recv().unwrap();
    drop(at!(BLOCK, "sync", lock.read()));
}

#[inline(never)]
fn write_lock() {
    let lock = Arc::new(RwMutex::new(0));
    let other = Arc::clone(&lock);
    let (locked, is_locked) = chan(0);
    drop(go(move || {
        let _guard = other.read();
        locked.send(()).unwrap();
        gort::sleep(10 * moment());
    }));
    is_locked.recv().unwrap();
    drop(at!(BLOCK, "sync", lock.write()));
}

#[inline(never)]
fn condition() {
    let pair = Arc::new((Mutex::new(()), Cond::new()));
    let other = Arc::clone(&pair);
    soon(move || {
        let _guard = other.0.lock();
        other.1.signal();
    });
    let mut guard = pair.0.lock();
    at!(BLOCK, "sync.(*Cond).Wait", pair.1.wait(&mut guard));
}

#[inline(never)]
fn signal() {
    let pair = Arc::new((Mutex::new(()), Cond::new()));
    let other = Arc::clone(&pair);
    let waiter = go(move || other.1.wait(&mut other.0.lock()));
    settle();
    at!(UNBLOCK, "", pair.1.signal());
    waiter.join().unwrap();
}

fn waits() {
    wait_for_group();
    last_of_group();
    acquire();
    release();
    meet();
    join();
    done();
    future();
}

#[inline(never)]
fn wait_for_group() {
    let group = WaitGroup::new();
    let handle = group.go(|| gort::sleep(moment()));
    at!(BLOCK, "sync", group.wait());
    handle.join().unwrap();
}

#[inline(never)]
fn last_of_group() {
    let group = WaitGroup::new();
    group.add(1);
    let other = group.clone();
    let waiter = go(move || other.wait());
    settle();
    at!(UNBLOCK, "", group.done());
    waiter.join().unwrap();
}

#[inline(never)]
fn acquire() {
    let units = Semaphore::new(1);
    let one = units.acquire(1);
    soon(move || drop(one));
    drop(at!(BLOCK, "sync", units.acquire(1)));
}

#[inline(never)]
fn release() {
    let units = Semaphore::new(1);
    units.acquire(1).forget();
    let other = units.clone();
    let waiter = go(move || other.acquire(1).forget());
    settle();
    at!(UNBLOCK, "", units.release(1));
    waiter.join().unwrap();
}

#[inline(never)]
fn meet() {
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    soon(move || _ = other.wait());
    at!(BLOCK, "sync", barrier.wait());
}

#[inline(never)]
fn join() {
    let handle = go(|| gort::sleep(moment()));
    at!(BLOCK, "sync", handle.join().unwrap());
}

#[inline(never)]
fn done() {
    let (ctx, _cancel) = gort::context::with_timeout(&Context::background(), moment());
    let result = at!(BLOCK, "chan receive", ctx.done().recv());
    result.unwrap_err();
}

#[inline(never)]
fn future() {
    let timer = gort::time::sleep_async(moment());
    at!(BLOCK, "", gort::block_on(timer));
}

fn times() {
    sleep();
    timer();
}

#[inline(never)]
fn sleep() {
    at!(BLOCK, "sleep", gort::sleep(moment()));
}

#[inline(never)]
fn timer() {
    let timer = gort::time::Timer::new(moment());
    at!(BLOCK, "chan receive", timer.receiver().recv().unwrap());
}

fn sockets() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    soon(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        settle();
        stream.write_all(&[1]).unwrap();
        settle();
        // As much as the other side cannot hold: it waits for this to read.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let stream = accept(&listener);
    read(&stream);
    write(&stream);
    drop(stream);
    datagram();
}

#[inline(never)]
fn accept(listener: &TcpListener) -> TcpStream {
    at!(BLOCK, "network", listener.accept().unwrap()).0
}

#[inline(never)]
fn read(mut stream: &TcpStream) {
    let mut bytes = [0];
    at!(BLOCK, "network", stream.read_exact(&mut bytes).unwrap());
}

#[inline(never)]
fn write(mut stream: &TcpStream) {
    let bytes = vec![0; 64 << 20];
    at!(BLOCK, "network", stream.write_all(&bytes).unwrap());
}

#[inline(never)]
fn datagram() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    soon(move || {
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        other.send_to(&[1], address).unwrap();
    });
    let mut bytes = [0];
    at!(BLOCK, "network", socket.recv_from(&mut bytes).unwrap());
}

fn turns() {
    turn();
}

#[inline(never)]
fn turn() {
    at!(STOP, "runtime.Gosched", gort::gosched());
}

fn system_calls() {
    call();
    file();
    // A thread that is slow to say where it is is not waited for.
    for _ in 0..10 {
        blocked();
    }
    // There is somebody else for every processor.
    let others = (0..2 * gort::gomaxprocs(0)).map(|_| go(computing));
    others.collect::<Vec<_>>().into_iter().for_each(|other| other.join().unwrap());
}

#[inline(never)]
fn call() {
    at!(SYSCALL, "", gort::blocking(|| ()));
}

#[inline(never)]
fn file() {
    let path = std::env::current_exe().unwrap();
    drop(at!(SYSCALL, "", gort::fs::metadata(&path)));
}

/// The processor is taken while the thread is somewhere in the system.
#[inline(never)]
fn blocked() {
    let time = 15 * moment();
    at_through!(SYSCALL, std::thread::sleep(time));
}

/// The processor is taken while the thread computes: on this line.
#[inline(never)]
fn computing() {
    let (begin, time) = (Instant::now(), 30 * moment());
    at_through!(SYSCALL, while begin.elapsed() < time {});
}

fn annotations() {
    let ctx = Context::background();
    let (ctx, task) = begin_task(&ctx);
    let region = begin_region(&ctx);
    message(&ctx);
    end_region(region);
    around(&ctx);
    end_task(task);
}

#[inline(never)]
fn begin_task(ctx: &Context) -> (Context, trace::Task) {
    at!("TaskBegin", "", trace::new_task(ctx, "task"))
}

#[inline(never)]
fn end_task(task: trace::Task) {
    at!("TaskEnd", "", task.end());
}

#[inline(never)]
fn begin_region(ctx: &Context) -> trace::Region {
    at!("RegionBegin", "", trace::start_region(ctx, "region"))
}

#[inline(never)]
fn end_region(region: trace::Region) {
    at!("RegionEnd", "", region.end());
}

#[inline(never)]
fn around(ctx: &Context) {
    at!("RegionBegin", "", trace::with_region(ctx, "around", || ()));
}

#[inline(never)]
fn message(ctx: &Context) {
    at!("Log", "", trace::log(ctx, "category", "message"));
}

/// A function with a generic argument, which its name says.
#[inline(never)]
fn generic<T: Send + 'static>(value: T) {
    let (tx, rx) = chan(0);
    soon(move || _ = rx.recv());
    at!(BLOCK, "chan send", tx.send(value).unwrap());
}

/// A function in whose place its caller has the call.
#[inline(always)]
fn inlined() {
    at!(BLOCK, "sleep", gort::sleep(moment()));
}

#[inline(never)]
fn outer() {
    inlined();
}

unsafe extern "C" {
    fn qsort(
        base: *mut c_void,
        count: usize,
        size: usize,
        compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
    );
}

/// Called by the C library, and waits.
unsafe extern "C" fn compare(_: *const c_void, _: *const c_void) -> c_int {
    at!(BLOCK, "sleep", gort::sleep(moment()));
    0
}

#[inline(never)]
fn through_c() {
    let mut bytes = [2, 1];
    // SAFETY: two bytes, and a function that compares.
    unsafe { qsort((&raw mut bytes).cast(), 2, 1, compare) };
    std::hint::black_box(());
}

/// Names a library for [`through_library`].
pub(crate) const LIBRARY: &str = "FRAMES_LIBRARY";

unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Called by the library, and waits.
unsafe extern "C" fn called_back() {
    at!(BLOCK, "sleep", gort::sleep(moment()));
}

/// Loads a library while the trace is taken, and calls it when the next generation has begun.
#[inline(never)]
fn through_library(file: &CStr) {
    const NOW: c_int = 2;
    // SAFETY: the library has this one function, which calls another.
    let through: extern "C" fn(unsafe extern "C" fn()) = unsafe {
        let library = dlopen(file.as_ptr(), NOW);
        assert!(!library.is_null(), "{file:?}");
        std::mem::transmute(dlsym(library, c"through".as_ptr()))
    };
    gort::sleep(Duration::from_millis(2500));
    through(called_back);
    std::hint::black_box(());
}

/// More frames than a trace takes.
#[inline(never)]
fn deep(frames: u32) {
    if frames == 0 {
        at!(BLOCK, "sleep", gort::sleep(moment()));
        return;
    }
    deep(std::hint::black_box(frames - 1));
    std::hint::black_box(());
}

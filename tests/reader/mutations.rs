//! A hundred thousand damaged traces: none makes the reader panic or hang, or take more memory than
//! their size allows.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use gort::reader::{EventKind, RawReader, Reader, Transition};

use crate::cases::cases;
use crate::support::Go;
use crate::support::random::Random;

/// Counts what each thread holds.
struct Counting;

thread_local! {
    /// Bytes that this thread allocated and did not free, and the most of them that there were.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: isize) {
    // Where a thread ends there is nothing to count with.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + bytes, most.max(now + bytes)));
    });
}

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(place, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that `f` held.
fn most_held(f: impl FnOnce()) -> usize {
    let before = HELD.get().0;
    HELD.set((before, before));
    f();
    (HELD.get().1 - before) as usize
}

/// How many are tried.
const INPUTS: usize = if cfg!(debug_assertions) { 3_000 } else { 100_000 };
/// Bytes that a reader takes for each byte of a trace, at most,
const BYTES_PER_BYTE: usize = 128;
/// and besides.
const BYTES_BESIDES: usize = 1 << 20;
/// No trace of this size takes as long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A few changes of a trace, of the kinds that damage it least and most.
fn mutated(traces: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut trace = traces[random.below(traces.len())].clone();
    for _ in 0..1 + random.below(4) {
        if trace.is_empty() {
            break;
        }
        let at = random.below(trace.len());
        let len = 1 + random.below(16).min(trace.len() - at - 1);
        match random.below(9) {
            0 => trace[at] ^= 1 << random.below(8),
            1 => trace[at] = random.below(256) as u8,
            2 => trace.truncate(at),
            3 => drop(trace.drain(at..at + len)),
            4 => {
                let again = trace[at..at + len].to_vec();
                trace.splice(at..at, again);
            }
            5 => trace[at..at + len].fill([0, 0x7f, 0x80, 0xff][random.below(4)]),
            6 => {
                // A part of another one.
                let other = &traces[random.below(traces.len())];
                let from = random.below(other.len());
                trace.splice(at..at + len, other[from..].iter().copied().take(64));
            }
            // A number that is one larger, or a type that is another one's.
            7 => trace[at] = trace[at].wrapping_add(1),
            _ => {
                let other = random.below(trace.len());
                trace.swap(at, other);
            }
        }
    }
    if random.below(10) == 0 && trace.len() > 16 {
        let minor = [22, 23, 25, 26][random.below(4)];
        trace[..16].copy_from_slice(format!("go 1.{minor} trace\0\0\0").as_bytes());
    }
    trace
}

/// Reads everything that there is to read.
fn read_all(trace: &[u8]) {
    let raw = RawReader::new(trace).into_iter().flatten();
    let mut sum = raw.map_while(Result::ok).map(|event| event.least_bytes()).sum::<usize>();
    let Ok(mut reader) = Reader::new(trace) else { return };
    while let Some(Ok(event)) = reader.next() {
        let of = reader.generation();
        sum += of.stack(event.stack()).map(|frame| of.bytes(frame.function).len()).sum::<usize>();
        sum += match event.kind() {
            EventKind::StateTransition(Transition::Goroutine { reason, .. }) => {
                of.text(reason).len()
            }
            EventKind::Log(log) => of.bytes(log.message).len(),
            EventKind::TaskEnd(task) => of.bytes(task.name).len(),
            kind => kind.name().len(),
        };
    }
    std::hint::black_box(sum);
}

#[test]
fn mutated_traces_do_no_harm() {
    let Some(go) = Go::find("mutated cases of Go's tests of its reader") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = cases(&go, folder.path());
    let traces: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for number in 0..INPUTS {
        let trace = mutated(&traces, &mut random);
        let begin = Instant::now();
        let held = most_held(|| read_all(&trace));
        let most = BYTES_BESIDES + BYTES_PER_BYTE * trace.len();
        assert!(held < most, "input {number}: {held} bytes for {}", trace.len());
        assert!(begin.elapsed() < PATIENCE, "input {number} took {:?}", begin.elapsed());
    }
}

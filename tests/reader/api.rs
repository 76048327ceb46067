//! Inputs that are no file, versions, and errors.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::reader::{
    ErrorKind, EventKind, Follow, Index, RawEvent, RawReader, Reader, Sync, Version,
};

/// A generation with nothing in it, in version 1.26.
fn generation(number: u8) -> Vec<u8> {
    let mut bytes = vec![1, number, 0x7f, 10 + number, 10];
    bytes.extend([50, 8, 0x80, 0x94, 0xeb, 0xdc, 0x03, 51, 0, 5]);
    bytes[4] += 2;
    bytes.extend([6, 7, 0x34]);
    bytes
}

fn header(version: &str) -> Vec<u8> {
    format!("go {version} trace\0\0\0").into_bytes()
}

#[test]
fn a_generation_is_there_as_soon_as_its_bytes_are() {
    let (read, mut write) = io::pipe().unwrap();
    let (found, events) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut reader = Reader::new(read).unwrap();
        while let Some(event) = reader.next() {
            found.send((event.unwrap().kind(), reader.generation().number())).unwrap();
        }
    });
    write.write_all(&header("1.26")).unwrap();
    for number in 1..=3 {
        write.write_all(&generation(number)).unwrap();
        let sync = Sync { number: number.into(), is_end: false };
        assert_eq!(events.recv().unwrap(), (EventKind::Sync(sync), number.into()));
    }
    drop(write);
    let end = EventKind::Sync(Sync { number: 4, is_end: true });
    assert_eq!(events.recv().unwrap(), (end, 3));
    assert!(events.recv().is_err());
    reader.join().unwrap();
}

#[test]
fn a_file_is_followed_as_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&header("1.26")).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let (found, events) = mpsc::channel();
    let follow = {
        let is_over = is_over.clone();
        Follow::new(std::fs::File::open(&path).unwrap(), move || is_over.load(Ordering::SeqCst))
    };
    let reader = thread::spawn(move || {
        Reader::new(follow).unwrap().for_each(|event| found.send(event.unwrap().kind()).unwrap());
    });
    for number in 1..=3 {
        let bytes = generation(number);
        let (first, second) = bytes.split_at(7);
        file.write_all(first).unwrap();
        assert!(events.recv_timeout(Duration::from_millis(60)).is_err(), "half of one is there");
        file.write_all(second).unwrap();
        let sync = Sync { number: number.into(), is_end: false };
        assert_eq!(events.recv().unwrap(), EventKind::Sync(sync));
    }
    // What comes right before the end is read.
    file.write_all(&generation(4)).unwrap();
    is_over.store(true, Ordering::SeqCst);
    reader.join().unwrap();
    let ends: Vec<_> = events.iter().collect();
    let sync = |number, is_end| EventKind::Sync(Sync { number, is_end });
    assert_eq!(ends, [sync(4, false), sync(5, true)]);
}

/// Gives a byte at a time, and sometimes is interrupted.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.0.read(&mut to[..1])
    }
}

#[test]
fn bytes_may_come_one_by_one() {
    let mut trace = header("1.26");
    trace.extend((1..=2).flat_map(generation));
    let all: Vec<_> = Reader::new(&trace[..]).unwrap().map(Result::unwrap).collect();
    let slow: Vec<_> = Reader::new(Slow(&trace, 0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(all, slow);
    assert_eq!(all.len(), 3);

    let raw =
        |input: Slow<'_>| RawReader::new(input).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let names: Vec<_> = raw(Slow(&trace, 0)).iter().map(RawEvent::name).collect();
    let one = ["EventBatch", "Sync", "Frequency", "ClockSnapshot", "EndOfGeneration"];
    assert_eq!(names, [one, one].concat());
}

/// Gives a page at a time.
struct Pages<'a>(&'a [u8]);

impl Read for Pages<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let len = to.len().min(4096);
        self.0.read(&mut to[..len])
    }
}

#[test]
fn a_stack_of_any_length_is_taken_apart_a_few_times() {
    // The number of frames is one that the first tenth of the bytes might do for.
    let mut trace = header("1.23");
    trace.extend([3, 1, 0xa0, 0x8d, 0x06]);
    trace.extend([[0xff; 9].as_slice(), &[1]].concat().repeat(4 * 100_000));
    let begin = Instant::now();
    let mut events = RawReader::new(Pages(&trace)).unwrap();
    assert_eq!(events.next().unwrap().unwrap().frames().unwrap().len(), 100_000);
    assert!(events.next().is_none());
    // Once for each page took half a minute.
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[test]
fn the_clocks_of_a_generation() {
    let mut trace = header("1.26");
    trace.extend(generation(1));
    let mut reader = Reader::new(&trace[..]).unwrap();
    assert_eq!(reader.version(), Version::Go126);
    assert_eq!((reader.generation().number(), reader.generation().clocks()), (0, None));
    assert_eq!(reader.next().unwrap().unwrap().time().0, 11);
    let clocks = reader.generation().clocks().unwrap();
    assert_eq!((clocks.trace.0, clocks.monotonic_ns), (11, 5));
    assert_eq!((clocks.wall_s, clocks.wall_ns), (6, 7));
    assert_eq!(reader.generation().range(), 16..trace.len() as u64);
}

#[test]
fn other_files_are_refused_with_what_to_do() {
    let refused = |bytes: &[u8]| {
        let error = Reader::new(bytes).err().expect("an error");
        assert_eq!(RawReader::new(bytes).err().expect("an error").to_string(), error.to_string());
        error
    };
    for version in ["1.11", "1.19", "1.21"] {
        let error = refused(&header(version));
        assert_eq!(error.kind(), ErrorKind::OldVersion);
        let text = error.to_string();
        assert!(
            text.contains(&format!("of Go {version}")) && text.contains("take it again"),
            "{text}"
        );
    }
    assert_eq!(refused(&header("1.24")).kind(), ErrorKind::UnknownVersion);
    assert_eq!(refused(b"").kind(), ErrorKind::NotATrace);
    assert_eq!(refused(b"\x7fELF, a program, and no trace").kind(), ErrorKind::NotATrace);
    let missing = Reader::open("a file that is not there").err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(std::error::Error::source(&missing).is_some());
}

#[test]
fn errors_say_where() {
    let mut trace = header("1.26");
    trace.extend(generation(1));
    let second = trace.len() as u64;
    // A processor starts on thread 9 that nobody has heard of: type 10, dt, p, p_seq.
    trace.extend([1, 2, 9, 12, 4, 10, 0, 3, 1]);
    trace.extend(generation(2));
    let mut results: Vec<_> = Reader::new(&trace[..]).unwrap().collect();
    let error = results.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stuck);
    assert_eq!(error.generation(), Some(2));
    assert_eq!(error.thread().map(|thread| thread.0), Some(9));
    assert_eq!(error.offset(), Some(second + 5));
    let text = error.to_string();
    assert!(text.starts_with(&format!("generation 2, thread 9, byte {}: ", second + 5)), "{text}");
    assert!(text.contains("ProcStart waits") && text.contains("p=3 p_seq=1"), "{text}");
    assert!(results.into_iter().all(|result| result.is_ok()));
}

#[test]
fn what_is_before_the_end_of_a_cut_file_is_read() {
    let mut trace = header("1.26");
    trace.extend((1..=2).flat_map(generation));
    let whole = trace.len();
    trace.extend([1, 3, 9, 12, 4, 10, 0, 3, 1]);
    for (end, kind) in [(whole + 4, ErrorKind::Truncated), (trace.len(), ErrorKind::Truncated)] {
        let mut results: Vec<_> = Reader::new(&trace[..end]).unwrap().collect();
        assert_eq!(results.pop().unwrap().unwrap_err().kind(), kind, "{end}");
        // Two generations, and their end.
        assert_eq!(results.len(), 3);
        assert!(results.into_iter().all(|result| result.is_ok()));
    }
    assert_eq!(Reader::new(&trace[..whole]).unwrap().filter_map(Result::err).count(), 0);
}

#[test]
fn an_event_is_small() {
    assert_eq!(size_of::<gort::reader::Event>(), 64);
}

#[test]
fn an_index_finds_generations() {
    let mut trace = header("1.26");
    trace.extend((1..=3).flat_map(generation));
    let index = Index::new(io::Cursor::new(&trace)).unwrap();
    assert_eq!(index.version(), Version::Go126);
    assert!(index.error().is_none());
    let numbers: Vec<_> = index.generations().iter().map(|part| part.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let bytes: Vec<_> = index.generations().iter().map(|part| part.bytes.clone()).collect();
    let mut whole = Reader::new(&trace[..]).unwrap();
    for place in &bytes {
        whole.next().unwrap().unwrap();
        assert_eq!(whole.generation().range(), *place);
    }

    let mut reader = index.reader(io::Cursor::new(&trace), 1..3).unwrap();
    let mut numbers = Vec::new();
    while let Some(event) = reader.next() {
        event.unwrap();
        numbers.push(reader.generation().number());
    }
    assert_eq!(numbers, [2, 3, 3]);

    let index = Index::new(io::Cursor::new(&trace[..trace.len() - 10])).unwrap();
    assert_eq!(index.generations().len(), 2);
    assert_eq!(index.error().map(|error| error.kind()), Some(ErrorKind::Truncated));
}

#[test]
fn an_index_and_a_reader_agree_on_a_generation_without_its_mark() {
    // Without events it is left out, as Go does; with some the file is cut short.
    let status = [1, 3, 9, 12, 4, 13, 0, 0, 2];
    for (events, expected) in [(&[][..], None), (&status[..], Some(ErrorKind::Truncated))] {
        let mut trace = header("1.26");
        trace.extend((1..=2).flat_map(generation));
        let mut last = generation(3);
        last.pop();
        trace.extend([&last, events].concat());
        let index = Index::new(io::Cursor::new(&trace)).unwrap();
        assert_eq!(index.generations().len(), 2);
        assert_eq!(index.error().map(|error| error.kind()), expected);
        let read = Reader::new(&trace[..]).unwrap().find_map(Result::err);
        assert_eq!(read.map(|error| error.kind()), expected);
    }
}

#[test]
fn the_thread_of_a_processor_is_found_at_once() {
    // Many threads, the last of which has processor 0; then that is said to be abandoned, many times.
    let batch = |thread: u64, events: &[u8]| {
        let mut batch = vec![1, 1];
        for mut number in [thread, 12, events.len() as u64] {
            while number >= 0x80 {
                batch.push(number as u8 | 0x80);
                number >>= 7;
            }
            batch.push(number as u8);
        }
        batch.extend_from_slice(events);
        batch
    };
    let mut trace = header("1.26");
    let mut clocks = generation(1);
    clocks.pop();
    trace.extend(clocks);
    const THREADS: u64 = 100_000;
    for thread in 1..=THREADS {
        // A processor that is idle.
        trace.extend(batch(thread, &[13, 0, 1, 2]));
    }
    trace.extend(batch(THREADS + 1, &[13, 0, 0, 3]));
    let abandoned = [13, 1, 0, 4].repeat(10_000);
    for _ in 0..120 {
        trace.extend(batch(THREADS + 2, &abandoned));
    }
    trace.push(0x34);
    let begin = Instant::now();
    let mut of_thread = 0;
    for event in Reader::new(&trace[..]).unwrap() {
        of_thread += u64::from(event.unwrap().thread().0 == THREADS as i64 + 1);
    }
    assert_eq!(of_thread, 1 + 1_200_000);
    // A search through all threads each time took minutes.
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[test]
fn an_index_of_generations_without_marks() {
    let clock = |number: u8| vec![1, number, 0x7f, 10, 3, 8, 0x80, 0x10];
    let mut trace = header("1.23");
    trace.extend([clock(4), vec![1, 4, 9, 10, 0], clock(5)].concat());
    let index = Index::new(io::Cursor::new(&trace)).unwrap();
    let found: Vec<_> =
        index.generations().iter().map(|part| (part.number, part.bytes.clone())).collect();
    assert_eq!(found, [(4, 16..29), (5, 29..37)]);
}

#[test]
fn an_index_knows_an_empty_batch_before_a_mark() {
    let mut trace = header("1.26");
    let mut first = generation(1);
    first.splice(first.len() - 1.., [1, 1, 9, 10, 0, 0x34]);
    trace.extend([first, generation(2)].concat());
    let index = Index::new(io::Cursor::new(&trace)).unwrap();
    let numbers: Vec<_> = index.generations().iter().map(|part| part.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(index.error().is_none());
    assert_eq!(Reader::new(&trace[..]).unwrap().filter_map(Result::ok).count(), 3);
}

#[test]
fn events_come_some_at_a_time_too() {
    let mut trace = header("1.26");
    trace.extend((1..=2).flat_map(generation));
    let mut reader = Reader::new(&trace[..]).unwrap();
    let mut numbers = Vec::new();
    loop {
        let events = reader.events().unwrap();
        let Some(last) = events.last() else { break };
        numbers.push(last.kind());
    }
    let sync = |number, is_end| EventKind::Sync(Sync { number, is_end });
    assert_eq!(numbers, [sync(1, false), sync(2, false), sync(3, true)]);
}

#[test]
fn a_file_is_read_by_a_thread_that_is_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let mut trace = header("1.26");
    trace.extend((1..=100).flat_map(generation));
    trace.extend([1, 101, 9, 12, 1, 53, 0x34]);
    std::fs::write(&file, &trace).unwrap();
    let all = |reader: Reader<'_>| reader.map(|event| event.map_err(|e| e.to_string())).collect();
    let ahead: Vec<_> = all(Reader::open(&file).unwrap());
    let here: Vec<_> = all(Reader::new(&trace[..]).unwrap());
    assert_eq!(ahead, here);
    assert!(here.last().unwrap().is_err() && here.len() == 102, "{here:?}");
    // Who stops early leaves no thread behind that waits.
    let mut reader = Reader::open(&file).unwrap();
    assert!(reader.next().unwrap().is_ok());
}

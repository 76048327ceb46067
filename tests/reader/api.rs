//! Inputs that are no file, versions, and errors.

use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::thread;

use gort::reader::{ErrorKind, EventKind, RawEvent, RawReader, Reader, Sync, Version};

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

/// Gives a byte at a time, and sometimes is interrupted.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1 % 3 == 0 {
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

//! Any bytes: no way to read them panics, a pipe and a file have the same events and errors, and what is
//! salvaged is sound.

#![no_main]

use std::io::Cursor;

use gort::reader::{Error, Event, Index, RawReader, Reader, Salvage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let of_pipe = Reader::new(bytes).map(read).map_err(text);
    let of_file = Reader::at(bytes.to_vec()).map(read).map_err(text);
    assert_eq!(of_pipe, of_file);
    if let Ok(raw) = RawReader::new(bytes) {
        raw.flatten().map(|event| event.least_bytes()).for_each(drop);
    }
    if let Ok(index) = Index::new(Cursor::new(bytes)) {
        for at in 0..index.generations().len() {
            index.reader(Cursor::new(bytes), at..at + 1).map(read).ok();
        }
    }
    if let Ok(salvage) = Salvage::new(Cursor::new(bytes)) {
        for part in salvage.parts() {
            let mut sound = Vec::new();
            salvage.copy(Cursor::new(bytes), part, &mut sound).expect("bytes in memory");
            let (_, damage) = Reader::new(&sound[..]).map(read).expect("a header");
            assert_eq!(damage, None, "of a part that is sound");
        }
    }
});

/// All events, with what they refer to, and the error.
fn read(mut reader: Reader<'_>) -> (Vec<Event>, Option<String>) {
    let mut events = Vec::new();
    while let Some(event) = reader.next() {
        match event {
            Ok(event) => {
                reader.generation().stack(event.stack()).for_each(drop);
                std::hint::black_box(event.kind());
                events.push(event);
            }
            Err(error) => return (events, Some(text(error))),
        }
    }
    (events, None)
}

fn text(error: Error) -> String {
    error.to_string()
}

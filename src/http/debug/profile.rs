//! Profiles that are there at any time: where goroutines are, waited, or kept others waiting.

use std::io;
use std::time::Duration;

use hyper::{Response, StatusCode};

use super::answer::{error, file, text, too_long};
use super::exceeds;
use super::query::Query;
use crate::http::Body;
use crate::{pprof, time};

/// A profile.
pub(super) struct Profile {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    count: fn() -> usize,
    write: fn(u8, &mut Vec<u8>) -> io::Result<()>,
}

pub(super) const ALL: [Profile; 3] = [
    Profile {
        name: "block",
        description: "Where goroutines waited, by stack, since the rate of samples has been set",
        count: || 0,
        write: |debug, out| pprof::block(debug, out),
    },
    Profile {
        name: "goroutine",
        description: "Where all goroutines are now, by stack; with debug=2 each one with its state",
        count: crate::num_goroutine,
        write: |debug, out| pprof::goroutine(debug, out),
    },
    Profile {
        name: "mutex",
        description: "Who kept others waiting for a mutex, by the stack that unlocked it",
        count: || 0,
        write: |debug, out| pprof::mutex(debug, out),
    },
];

impl Profile {
    /// How many records it has.
    pub(super) fn count(&self) -> usize {
        (self.count)()
    }

    fn write(&self, debug: u8) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        (self.write)(debug, &mut out)?;
        Ok(out)
    }
}

/// The profile of this name, or the difference of two.
pub(super) async fn named(name: &str, query: &Query, timeout: Option<Duration>) -> Response<Body> {
    let Some(profile) = ALL.iter().find(|profile| profile.name == name) else {
        return error(StatusCode::NOT_FOUND, "Unknown profile");
    };
    if !query.value("seconds").is_empty() {
        return difference(profile, query, timeout).await;
    }
    let debug = query.debug();
    // Levels beyond the last are the last.
    match profile.write(u8::try_from(debug.max(0)).unwrap_or(u8::MAX)) {
        Ok(bytes) if debug != 0 => text(bytes),
        Ok(bytes) => file(name, bytes),
        Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, reason),
    }
}

/// What is added to a profile within some time.
async fn difference(profile: &Profile, query: &Query, timeout: Option<Duration>) -> Response<Body> {
    let seconds = query.whole_seconds(Duration::ZERO);
    if seconds.is_zero() {
        let what = "invalid value for \"seconds\" - must be a positive integer";
        return error(StatusCode::BAD_REQUEST, what);
    }
    if exceeds(seconds, timeout) {
        return too_long();
    }
    if query.debug() != 0 {
        return error(StatusCode::BAD_REQUEST, "seconds and debug params are incompatible");
    }
    let Ok(before) = profile.write(0) else { return not_collected() };
    // If the client leaves meanwhile, this is dropped here.
    time::sleep_async(seconds).await;
    let Ok(after) = profile.write(0) else { return not_collected() };
    match pprof::difference(&before, &after) {
        Ok(bytes) => file(&format!("{}-delta", profile.name), bytes),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "failed to compute delta"),
    }
}

fn not_collected() -> Response<Body> {
    error(StatusCode::INTERNAL_SERVER_ERROR, "failed to collect profile")
}

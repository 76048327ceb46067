//! Profiles that are there at any time: where goroutines are, waited, or kept others waiting.

use std::io;
use std::time::Duration;

use hyper::{Response, StatusCode};

use super::answer::{error, file, text, too_long};
use super::apart::apart;
use super::exceeds;
use super::query::Query;
use crate::http::Body;
use crate::pprof::{self, Profile};
use crate::time;

/// The profile of this name, or the difference of two.
pub(super) async fn named(name: &str, query: &Query, timeout: Option<Duration>) -> Response<Body> {
    let Some(profile) = pprof::lookup(name) else {
        return error(StatusCode::NOT_FOUND, "Unknown profile");
    };
    if !query.value("seconds").is_empty() {
        return difference(profile, query, timeout).await;
    }
    let debug = query.debug();
    // Levels beyond the last are the last.
    match write(profile, u8::try_from(debug.max(0)).unwrap_or(u8::MAX)).await {
        Ok(bytes) if debug != 0 => text(bytes),
        Ok(bytes) => file(name, bytes),
        Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, reason),
    }
}

async fn write(profile: Profile, debug: u8) -> io::Result<Vec<u8>> {
    let writing = apart(move || {
        let mut bytes = Vec::new();
        profile.write(debug, &mut bytes).map(|()| bytes)
    });
    writing.await?
}

/// What is added to a profile within some time.
async fn difference(profile: Profile, query: &Query, timeout: Option<Duration>) -> Response<Body> {
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
    let failed = |what| error(StatusCode::INTERNAL_SERVER_ERROR, what);
    let Ok(before) = write(profile, 0).await else { return failed("failed to collect profile") };
    // If the client leaves meanwhile, this is dropped here.
    time::sleep_async(seconds).await;
    let Ok(after) = write(profile, 0).await else { return failed("failed to collect profile") };
    match apart(move || pprof::difference(&before, &after)).await.flatten() {
        Ok(bytes) => file(&format!("{}-delta", profile.name()), bytes),
        Err(_) => failed("failed to compute delta"),
    }
}

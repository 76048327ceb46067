//! The endpoint's responses, with Go's headers.

use std::fmt::Display;

use hyper::header::{
    ALLOW, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use crate::http::Body;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// By this `go tool pprof` knows that the text of an error is meant for its user.
const X_GO_PPROF: HeaderName = HeaderName::from_static("x-go-pprof");

fn of_type(content_type: HeaderValue, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

pub(super) fn text(body: impl Into<Body>) -> Response<Body> {
    of_type(TEXT, body)
}

pub(super) fn html(body: String) -> Response<Body> {
    of_type(HTML, body)
}

/// A page for Prometheus.
pub(super) fn exposition(body: String) -> Response<Body> {
    of_type(HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"), body)
}

/// A file to be saved.
pub(super) fn file(name: &str, body: impl Into<Body>) -> Response<Body> {
    let mut response = of_type(BYTES, body);
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::try_from(disposition).expect("names of profiles are ASCII");
    response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    response
}

/// What went wrong, for the user of Go's tools.
pub(super) fn error(status: StatusCode, what: impl Display) -> Response<Body> {
    let mut response = text(format!("{what}\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(X_GO_PPROF, HeaderValue::from_static("1"));
    response
}

/// It would outlast the server's write timeout.
pub(super) fn too_long() -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "profile duration exceeds server's WriteTimeout")
}

/// It names another host.
pub(super) fn meant_for_others() -> Response<Body> {
    let what = "the debug endpoint on the loopback interface is asked by an address or localhost";
    error(StatusCode::FORBIDDEN, what)
}

pub(super) fn not_found() -> Response<Body> {
    let mut response = text("404 page not found\n");
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

pub(super) fn method_not_allowed() -> Response<Body> {
    let mut response = text("Method Not Allowed\n");
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

pub(super) fn redirect(to: &'static str) -> Response<Body> {
    let mut response = html(format!("<a href=\"{to}\">Temporary Redirect</a>.\n\n"));
    response.headers_mut().remove(X_CONTENT_TYPE_OPTIONS);
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    response
}

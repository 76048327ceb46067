//! A connection's goroutine.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Display};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};

use super::io::{PacedIo, Socket};
use super::open::{Place, Stage};
use super::pace::{Alarm, Limits, Pace};
use super::service::{Paced, PacedBody};
use crate::block_on;
use crate::go::Goexit;

/// A connection of hyper's.
type Connection<T, S> = http1::Connection<PacedIo<T>, Paced<S>>;

/// Serves a connection to its end. `peer` says whose it is, should the service panic.
pub(super) fn serve<T, S, B>(
    socket: T,
    peer: impl Display,
    service: Arc<S>,
    limits: Limits,
    mut place: Place,
) where
    T: Socket,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let pace = Rc::new(Pace::new(limits));
    let io = PacedIo::new(socket, Rc::clone(&pace));
    let mut builder = http1::Builder::new();
    builder.auto_date_header(false).header_read_timeout(None);
    let served = catch_unwind(AssertUnwindSafe(|| {
        let connection = builder.serve_connection(io, Paced::new(service, Rc::clone(&pace)));
        let mut connection = pin!(connection);
        let mut alarm = Alarm::default();
        block_on(poll_fn(|cx| {
            let polled = poll(connection.as_mut(), &mut place, cx);
            match pace.read_deadline() {
                Some(deadline) if polled.is_pending() => {
                    // It waits for a request for too long: what there is of one goes with it.
                    alarm.poll(cx, deadline).map(|()| Ok(()))
                }
                _ => polled,
            }
        }))
    }));
    match served {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("gort: http: {peer}: {}", Whole(&error)),
        Err(payload) if payload.is::<Goexit>() => {}
        Err(payload) => log::error!("gort: http: panic serving {peer}: {}", message(&*payload)),
    }
}

/// One poll. Nothing is inlined around it, so that what hyper keeps in thread-locals, the text of
/// the date, is found anew after each wait.
#[inline(never)]
fn poll<T, S, B>(
    mut connection: Pin<&mut Connection<T, S>>,
    place: &mut Place,
    cx: &mut Context<'_>,
) -> Poll<hyper::Result<()>>
where
    T: Socket,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    PacedBody<B>: Body<Data = B::Data, Error = B::Error>,
{
    place.wake(cx.waker());
    if place.open().has_reached(Stage::Closed) {
        return Poll::Ready(Ok(()));
    }
    if place.open().has_reached(Stage::Shutdown) {
        connection.as_mut().graceful_shutdown();
    }
    connection.poll(cx)
}

/// An error with what caused it.
struct Whole<'a>(&'a dyn Error);

impl Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self.0, f)?;
        self.0.source().map_or(Ok(()), |cause| write!(f, ": {}", Whole(cause)))
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a value that is no text",
    }
}

//! A connection's goroutine.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Display};
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
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
use super::service::Paced;
use crate::block_on;
use crate::go::Goexit;
use crate::sched::coro::discard_unused_stack;

/// A connection of hyper's.
type Connection<T, S> = http1::Connection<PacedIo<T>, Paced<S>>;

/// Serves a connection to its end. `peer` says whose it is, should the service panic.
pub(super) fn serve<T, S, B>(
    socket: T,
    peer: impl Display,
    service: Arc<S>,
    limits: Limits,
    place: Place,
) where
    T: Socket,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let served = catch_unwind(AssertUnwindSafe(|| {
        let pace = Rc::new(Pace::new(limits));
        let mut talk = Talk { service, place, deadline: Alarm::default(), rest: Alarm::default() };
        block_on(talk.until_end(PacedIo::new(socket, Rc::clone(&pace)), &pace))
    }));
    match served {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("gort: http: {peer}: {}", Whole(&error)),
        Err(payload) if payload.is::<Goexit>() => {}
        Err(payload) => log::error!("gort: http: panic serving {peer}: {}", message(&*payload)),
    }
}

/// What a connection's goroutine does.
struct Talk<S> {
    service: Arc<S>,
    place: Place,
    /// Goes off when the peer has taken too long.
    deadline: Alarm,
    /// Goes off when the connection has been idle for a while.
    rest: Alarm,
}

/// Why a connection of hyper's is polled no more.
enum Stop {
    End(hyper::Result<()>),
    Rest,
}

impl<S> Talk<S> {
    /// Serves requests until the connection ends. While it is idle it has no buffers, and little
    /// of a stack: what hyper keeps for a connection, some 17 KiB, is there from the first byte of a
    /// request until a moment after its response.
    async fn until_end<T, B>(&mut self, mut io: PacedIo<T>, pace: &Rc<Pace>) -> hyper::Result<()>
    where
        T: Socket,
        S: Service<Request<Incoming>, Response = Response<B>>,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        loop {
            let service = Paced::new(Arc::clone(&self.service), Rc::clone(pace));
            let mut builder = http1::Builder::new();
            builder.auto_date_header(false).header_read_timeout(None);
            let mut connection = builder.serve_connection(io, service);
            match poll_fn(|cx| self.poll(&mut connection, pace, cx)).await {
                Stop::End(end) => return end,
                Stop::Rest => {}
            }
            let parts = connection.into_parts();
            io = parts.io;
            io.give_back(parts.read_buf);
            discard_unused_stack();
            if poll_fn(|cx| self.poll_resting(&io, pace, cx)).await.is_break() {
                return Ok(());
            }
        }
    }

    /// One poll. Nothing is inlined around it, so that what hyper keeps in thread-locals, the text
    /// of the date, is found anew after each wait.
    #[inline(never)]
    fn poll<T, B>(
        &mut self,
        connection: &mut Connection<T, S>,
        pace: &Pace,
        cx: &mut Context<'_>,
    ) -> Poll<Stop>
    where
        T: Socket,
        S: Service<Request<Incoming>, Response = Response<B>>,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.place.wake(cx.waker());
        let mut connection = Pin::new(connection);
        if self.place.open().has_reached(Stage::Closed) {
            return Poll::Ready(Stop::End(Ok(())));
        }
        if self.place.open().has_reached(Stage::Shutdown) {
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(end) = connection.poll(cx) {
            return Poll::Ready(Stop::End(end));
        }
        if self.is_late(pace, cx) {
            // What there is of a request goes with it.
            return Poll::Ready(Stop::End(Ok(())));
        }
        match pace.rest() {
            Some(moment) => self.rest.poll(cx, moment).map(|()| Stop::Rest),
            None => Poll::Pending,
        }
    }

    /// Waits for the next request; breaks if there shall be none.
    fn poll_resting<T: Socket>(
        &mut self,
        io: &PacedIo<T>,
        pace: &Pace,
        cx: &mut Context<'_>,
    ) -> Poll<ControlFlow<()>> {
        if self.place.open().has_reached(Stage::Shutdown) || self.is_late(pace, cx) {
            return Poll::Ready(ControlFlow::Break(()));
        }
        io.poll_read_ready(cx).map(ControlFlow::Continue)
    }

    /// Whether the peer has taken too long.
    fn is_late(&mut self, pace: &Pace, cx: &mut Context<'_>) -> bool {
        pace.read_deadline().is_some_and(|deadline| self.deadline.poll(cx, deadline).is_ready())
    }
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

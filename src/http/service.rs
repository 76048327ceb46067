//! What stands between hyper and the user's service: it tells when a request begins and when its
//! response is complete, and dates it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header;
use hyper::service::Service;
use hyper::{Request, Response};

use super::pace::Pace;

/// The write timeout of the server that a request came through, in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteTimeout(pub(super) Duration);

/// The user's service, for one connection.
pub(super) struct Paced<S> {
    service: Arc<S>,
    pace: Rc<Pace>,
}

impl<S> Paced<S> {
    pub(super) fn new(service: Arc<S>, pace: Rc<Pace>) -> Paced<S> {
        Paced { service, pace }
    }
}

impl<S, B> Service<Request<Incoming>> for Paced<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    type Response = Response<PacedBody<B>>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Answer<S::Future> {
        self.pace.requested(!request.body().is_end_stream());
        if let Some(timeout) = self.pace.write_timeout() {
            request.extensions_mut().insert(WriteTimeout(timeout));
        }
        Answer { future: self.service.call(request), pace: Rc::clone(&self.pace) }
    }
}

/// A response in the making.
pub(super) struct Answer<F> {
    future: F,
    pace: Rc<Pace>,
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<PacedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the future is pinned as this is, and never moved out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let future = unsafe { Pin::new_unchecked(&mut this.future) };
        let Poll::Ready(response) = future.poll(cx)? else { return Poll::Pending };
        let (mut head, body) = response.into_parts();
        if let header::Entry::Vacant(place) = head.headers.entry(header::DATE) {
            place.insert(this.pace.date());
        }
        let body = PacedBody { body, pace: Rc::clone(&this.pace) };
        Poll::Ready(Ok(Response::from_parts(head, body)))
    }
}

/// A response's body, which tells when it is done with.
pub(super) struct PacedBody<B> {
    body: B,
    pace: Rc<Pace>,
}

impl<B> Drop for PacedBody<B> {
    fn drop(&mut self) {
        self.pace.answered();
    }
}

impl<B: Body> Body for PacedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        // SAFETY: the body is pinned as this is, and the destructor does not move it.
        unsafe { self.map_unchecked_mut(|this| &mut this.body) }.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! Makes a response break off visibly when its instance dies in the middle of the body.
//!
//! Wasmtime ends such a body as if it were complete. A client of a chunked response could not tell;
//! here it sees the connection close early, as with any broken server.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Whether an instance has failed: set once, by its worker, before the instance is dropped.
#[derive(Debug, Clone, Default)]
pub struct InstanceFate(Arc<AtomicBool>);

impl InstanceFate {
    /// Notes that the instance trapped or was killed.
    pub fn fail(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn has_failed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Travels with a request to the instance that takes it, and learns that instance's fate.
#[derive(Debug, Clone, Default)]
pub struct RequestFate(Arc<OnceLock<InstanceFate>>);

impl RequestFate {
    /// Notes which instance took the request.
    pub fn bind(&self, instance: InstanceFate) {
        // A request is taken once; a second instance could only follow a failed first one.
        drop(self.0.set(instance));
    }

    fn has_failed(&self) -> bool {
        self.0.get().is_some_and(InstanceFate::has_failed)
    }
}

/// A response body that ends in an error if its instance failed.
#[derive(Debug)]
pub struct FatedBody {
    body: WasiBody,
    fate: RequestFate,
}

impl FatedBody {
    /// Ties `body` to the instance that took the request.
    pub fn new(body: WasiBody, fate: RequestFate) -> Self {
        Self { body, fate }
    }
}

impl Body for FatedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(None) if self.fate.has_failed() => {
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.fate.has_failed()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

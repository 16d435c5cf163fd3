//! A component that answers `ok` to `/healthz` and forwards everything else, written as Spin's SDK has it:
//! what a Spin component takes that does nothing.
//!
//! The SDK converts each request and reply, with all headers, from the runtime's form to that of the
//! crate `http`, and back; bodies pass through. `gavel-forwarder` does the same without.

use std::cell::RefCell;

use http::header::HOST;
use http::uri::{Authority, Scheme};
use spin_sdk::http::{BoxBody, FullBody, Request, Response, StatusCode, Uri, box_body, send};
use spin_sdk::http_service;
use spin_sdk::variables;

thread_local! {
    /// The upstream's authority, once it is known.
    static UPSTREAM: RefCell<Option<Authority>> = const { RefCell::new(None) };
}

#[http_service]
async fn handle(request: Request) -> Response<BoxBody> {
    if request.uri().path() == "/healthz" {
        return Response::new(box_body(FullBody::new("ok".into())));
    }
    forward(request).await.unwrap_or_else(|| {
        let mut failed = Response::new(box_body(FullBody::new("the upstream failed".into())));
        *failed.status_mut() = StatusCode::BAD_GATEWAY;
        failed
    })
}

async fn forward(request: Request) -> Option<Response<BoxBody>> {
    let (mut head, body) = request.into_parts();
    let mut uri = head.uri.into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(upstream().await?);
    head.uri = Uri::from_parts(uri).ok()?;
    // The runtime's to set.
    head.headers.remove(HOST);
    let reply = send(Request::from_parts(head, body)).await.ok()?;
    Some(reply.map(box_body))
}

/// The variable `upstream`, an authority; asked for once.
async fn upstream() -> Option<Authority> {
    if let Some(upstream) = UPSTREAM.with_borrow(Clone::clone) {
        return Some(upstream);
    }
    let upstream: Authority = variables::get("upstream").await.ok()?.parse().ok()?;
    UPSTREAM.set(Some(upstream.clone()));
    Some(upstream)
}

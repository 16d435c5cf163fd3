//! A component that answers `ok` to `/healthz` and forwards everything else as it came: what the runtime
//! costs where a component does nothing.
//!
//! It exports the handler of `wasi:http` as it is, as the edge does. It looks at no header, reads no
//! body, and has no time-outs; requests and replies pass through the runtime without being copied.

use std::cell::RefCell;

use spin_sdk::variables;
use spin_sdk::wasip3::exports::http::handler::Guest;
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

thread_local! {
    /// The upstream's authority, once it is known.
    static UPSTREAM: RefCell<Option<String>> = const { RefCell::new(None) };
}

struct Forwarder;

spin_sdk::wasip3::http::service::export!(Forwarder);

impl Guest for Forwarder {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        if path == "/healthz" { Ok(ok()) } else { forward(request, &path).await }
    }
}

fn ok() -> Response {
    let (mut body, contents) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    spawn(async move {
        let _unread = body.write_all(b"ok".to_vec()).await;
        drop((body, trailers));
    });
    Response::new(Fields::new(), Some(contents), no_trailers).0
}

async fn forward(request: Request, path: &str) -> Result<Response, ErrorCode> {
    let upstream = upstream().await?;
    let (method, fields) = (request.get_method(), request.get_headers().clone());
    let (_done, done) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, done);
    let (outgoing, _sent) = Request::new(fields, Some(contents), trailers, None);
    let unusable = |()| ErrorCode::HttpRequestUriInvalid;
    outgoing.set_method(&method).map_err(unusable)?;
    outgoing.set_scheme(Some(&Scheme::Http)).map_err(unusable)?;
    outgoing.set_authority(Some(&upstream)).map_err(unusable)?;
    outgoing.set_path_with_query(Some(path)).map_err(unusable)?;
    let reply = client::send(outgoing).await?;
    let (status, fields) = (reply.get_status_code(), reply.get_headers().clone());
    let (_done, done) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Response::consume_body(reply, done);
    let response = Response::new(fields, Some(contents), trailers).0;
    response.set_status_code(status).map_err(|()| ErrorCode::HttpProtocolError)?;
    Ok(response)
}

/// The variable `upstream`, an authority; asked for once.
async fn upstream() -> Result<String, ErrorCode> {
    if let Some(upstream) = UPSTREAM.with_borrow(Clone::clone) {
        return Ok(upstream);
    }
    let upstream = variables::get("upstream").await;
    let upstream = upstream.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    UPSTREAM.set(Some(upstream.clone()));
    Ok(upstream)
}

//! A request as the runtime hands it over: of its headers only those that the pipeline looks at.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use spin_sdk::wasip3::http::types::{ErrorCode, Request};
use spin_sdk::wasip3::wit_bindgen::StreamResult;
use spin_sdk::wasip3::wit_future;

use crate::ports::{BodyFault, IncomingBody};
use crate::validate::headers::{CLIENT_ADDRESS, IDEMPOTENCY_KEY};

/// A header that the pipeline looks at. One that is not here does not exist for it.
const fn read_by_the_pipeline(name: &str) -> Option<HeaderName> {
    // A name that is known costs no allocation, and none is made for the others.
    Some(match name.as_bytes() {
        b"spin-client-addr" => HeaderName::from_static(CLIENT_ADDRESS),
        b"authorization" => AUTHORIZATION,
        b"content-type" => CONTENT_TYPE,
        b"content-length" => CONTENT_LENGTH,
        b"content-encoding" => CONTENT_ENCODING,
        b"transfer-encoding" => TRANSFER_ENCODING,
        b"host" => HOST,
        b"idempotency-key" => HeaderName::from_static(IDEMPOTENCY_KEY),
        b"traceparent" => HeaderName::from_static("traceparent"),
        b"tracestate" => HeaderName::from_static("tracestate"),
        _ => return None,
    })
}

/// How many those are.
const READ_MAX: usize = 10;

/// The body, still with the runtime.
pub(super) struct Body {
    request: Request,
    length: Option<usize>,
}

/// Reads the head.
pub(super) fn read(request: Request) -> Result<http::Request<Body>, ErrorCode> {
    let mut head = http::Request::new(());
    *head.method_mut() =
        request.get_method().try_into().map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
    if let Some(path) = request.get_path_with_query() {
        *head.uri_mut() = path.try_into().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    }
    let fields = request.get_headers();
    let headers: &mut HeaderMap = head.headers_mut();
    headers.reserve(READ_MAX);
    // All in one call: asking for each by name takes longer.
    for (name, value) in fields.copy_all() {
        let Some(name) = read_by_the_pipeline(&name) else { continue };
        let value = HeaderValue::from_maybe_shared(Bytes::from(value))
            .map_err(|_| ErrorCode::HttpProtocolError)?;
        headers.append(name, value);
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(head.map(|()| Body { request, length }))
}

impl IncomingBody for Body {
    async fn read(self, bytes_max: usize) -> Result<Bytes, BodyFault> {
        let (_done, done) = wit_future::new(|| Ok(()));
        let (mut stream, trailers) = Request::consume_body(self.request, done);
        // One more than is allowed shows that there is more.
        let room = self.length.map_or(bytes_max, |length| length.min(bytes_max)) + 1;
        let mut body = Vec::with_capacity(room);
        loop {
            let (status, so_far) = stream.read(body).await;
            body = so_far;
            if body.len() > bytes_max {
                return Err(BodyFault::TooLong);
            }
            match status {
                // Nothing can follow: HTTP ends the body there.
                StreamResult::Complete(_) if Some(body.len()) == self.length => break,
                StreamResult::Complete(_) => body.reserve(1),
                StreamResult::Dropped => {
                    trailers.await.map_err(|_| BodyFault::Broken)?;
                    break;
                }
                StreamResult::Cancelled => return Err(BodyFault::Broken),
            }
        }
        Ok(body.into())
    }
}

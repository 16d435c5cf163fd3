//! The body: its type, its size before and while it is read, and its shape.
//!
//! What passes is forwarded byte for byte. A body is never read further than its limit.

use bytes::Bytes;
use gavel_core::wire::routes::{Body, Route};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use crate::limits::BODY_READ_TIMEOUT_MS;
use crate::ports::{BodyFault, Clock, IncomingBody, within};
use crate::refusal::Refusal;

/// Reads and checks the body of a request; empty for one that takes none.
pub async fn read(
    clock: &impl Clock,
    route: &Route,
    headers: &HeaderMap,
    body: impl IncomingBody,
) -> Result<Bytes, Refusal> {
    if route.body == Body::Unread {
        return Ok(Bytes::new());
    }
    let bytes_max = route.body.bytes_max();
    if route.body.is_read() {
        check_type(headers)?;
    }
    check_length(headers, bytes_max)?;
    let bytes = within(clock, BODY_READ_TIMEOUT_MS, body.read(bytes_max))
        .await
        // Nothing is wrong with it as far as anybody knows: it may be sent again.
        .ok_or(Refusal::Unavailable("the body did not arrive in time"))?
        .map_err(|fault| match fault {
            BodyFault::TooLong => Refusal::TooLarge { bytes_max },
            BodyFault::Broken => Refusal::Malformed("the body broke off"),
        })?;
    route.body.check(&bytes)?;
    // That it is empty can be said shorter.
    Ok(if route.body.is_read() { bytes } else { Bytes::new() })
}

fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::MediaType("send `Content-Type: application/json`"));
    }
    let plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get(CONTENT_ENCODING).is_some_and(|value| !plain(value)) {
        return Err(Refusal::MediaType("send the body without `Content-Encoding`"));
    }
    Ok(())
}

fn check_length(headers: &HeaderMap, bytes_max: usize) -> Result<(), Refusal> {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(()) };
    let digits = value
        .to_str()
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let digits = digits.ok_or(Refusal::Malformed("the header `Content-Length` is not a number"))?;
    // More digits than fit a number is too large as well.
    match digits.parse::<usize>() {
        Ok(length) if length <= bytes_max => Ok(()),
        _ => Err(Refusal::TooLarge { bytes_max }),
    }
}

#[cfg(test)]
mod tests;

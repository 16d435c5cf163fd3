//! The body: its type, its size before and while it is read, and its shape.
//!
//! What passes is forwarded byte for byte. A body is never read further than its limit.

use bytes::Bytes;
use gavel_core::limits::{
    AUCTION_BODY_BYTES_MAX, BID_BODY_BYTES_MAX, CHAT_BODY_BYTES_MAX, EMPTY_BODY_BYTES_MAX,
    ME_BODY_BYTES_MAX, VIEWER_BODY_BYTES_MAX,
};
use gavel_core::wire::{
    BidRequest, ChatRequest, CreateAuction, EditAuction, EditMe, Fields, RevokeViewer,
};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use crate::limits::BODY_READ_TIMEOUT_MS;
use crate::ports::{BodyFault, Clock, IncomingBody, within};
use crate::refusal::Refusal;
use crate::route::Route;

/// Reads and checks the body of a request; empty for one that takes none.
pub async fn read(
    clock: &impl Clock,
    route: &Route,
    headers: &HeaderMap,
    body: impl IncomingBody,
) -> Result<Bytes, Refusal> {
    let bytes_max = match route {
        Route::PlaceBid(_) => BID_BODY_BYTES_MAX,
        Route::CreateAuction | Route::EditAuction(_) => AUCTION_BODY_BYTES_MAX,
        Route::RevokeViewer(_) => VIEWER_BODY_BYTES_MAX,
        Route::EditMe => ME_BODY_BYTES_MAX,
        Route::PostChat(_) => CHAT_BODY_BYTES_MAX,
        Route::Drive(_)
        | Route::ResetKey(_)
        | Route::Follow(_)
        | Route::DeleteMe
        | Route::ModerateChat(_) => EMPTY_BODY_BYTES_MAX,
        // What a mail program posts to unsubscribe (RFC 8058) says nothing that the address does not.
        _ => return Ok(Bytes::new()),
    };
    if bytes_max != EMPTY_BODY_BYTES_MAX {
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
    match route {
        Route::PlaceBid(_) => BidRequest::parse(&bytes).map(drop)?,
        Route::CreateAuction => CreateAuction::parse(&bytes).map(drop)?,
        Route::EditAuction(_) => EditAuction::parse(&bytes).map(drop)?,
        Route::EditMe => EditMe::parse(&bytes).map(drop)?,
        Route::PostChat(_) => ChatRequest::parse(&bytes).map(drop)?,
        Route::RevokeViewer(_) => RevokeViewer::parse(&bytes).map(drop)?,
        _ if bytes.is_empty() => {}
        _ => {
            Fields::read(&bytes).and_then(|fields| fields.finish(Some(())))?;
            return Ok(Bytes::new());
        }
    }
    Ok(bytes)
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

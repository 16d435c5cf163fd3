//! What the client gets: the only place that turns a refusal into HTTP, and that decides what of a
//! region's reply is passed on.
//!
//! No reply tells about our insides: a region's failure without a problem body becomes our own 503,
//! and only listed headers pass.

use bytes::Bytes;
use gavel_core::ids::{BidId, IdempotencyKey};
use gavel_core::time::Timestamp;
use gavel_core::wire::{BID_ID_HEADER, Code, PROBLEM_CONTENT_TYPE, Problem};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, LOCATION, REFERRER_POLICY, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::limit::Denied;
use crate::limits::RETRY_AFTER_S;
use crate::log;
use crate::refusal::Refusal;
use crate::trace::REQUEST_ID;
use crate::validate::headers::IDEMPOTENCY_KEY;

/// A reply. `B` is what a region's body is as long as nobody has read it.
pub type Reply<B> = http::Response<Body<B>>;

/// What follows a reply's head.
#[derive(Debug)]
pub enum Body<B> {
    /// All of it.
    Whole(Bytes),
    /// A region's, to be passed on as it comes; its length is in the head.
    Relayed(B),
}

/// The headers of a region's reply that the client gets.
const PASSED: [HeaderName; 10] = [
    CONTENT_TYPE,
    RETRY_AFTER,
    LOCATION,
    CACHE_CONTROL,
    ETAG,
    LAST_MODIFIED,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    CONTENT_SECURITY_POLICY,
    REFERRER_POLICY,
];

/// A bid that somebody wants to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBid {
    /// Its id.
    pub id: BidId,
    /// From when on it is settled: what was not accepted by then never will be.
    pub settled_at: Timestamp,
}

/// What belongs on every reply to one request.
#[derive(Debug, Default)]
pub struct Marks {
    /// Its name in the logs.
    pub request_id: String,
    /// The idempotency key it had or was given.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The bid that it is to place.
    pub bid: Option<NamedBid>,
    /// Whether anybody else would get the same: an anonymous GET.
    pub shared: bool,
    /// Whether only the head was asked for.
    pub head_only: bool,
}

/// `200` and a word of JSON.
#[must_use]
pub fn ok<B>() -> Reply<B> {
    with_body(StatusCode::OK, "application/json", Bytes::from_static(b"{\"status\":\"ok\"}"))
}

/// The problem that a refusal is, of `bid` if it is known which one is refused.
#[must_use]
pub fn refuse<B>(refusal: &Refusal, bid: Option<&NamedBid>) -> Reply<B> {
    let (problem, extra) = match refusal {
        Refusal::NotFound => (Problem::new(Code::NotFound, refusal.to_string()), vec![]),
        Refusal::MethodNotAllowed { allow } => (
            Problem::new(Code::MethodNotAllowed, refusal.to_string()),
            vec![(ALLOW, allow.clone())],
        ),
        Refusal::Malformed(_) => {
            (Problem::new(Code::MalformedRequest, refusal.to_string()), vec![])
        }
        Refusal::Body(invalid) => (Problem::from(invalid.clone()), vec![]),
        Refusal::Fields(errors) => (Problem::invalid(errors.clone()), vec![]),
        Refusal::MediaType(_) => {
            (Problem::new(Code::UnsupportedMediaType, refusal.to_string()), vec![])
        }
        Refusal::TooLarge { .. } => {
            (Problem::new(Code::PayloadTooLarge, refusal.to_string()), vec![])
        }
        Refusal::TokenTooLong { .. } => {
            (Problem::new(Code::HeadersTooLarge, refusal.to_string()), vec![])
        }
        Refusal::TokenMissing => (
            Problem::new(Code::Unauthenticated, refusal.to_string()),
            // RFC 6750, 3.1: without a token no error is named; 3: some parameter must follow.
            vec![(WWW_AUTHENTICATE, "Bearer realm=\"gavel\"".to_owned())],
        ),
        Refusal::TokenInvalid(_) => (
            Problem::new(Code::Unauthenticated, refusal.to_string()),
            vec![(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"".to_owned())],
        ),
        Refusal::RateLimited(denied) => {
            (Problem::new(Code::RateLimited, refusal.to_string()), rate_limit_fields(denied))
        }
        Refusal::Unavailable(_) => (
            Problem::new(Code::Unavailable, refusal.to_string()),
            vec![(RETRY_AFTER, RETRY_AFTER_S.to_string())],
        ),
    };
    let problem = match bid {
        Some(bid) => problem.of_bid(bid.id.clone(), bid.settled_at),
        None => problem,
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut reply = with_body(status, PROBLEM_CONTENT_TYPE, Bytes::from(body));
    for (name, value) in extra {
        set(&mut reply, name, &value);
    }
    reply
}

/// What the client gets of a region's reply. A failure to place a bid that does not name the bid, since
/// it came before anybody there had looked, becomes our own, which does.
pub fn relay<B>(region: http::Response<Body<B>>, marks: &Marks) -> Result<Reply<B>, Refusal> {
    let status = region.status();
    let is_problem = region
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(PROBLEM_CONTENT_TYPE.as_bytes()));
    if status == StatusCode::UNAUTHORIZED && asks_to_sign_in(&region) {
        return Err(Refusal::TokenMissing);
    }
    // Any other 401 of a worker means that it did not believe the edge; the caller has been verified here.
    let ours = status == StatusCode::UNAUTHORIZED || status.is_informational();
    let nameless = marks.bid.is_some() && !region.headers().contains_key(BID_ID_HEADER);
    if ours || (status.is_server_error() && (!is_problem || nameless)) {
        let fields: [(&str, &dyn std::fmt::Display); 2] =
            [("status", &status.as_u16()), ("request_id", &marks.request_id)];
        log::warn("region failed", &fields);
        return Err(Refusal::Unavailable("the auction's region failed to answer"));
    }
    let (head, body) = region.into_parts();
    let mut reply = Reply::new(body);
    *reply.status_mut() = status;
    // The length of what is not read here; `finish` says that of the rest.
    let length = matches!(reply.body(), Body::Relayed(_)).then_some(&CONTENT_LENGTH);
    for name in PASSED.iter().chain(length) {
        if let Some(value) = head.headers.get(name) {
            reply.headers_mut().insert(name, value.clone());
        }
    }
    Ok(reply)
}

/// Whether a worker's 401 is for the caller, who is not signed in: then it names no error.
fn asks_to_sign_in<B>(region: &http::Response<B>) -> bool {
    let challenge = region.headers().get(WWW_AUTHENTICATE);
    challenge.is_some_and(|value| value.as_bytes().starts_with(b"Bearer realm="))
}

/// Adds what belongs on every reply, and takes away the body that was not asked for: what describes it
/// stays (RFC 9110, 9.3.2).
#[must_use]
pub fn finish<B>(mut reply: Reply<B>, marks: &Marks) -> Reply<B> {
    set(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut reply, HeaderName::from_static(REQUEST_ID), &marks.request_id);
    if let Body::Whole(body) = reply.body()
        && !body.is_empty()
    {
        let length = HeaderValue::from(body.len());
        reply.headers_mut().insert(CONTENT_LENGTH, length);
    }
    if let Some(key) = &marks.idempotency_key {
        set(&mut reply, HeaderName::from_static(IDEMPOTENCY_KEY), key.as_str());
    }
    if let Some(bid) = &marks.bid {
        set(&mut reply, HeaderName::from_static(BID_ID_HEADER), bid.id.as_str());
    }
    if !marks.shared || !reply.status().is_success() || !reply.headers().contains_key(CACHE_CONTROL)
    {
        set(&mut reply, CACHE_CONTROL, "no-store");
    } else {
        set(&mut reply, VARY, "authorization");
    }
    if marks.head_only {
        *reply.body_mut() = Body::Whole(Bytes::new());
    }
    reply
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), and a `Retry-After`
/// that names the same instant as `t`.
fn rate_limit_fields(denied: &Denied) -> Vec<(HeaderName, String)> {
    let Denied { policy, burst, window_s, retry_after_s } = denied;
    vec![
        (RETRY_AFTER, retry_after_s.to_string()),
        (
            HeaderName::from_static("ratelimit-policy"),
            format!("\"{policy}\";q={burst};w={window_s}"),
        ),
        (HeaderName::from_static("ratelimit"), format!("\"{policy}\";r=0;t={retry_after_s}")),
    ]
}

fn with_body<B>(status: StatusCode, media_type: &'static str, body: Bytes) -> Reply<B> {
    let mut reply = Reply::new(Body::Whole(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// Sets a header. Every value that comes here is visible ASCII by its type; another is left out.
fn set<B>(reply: &mut Reply<B>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests;

//! Who is asking: the edge's word for it, and nobody else's.
//!
//! Every request under `/v1` passes here before any handler. The assertion must be signed with the
//! current or the previous key, be of this very request (method, path, query, body), and be fresh. It
//! is checked before the body is read, so that only the edge can make us read one. What is not in the
//! assertion is not believed: headers of the request itself are not looked at.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use gavel_core::limits::EMPTY_BODY_BYTES_MAX;
use gavel_core::time::Timestamp;
use gavel_core::wire::routes::{Name, Route};
use gavel_core::wire::{
    ASSERTION_HEADER, ASSERTION_ISSUER, ASSERTION_LIFE_S, Assertion, Code, body_digest,
};
use jwt_simple::prelude::{
    Duration, HS256Key, JWTClaims, MACLike as _, UnixTimeStamp, VerificationOptions,
};
use secrecy::{ExposeSecret, SecretString};

use super::problem::ApiError;
use crate::limits::{ASSERTION_BYTES_MAX, ASSERTION_SKEW_S, CLOCKS_APART_S_MAX};
use crate::users::{Roster, Standing, UsersError};

/// Checks assertions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Verifier {
    keys: Arc<[HS256Key]>,
    clock: SecondsClock,
}

/// A clock, in seconds since the epoch.
pub(super) type SecondsClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Why an assertion does not hold; for the log. The caller only learns that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotVouchedFor {
    #[error("not exactly one assertion")]
    Missing,
    #[error("not signed by the edge, expired, or not an assertion")]
    Invalid,
    #[error("of too long a life")]
    LongLived,
    #[error("of another request")]
    OtherRequest,
    #[error("of another body")]
    OtherBody,
}

impl Verifier {
    /// A verifier for two keys, so that the key can be rotated: first the workers learn the new one
    /// as `current`, then the edge does, then `previous` goes. Whether an assertion is fresh is measured
    /// by `clock`, see [`agreed_s`].
    pub(super) fn new(
        current: &SecretString,
        previous: Option<&SecretString>,
        clock: SecondsClock,
    ) -> Self {
        let key = |secret: &SecretString| HS256Key::from_bytes(secret.expose_secret().as_bytes());
        let keys = [Some(current), previous].into_iter().flatten().map(key).collect();
        Self { keys, clock }
    }

    /// The assertion in `headers`, if it is of this request, as far as the body does not matter.
    /// `now_s` is in seconds since the epoch.
    fn verify(
        &self,
        headers: &HeaderMap,
        method: &Method,
        uri: &Uri,
        now_s: u64,
    ) -> Result<Assertion, NotVouchedFor> {
        let mut values = headers.get_all(ASSERTION_HEADER).iter();
        let (Some(token), None) = (values.next(), values.next()) else {
            return Err(NotVouchedFor::Missing);
        };
        let token = token.to_str().map_err(|_| NotVouchedFor::Invalid)?;
        let claims = self
            .keys
            .iter()
            .find_map(|key| read(key, token, now_s))
            .ok_or(NotVouchedFor::Invalid)?;
        let expires_s = claims.expires_at.ok_or(NotVouchedFor::Invalid)?.as_secs();
        if expires_s > now_s + ASSERTION_LIFE_S + ASSERTION_SKEW_S {
            return Err(NotVouchedFor::LongLived);
        }
        let assertion = claims.custom;
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        if assertion.method != method.as_str() || assertion.path != path {
            return Err(NotVouchedFor::OtherRequest);
        }
        Ok(assertion)
    }
}

fn read(key: &HS256Key, token: &str, now_s: u64) -> Option<JWTClaims<Assertion>> {
    let options = VerificationOptions {
        allowed_issuers: Some(HashSet::from([ASSERTION_ISSUER.to_owned()])),
        time_tolerance: Some(Duration::from_secs(ASSERTION_SKEW_S)),
        max_token_length: Some(ASSERTION_BYTES_MAX),
        artificial_time: Some(UnixTimeStamp::from_secs(now_s)),
        ..VerificationOptions::default()
    };
    key.verify_token(token, Some(options)).ok()
}

/// The middleware of every route under `/v1`.
pub(super) async fn identify(
    State(verifier): State<Verifier>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let now_s = (verifier.clock)();
    let verified = verifier.verify(&parts.headers, &parts.method, &parts.uri, now_s);
    let assertion = verified.map_err(refuse)?;
    let body = read_body(&parts, body).await?;
    if body_digest(&body) != assertion.body_sha256 {
        return Err(refuse(NotVouchedFor::OtherBody));
    }
    tracing::Span::current().record("request_id", assertion.request_id.as_str());
    parts.extensions.insert(Caller(Arc::new(assertion)));
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// The middleware that sees to it that everybody who signs in has a profile. It delays nobody. Those
/// who had one and were deleted may look, as anybody may, but change nothing.
pub(super) async fn greet(
    State(roster): State<Roster>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let standing = caller.user().and_then(|user| roster.greet(user));
    if standing == Some(Standing::Deleted) && !request.method().is_safe() {
        let route = route(request.method(), request.extensions()).map(|route| route.name);
        // Who is deleted may ask for it again. A link that unsubscribes needs no account at all.
        let exempt = matches!(route, Some(Name::DeleteMe | Name::Unsubscribe));
        if !exempt {
            return Err(UsersError::Deleted.into());
        }
    }
    Ok(next.run(request).await)
}

/// Reads the body, but never more than its route takes.
async fn read_body(parts: &Parts, body: Body) -> Result<axum::body::Bytes, ApiError> {
    let route = route(&parts.method, &parts.extensions);
    let most = route.map_or(EMPTY_BODY_BYTES_MAX, |route| route.body.bytes_max());
    let too_large = || {
        ApiError::refused(Code::PayloadTooLarge, &format!("the body may have {most} bytes here"))
    };
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: u64| usize::try_from(length).map_or(true, |length| length > most))
    {
        return Err(too_large());
    }
    to_bytes(body, most).await.map_err(|error| {
        let cause = std::error::Error::source(&error);
        if cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>()) {
            too_large()
        } else {
            ApiError::refused(Code::MalformedRequest, "the body could not be read to its end")
        }
    })
}

/// The route that a request takes.
fn route(method: &Method, extensions: &Extensions) -> Option<&'static Route> {
    Route::of(method.as_str(), extensions.get::<MatchedPath>()?.as_str())
}

fn refuse(reason: NotVouchedFor) -> ApiError {
    metrics::counter!("gavel_api_unvouched_requests_total").increment(1);
    tracing::debug!(%reason, "request without the edge's word");
    ApiError::refused(Code::Unauthenticated, "requests come through the edge")
}

/// Seconds since the epoch on this worker's own clock.
pub(super) fn own_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

/// The time by which assertions are judged: the ledger's, which all workers share, so that none refuses
/// everybody because its own clock is off. Without it, or where it is off by more than a worker's clock
/// ever should be, the worker's own.
pub(super) fn agreed_s(ledgers: Option<Timestamp>, own_s: u64) -> u64 {
    let ledgers_s = ledgers.and_then(|at| u64::try_from(at.as_ms() / 1_000).ok());
    ledgers_s.filter(|at| at.abs_diff(own_s) <= CLOCKS_APART_S_MAX).unwrap_or(own_s)
}

/// Whoever asks, signed in or not.
#[derive(Debug, Clone)]
pub(super) struct Caller(Arc<Assertion>);

impl Caller {
    /// The signed-in user.
    pub(super) fn user(&self) -> Option<&UserId> {
        self.0.user.as_ref()
    }

    /// The bid that `request` is to place, if it is, and from when on it is settled.
    pub(super) fn bid(&self, request: &Request) -> Option<(BidId, Timestamp)> {
        let asked = route(request.method(), request.extensions())?;
        let path = request.uri().path();
        let auction = path.strip_prefix("/v1/auctions/")?.strip_suffix("/bids")?;
        let auction = AuctionId::parse(auction).ok().filter(|_| asked.name == Name::PlaceBid)?;
        let key = IdempotencyKey::parse(self.0.idempotency_key.as_deref()?).ok()?;
        Some((BidId::derive(&auction, self.user()?, &key), self.0.settled_at()))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // A route that the middleware does not cover has no callers.
        parts.extensions.get().cloned().ok_or_else(|| refuse(NotVouchedFor::Missing))
    }
}

/// Somebody signed in.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    /// Who.
    pub(super) user: UserId,
    assertion: Arc<Assertion>,
}

impl SignedIn {
    /// The id the edge gave this very request; a replay has the same.
    pub(super) fn request_id(&self) -> &str {
        &self.assertion.request_id
    }

    /// Whether they are in a Cognito group.
    pub(super) fn is_in(&self, group: &str) -> bool {
        self.assertion.groups.iter().any(|name| name == group)
    }

    /// What the edge vouches for.
    pub(super) fn assertion(&self) -> &Assertion {
        &self.assertion
    }

    /// What names the request, so that a repeat is recognised. It comes from the assertion only: a
    /// replay with another header is still the same request.
    pub(super) fn idempotency_key(&self) -> Result<IdempotencyKey, ApiError> {
        let key = self.assertion.idempotency_key.as_deref();
        key.and_then(|key| IdempotencyKey::parse(key).ok())
            .ok_or_else(|| ApiError::field("Idempotency-Key", "is required"))
    }
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Caller(assertion) = Caller::from_request_parts(parts, state).await?;
        match assertion.user.clone() {
            Some(user) => Ok(Self { user, assertion }),
            None => Err(ApiError::refused(Code::Unauthenticated, "sign in first")),
        }
    }
}

#[cfg(test)]
mod tests;

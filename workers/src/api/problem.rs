//! From what went wrong to what the caller is told. The only file that knows HTTP statuses.
//!
//! What a dependency said goes to the log, never into a body.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gavel_core::auction::Refusal;
use gavel_core::wire::{Code, FieldError, InvalidBody, PROBLEM_CONTENT_TYPE, Problem};

use crate::catalog::CatalogError;
use crate::chat::ChatError;
use crate::history::HistoryError;
use crate::ledger::LedgerError;
use crate::limits::{CHAT_BURST, KEYS_ASKED_AT_ONCE, MEMORY_TICK, RETRY_AFTER_S};
use crate::users::{DeviceError, UsersError};
use crate::video::VideoError;

/// Why a request was not served.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The caller's to mend, and fit for them to read.
    Refused(Box<Problem>),
    /// The ledger said no, or nothing.
    Ledger(LedgerError),
    /// The catalogue said no, or nothing.
    Catalog(CatalogError),
    /// The history said no, or nothing.
    History(HistoryError),
    /// The profiles said no, or nothing.
    Users(UsersError),
    /// The chat said no, or nothing.
    Chat(ChatError),
    /// A device was not registered.
    Device(DeviceError),
    /// The video said no, or nothing.
    Video(VideoError),
    /// Not possible now. The text is for the log only.
    Unavailable(&'static str),
}

impl ApiError {
    /// A refusal with this code.
    pub(super) fn refused(code: Code, detail: &str) -> Self {
        Problem::new(code, detail).into()
    }

    /// No such thing, or not the caller's to see.
    pub(super) fn not_found() -> Self {
        Self::refused(Code::NotFound, "there is nothing here")
    }

    /// One field is at fault.
    pub(super) fn field(name: &str, reason: &str) -> Self {
        Problem::invalid(vec![FieldError::new(name, reason)]).into()
    }

    /// The problem to show, and the text for the log if it is not the caller's fault.
    fn problem(self) -> (Problem, Option<String>) {
        match self {
            Self::Refused(problem) => (*problem, None),
            Self::Unavailable(cause) => unavailable(cause.to_owned()),
            Self::Ledger(error) => match error {
                LedgerError::Refused(refusal) => (Problem::from(&refusal), None),
                LedgerError::IdempotencyConflict => (key_conflict(), None),
                LedgerError::UnknownAuction => (not_found("there is no such auction"), None),
                LedgerError::Suspended => (suspended(), Some("no room for new bids".to_owned())),
                LedgerError::Busy | LedgerError::TimedOut => unavailable(error.to_string()),
                LedgerError::Unconfirmed { seq } => (unconfirmed(seq), Some(error.to_string())),
                LedgerError::Unavailable(cause) => unavailable(cause),
            },
            Self::Catalog(error) => match error {
                CatalogError::NotFound => (not_found("there is no such auction"), None),
                CatalogError::Conflict => (key_conflict(), None),
                CatalogError::InvalidCursor => (invalid_cursor(), None),
                CatalogError::Unavailable(_) => unavailable(chain(&error)),
                CatalogError::Broken(_) => internal(chain(&error)),
            },
            Self::Video(error) => match error {
                VideoError::Over => (Problem::from(&Refusal::Closed), None),
                VideoError::SignInFirst => (sign_in_first(), None),
                VideoError::Revoked => (Problem::new(Code::Forbidden, "you were shut out"), None),
                VideoError::TooOften { .. } => {
                    let detail = "ask for stream keys more slowly";
                    (Problem::new(Code::RateLimited, detail), None)
                }
                VideoError::NotPrivate => (not_private(), None),
                VideoError::BeingMade => (being_made(), None),
                VideoError::NotItsTurn => (Problem::new(Code::NoVideo, error.to_string()), None),
                VideoError::Unavailable(cause) => unavailable(cause),
                VideoError::Catalog(error) => Self::Catalog(error).problem(),
            },
            Self::History(error) => match error {
                HistoryError::InvalidCursor => (invalid_cursor(), None),
                HistoryError::Unavailable(cause) => unavailable(cause),
                HistoryError::Broken(_) => internal(chain(&error)),
            },
            Self::Users(error) => match error {
                UsersError::NameTaken => {
                    (Problem::new(Code::NameTaken, "choose another display name"), None)
                }
                UsersError::NameReserved => {
                    let reason = "passes for somebody who runs an auction or this service";
                    (Problem::invalid(vec![FieldError::new("display_name", reason)]), None)
                }
                UsersError::Deleted => {
                    (Problem::new(Code::AccountDeleted, "this account was deleted"), None)
                }
                UsersError::Unavailable(_) => unavailable(chain(&error)),
                UsersError::Broken(_) => internal(chain(&error)),
            },
            Self::Chat(error) => match error {
                ChatError::Limited { .. } => {
                    (Problem::new(Code::RateLimited, "write more slowly in this chat"), None)
                }
                ChatError::Conflict => (key_conflict(), None),
                ChatError::InvalidCursor => (invalid_cursor(), None),
                ChatError::Unavailable(cause) => unavailable(cause),
                ChatError::Broken(_) => internal(chain(&error)),
            },
            Self::Device(error) => match error {
                DeviceError::Refused => {
                    let fault = FieldError::new("notifications.push_token", "names no device");
                    (Problem::invalid(vec![fault]), None)
                }
                DeviceError::Unavailable(cause) => unavailable(cause),
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let limit = match &self {
            Self::Chat(ChatError::Limited { retry_after_s }) => {
                Some(("chat", CHAT_BURST, *retry_after_s))
            }
            Self::Video(VideoError::TooOften { retry_after_s }) => {
                Some(("stream-key", KEYS_ASKED_AT_ONCE.into(), *retry_after_s))
            }
            _ => None,
        };
        let anonymous = matches!(self, Self::Video(VideoError::SignInFirst));
        let (problem, cause) = self.problem();
        if let Some(cause) = cause {
            tracing::warn!(code = ?problem.code, cause, "request not served");
        }
        let mut response = respond(problem);
        if let Some((policy, at_once, wait_s)) = limit {
            limited(response.headers_mut(), policy, at_once, wait_s);
        }
        if anonymous {
            // The edge is believed, but nobody is signed in: no error of a token (RFC 6750, 3.1).
            let challenge = HeaderValue::from_static("Bearer realm=\"gavel\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A problem as a response, which carries it for whoever has something to add.
pub(super) fn respond(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = problem.code;
    let mut response = (status, Json(&problem)).into_response();
    response.extensions_mut().insert(problem);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE));
    match code {
        Code::Unavailable | Code::BidUnconfirmed | Code::BidUnsettled => {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        Code::BiddingSuspended => {
            headers.insert(RETRY_AFTER, HeaderValue::from(MEMORY_TICK.as_secs()));
        }
        Code::Unauthenticated => {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        _ => {}
    }
    response
}

/// When to ask again (draft-ietf-httpapi-ratelimit-headers-11). The rate itself is the deployment's.
fn limited(headers: &mut HeaderMap, policy: &str, at_once: u64, wait_s: u64) {
    let text = |text: String| HeaderValue::from_str(&text).expect("digits and plain letters");
    headers.insert(RETRY_AFTER, HeaderValue::from(wait_s));
    headers.insert("ratelimit-policy", text(format!("\"{policy}\";q={at_once}")));
    headers.insert("ratelimit", text(format!("\"{policy}\";r=0;t={wait_s}")));
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<InvalidBody> for ApiError {
    fn from(invalid: InvalidBody) -> Self {
        Problem::from(invalid).into()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Problem::from(&refusal).into()
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        Self::History(error)
    }
}

impl From<UsersError> for ApiError {
    fn from(error: UsersError) -> Self {
        Self::Users(error)
    }
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        Self::Chat(error)
    }
}

impl From<DeviceError> for ApiError {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}

impl From<VideoError> for ApiError {
    fn from(error: VideoError) -> Self {
        Self::Video(error)
    }
}

fn sign_in_first() -> Problem {
    Problem::new(Code::Unauthenticated, "sign in to watch a private auction")
}

fn not_private() -> Problem {
    let reason = "names a viewer of a public auction, which shuts nobody out";
    Problem::invalid(vec![FieldError::new("viewer_id", reason)])
}

fn being_made() -> Problem {
    Problem::new(Code::Unavailable, "the auction's video channel is being made; try again")
}

fn unconfirmed(seq: u64) -> Problem {
    let detail = "the bid counts and will be delivered; repeat the request to have it confirmed";
    Problem { seq: Some(seq), ..Problem::new(Code::BidUnconfirmed, detail) }
}

fn not_found(detail: &str) -> Problem {
    Problem::new(Code::NotFound, detail)
}

fn key_conflict() -> Problem {
    Problem::new(Code::IdempotencyConflict, "the idempotency key was used for another request")
}

fn invalid_cursor() -> Problem {
    Problem::invalid(vec![FieldError::new("cursor", "must be a `next_cursor` of this list")])
}

fn suspended() -> Problem {
    let detail = "your bid was not accepted, and will not be; new bids are taken again soon";
    Problem::new(Code::BiddingSuspended, detail)
}

fn unavailable(cause: String) -> (Problem, Option<String>) {
    (Problem::new(Code::Unavailable, "the request was not served; try again"), Some(cause))
}

fn internal(cause: String) -> (Problem, Option<String>) {
    (Problem::new(Code::Internal, "the request was not served"), Some(cause))
}

/// An error and all of its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use gavel_core::money::Amount;

    use super::*;

    async fn told(error: impl Into<ApiError>) -> (u16, Option<String>, serde_json::Value) {
        let response = error.into().into_response();
        let status = response.status().as_u16();
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_CONTENT_TYPE);
        let retry = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().into());
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_error_has_its_status_and_code() {
        let amount = Amount::new(1_100).unwrap();
        let low = Refusal::BidTooLow { minimum: Some(amount) };
        let table: Vec<(ApiError, u16, &str)> = vec![
            (LedgerError::Refused(low).into(), 409, "bid-too-low"),
            (LedgerError::Refused(Refusal::Closed).into(), 409, "auction-closed"),
            (LedgerError::Refused(Refusal::NotLive).into(), 409, "auction-not-live"),
            (LedgerError::Refused(Refusal::SellerCannotBid).into(), 403, "seller-cannot-bid"),
            (
                LedgerError::Refused(Refusal::BidAboveCeiling { ceiling: amount }).into(),
                422,
                "bid-above-ceiling",
            ),
            (LedgerError::IdempotencyConflict.into(), 409, "idempotency-conflict"),
            (LedgerError::UnknownAuction.into(), 404, "not-found"),
            (LedgerError::Suspended.into(), 503, "bidding-suspended"),
            (LedgerError::Busy.into(), 503, "unavailable"),
            (LedgerError::TimedOut.into(), 503, "unavailable"),
            (LedgerError::Unconfirmed { seq: 7 }.into(), 503, "bid-unconfirmed"),
            (LedgerError::Unavailable("10.0.0.1".to_owned()).into(), 503, "unavailable"),
            (CatalogError::NotFound.into(), 404, "not-found"),
            (CatalogError::Conflict.into(), 409, "idempotency-conflict"),
            (CatalogError::InvalidCursor.into(), 422, "invalid-request"),
            (CatalogError::Unavailable("10.0.0.1".into()).into(), 503, "unavailable"),
            (CatalogError::Broken("10.0.0.1".into()).into(), 500, "internal"),
            (HistoryError::InvalidCursor.into(), 422, "invalid-request"),
            (HistoryError::Unavailable("10.0.0.1".to_owned()).into(), 503, "unavailable"),
            (HistoryError::Broken("10.0.0.1".into()).into(), 500, "internal"),
            (UsersError::NameTaken.into(), 409, "name-taken"),
            (UsersError::NameReserved.into(), 422, "invalid-request"),
            (UsersError::Deleted.into(), 403, "account-deleted"),
            (UsersError::Unavailable("10.0.0.1".into()).into(), 503, "unavailable"),
            (UsersError::Broken("10.0.0.1".into()).into(), 500, "internal"),
            (ChatError::Limited { retry_after_s: 3 }.into(), 429, "rate-limited"),
            (ChatError::Conflict.into(), 409, "idempotency-conflict"),
            (ChatError::InvalidCursor.into(), 422, "invalid-request"),
            (ChatError::Unavailable("10.0.0.1".to_owned()).into(), 503, "unavailable"),
            (ChatError::Broken("10.0.0.1").into(), 500, "internal"),
            (DeviceError::Refused.into(), 422, "invalid-request"),
            (DeviceError::Unavailable("10.0.0.1".to_owned()).into(), 503, "unavailable"),
            (VideoError::Over.into(), 409, "auction-closed"),
            (VideoError::SignInFirst.into(), 401, "unauthenticated"),
            (VideoError::Revoked.into(), 403, "forbidden"),
            (VideoError::TooOften { retry_after_s: 2 }.into(), 429, "rate-limited"),
            (VideoError::NotPrivate.into(), 422, "invalid-request"),
            (VideoError::Unavailable("10.0.0.1".to_owned()).into(), 503, "unavailable"),
            (VideoError::Catalog(CatalogError::NotFound).into(), 404, "not-found"),
            (ApiError::Unavailable("10.0.0.1"), 503, "unavailable"),
            (ApiError::not_found(), 404, "not-found"),
            (ApiError::field("x", "is wrong"), 422, "invalid-request"),
        ];
        for (error, status, code) in table {
            let name = format!("{error:?}");
            let (told_status, retry, body) = told(error).await;
            assert_eq!(told_status, status, "{name}");
            assert_eq!(body["code"], code, "{name}");
            assert_eq!(body["status"], status, "{name}");
            assert_eq!(retry.is_some(), matches!(status, 429 | 503), "{name}");
            assert!(!body.to_string().contains("10.0.0.1"), "{name} tells internals: {body}");
        }
    }

    #[tokio::test]
    async fn a_low_bid_is_told_the_minimum() {
        let minimum = Amount::new(1_100);
        let (_, _, body) = told(LedgerError::Refused(Refusal::BidTooLow { minimum })).await;
        assert_eq!(body["minimum"], 1_100);
        let low = Refusal::BidTooLow { minimum: None };
        let (_, _, body) = told(LedgerError::Refused(low)).await;
        assert!(body.get("minimum").is_none(), "nothing can follow: {body}");
    }

    #[tokio::test]
    async fn a_leader_is_told_the_maximum_that_holds() {
        let maximum = Amount::new(250_000).unwrap();
        let refusal = Refusal::MaximumNotRaised { maximum };
        let (status, _, body) = told(LedgerError::Refused(refusal)).await;
        assert_eq!((status, &body["maximum"]), (409, &serde_json::json!(250_000)));
    }
}

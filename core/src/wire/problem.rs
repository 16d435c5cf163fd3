//! Refusals and failures as RFC 9457 problem details, with a stable `code`.

use serde::{Deserialize, Serialize};

use super::invalid::{FieldError, InvalidBody};
use crate::auction::Refusal;
use crate::ids::BidId;
use crate::money::Amount;
use crate::time::Timestamp;

/// The media type of every problem.
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

/// The header that names the bid in every answer to one, as `bid_id` does in the body.
pub const BID_ID_HEADER: &str = "gavel-bid-id";

/// The stable codes. Clients branch on these, never on the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// No token, or one that does not hold.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// The account was deleted; its token is still good, but changes nothing.
    AccountDeleted,
    /// Not in this auction's chat, its seller says.
    Muted,
    /// A bid on one's own auction.
    SellerCannotBid,
    /// No such thing, or not the caller's to see.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// Scheduled or paused.
    AuctionNotLive,
    /// Open, or over: its terms are fixed.
    AuctionNotScheduled,
    /// Over.
    AuctionClosed,
    /// The auction has none yet, and only when older ones of its seller are over.
    NoVideo,
    /// The chat of an auction that was over long ago.
    ChatClosed,
    /// Somebody else has that display name.
    NameTaken,
    /// The account sells or leads in an auction that is not over.
    AccountInUse,
    /// Below the least next bid, which `minimum` gives.
    BidTooLow,
    /// The leader's maximum, which `maximum` gives, is above what this bid offers, and it holds.
    MaximumNotRaised,
    /// The key was used with another body.
    IdempotencyConflict,
    /// Longer than the limit of its kind.
    PayloadTooLarge,
    /// The headers, or what `detail` names of them, are longer than anything genuine.
    HeadersTooLarge,
    /// Not `application/json`.
    UnsupportedMediaType,
    /// Not JSON, or not a request that HTTP readers would agree on.
    MalformedRequest,
    /// JSON, but not a valid request; `errors` says where.
    InvalidRequest,
    /// Above the most this auction takes.
    BidAboveCeiling,
    /// Too many requests.
    RateLimited,
    /// Our fault; the caller cannot mend it.
    Internal,
    /// No new bids are taken for now. This one was not accepted, and will not be.
    BiddingSuspended,
    /// Try again after `Retry-After`. A bid was not decided as far as we know; if it was not accepted by
    /// `settled_at`, it never will be.
    Unavailable,
    /// The bid counts, as number `seq`, and will be delivered; it is only not in the queue yet.
    BidUnconfirmed,
    /// The bid was not accepted so far, but still may be until `settled_at`. Ask again after
    /// `Retry-After`.
    BidUnsettled,
}

impl Code {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::AccountDeleted | Self::Muted | Self::SellerCannotBid => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::AuctionNotLive
            | Self::AuctionNotScheduled
            | Self::AuctionClosed
            | Self::NoVideo
            | Self::ChatClosed
            | Self::NameTaken
            | Self::AccountInUse
            | Self::BidTooLow
            | Self::MaximumNotRaised
            | Self::IdempotencyConflict => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidRequest | Self::BidAboveCeiling => 422,
            Self::RateLimited => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal => 500,
            Self::BiddingSuspended
            | Self::Unavailable
            | Self::BidUnconfirmed
            | Self::BidUnsettled => 503,
        }
    }

    /// What every problem of this code is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::MalformedRequest => "The request is malformed",
            Self::Unauthenticated => "Sign in first",
            Self::Forbidden => "Not allowed",
            Self::AccountDeleted => "The account was deleted",
            Self::Muted => "You are muted in this chat",
            Self::SellerCannotBid => "Sellers cannot bid on their own auctions",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::AuctionNotLive => "The auction is not live",
            Self::AuctionNotScheduled => "The auction is not scheduled any more",
            Self::AuctionClosed => "The auction is closed",
            Self::NoVideo => "The auction has no video yet",
            Self::ChatClosed => "The chat is closed",
            Self::NameTaken => "Somebody else has that name",
            Self::AccountInUse => "The account is still needed",
            Self::BidTooLow => "The bid is too low",
            Self::MaximumNotRaised => "Your maximum is higher, and it holds",
            Self::IdempotencyConflict => "The idempotency key was used for another request",
            Self::PayloadTooLarge => "The body is too large",
            Self::HeadersTooLarge => "The headers are too large",
            Self::UnsupportedMediaType => "The body must be application/json",
            Self::InvalidRequest => "The request is invalid",
            Self::BidAboveCeiling => "The bid is above the ceiling",
            Self::RateLimited => "Too many requests",
            Self::Internal => "Something went wrong on our side",
            Self::BiddingSuspended => "No new bids are taken for now",
            Self::Unavailable => "Try again in a moment",
            Self::BidUnconfirmed => "The bid was accepted, and is still being confirmed",
            Self::BidUnsettled => "The bid is not settled yet",
        }
    }

    /// Its name on the wire, such as `bid-too-low`.
    #[must_use]
    pub fn as_str(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => "internal".to_owned(),
        }
    }
}

/// One problem, as sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// `urn:gavel:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same sentence for every problem of this code.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// The stable code.
    pub code: Code,
    /// What went wrong this time; fit for the caller.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The fields at fault, for `invalid-request`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
    /// The least next bid, for `bid-too-low`; not there when no bid can follow.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub minimum: Option<Amount>,
    /// The caller's own maximum, for `maximum-not-raised`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub maximum: Option<Amount>,
    /// The bid that this answers, for every answer to a bid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bid_id: Option<BidId>,
    /// The bid's number among the accepted ones of its auction, for `bid-unconfirmed`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seq: Option<u64>,
    /// From when on, by the server's clock, the bid is settled: what was not accepted by then never
    /// will be. For `bid-unsettled`, and for every 5xx to a bid that does not say it was accepted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled_at: Option<Timestamp>,
}

impl Problem {
    /// A problem of this code, with what went wrong this time.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:gavel:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: Some(detail.into()),
            errors: Vec::new(),
            minimum: None,
            maximum: None,
            bid_id: None,
            seq: None,
            settled_at: None,
        }
    }

    /// The same, as the answer to this bid, which is settled at `settled_at`.
    #[must_use]
    pub fn of_bid(self, bid_id: BidId, settled_at: Timestamp) -> Self {
        let unknown = self.status >= 500 && self.code != Code::BidUnconfirmed;
        Self { bid_id: Some(bid_id), settled_at: unknown.then_some(settled_at), ..self }
    }

    /// An `invalid-request` problem that names the fields at fault.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("check {}", fields.join(", "));
        Self { errors, ..Self::new(Code::InvalidRequest, detail) }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::BidTooLow { minimum } => {
                Self { minimum: *minimum, ..Self::new(Code::BidTooLow, detail) }
            }
            Refusal::MaximumNotRaised { maximum } => {
                Self { maximum: Some(*maximum), ..Self::new(Code::MaximumNotRaised, detail) }
            }
            Refusal::BidAboveCeiling { .. } => Self::new(Code::BidAboveCeiling, detail),
            Refusal::WrongCurrency { .. } => {
                Self::invalid(vec![FieldError::new("currency", detail)])
            }
            Refusal::SellerCannotBid => Self::new(Code::SellerCannotBid, detail),
            Refusal::NotDue | Refusal::NotLive | Refusal::NotEnded => {
                Self::new(Code::AuctionNotLive, detail)
            }
            Refusal::TimeUp | Refusal::Closed => Self::new(Code::AuctionClosed, detail),
        }
    }
}

impl From<InvalidBody> for Problem {
    fn from(invalid: InvalidBody) -> Self {
        match invalid {
            InvalidBody::Malformed { .. } => Self::new(Code::MalformedRequest, invalid.to_string()),
            InvalidBody::Fields(errors) => Self::invalid(errors),
        }
    }
}

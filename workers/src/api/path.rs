//! Ids in paths, by their type: what is not an id names nothing.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use gavel_core::ids::{AuctionId, BidId, InvalidId, MessageId};

use super::problem::ApiError;

/// `{id}` as an auction's id.
pub(super) struct AuctionPath(pub(super) AuctionId);

/// `{bid_id}` as a bid's id.
pub(super) struct BidPath(pub(super) BidId);

/// `{message_id}` as the id of a message of the auction `{id}`.
pub(super) struct MessagePath(pub(super) MessageId);

impl<S: Send + Sync> FromRequestParts<S> for AuctionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        id(parts, state, "id", AuctionId::parse).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BidPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        id(parts, state, "bid_id", BidId::parse).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MessagePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let AuctionPath(auction) = AuctionPath::from_request_parts(parts, state).await?;
        let message = id(parts, state, "message_id", MessageId::parse).await?;
        if message.auction() == auction { Ok(Self(message)) } else { Err(ApiError::not_found()) }
    }
}

async fn id<S: Send + Sync, T>(
    parts: &mut Parts,
    state: &S,
    named: &str,
    parse: fn(&str) -> Result<T, InvalidId>,
) -> Result<T, ApiError> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params = params.map_err(|_not_utf8| ApiError::not_found())?;
    let id = params.iter().find(|(name, _)| *name == named);
    id.and_then(|(_, text)| parse(text).ok()).ok_or_else(ApiError::not_found)
}

//! Video: where a seller sends, where people watch, who is shut out.
//!
//! A stream key goes to its seller alone, and neither a key nor a token into anybody's cache.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use gavel_core::ids::{AuctionId, UserId};
use gavel_core::wire::{Code, IngestView, PlaybackView, RevocationView, RevokeViewer};

use super::drive::permitted;
use super::identity::{Caller, SignedIn};
use super::path::AuctionPath;
use super::problem::ApiError;
use crate::catalog::{AuctionRecord, Catalog};
use crate::ledger::Ledger;
use crate::users::{Roster, Standing};
use crate::video::Video;

/// An answer that nobody may keep.
type Unkept<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

fn unkept<T>(answer: T) -> Unkept<T> {
    ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer))
}

/// `GET /v1/auctions/{id}/ingest`.
pub(super) async fn ingest(
    State(catalog): State<Catalog>,
    State(video): State<Video>,
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
) -> Result<Unkept<IngestView>, ApiError> {
    let record = own(&catalog, &id, &caller).await?;
    Ok(unkept(video.ingest(&record).await?))
}

/// `POST /v1/auctions/{id}/ingest/reset`.
pub(super) async fn reset(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    State(video): State<Video>,
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
) -> Result<Unkept<IngestView>, ApiError> {
    let record = own(&catalog, &id, &caller).await?;
    if !ledger.first_use(&id, caller.request_id()).await? {
        // Replayed, it would cut the seller off who sends with the new key already.
        return Ok(unkept(video.ingest(&record).await?));
    }
    Ok(unkept(video.reset(&record).await?))
}

/// `GET /v1/auctions/{id}/playback`.
pub(super) async fn playback(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    State(video): State<Video>,
    State(roster): State<Roster>,
    caller: Caller,
    AuctionPath(id): AuctionPath,
) -> Result<Unkept<PlaybackView>, ApiError> {
    let record = catalog.get(&id).await?;
    let now = ledger.now_of(&id).await?;
    // Who was deleted may look where anybody may, but is nobody.
    let here = |user: &&UserId| roster.greet(user) != Some(Standing::Deleted);
    Ok(unkept(video.playback(&record, caller.user().filter(here), now).await?))
}

/// `POST /v1/auctions/{id}/playback/revoke`.
pub(super) async fn revoke(
    State(catalog): State<Catalog>,
    State(video): State<Video>,
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
    body: Bytes,
) -> Result<Json<RevocationView>, ApiError> {
    let request = RevokeViewer::parse(&body)?;
    let record = permitted(&catalog, &id, &caller).await?;
    Ok(Json(video.revoke(&record, &request.viewer_id).await?))
}

/// The auction, if it is the caller's. No administrator either: whoever has the key can send.
async fn own(
    catalog: &Catalog,
    id: &AuctionId,
    caller: &SignedIn,
) -> Result<AuctionRecord, ApiError> {
    let record = catalog.get(id).await?;
    if record.seller != caller.user {
        return Err(ApiError::refused(Code::Forbidden, "only its seller may send video"));
    }
    Ok(record)
}

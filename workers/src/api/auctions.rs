//! Auctions: create, list, show, and the live state.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use gavel_core::auction::Auction;
use gavel_core::ids::AuctionId;
use gavel_core::time::Timestamp;
use gavel_core::wire::{AuctionView, Code, CreateAuction, Page, SELLERS, StateView, Status};
use uuid::Uuid;

use super::deps::Policy;
use super::identity::{Caller, SignedIn};
use super::path::AuctionPath;
use super::problem::ApiError;
use super::query::ListQuery;
use super::unopened::Unopened;
use super::view::auction_view;
use crate::catalog::{Catalog, Filter, NewAuction};
use crate::ledger::Ledger;
use crate::video::Video;

/// `POST /v1/auctions`: 201, or 200 for a repeat.
pub(super) async fn create(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    State(policy): State<Arc<Policy>>,
    State(video): State<Video>,
    caller: SignedIn,
    body: Bytes,
) -> Result<Response, ApiError> {
    if policy.require_seller_group && !caller.is_in(SELLERS) {
        return Err(ApiError::refused(Code::Forbidden, "only sellers may create auctions"));
    }
    let key = caller.idempotency_key()?;
    let request = CreateAuction::parse(&body)?;
    let new = NewAuction {
        id: AuctionId::new(&policy.region, Uuid::now_v7()),
        seller: &caller.user,
        request: &request,
        idempotency_key: &key,
        request_sha256: &caller.assertion().body_sha256,
    };
    let mut created = match creatable_now(&video, &caller, &request) {
        Ok(()) => catalog.create(new).await?,
        // A repeat gets the first answer, whatever has become impossible since.
        Err(refusal) => catalog.created(&new).await?.ok_or(refusal)?,
    };
    if request.terms.opens_at.is_some() {
        ledger.wakes().schedule_changed();
    }
    if created.record.playback_url.is_none() {
        created.record.playback_url = video.assign(&created.record.id).await;
    }
    let location = format!("/v1/auctions/{}", created.record.id);
    let status = if created.repeated { StatusCode::OK } else { StatusCode::CREATED };
    let view = auction_view(created.record, None, Some(&caller.user));
    Ok((status, [(LOCATION, location)], Json(view)).into_response())
}

/// Whether what was right at its time is right now: the time at which the edge got the request, and
/// what is offered here.
fn creatable_now(
    video: &Video,
    caller: &SignedIn,
    request: &CreateAuction,
) -> Result<(), ApiError> {
    private_if_offered(video, request.private)?;
    Ok(request.check_opening(caller.assertion().arrived_at())?)
}

/// Refuses a private auction where there are none.
pub(super) fn private_if_offered(video: &Video, private: bool) -> Result<(), ApiError> {
    if private && !video.offers_private() {
        return Err(ApiError::field("private", "private auctions are not offered here"));
    }
    Ok(())
}

/// `GET /v1/auctions`: newest first. While the ledger does not answer, open auctions show the end
/// that the catalogue was last told, which does not hear of extensions.
pub(super) async fn list(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    caller: Caller,
    ListQuery(query): ListQuery,
) -> Result<Json<Page<AuctionView>>, ApiError> {
    let filter = Filter { status: query.status, category: query.category };
    let page = query.page;
    let page = catalog.list(&filter, page.cursor.as_deref(), page.limit).await?;
    let views = page.items.into_iter().map(async |record| {
        let live = match record.status {
            Status::Live | Status::Paused => live(&ledger, &record.id).await,
            Status::Scheduled | Status::Closed => None,
        };
        auction_view(record, live.as_ref().map(|(state, now)| (state, *now)), caller.user())
    });
    let items = join_all(views).await;
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

/// The ledger's state of an auction in a list, unless it cannot be had.
async fn live(ledger: &Ledger, id: &AuctionId) -> Option<(Auction, Timestamp)> {
    match ledger.state_and_time(id).await {
        Ok(state) => state,
        Err(error) => {
            tracing::warn!(auction = %id, ?error, "listed without its live state");
            None
        }
    }
}

/// `GET /v1/auctions/{id}`.
pub(super) async fn show(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    caller: Caller,
    AuctionPath(id): AuctionPath,
) -> Result<Json<AuctionView>, ApiError> {
    let record = catalog.get(&id).await?;
    // What is closed in the catalogue never changes again.
    let live =
        if record.status == Status::Closed { None } else { ledger.state_and_time(&id).await? };
    let live = live.as_ref().map(|(state, now)| (state, *now));
    Ok(Json(auction_view(record, live, caller.user())))
}

/// `GET /v1/auctions/{id}/state`: the ledger's, without asking the catalogue while it has one.
pub(super) async fn state(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    State(unopened): State<Unopened>,
    _: Caller,
    AuctionPath(id): AuctionPath,
) -> Result<Json<StateView>, ApiError> {
    let (state, now) = match ledger.state_and_time(&id).await? {
        Some(seen) => seen,
        None => match unopened.look(&catalog, &id).await?.state() {
            Some(known) => (known, ledger.now_of(&id).await?),
            // It is open: it may have been opened between the two looks.
            None => ledger.state_and_time(&id).await?.ok_or(LOST)?,
        },
    };
    Ok(Json(StateView::of(&state, now)))
}

/// What an auction is that is open in the catalogue but not in the ledger. Nothing is guessed then.
pub(super) const LOST: ApiError = ApiError::Unavailable("an open auction has no live state");

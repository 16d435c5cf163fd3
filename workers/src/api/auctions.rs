//! Auctions: create, list, show, and the live state.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use gavel_core::ids::AuctionId;
use gavel_core::wire::{AuctionView, Code, CreateAuction, Page, StateView, Status};
use uuid::Uuid;

use super::deps::Policy;
use super::identity::{Caller, SignedIn};
use super::path::AuctionPath;
use super::problem::ApiError;
use super::query::ListQuery;
use super::view::auction_view;
use crate::catalog::{Catalog, NewAuction};
use crate::ledger::Ledger;

/// The Cognito group that may create auctions where a deployment demands one.
const SELLERS: &str = "seller";

/// `POST /v1/auctions`: 201, or 200 for a repeat.
pub(super) async fn create(
    State(catalog): State<Catalog>,
    State(policy): State<Arc<Policy>>,
    caller: SignedIn,
    body: Bytes,
) -> Result<Response, ApiError> {
    if policy.require_seller_group && !caller.is_in(SELLERS) {
        return Err(ApiError::refused(Code::Forbidden, "only sellers may create auctions"));
    }
    let key = caller.idempotency_key()?;
    let request = CreateAuction::parse(&body)?;
    let created = catalog
        .create(NewAuction {
            id: AuctionId::new(&policy.region, Uuid::now_v7()),
            seller: &caller.user,
            request: &request,
            idempotency_key: &key,
            request_sha256: &caller.assertion().body_sha256,
        })
        .await?;
    let location = format!("/v1/auctions/{}", created.record.id);
    let status = if created.repeated { StatusCode::OK } else { StatusCode::CREATED };
    let view = auction_view(created.record, None, Some(&caller.user));
    Ok((status, [(LOCATION, location)], Json(view)).into_response())
}

/// `GET /v1/auctions`. The status and the end of live auctions are the catalogue's, which follows
/// the ledger but does not hear of extensions.
pub(super) async fn list(
    State(catalog): State<Catalog>,
    caller: Caller,
    ListQuery { filter, page }: ListQuery,
) -> Result<Json<Page<AuctionView>>, ApiError> {
    let page = catalog.list(&filter, page.cursor.as_deref(), page.limit).await?;
    let view = |record| auction_view(record, None, caller.user());
    let items = page.items.into_iter().map(view).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
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
    let live = if record.status == Status::Closed { None } else { ledger.state(&id).await? };
    Ok(Json(auction_view(record, live.as_ref(), caller.user())))
}

/// `GET /v1/auctions/{id}/state`: the ledger's, without asking the catalogue while it has one.
pub(super) async fn state(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    _: Caller,
    AuctionPath(id): AuctionPath,
) -> Result<Json<StateView>, ApiError> {
    let state = match ledger.state(&id).await? {
        Some(live) => live,
        None => catalog.get(&id).await?.state().ok_or(LOST)?,
    };
    Ok(Json(StateView::of(&state, ledger.now().await?)))
}

/// What an auction is that is open in the catalogue but not in the ledger. Nothing is guessed then.
pub(super) const LOST: ApiError = ApiError::Unavailable("an open auction has no live state");

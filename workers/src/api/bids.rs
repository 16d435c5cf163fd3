//! Bids: place one, look one up, and read the history.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gavel_core::auction::{Event, EventKind, PlaceBid, Refusal};
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::wire::{BidItem, BidReceipt, BidRequest, Level, OwnBidItem, Page, Status};

use super::auctions::LOST;
use super::deps::History;
use super::identity::{Caller, SignedIn};
use super::path::{AuctionPath, BidPath};
use super::problem::ApiError;
use super::query::PageQuery;
use crate::catalog::Catalog;
use crate::history::BidHistory;
use crate::ledger::{Ledger, LedgerError};

/// `POST /v1/auctions/{id}/bids`: 201, or 200 for a repeat of an accepted bid.
pub(super) async fn place(
    State(ledger): State<Ledger>,
    State(catalog): State<Catalog>,
    State(history): State<History>,
    caller: SignedIn,
    AuctionPath(auction): AuctionPath,
    body: Bytes,
) -> Result<Response, ApiError> {
    let key = caller.idempotency_key()?;
    let request = BidRequest::parse(&body)?;
    let bid = PlaceBid {
        bid_id: BidId::derive(&auction, &caller.user, &key),
        bidder: caller.user.clone(),
        amount: request.amount,
        max: request.max,
        currency: request.currency,
        arrived_at: Some(caller.assertion().arrived_at()),
    };
    let mut placed = ledger.bid(&auction, bid.clone()).await;
    if placed == Err(LedgerError::UnknownAuction) {
        if let Some(receipt) = elsewhere(&catalog, history.as_ref(), &auction, &bid).await? {
            return Ok(Json(receipt).into_response());
        }
        // It is open: it may have been opened between the two looks.
        placed = ledger.bid(&auction, bid).await;
    }
    match placed {
        Ok(placed) => {
            let status = if placed.repeated { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, Json(placed.receipt)).into_response())
        }
        Err(LedgerError::UnknownAuction) => Err(LOST),
        Err(error) => Err(error.into()),
    }
}

/// What becomes of a bid on an auction that the ledger does not have, or not any more. A retry of an
/// accepted bid still gets its receipt, as long as the history remembers it. `None`: nothing is known
/// of the bid, and the catalogue holds the auction for open.
async fn elsewhere(
    catalog: &Catalog,
    history: &dyn BidHistory,
    auction: &AuctionId,
    bid: &PlaceBid,
) -> Result<Option<BidReceipt>, ApiError> {
    let record = catalog.get(auction).await?;
    if record.status == Status::Scheduled {
        return Err(Refusal::NotLive.into());
    }
    if let Some(event) = history.find(&bid.bidder, &bid.bid_id).await? {
        let receipt = receipt(&event, Level::Queue)?;
        return if event.accepts_offer(bid) {
            Ok(Some(receipt))
        } else {
            Err(LedgerError::IdempotencyConflict.into())
        };
    }
    if record.status == Status::Closed { Err(Refusal::Closed.into()) } else { Ok(None) }
}

/// `GET /v1/bids/{id}`: settles a time-out, for the bidder only. `acknowledged` says how far it
/// has got by now, without waiting.
pub(super) async fn show(
    State(ledger): State<Ledger>,
    State(history): State<History>,
    caller: SignedIn,
    BidPath(bid): BidPath,
) -> Result<Json<BidReceipt>, ApiError> {
    if let Some((event, level)) = ledger.accepted(&bid).await? {
        return Ok(Json(receipt_of(&event, &caller.user, level)?));
    }
    match history.find(&caller.user, &bid).await? {
        Some(event) => Ok(Json(receipt_of(&event, &caller.user, Level::Queue)?)),
        None => Err(ApiError::not_found()),
    }
}

/// `GET /v1/auctions/{id}/bids`: newest first. The history follows the ledger within moments.
pub(super) async fn list(
    State(catalog): State<Catalog>,
    State(history): State<History>,
    _: Caller,
    AuctionPath(auction): AuctionPath,
    PageQuery(query): PageQuery,
) -> Result<Json<Page<BidItem>>, ApiError> {
    let page = history.page(&auction, query.cursor.as_deref(), query.limit).await?;
    if page.items.is_empty() && query.cursor.is_none() {
        // No bids, or no auction?
        catalog.get(&auction).await?;
    }
    Ok(Json(page))
}

/// `GET /v1/me/bids`: newest first.
pub(super) async fn own(
    State(history): State<History>,
    caller: SignedIn,
    PageQuery(query): PageQuery,
) -> Result<Json<Page<OwnBidItem>>, ApiError> {
    let page = history.own(&caller.user, query.cursor.as_deref(), query.limit).await?;
    Ok(Json(page))
}

/// The receipt, if the bid is the caller's; otherwise there is nothing to see.
fn receipt_of(event: &Event, caller: &UserId, level: Level) -> Result<BidReceipt, ApiError> {
    match &event.kind {
        EventKind::Bid(bid) if bid.bidder == *caller => receipt(event, level),
        _ => Err(ApiError::not_found()),
    }
}

fn receipt(event: &Event, level: Level) -> Result<BidReceipt, ApiError> {
    match &event.kind {
        EventKind::Bid(bid) => Ok(BidReceipt::of(event, bid, level)),
        _ => Err(ApiError::not_found()),
    }
}

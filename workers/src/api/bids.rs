//! Bids: place one, look one up, and read the history.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gavel_core::auction::{Event, EventKind, PlaceBid, Refusal};
use gavel_core::ids::{BidId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{
    BID_ID_HEADER, BidItem, BidReceipt, BidRequest, Code, Level, OwnBidItem, Page, Problem, Status,
};

use super::auctions::LOST;
use super::deps::History;
use super::identity::{Caller, SignedIn};
use super::path::{AuctionPath, BidPath};
use super::problem::{ApiError, respond};
use super::query::{BidQuery, PageQuery};
use super::unopened::{Known, Unopened};
use crate::catalog::{AuctionRecord, Catalog};
use crate::history::BidHistory;
use crate::ledger::{Ledger, LedgerError};

/// The middleware that names the bid in whatever answers a request to place one, so that its bidder can
/// find out what became of it.
pub(super) async fn named(caller: Caller, request: Request, next: Next) -> Response {
    let bid = caller.bid(&request);
    let mut response = next.run(request).await;
    let Some((bid_id, settled_at)) = bid else { return response };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        response = respond(problem.of_bid(bid_id.clone(), settled_at));
        response.headers_mut().extend(headers);
    }
    let name = HeaderValue::from_str(bid_id.as_str()).expect("digits and plain letters");
    response.headers_mut().insert(BID_ID_HEADER, name);
    response
}

/// `POST /v1/auctions/{id}/bids`: 201, or 200 for a repeat of an accepted bid.
pub(super) async fn place(
    State(ledger): State<Ledger>,
    State(catalog): State<Catalog>,
    State(history): State<History>,
    State(unopened): State<Unopened>,
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
        let record = match unopened.look(&catalog, &auction).await? {
            Known::Scheduled(_) => return Err(Refusal::NotLive.into()),
            Known::Record(record) => record,
        };
        if let Some(receipt) = elsewhere(*record, history.as_ref(), &bid).await? {
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
    record: AuctionRecord,
    history: &dyn BidHistory,
    bid: &PlaceBid,
) -> Result<Option<BidReceipt>, ApiError> {
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
/// has got by now, without waiting. Whoever says when the bid is settled is told "no" for good only.
pub(super) async fn show(
    State(ledger): State<Ledger>,
    State(history): State<History>,
    caller: SignedIn,
    BidPath(bid): BidPath,
    BidQuery(query): BidQuery,
) -> Result<Json<BidReceipt>, ApiError> {
    // Before the bid is looked for: what is not there later than that will not come any more.
    let open_until = match query.settled_at {
        Some(settled_at) if ledger.now_of(&bid.auction()).await? < settled_at => Some(settled_at),
        _ => None,
    };
    if let Some((event, level)) = ledger.accepted(&bid).await? {
        return Ok(Json(receipt_of(&event, &caller.user, level)?));
    }
    match history.find(&caller.user, &bid).await? {
        Some(event) => Ok(Json(receipt_of(&event, &caller.user, Level::Queue)?)),
        None => Err(open_until.map_or_else(ApiError::not_found, |until| unsettled(bid, until))),
    }
}

fn unsettled(bid: BidId, settled_at: Timestamp) -> ApiError {
    let detail = "the bid was not accepted so far, but still may be until `settled_at`";
    Problem::new(Code::BidUnsettled, detail).of_bid(bid, settled_at).into()
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

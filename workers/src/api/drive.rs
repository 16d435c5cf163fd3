//! Opening, closing, cancelling, pausing and resuming: for its seller and for administrators.
//!
//! The ledger decides, then the catalogue follows. Asking again is always safe, and mends a
//! catalogue that did not hear of the first time. What is open takes the catalogue neither to tell who
//! may drive it nor to be driven. An auction that was never handed to the ledger is
//! cancelled in the catalogue alone, by a conditional update.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gavel_core::auction::{Auction, CloseCause, Command, OpenCause, Outcome, Refusal};
use gavel_core::ids::{AuctionId, UserId};
use gavel_core::wire::{ADMINISTRATORS, Code, StateView, Status};
use tokio::time::timeout;

use super::auctions::LOST;
use super::identity::SignedIn;
use super::path::AuctionPath;
use super::problem::ApiError;
use super::view::auction_view;
use crate::catalog::{AuctionRecord, Catalog, CatalogError};
use crate::ledger::Ledger;
use crate::lifecycle::{self, OpenError};
use crate::limits::FOLLOW_MAX;

type Reply = Result<Response, ApiError>;

/// `POST /v1/auctions/{id}/open`.
pub(super) async fn open(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
) -> Reply {
    permitted(&catalog, &id, &caller).await?;
    let opened = lifecycle::open(&catalog, &ledger, &id, OpenCause::Seller).await;
    let (record, state) = opened.map_err(|error| match error {
        OpenError::Ledger(error) => error.into(),
        OpenError::Catalog(error) => error.into(),
        OpenError::Lost => LOST,
    })?;
    let now = ledger.now_of(&id).await?;
    Ok(Json(auction_view(record, Some((&state, now)), Some(&caller.user))).into_response())
}

/// `POST /v1/auctions/{id}/close`: the hammer, before the time is up.
pub(super) async fn close(
    catalog: State<Catalog>,
    ledger: State<Ledger>,
    caller: SignedIn,
    path: AuctionPath,
) -> Reply {
    drive(catalog, ledger, caller, path, Command::Close(CloseCause::Hammer)).await
}

/// `POST /v1/auctions/{id}/cancel`.
pub(super) async fn cancel(
    catalog: State<Catalog>,
    ledger: State<Ledger>,
    caller: SignedIn,
    path: AuctionPath,
) -> Reply {
    drive(catalog, ledger, caller, path, Command::Cancel).await
}

/// `POST /v1/auctions/{id}/pause`.
pub(super) async fn pause(
    catalog: State<Catalog>,
    ledger: State<Ledger>,
    caller: SignedIn,
    path: AuctionPath,
) -> Reply {
    drive(catalog, ledger, caller, path, Command::Pause).await
}

/// `POST /v1/auctions/{id}/resume`.
pub(super) async fn resume(
    catalog: State<Catalog>,
    ledger: State<Ledger>,
    caller: SignedIn,
    path: AuctionPath,
) -> Reply {
    drive(catalog, ledger, caller, path, Command::Resume).await
}

async fn drive(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
    command: Command,
) -> Reply {
    let Some(open) = ledger.state(&id).await? else {
        let record = permitted(&catalog, &id, &caller).await?;
        if let Some(record) = drive_unopened(&catalog, &record, &command).await? {
            return Ok(Json(auction_view(record, None, Some(&caller.user))).into_response());
        }
        // It is open: it may have been opened between the two looks.
        return match ledger.state(&id).await? {
            Some(open) => drive_open(&catalog, &ledger, &caller, &open, command).await,
            None => Err(LOST),
        };
    };
    drive_open(&catalog, &ledger, &caller, &open, command).await
}

/// Drives an auction that the ledger has, which does not take the catalogue. Without it, the answer is
/// the live state: what was asked for is done, and asking again tells the catalogue, too.
async fn drive_open(
    catalog: &Catalog,
    ledger: &Ledger,
    caller: &SignedIn,
    open: &Auction,
    command: Command,
) -> Reply {
    let id = &open.id;
    permitted_by(&open.seller, caller)?;
    // Replayed, it would undo what was done since. The others change nothing when asked again.
    let replay = matches!(command, Command::Pause | Command::Resume)
        && !ledger.first_use(id, caller.request_id()).await?;
    let state = match replay {
        true => ledger.state(id).await?.ok_or(LOST)?,
        false => ledger.drive(id, command).await?,
    };
    let now = ledger.now_of(id).await?;
    let record = async {
        lifecycle::follow(catalog, &state).await?;
        catalog.get(id).await
    };
    match timeout(FOLLOW_MAX, record).await {
        Ok(Ok(record)) => {
            let view = auction_view(record, Some((&state, now)), Some(&caller.user));
            Ok(Json(view).into_response())
        }
        Ok(Err(error @ (CatalogError::NotFound | CatalogError::Broken(_)))) => Err(error.into()),
        silent => {
            tracing::warn!(auction = %id, ?silent, "done without the catalogue");
            Ok((StatusCode::ACCEPTED, Json(StateView::of(&state, now))).into_response())
        }
    }
}

/// What becomes of an auction that the ledger does not have. `None`: it should have.
async fn drive_unopened(
    catalog: &Catalog,
    record: &AuctionRecord,
    command: &Command,
) -> Result<Option<AuctionRecord>, ApiError> {
    if record.status == Status::Scheduled && *command == Command::Cancel {
        catalog.cancel_scheduled(&record.id).await?;
    } else if record.status == Status::Scheduled {
        return Err(Refusal::NotLive.into());
    }
    let record = catalog.get(&record.id).await?;
    let outcome = record.result.as_ref().map(|result| &result.outcome);
    match (command, outcome) {
        (_, None) => Ok(None),
        (Command::Close(_), Some(_)) | (Command::Cancel, Some(Outcome::Cancelled)) => {
            Ok(Some(record))
        }
        (_, Some(_)) => Err(Refusal::Closed.into()),
    }
}

/// The auction, if the caller may change it.
pub(super) async fn permitted(
    catalog: &Catalog,
    id: &AuctionId,
    caller: &SignedIn,
) -> Result<AuctionRecord, ApiError> {
    let record = catalog.get(id).await?;
    permitted_by(&record.seller, caller)?;
    Ok(record)
}

/// Whether the caller may change what `seller` sells.
fn permitted_by(seller: &UserId, caller: &SignedIn) -> Result<(), ApiError> {
    if *seller != caller.user && !caller.is_in(ADMINISTRATORS) {
        return Err(ApiError::refused(Code::Forbidden, "only its seller may do this"));
    }
    Ok(())
}

//! Opening, closing, cancelling, pausing and resuming: for its seller and for administrators.
//!
//! The ledger decides, then the catalogue follows. Asking again is always safe, and mends a
//! catalogue that did not hear of the first time. An auction that was never handed to the ledger is
//! cancelled in the catalogue alone, by a conditional update.

use axum::Json;
use axum::extract::State;
use gavel_core::auction::{CloseCause, Command, OpenCause, Outcome, Refusal};
use gavel_core::ids::AuctionId;
use gavel_core::wire::{ADMINISTRATORS, AuctionView, Code, Status};

use super::auctions::LOST;
use super::identity::SignedIn;
use super::path::AuctionPath;
use super::problem::ApiError;
use super::view::auction_view;
use crate::catalog::{AuctionRecord, Catalog};
use crate::ledger::{Ledger, LedgerError};
use crate::lifecycle::{self, OpenError};

type Reply = Result<Json<AuctionView>, ApiError>;

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
    Ok(Json(auction_view(record, Some((&state, now)), Some(&caller.user))))
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
    let record = permitted(&catalog, &id, &caller).await?;
    if matches!(command, Command::Pause | Command::Resume)
        && !ledger.first_use(&id, caller.request_id()).await?
    {
        // Replayed, it would undo what was done since. The others change nothing when asked again.
        let live = ledger.state_and_time(&id).await?;
        let live = live.as_ref().map(|(state, now)| (state, *now));
        return Ok(Json(auction_view(record, live, Some(&caller.user))));
    }
    let mut driven = ledger.drive(&id, command.clone()).await;
    if driven == Err(LedgerError::UnknownAuction) {
        if let Some(record) = drive_unopened(&catalog, &record, &command).await? {
            return Ok(Json(auction_view(record, None, Some(&caller.user))));
        }
        // It is open: it may have been opened between the two looks.
        driven = ledger.drive(&id, command).await;
    }
    let state = match driven {
        Ok(state) => state,
        Err(LedgerError::UnknownAuction) => return Err(LOST),
        Err(error) => return Err(error.into()),
    };
    lifecycle::follow(&catalog, &state).await?;
    let now = ledger.now_of(&id).await?;
    Ok(Json(auction_view(record, Some((&state, now)), Some(&caller.user))))
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
    if record.seller != caller.user && !caller.is_in(ADMINISTRATORS) {
        return Err(ApiError::refused(Code::Forbidden, "only its seller may do this"));
    }
    Ok(record)
}

//! Opening, closing, cancelling, pausing and resuming: for its seller and for administrators.
//!
//! The ledger decides, then the catalogue follows. Asking again is always safe, and mends a
//! catalogue that did not hear of the first time. An auction that was never opened is cancelled in
//! the catalogue alone, by a conditional update. If that crosses with its opening, the catalogue
//! wins: the auction that was opened is cancelled in the ledger, too.

use axum::Json;
use axum::extract::State;
use gavel_core::auction::{Auction, CloseCause, Command, Outcome, Phase, Refusal};
use gavel_core::ids::AuctionId;
use gavel_core::wire::{AuctionView, Code, Status};

use super::auctions::LOST;
use super::identity::SignedIn;
use super::path::AuctionPath;
use super::problem::ApiError;
use super::view::auction_view;
use crate::catalog::{AuctionRecord, Catalog};
use crate::ledger::{Ledger, LedgerError};

/// The Cognito group that may drive everybody's auctions.
const ADMINISTRATORS: &str = "admin";

type Reply = Result<Json<AuctionView>, ApiError>;

/// `POST /v1/auctions/{id}/open`.
pub(super) async fn open(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
) -> Reply {
    let record = permitted(&catalog, &id, &caller).await?;
    let state = match record.status {
        Status::Scheduled => ledger.open(record.scheduled()).await?,
        // Opened before. Whether the ledger still has it, is its to say: it must not begin anew.
        Status::Live | Status::Paused => match ledger.drive(&id, Command::Open(OpenCause::Seller)).await {
            Err(LedgerError::UnknownAuction) => return Err(LOST),
            driven => driven?,
        },
        Status::Closed => {
            // Where a cancellation crossed an opening, asking again ends what was opened, too.
            let result = record.result.as_ref().map(|result| &result.outcome);
            if result == Some(&Outcome::Cancelled)
                && ledger.state(&id).await?.is_some_and(|state| state.ends_at().is_some())
            {
                ledger.drive(&id, Command::Cancel).await?;
            }
            return Err(Refusal::Closed.into());
        }
    };
    if !follow(&catalog, &state).await? {
        ledger.drive(&id, Command::Cancel).await?;
        return Err(Refusal::Closed.into());
    }
    Ok(Json(auction_view(record, Some(&state), Some(&caller.user))))
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
        && !ledger.first_use(caller.request_id()).await?
    {
        // Replayed, it would undo what was done since. The others change nothing when asked again.
        let state = ledger.state(&id).await?;
        return Ok(Json(auction_view(record, state.as_ref(), Some(&caller.user))));
    }
    let (record, state) = match ledger.drive(&id, command.clone()).await {
        Ok(state) => {
            follow(&catalog, &state).await?;
            (record, Some(state))
        }
        Err(LedgerError::UnknownAuction) => {
            (drive_unopened(&catalog, record, &command).await?, None)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Json(auction_view(record, state.as_ref(), Some(&caller.user))))
}

/// What becomes of an auction that only the catalogue knows.
async fn drive_unopened(
    catalog: &Catalog,
    record: AuctionRecord,
    command: &Command,
) -> Result<AuctionRecord, ApiError> {
    let outcome = record.result.as_ref().map(|result| &result.outcome);
    match (record.status, command, outcome) {
        (Status::Scheduled, Command::Cancel, _) => {
            let cancelled = catalog.cancel_scheduled(&record.id).await?;
            let record = catalog.get(&record.id).await?;
            let was_cancelled = matches!(
                record.result.as_ref().map(|result| &result.outcome),
                Some(Outcome::Cancelled)
            );
            // Opened in this very moment: asked again, the ledger decides.
            if cancelled || was_cancelled { Ok(record) } else { Err(LOST) }
        }
        (Status::Scheduled, ..) => Err(Refusal::NotLive.into()),
        (Status::Closed, Command::Close(_), _)
        | (Status::Closed, Command::Cancel, Some(Outcome::Cancelled)) => Ok(record),
        (Status::Closed, ..) => Err(Refusal::Closed.into()),
        (Status::Live | Status::Paused, ..) => Err(LOST),
    }
}

/// Tells the catalogue. Gives whether it agrees; not if it holds an open auction as closed.
async fn follow(catalog: &Catalog, state: &Auction) -> Result<bool, ApiError> {
    match state.phase {
        Phase::Closed { .. } => {
            catalog.record_result(state).await?;
            Ok(true)
        }
        _ => Ok(catalog.mark_phase(state).await?),
    }
}

async fn permitted(
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

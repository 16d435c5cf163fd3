//! Handing an auction from the catalogue to the ledger and following it back: the steps that a
//! request and the timer share.
//!
//! A scheduled auction is the catalogue's, an open one the ledger's. The catalogue lets go first
//! (nobody can edit or cancel there any more), then the ledger opens what the row says, then the row
//! follows. Any step may be repeated by anybody, so whoever dies in between leaves work, not doubt.
//! A row that is older than the ledger, as after PostgreSQL was put back, follows when it is to be opened.

use gavel_core::auction::{Auction, Command, OpenCause, Phase, Refusal};
use gavel_core::ids::AuctionId;
use gavel_core::wire::Status;

use crate::catalog::{AuctionRecord, Catalog, CatalogError};
use crate::ledger::{Ledger, LedgerError};

/// Why an auction was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The rules say no, or the ledger is in trouble.
    #[error("the ledger did not open it")]
    Ledger(#[from] LedgerError),
    /// The catalogue is in trouble, or has no such auction.
    #[error("the catalogue did not hand it over")]
    Catalog(#[from] CatalogError),
    /// It is open in the catalogue but not in the ledger. It must not begin anew.
    #[error("an open auction has no live state")]
    Lost,
}

/// Opens an auction. Opening it again changes nothing.
pub(crate) async fn open(
    catalog: &Catalog,
    ledger: &Ledger,
    id: &AuctionId,
    cause: OpenCause,
) -> Result<(AuctionRecord, Auction), OpenError> {
    catalog.begin_opening(id, cause, ledger.now_of(id).await?).await?;
    if cause == OpenCause::Seller {
        // Should this end here, the timer knows of it and goes on.
        ledger.wakes().schedule_changed();
    }
    let record = catalog.get(id).await?;
    let state = match record.status {
        // Not its time any more: its seller changed it meanwhile, and may go on changing it.
        Status::Scheduled if !record.opening => {
            return Err(LedgerError::Refused(Refusal::NotDue).into());
        }
        Status::Scheduled => ledger.open(record.scheduled(), cause).await,
        Status::Live | Status::Paused => match ledger.drive(id, Command::Open(cause)).await {
            Err(LedgerError::UnknownAuction) => return Err(OpenError::Lost),
            driven => driven,
        },
        Status::Closed => return Err(LedgerError::Refused(Refusal::Closed).into()),
    };
    let state = match state {
        Err(LedgerError::Refused(refusal)) => {
            if let Some(state) = ledger.state(id).await? {
                // The ledger is past an opening, and the row should say so.
                follow(catalog, &state).await?;
            }
            return Err(LedgerError::Refused(refusal).into());
        }
        state => state?,
    };
    follow(catalog, &state).await?;
    Ok((record, state))
}

/// Tells the catalogue what the ledger made of an auction. Again, it changes nothing.
pub(crate) async fn follow(catalog: &Catalog, state: &Auction) -> Result<(), CatalogError> {
    match state.phase {
        Phase::Closed { .. } => catalog.record_result(state).await.map(drop),
        _ => catalog.mark_phase(state).await,
    }
}

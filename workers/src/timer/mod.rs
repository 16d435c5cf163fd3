//! Closes auctions on time and sees that their result is recorded, exactly once and never lost.
//!
//! A closed auction keeps its deadline until the catalogue has its result, so a timer that dies
//! between the two leaves the work for the next look, its own or another worker's. Any number of
//! timers may run: the ledger's commit lets one close win, and recording twice changes nothing.

use std::time::Duration;

use futures::{StreamExt, stream};
use gavel_core::ids::AuctionId;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, CatalogError};
use crate::ledger::{Ledger, LedgerError};
use crate::limits::{CLOSES_AT_ONCE_MAX, RETRY_PAUSE_MAX, TIMER_TICK};

/// Why an auction could not be closed or recorded now. Always tried again.
#[derive(Debug, thiserror::Error)]
enum TimerError {
    #[error("the ledger did not close it")]
    Ledger(#[from] LedgerError),
    #[error("the catalogue did not record the result")]
    Catalog(#[from] CatalogError),
}

/// Looks at the deadlines until `stop`.
pub(crate) async fn run(ledger: Ledger, catalog: Catalog, stop: CancellationToken) {
    let mut pause = TIMER_TICK;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match look(&ledger, &catalog).await {
            Ok(()) => TIMER_TICK,
            Err(error) => {
                metrics::counter!("gavel_timer_failures_total").increment(1);
                tracing::warn!(error = ?error, "deadlines not handled, trying again");
                backed_off(pause)
            }
        };
    }
}

fn backed_off(pause: Duration) -> Duration {
    (pause * 2).min(RETRY_PAUSE_MAX)
}

/// One look at every deadline. One auction's trouble does not keep the others waiting.
async fn look(ledger: &Ledger, catalog: &Catalog) -> Result<(), TimerError> {
    let due = ledger.due().await?;
    let settle = |auction: AuctionId| async move { settle(ledger, catalog, &auction).await };
    let mut settled = stream::iter(due).map(settle).buffer_unordered(CLOSES_AT_ONCE_MAX);
    let mut failure = None;
    while let Some(result) = settled.next().await {
        failure = result.err().or(failure);
    }
    failure.map_or(Ok(()), Err)
}

async fn settle(ledger: &Ledger, catalog: &Catalog, auction: &AuctionId) -> Result<(), TimerError> {
    let Some(closed) = ledger.close_if_due(auction).await? else { return Ok(()) };
    catalog.record_result(&closed).await?;
    ledger.result_recorded(auction).await?;
    tracing::info!(%auction, seq = closed.seq, "auction closed and recorded");
    Ok(())
}

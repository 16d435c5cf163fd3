//! Closes auctions on time and sees that their result is recorded, exactly once and never lost.
//!
//! Two loops, so that a catalogue in trouble never delays a close: one closes what is due in the
//! ledger, the other records in the catalogue what was closed. A closed auction stays on the second
//! list until the catalogue has it, so a timer that dies in between leaves the work for the next look,
//! its own or another worker's. Any number of timers may run: the ledger's commit lets one close win,
//! and recording twice changes nothing.

use std::future::Future;
use std::time::Duration;

use futures::{StreamExt, stream};
use gavel_core::auction::{Auction, Phase};
use gavel_core::ids::AuctionId;
use tokio_util::sync::CancellationToken;

use crate::catalog::{AuctionRecord, Catalog, CatalogError};
use crate::ledger::{Ledger, LedgerError};
use crate::limits::{AUCTIONS_AT_ONCE_MAX, RETRY_PAUSE_MAX, TIMER_TICK};

/// Why an auction could not be closed or recorded now. Always tried again.
#[derive(Debug, thiserror::Error)]
enum TimerError {
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    #[error("the catalogue did not record the result")]
    Catalog(#[from] CatalogError),
}

/// Closes and records until `stop`.
pub(crate) async fn run(ledger: Ledger, catalog: Catalog, stop: CancellationToken) {
    let closing = keep_closing(ledger.clone(), stop.clone());
    futures::join!(closing, keep_recording(ledger, catalog, stop));
}

async fn keep_closing(ledger: Ledger, stop: CancellationToken) {
    let mut pause = TIMER_TICK;
    while !stopped_within(pause, &stop).await {
        pause = match ledger.due().await {
            Ok(due) => {
                each(due, |auction| close(ledger.clone(), auction)).await;
                TIMER_TICK
            }
            Err(error) => backed_off(pause, &error.into()),
        };
    }
}

async fn keep_recording(ledger: Ledger, catalog: Catalog, stop: CancellationToken) {
    let mut pause = TIMER_TICK;
    while !stopped_within(pause, &stop).await {
        pause = match ledger.unrecorded().await {
            Ok(closed) => {
                let act = |auction| record(ledger.clone(), catalog.clone(), auction);
                // Nobody waits for a record as for the hammer: a troubled catalogue is left alone.
                if each(closed, act).await { TIMER_TICK } else { RETRY_PAUSE_MAX / 4 }
            }
            Err(error) => backed_off(pause, &error.into()),
        };
    }
}

async fn stopped_within(pause: Duration, stop: &CancellationToken) -> bool {
    tokio::time::timeout(pause, stop.cancelled()).await.is_ok()
}

fn backed_off(pause: Duration, error: &TimerError) -> Duration {
    report(error, None);
    (pause * 2).min(RETRY_PAUSE_MAX)
}

/// Acts on each auction; the trouble of one does not keep the others waiting. Gives whether all went
/// well.
async fn each<F: Future<Output = Result<(), TimerError>>>(
    auctions: Vec<AuctionId>,
    act: impl Fn(AuctionId) -> F,
) -> bool {
    let acts = auctions.into_iter().map(|auction| {
        let acting = act(auction.clone());
        async move { acting.await.inspect_err(|error| report(error, Some(&auction))).is_ok() }
    });
    let acts: Vec<_> = acts.collect();
    let went: Vec<bool> = stream::iter(acts).buffer_unordered(AUCTIONS_AT_ONCE_MAX).collect().await;
    went.iter().all(|well| *well)
}

async fn close(ledger: Ledger, auction: AuctionId) -> Result<(), TimerError> {
    if let Some(closed) = ledger.close_if_due(&auction).await? {
        tracing::info!(%auction, seq = closed.seq, "auction closed");
    }
    Ok(())
}

async fn record(ledger: Ledger, catalog: Catalog, auction: AuctionId) -> Result<(), TimerError> {
    let closed = ledger.state(&auction).await?.ok_or(LedgerError::UnknownAuction)?;
    let recorded = catalog.record_result(&closed).await?;
    ledger.result_recorded(&auction).await?;
    if !recorded && ledger_disagrees(&closed, &catalog.get(&auction).await?) {
        tracing::error!(%auction, "the catalogue holds another result than the ledger");
        metrics::counter!("gavel_timer_disagreements_total").increment(1);
    }
    tracing::info!(%auction, recorded, "result recorded");
    Ok(())
}

/// Two truths about one sale; possible only where an opening and a cancellation crossed.
fn ledger_disagrees(closed: &Auction, record: &AuctionRecord) -> bool {
    let outcome = match &closed.phase {
        Phase::Closed { outcome, .. } => Some(outcome),
        _ => None,
    };
    record.result.as_ref().map(|result| &result.outcome) != outcome
}

fn report(error: &TimerError, auction: Option<&AuctionId>) {
    metrics::counter!("gavel_timer_failures_total").increment(1);
    tracing::warn!(?error, auction = auction.map(tracing::field::display), "trying again");
}

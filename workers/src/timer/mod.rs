//! Opens and closes auctions on time and sees that their result is recorded, exactly once and never
//! lost.
//!
//! Three loops, so that a catalogue in trouble never delays a close: one closes what is due in the
//! ledger, one records in the catalogue what was closed, one opens what the catalogue has scheduled
//! for now. What is closed stays on the second list until the catalogue has it, and what is being
//! opened on the third until the catalogue knows, so a timer that dies in between leaves the work for
//! the next look, its own or another worker's. Any number of timers may run: the ledger's commit lets
//! one of them win, and asking again changes nothing.

mod lateness;

use std::future::Future;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use gavel_core::ids::AuctionId;
use tokio_util::sync::CancellationToken;

use self::lateness::Lateness;
use crate::catalog::{Catalog, CatalogError, DueToOpen};
use crate::ledger::{Ledger, LedgerError, Waiting};
use crate::lifecycle::{self, OpenError};
use crate::limits::{AUCTIONS_AT_ONCE_MAX, OPENING_TICK, RETRY_PAUSE_MAX, TIMER_TICK};

/// Why an auction could not be opened, closed or recorded now. Always tried again.
#[derive(Debug, thiserror::Error)]
enum TimerError {
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    #[error("the catalogue did not answer")]
    Catalog(#[from] CatalogError),
    #[error("it was not opened")]
    Open(#[from] OpenError),
}

/// Opens, closes and records until `stop`.
pub(crate) async fn run(ledger: Ledger, catalog: Catalog, stop: CancellationToken) {
    let closing = keep_closing(ledger.clone(), stop.clone());
    let recording = keep_recording(ledger.clone(), catalog.clone(), stop.clone());
    futures::join!(closing, recording, keep_opening(ledger, catalog, stop));
}

async fn keep_closing(ledger: Ledger, stop: CancellationToken) {
    let (mut pause, lateness) = (TIMER_TICK, Lateness::new());
    while !stopped_within(pause, &stop).await {
        pause = match ledger.due().await {
            Ok(due) => {
                let looked = Instant::now();
                let act =
                    |due: Waiting| (due.auction.clone(), close(&ledger, &lateness, due, looked));
                each(due.into_iter().map(act)).await;
                TIMER_TICK
            }
            Err(error) => backed_off(pause, &error.into()),
        };
        lateness.publish();
    }
}

async fn keep_recording(ledger: Ledger, catalog: Catalog, stop: CancellationToken) {
    let mut pause = TIMER_TICK;
    while !stopped_within(pause, &stop).await {
        pause = match ledger.unrecorded().await {
            Ok(closed) => {
                let act =
                    |Waiting { auction, .. }| (auction.clone(), record(&ledger, &catalog, auction));
                // Nobody waits for a record as for the hammer: a troubled catalogue is left alone.
                if each(closed.into_iter().map(act)).await {
                    TIMER_TICK
                } else {
                    RETRY_PAUSE_MAX / 4
                }
            }
            Err(error) => backed_off(pause, &error.into()),
        };
    }
}

async fn keep_opening(ledger: Ledger, catalog: Catalog, stop: CancellationToken) {
    let mut pause = OPENING_TICK;
    while !stopped_within(pause, &stop).await {
        let due = async {
            let now = ledger.now().await?;
            Ok::<_, TimerError>(catalog.due_to_open(now).await?)
        };
        pause = match due.await {
            Ok(due) => {
                let act = |due: DueToOpen| (due.id.clone(), open(&ledger, &catalog, due));
                if each(due.into_iter().map(act)).await {
                    OPENING_TICK
                } else {
                    RETRY_PAUSE_MAX / 4
                }
            }
            Err(error) => backed_off(pause, &error),
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
    acts: impl IntoIterator<Item = (AuctionId, F)>,
) -> bool {
    let acts: Vec<_> = acts
        .into_iter()
        .map(|(auction, acting)| async move {
            acting.await.inspect_err(|error| report(error, Some(&auction))).is_ok()
        })
        .collect();
    let went: Vec<bool> = stream::iter(acts).buffer_unordered(AUCTIONS_AT_ONCE_MAX).collect().await;
    went.iter().all(|well| *well)
}

async fn open(ledger: &Ledger, catalog: &Catalog, due: DueToOpen) -> Result<(), TimerError> {
    match lifecycle::open(catalog, ledger, &due.id, due.cause).await {
        Ok(_) => tracing::info!(auction = %due.id, cause = ?due.cause, "auction opened"),
        // Closed or put off since, or the clock of its shard is a moment behind.
        Err(OpenError::Ledger(LedgerError::Refused(refusal))) => {
            tracing::debug!(auction = %due.id, %refusal, "not opened now");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn close(
    ledger: &Ledger,
    lateness: &Lateness,
    due: Waiting,
    looked: Instant,
) -> Result<(), TimerError> {
    let Waiting { auction, age } = due;
    let closed = ledger.close_if_due(&auction).await;
    // One that a late bid has just extended is not late.
    if !matches!(closed, Ok(None)) {
        lateness.note(age + looked.elapsed());
    }
    if let Some(closed) = closed? {
        tracing::info!(%auction, seq = closed.seq, "auction closed");
    }
    Ok(())
}

async fn record(ledger: &Ledger, catalog: &Catalog, auction: AuctionId) -> Result<(), TimerError> {
    let closed = ledger.state(&auction).await?.ok_or(LedgerError::UnknownAuction)?;
    let recorded = catalog.record_result(&closed).await?;
    ledger.result_recorded(&auction).await?;
    tracing::info!(%auction, recorded, "result recorded");
    Ok(())
}

fn report(error: &TimerError, auction: Option<&AuctionId>) {
    metrics::counter!("gavel_timer_failures_total").increment(1);
    tracing::warn!(?error, auction = auction.map(tracing::field::display), "trying again");
}

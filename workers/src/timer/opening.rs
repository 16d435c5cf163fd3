//! Opening what the catalogue has scheduled for now, and finishing what somebody began to open.
//!
//! A look also tells when the next auction opens, and then this sleeps until then. What is scheduled
//! meanwhile, or begun, whoever does it tells by a wake-up; then it is looked again, no sooner than
//! [`OPENING_TICK`] after the look before. While wake-ups are not heard, there is such a tick.
//!
//! Why nothing is late: what was scheduled [`OPENING_NET`] before its time is known when that has come,
//! even if every wake-up is lost; what is scheduled for sooner, or for a time gone by, opens within
//! [`OPENING_TICK`] by the wake-up. Should that one be lost although they are heard, it opens up to
//! [`OPENING_NET`] late.

use std::sync::Arc;
use std::time::Duration;

use gavel_core::auction::Refusal;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::skipped::Skipped;
use super::{TimerError, backed_off, each, spread};
use crate::catalog::{Catalog, DueToOpen};
use crate::ledger::{Ledger, LedgerError};
use crate::lifecycle::{self, OpenError};
use crate::limits::{
    DUE_AUCTIONS_MAX, OPENING_LAG, OPENING_NET, OPENING_SPREAD, OPENING_TICK, RETRY_PAUSE_MAX,
};

/// Opens until `stop`.
pub(super) async fn run(
    ledger: Ledger,
    catalog: Catalog,
    skipped: Arc<Skipped>,
    stop: CancellationToken,
) {
    let mut pause = OPENING_TICK;
    while !stop.is_cancelled() {
        let mut looked = Instant::now();
        let wait = match open_due(&ledger, &catalog, &skipped, &mut looked).await {
            Ok(wait) => {
                pause = OPENING_TICK;
                wait
            }
            Err(error) => {
                looked = Instant::now();
                pause = backed_off(pause, RETRY_PAUSE_MAX, &error);
                pause
            }
        };
        let wakes = ledger.wakes();
        let wait = if wakes.heard() { wait } else { wait.min(pause) };
        let woken = async {
            sleep_until(looked + pause).await;
            wakes.schedule().await;
            sleep(spread(OPENING_SPREAD)).await;
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep_until(looked + wait) => {}
            () = woken => {}
        }
    }
}

/// Opens what is due; gives how long after the look to look again.
async fn open_due(
    ledger: &Ledger,
    catalog: &Catalog,
    skipped: &Skipped,
    looked: &mut Instant,
) -> Result<Duration, TimerError> {
    let now = ledger.now().await?;
    *looked = Instant::now();
    let left = skipped.now();
    let (due, next) =
        futures::try_join!(catalog.due_to_open(now, &left), catalog.next_opening(now))?;
    // Of so many there may be more.
    let wait = if due.len() < DUE_AUCTIONS_MAX { OPENING_NET } else { Duration::ZERO };
    let act = |due: DueToOpen| (due.id.clone(), open(ledger, catalog, due));
    each(skipped, due.into_iter().map(act)).await;
    let wait = skipped.next().map_or(wait, |again| wait.min(looked.elapsed() + again));
    let until = next.map(|at| at.as_ms().saturating_sub(now.as_ms()));
    let until = until.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    Ok(until.map_or(wait, |until| wait.min(until + OPENING_LAG + spread(OPENING_SPREAD))))
}

/// Gives whether it is open.
async fn open(ledger: &Ledger, catalog: &Catalog, due: DueToOpen) -> Result<bool, TimerError> {
    match lifecycle::open(catalog, ledger, &due.id, due.cause).await {
        Ok(_) => {
            tracing::info!(auction = %due.id, cause = ?due.cause, "auction opened");
            Ok(true)
        }
        // The ledger had closed it, as the catalogue knows now.
        Err(OpenError::Ledger(LedgerError::Refused(Refusal::Closed))) => Ok(true),
        // Put off since, or the clock of its shard is a moment behind.
        Err(OpenError::Ledger(LedgerError::Refused(refusal))) => {
            tracing::debug!(auction = %due.id, %refusal, "not opened now");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

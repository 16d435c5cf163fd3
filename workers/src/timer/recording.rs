//! Recording in the catalogue what was closed in one shard. Asks the ledger only when it is told that
//! there is something, then again until there is nothing left.

use std::sync::Arc;

use gavel_core::ids::AuctionId;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{TimerError, backed_off, each};
use crate::catalog::Catalog;
use crate::ledger::{Ledger, LedgerError};
use crate::limits::{RETRY_PAUSE_MAX, TIMER_TICK};
use crate::redis::Shard;

/// Records the results of a shard.
pub(super) struct Recorder {
    pub(super) shard: Shard,
    pub(super) ledger: Ledger,
    pub(super) catalog: Catalog,
    /// Tells that there may be something to record.
    pub(super) unrecorded: Arc<Notify>,
    /// How many more may be recorded now, of all shards.
    pub(super) at_once: Arc<Semaphore>,
}

impl Recorder {
    pub(super) async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.unrecorded.notified()).await.is_some() {
            self.record_all(&stop).await;
        }
    }

    async fn record_all(&self, stop: &CancellationToken) {
        let mut pause = TIMER_TICK;
        while !stop.is_cancelled() {
            pause = match self.ledger.unrecorded(self.shard).await {
                Ok(closed) if closed.is_empty() => return,
                Ok(closed) => {
                    let recordings =
                        closed.into_iter().map(|auction| (auction.clone(), self.record(auction)));
                    if each(recordings).await.is_ok() {
                        continue;
                    }
                    // Nobody waits for a record as for the hammer: a troubled catalogue is left alone.
                    RETRY_PAUSE_MAX / 4
                }
                Err(error) => backed_off(pause, RETRY_PAUSE_MAX, &error.into()),
            };
            stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    async fn record(&self, auction: AuctionId) -> Result<bool, TimerError> {
        let _turn = self.at_once.acquire().await.expect("nobody closes the semaphore");
        let closed = self.ledger.state(&auction).await?.ok_or(LedgerError::UnknownAuction)?;
        let recorded = self.catalog.record_result(&closed).await?;
        self.ledger.result_recorded(&auction).await?;
        tracing::info!(%auction, recorded, "result recorded");
        Ok(true)
    }
}

//! Recording in the catalogue what was closed in one shard. Asks the ledger when it begins and when it is
//! told that there is something, then again until there is nothing left but what cannot be done now.

use std::sync::Arc;

use gavel_core::ids::AuctionId;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::skipped::Skipped;
use super::{TimerError, backed_off, each};
use crate::catalog::Catalog;
use crate::ledger::{Ledger, LedgerError};
use crate::limits::{DUE_AUCTIONS_MAX, RETRY_PAUSE_MAX, TIMER_TICK};
use crate::redis::Shard;

/// Records the results of a shard.
pub(super) struct Recorder {
    pub(super) shard: Shard,
    pub(super) ledger: Ledger,
    pub(super) catalog: Catalog,
    /// Tells that there may be something to record.
    pub(super) unrecorded: Arc<Notify>,
    /// What could not be recorded.
    pub(super) skipped: Arc<Skipped>,
    /// How many more may be recorded now, of all shards.
    pub(super) at_once: Arc<Semaphore>,
}

impl Recorder {
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut pause = TIMER_TICK;
        while !stop.is_cancelled() {
            let wait = match self.record_some().await {
                Ok(true) => continue,
                Ok(false) => {
                    pause = TIMER_TICK;
                    self.skipped.next()
                }
                Err(error) => {
                    pause = backed_off(pause, RETRY_PAUSE_MAX, &error);
                    Some(pause)
                }
            };
            let again = async {
                match wait {
                    Some(wait) => sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.unrecorded.notified() => {}
                () = again => {}
            }
        }
    }

    /// Records what there is. Gives whether there was anything to be recorded now.
    async fn record_some(&self) -> Result<bool, TimerError> {
        let skipped = self.skipped.now();
        let most = DUE_AUCTIONS_MAX + skipped.len();
        let mut closed = self.ledger.unrecorded(self.shard, most).await?;
        closed.retain(|auction| !skipped.contains(auction));
        let any = !closed.is_empty();
        let recordings = closed.into_iter().map(|auction| (auction.clone(), self.record(auction)));
        each(&self.skipped, recordings).await;
        Ok(any)
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

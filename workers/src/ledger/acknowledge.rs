//! Waiting until an accepted bid has left the outbox, which is when SQS has it.
//!
//! The relay writes how far it got beside the auction's state and then wakes whoever waits. The
//! wake-up is only a hint: a waiter also looks for itself now and then, so a lost one costs latency.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gavel_core::ids::AuctionId;
use tokio::sync::watch;

use super::LedgerError;
use super::store::Store;
use crate::limits::{ACKNOWLEDGE_MAX, ACKNOWLEDGE_POLL};

/// The relayed position of every auction this worker has in memory.
#[derive(Clone, Default)]
pub(crate) struct Relayed {
    positions: Arc<Mutex<HashMap<AuctionId, watch::Sender<u64>>>>,
}

impl Relayed {
    /// Begins to follow an auction.
    pub(super) fn follow(&self, auction: &AuctionId) {
        self.lock().entry(auction.clone()).or_insert_with(|| watch::Sender::new(0));
    }

    /// The position of an auction that is followed.
    pub(super) fn position(&self, auction: &AuctionId) -> Option<watch::Receiver<u64>> {
        self.lock().get(auction).map(watch::Sender::subscribe)
    }

    /// Stops following it; whoever still waits looks for itself.
    pub(super) fn forget(&self, auction: &AuctionId) {
        self.lock().remove(auction);
    }

    /// Notes that everything up to `position` was relayed.
    pub(crate) fn reached(&self, auction: &AuctionId, position: u64) {
        if let Some(sender) = self.lock().get(auction) {
            sender.send_if_modified(|at| {
                let further = position > *at;
                *at = position.max(*at);
                further
            });
        }
    }

    /// Notes what Redis itself says: after a failover that may be less than was known.
    pub(super) fn read(&self, auction: &AuctionId, position: u64) {
        if let Some(sender) = self.lock().get(auction) {
            sender.send_replace(position);
        }
    }

    /// Waits until `position` was relayed.
    pub(super) async fn wait(
        &self,
        store: &Store,
        auction: &AuctionId,
        position: u64,
    ) -> Result<(), LedgerError> {
        let waiting = async {
            loop {
                let reached = async {
                    match self.position(auction) {
                        Some(mut at) => at.wait_for(|at| *at >= position).await.is_ok(),
                        None => std::future::pending().await,
                    }
                };
                if let Ok(true) = tokio::time::timeout(ACKNOWLEDGE_POLL, reached).await {
                    return Ok(());
                }
                let relayed = store.relayed(auction).await?;
                self.read(auction, relayed);
                if relayed >= position {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(ACKNOWLEDGE_MAX, waiting).await.unwrap_or(Err(LedgerError::TimedOut))
    }

    /// How many auctions are followed.
    #[cfg(test)]
    pub(super) fn followed(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AuctionId, watch::Sender<u64>>> {
        // The map is whole between any two calls: a panic elsewhere cannot leave it half changed.
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

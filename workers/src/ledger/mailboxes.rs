//! The sequencers this worker runs, and the mailbox of each. A sequencer starts with the first request
//! for its auction and ends, leaving nothing in memory, when nobody has asked for a while.
//!
//! Mailboxes are bounded: who finds one full is told at once, since an answer that comes too late is
//! worth less than a quick "busy".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gavel_core::ids::AuctionId;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::task::TaskTracker;

use super::LedgerError;
use super::acknowledge::Relayed;
use super::clock::Clock;
use super::sequencer::{Job, Sequencer};
use super::store::Store;
use crate::limits::{ACTIVE_AUCTIONS_MAX, AUCTION_IDLE_MAX, MAILBOX_DEPTH_MAX};

/// How much is kept in memory, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) mailbox_depth: usize,
    pub(super) active_auctions: usize,
    pub(super) idle: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            mailbox_depth: MAILBOX_DEPTH_MAX,
            active_auctions: ACTIVE_AUCTIONS_MAX,
            idle: AUCTION_IDLE_MAX,
        }
    }
}

pub(super) struct Mailboxes {
    store: Store,
    clock: Arc<Clock>,
    relayed: Relayed,
    bounds: Bounds,
    open: Open,
    tasks: TaskTracker,
}

type Open = Arc<Mutex<HashMap<AuctionId, mpsc::Sender<Job>>>>;

impl Mailboxes {
    pub(super) fn new(store: Store, clock: Arc<Clock>, relayed: Relayed, bounds: Bounds) -> Self {
        Self { store, clock, relayed, bounds, open: Open::default(), tasks: TaskTracker::new() }
    }

    /// Puts a job into the mailbox of its auction, whose sequencer is started if it does not run.
    pub(super) fn post(&self, auction: &AuctionId, mut job: Job) -> Result<(), LedgerError> {
        let mut open = lock(&self.open);
        if let Some(mailbox) = open.get(auction) {
            match mailbox.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(LedgerError::Busy),
                // It just went idle; the next one is a new task.
                Err(TrySendError::Closed(returned)) => job = returned,
            }
        }
        let mailbox = self.start(&mut open, auction)?;
        mailbox.try_send(job).map_err(|_| LedgerError::Busy)
    }

    /// How many auctions are in memory.
    #[cfg(test)]
    pub(super) fn active(&self) -> usize {
        lock(&self.open).len()
    }

    /// How many jobs wait in an auction's mailbox, if it has one.
    #[cfg(test)]
    pub(super) fn waiting(&self, auction: &AuctionId) -> Option<usize> {
        lock(&self.open).get(auction).map(|mailbox| mailbox.max_capacity() - mailbox.capacity())
    }

    /// Lets every sequencer finish what waits for it. Nothing may be posted after this.
    pub(super) async fn drain(&self) {
        lock(&self.open).clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn start(
        &self,
        open: &mut HashMap<AuctionId, mpsc::Sender<Job>>,
        auction: &AuctionId,
    ) -> Result<mpsc::Sender<Job>, LedgerError> {
        if open.len() >= self.bounds.active_auctions && !open.contains_key(auction) {
            return Err(LedgerError::Busy);
        }
        let (mailbox, jobs) = mpsc::channel(self.bounds.mailbox_depth);
        open.insert(auction.clone(), mailbox.clone());
        self.relayed.follow(auction);
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let sequencer = Sequencer::new(auction.clone(), store, clock, self.relayed.clone());
        let (open, relayed) = (self.open.clone(), self.relayed.clone());
        let (auction, idle) = (auction.clone(), self.bounds.idle);
        self.tasks.spawn(async move {
            sequencer.run(jobs, idle).await;
            let mut open = lock(&open);
            // Unless the next one already runs.
            if open.get(&auction).is_some_and(mpsc::Sender::is_closed) {
                open.remove(&auction);
                relayed.forget(&auction);
            }
        });
        Ok(mailbox)
    }
}

fn lock(open: &Open) -> MutexGuard<'_, HashMap<AuctionId, mpsc::Sender<Job>>> {
    // The map is whole between any two calls: a panic elsewhere cannot leave it half changed.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Live auctions: the sequencer of each, their state and log in Redis.
//!
//! Any worker may serve any auction: there is no lock and no owner. Rules are not here but in
//! `gavel_core`; the script in `commit.lua` only compares and appends.

mod acknowledge;
mod batch;
mod clock;
mod connect;
pub(crate) mod keys;
mod sequencer;
mod store;
#[cfg(test)]
mod tests;
mod wake;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gavel_core::auction::{
    Auction, CloseCause, Command, Event, EventKind, OpenCause, PlaceBid, Refusal,
};
use gavel_core::ids::{AuctionId, BidId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{BidReceipt, Level};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use self::acknowledge::Relayed;
use self::batch::Answer;
use self::clock::Clock;
use self::sequencer::{Job, Sequencer};
use self::store::Store;
use crate::limits::{ACTIVE_AUCTIONS_MAX, DECISION_MAX, MAILBOX_DEPTH_MAX};

pub(crate) use self::connect::{Redis, connect};
pub(crate) use self::wake::{Wakes, listen};

/// Why the ledger did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The rules say no. The caller's to mend.
    #[error("refused")]
    Refused(#[source] Refusal),
    /// The idempotency key stands for another offer. The caller's to mend.
    #[error("the idempotency key was used for another offer")]
    IdempotencyConflict,
    /// It was never opened.
    #[error("no such live auction")]
    UnknownAuction,
    /// Too much waits for this auction. Try again soon.
    #[error("too many requests wait for this auction")]
    Busy,
    /// It may or may not have happened. Try again with the same key.
    #[error("no answer in time")]
    TimedOut,
    /// Redis is in trouble. The text is for the log only. Try again with the same key.
    #[error("the live state is unavailable")]
    Unavailable(String),
}

/// An accepted bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What to answer.
    pub receipt: BidReceipt,
    /// Whether the same request had been accepted before.
    pub repeated: bool,
}

/// The live auctions of this region. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<Clock>,
    relayed: Relayed,
    level: Level,
    mailboxes: Mutex<HashMap<AuctionId, mpsc::Sender<Job>>>,
    tasks: TaskTracker,
}

impl Ledger {
    /// A ledger on `redis` that answers bids once they reached `level`.
    pub(crate) fn new(redis: &Redis, relayed: Relayed, level: Level) -> Self {
        let inner = Inner {
            store: redis.store(),
            clock: Arc::new(Clock::default()),
            relayed,
            level,
            mailboxes: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Opens a scheduled auction. Opening it again changes nothing.
    pub async fn open(&self, scheduled: Auction, cause: OpenCause) -> Result<Auction, LedgerError> {
        let id = scheduled.id.clone();
        self.done(&id, Command::Open(cause), Some(scheduled)).await
    }

    /// Hammer, pause, resume or cancel. Asking again changes nothing.
    pub async fn drive(
        &self,
        auction: &AuctionId,
        command: Command,
    ) -> Result<Auction, LedgerError> {
        self.done(auction, command, None).await
    }

    /// Closes an auction whose time is up; `None` when it is not, after all.
    pub async fn close_if_due(&self, auction: &AuctionId) -> Result<Option<Auction>, LedgerError> {
        match self.done(auction, Command::Close(CloseCause::Time), None).await {
            Ok(state) => Ok(Some(state)),
            Err(LedgerError::Refused(Refusal::NotEnded | Refusal::NotLive)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Places a bid and waits for the acknowledgement level. After any error but a refusal or a
    /// conflict the bid may have been accepted: asking again with the same key tells.
    pub async fn bid(&self, auction: &AuctionId, bid: PlaceBid) -> Result<Placed, LedgerError> {
        let (event, repeated) = match self.ask(auction, Command::Bid(bid), None).await? {
            Answer::Accepted(event) => (event, false),
            Answer::Repeated(event) => (event, true),
            Answer::Conflict => return Err(LedgerError::IdempotencyConflict),
            Answer::Refused(refusal) => return Err(LedgerError::Refused(refusal)),
            Answer::Done(_) => return Err(LedgerError::Unavailable("answer of no bid".to_owned())),
        };
        if self.inner.level == Level::Queue {
            self.inner.relayed.wait(&self.inner.store, auction, event.position).await?;
        }
        match &event.kind {
            EventKind::Bid(accepted) => {
                Ok(Placed { receipt: BidReceipt::of(&event, accepted, self.inner.level), repeated })
            }
            _ => Err(LedgerError::Unavailable("a bid id that names no bid".to_owned())),
        }
    }

    /// The live state, or `None` for an auction that was never opened.
    pub async fn state(&self, auction: &AuctionId) -> Result<Option<Auction>, LedgerError> {
        Ok(self.inner.store.state(auction).await?)
    }

    /// The event of an accepted bid, and how far it has got.
    pub async fn accepted(&self, bid: &BidId) -> Result<Option<(Event, Level)>, LedgerError> {
        let auction = bid.auction();
        let mut found = self.inner.store.ids(&auction, &[bid]).await?;
        let Some(event) = found.remove(bid) else { return Ok(None) };
        let relayed = self.inner.store.relayed(&auction).await?;
        let level = if relayed >= event.position { Level::Queue } else { Level::Memory };
        Ok(Some((event, level)))
    }

    /// The server's clock.
    pub async fn now(&self) -> Result<Timestamp, LedgerError> {
        Ok(self.inner.clock.now(&self.inner.store).await?)
    }

    /// Whether a request with this id is seen for the first time in the life of its assertion.
    pub async fn first_use(&self, request_id: &str) -> Result<bool, LedgerError> {
        Ok(self.inner.store.first_use(request_id).await?)
    }

    /// Live auctions whose time is up.
    pub(crate) async fn due(&self) -> Result<Vec<AuctionId>, LedgerError> {
        let now = self.now().await?;
        Ok(self.inner.store.due(now).await?)
    }

    /// Closed auctions whose result is not recorded elsewhere yet.
    pub(crate) async fn unrecorded(&self) -> Result<Vec<AuctionId>, LedgerError> {
        let now = self.now().await?;
        Ok(self.inner.store.unrecorded(now).await?)
    }

    /// Tells that the result of a closed auction is recorded elsewhere.
    pub(crate) async fn result_recorded(&self, auction: &AuctionId) -> Result<(), LedgerError> {
        Ok(self.inner.store.recorded(auction).await?)
    }

    /// Asks Redis whether it answers.
    pub async fn ping(&self) -> Result<(), LedgerError> {
        Ok(self.inner.store.ping().await?)
    }

    /// Lets every sequencer finish what waits for it. No request may come after this.
    pub(crate) async fn drain(&self) {
        self.mailboxes().clear();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    async fn done(
        &self,
        auction: &AuctionId,
        command: Command,
        scheduled: Option<Auction>,
    ) -> Result<Auction, LedgerError> {
        match self.ask(auction, command, scheduled).await? {
            Answer::Done(state) => Ok(*state),
            Answer::Refused(refusal) => Err(LedgerError::Refused(refusal)),
            Answer::Accepted(_) | Answer::Repeated(_) | Answer::Conflict => {
                Err(LedgerError::Unavailable("answer of a bid".to_owned()))
            }
        }
    }

    async fn ask(
        &self,
        auction: &AuctionId,
        command: Command,
        scheduled: Option<Auction>,
    ) -> Result<Answer, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let mut job = Job { command, scheduled, reply };
        // A sequencer that just went idle closes its mailbox; the next one is a new task.
        loop {
            match self.mailbox(auction)?.try_send(job) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Full(_)) => return Err(LedgerError::Busy),
                Err(mpsc::error::TrySendError::Closed(returned)) => {
                    self.mailboxes().remove(auction);
                    job = returned;
                }
            }
        }
        match tokio::time::timeout(DECISION_MAX, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(LedgerError::Unavailable("the sequencer ended".to_owned())),
            Err(_elapsed) => Err(LedgerError::TimedOut),
        }
    }

    fn mailbox(&self, auction: &AuctionId) -> Result<mpsc::Sender<Job>, LedgerError> {
        let mut mailboxes = self.mailboxes();
        if let Some(mailbox) = mailboxes.get(auction) {
            return Ok(mailbox.clone());
        }
        if mailboxes.len() >= ACTIVE_AUCTIONS_MAX {
            mailboxes.retain(|_, mailbox| !mailbox.is_closed());
            if mailboxes.len() >= ACTIVE_AUCTIONS_MAX {
                return Err(LedgerError::Busy);
            }
        }
        let (mailbox, jobs) = mpsc::channel(MAILBOX_DEPTH_MAX);
        mailboxes.insert(auction.clone(), mailbox.clone());
        let inner = &self.inner;
        inner.relayed.follow(auction);
        let sequencer = Sequencer::new(
            auction.clone(),
            inner.store.clone(),
            inner.clock.clone(),
            inner.relayed.clone(),
        );
        let (relayed, auction) = (inner.relayed.clone(), auction.clone());
        inner.tasks.spawn(async move {
            sequencer.run(jobs).await;
            relayed.forget(&auction);
        });
        Ok(mailbox)
    }

    fn mailboxes(&self) -> MutexGuard<'_, HashMap<AuctionId, mpsc::Sender<Job>>> {
        // The map is whole between any two calls: a panic elsewhere cannot leave it half changed.
        self.inner.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Live auctions: the sequencer of each, their state and log in Redis.
//!
//! Any worker may serve any auction: there is no lock and no owner. Rules are not here but in
//! `gavel_core`; the script in `commit.lua` only compares and appends.

mod acknowledge;
mod batch;
mod clock;
mod error;
pub(crate) mod keys;
mod look;
mod mailboxes;
mod room;
mod sequencer;
mod store;
#[cfg(test)]
mod tests;
mod wake;

use std::sync::Arc;
use std::time::Instant;

use gavel_core::auction::{
    Auction, CloseCause, Command, Event, EventKind, OpenCause, PlaceBid, Refusal,
};
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{BidReceipt, Level, settled_at};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::batch::Answer;
use self::clock::Clock;
use self::mailboxes::{Bounds, Mailboxes};
use self::room::Room;
use self::sequencer::Job;
use self::store::Store;
use crate::limits::{DECISION_MAX, ROUGH_CLOCK_EVERY};
use crate::redis::{Redis, Shard};

pub use self::error::LedgerError;
pub(crate) use self::look::{Due, Look};
pub(crate) use self::wake::{Wakes, listen, tell};

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
    wakes: Wakes,
    level: Level,
    mailboxes: Mailboxes,
    room: Room,
}

impl Ledger {
    /// A ledger on `redis` that answers bids once they reached `level`.
    pub(crate) fn new(redis: &Redis, wakes: Wakes, level: Level) -> Self {
        Self::bounded(redis, wakes, level, Bounds::default())
    }

    fn bounded(redis: &Redis, wakes: Wakes, level: Level, bounds: Bounds) -> Self {
        let (store, clock) = (Store::new(redis), Arc::new(Clock::default()));
        let relayed = wakes.relayed.clone();
        let mailboxes = Mailboxes::new(store.clone(), clock.clone(), relayed, bounds);
        let room = Room::new(redis.shards);
        Self { inner: Arc::new(Inner { store, clock, wakes, level, mailboxes, room }) }
    }

    /// What wakes those that look after this ledger's auctions.
    pub(crate) fn wakes(&self) -> &Wakes {
        &self.inner.wakes
    }

    /// Whether there is room for new bids, as far as somebody watches it.
    pub(crate) fn room(&self) -> Room {
        self.inner.room.clone()
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

    /// Places a bid and waits for the acknowledgement level. After [`LedgerError::TimedOut`] and
    /// [`LedgerError::Unavailable`] the bid may have been accepted: asking again with the same key tells,
    /// and what was not accepted by [`settled_at`] never will be.
    pub async fn bid(&self, auction: &AuctionId, bid: PlaceBid) -> Result<Placed, LedgerError> {
        let suspended = self.inner.room.is_short(self.inner.store.shard(auction));
        if suspended && self.accepted(&bid.bid_id).await?.is_none() {
            return Err(LedgerError::Suspended);
        }
        let settled_at = bid.arrived_at.map(settled_at);
        let (event, repeated) = match self.ask(auction, Command::Bid(bid), None, settled_at).await?
        {
            Answer::Accepted(event) => (event, false),
            Answer::Repeated(event) => (event, true),
            Answer::Conflict => return Err(LedgerError::IdempotencyConflict),
            Answer::Refused(refusal) => return Err(LedgerError::Refused(refusal)),
            Answer::Done(_) => return Err(LedgerError::Unavailable("answer of no bid".to_owned())),
        };
        if self.inner.level == Level::Queue {
            let relayed = &self.inner.wakes.relayed;
            if let Err(error) = relayed.wait(&self.inner.store, auction, event.position).await {
                tracing::debug!(%auction, position = event.position, %error, "not acknowledged");
                return Err(LedgerError::Unconfirmed { seq: event.seq });
            }
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

    /// The live state and the clock it is decided by; `None` for an auction that was never opened.
    pub async fn state_and_time(
        &self,
        auction: &AuctionId,
    ) -> Result<Option<(Auction, Timestamp)>, LedgerError> {
        let Some(state) = self.state(auction).await? else { return Ok(None) };
        Ok(Some((state, self.now_of(auction).await?)))
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

    /// The server's clock, whichever node's; an auction is decided by [`Ledger::now_of`] it.
    pub async fn now(&self) -> Result<Timestamp, LedgerError> {
        Ok(self.inner.store.time_anywhere().await?)
    }

    /// The server's clock as it decides about `auction`.
    pub async fn now_of(&self, auction: &AuctionId) -> Result<Timestamp, LedgerError> {
        let shard = self.inner.store.shard(auction);
        Ok(self.inner.clock.now(&self.inner.store, shard).await?)
    }

    /// The server's clock by what was last heard of it, without asking: right to a second. `None` before
    /// anything was heard.
    pub(crate) fn roughly_now(&self) -> Option<Timestamp> {
        self.inner.clock.roughly()
    }

    /// Keeps [`Ledger::roughly_now`] right until `stop`, also where nothing else asks for the time.
    pub(crate) async fn keep_time(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.now().await {
                Ok(now) => self.inner.clock.note_any(now),
                Err(error) => tracing::debug!(?error, "the time is not known anew"),
            }
            stop.run_until_cancelled(tokio::time::sleep(ROUGH_CLOCK_EVERY)).await;
        }
    }

    /// Whether a request about `auction` with this id is seen for the first time in the life of its
    /// assertion.
    pub async fn first_use(
        &self,
        auction: &AuctionId,
        request_id: &str,
    ) -> Result<bool, LedgerError> {
        let store = &self.inner.store;
        Ok(store.first_use(store.shard(auction), request_id).await?)
    }

    /// The same of a request about a person.
    pub async fn first_use_by(&self, user: &UserId, request_id: &str) -> Result<bool, LedgerError> {
        let store = &self.inner.store;
        Ok(store.first_use(store.shard_of_user(user), request_id).await?)
    }

    /// Every shard there is.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Shard> {
        self.inner.store.shards()
    }

    /// Looks at the auctions of a shard that are to close or were closed, by the clock of the shard; of
    /// many, at the first `most`.
    pub(crate) async fn look(&self, shard: Shard, most: usize) -> Result<Look, LedgerError> {
        let (store, clock) = (&self.inner.store, &self.inner.clock);
        let (deadlines, unrecorded) =
            futures::try_join!(store.deadlines(shard, most), store.any_unrecorded(shard))?;
        if deadlines.is_empty() {
            return Ok(Look { unrecorded, ..Look::default() });
        }
        let more = deadlines.len() >= most;
        Ok(Look::at(clock.now(store, shard).await?, deadlines, more, unrecorded))
    }

    /// Closed auctions of a shard whose result is not recorded elsewhere yet; of many, the first `most`.
    pub(crate) async fn unrecorded(
        &self,
        shard: Shard,
        most: usize,
    ) -> Result<Vec<AuctionId>, LedgerError> {
        let closed = self.inner.store.unrecorded(shard, most).await?;
        Ok(closed.into_iter().map(|(auction, _)| auction).collect())
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
        self.inner.mailboxes.drain().await;
    }

    async fn done(
        &self,
        auction: &AuctionId,
        command: Command,
        scheduled: Option<Auction>,
    ) -> Result<Auction, LedgerError> {
        match self.ask(auction, command, scheduled, None).await? {
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
        settled_at: Option<Timestamp>,
    ) -> Result<Answer, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let posted = Instant::now();
        let job = Job { command, scheduled, posted, settled_at, reply };
        self.inner.mailboxes.post(auction, job)?;
        match tokio::time::timeout(DECISION_MAX, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(LedgerError::Unavailable("the sequencer ended".to_owned())),
            Err(_elapsed) => Err(LedgerError::TimedOut),
        }
    }
}

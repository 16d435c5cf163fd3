//! One task per active auction: drain the mailbox, decide the batch on the cached state, commit it in
//! one call, answer everybody. Any worker may run one for any auction at the same time; the commit
//! tells who was faster.
//!
//! No answer leaves before what it says is in Redis. After a failed commit nothing is assumed: the
//! cache is dropped and the callers, who cannot know either, are told to try again with their key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gavel_core::auction::{Auction, Command, Event, EventKind, apply};
use gavel_core::ids::{AuctionId, BidId};
use gavel_core::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::LedgerError;
use super::acknowledge::Relayed;
use super::batch::{Answer, Draft, draft};
use super::clock::Clock;
use super::store::{Committed, Store};
use crate::limits::{BATCH_JOBS_MAX, CACHE_AGE_MAX, CACHED_IDS_MAX, REDECIDE_ATTEMPTS_MAX};

/// One request to a sequencer.
pub(super) struct Job {
    pub(super) command: Command,
    /// For an auction that may not be in Redis yet: what it was scheduled as.
    pub(super) scheduled: Option<Auction>,
    pub(super) reply: oneshot::Sender<Result<Answer, LedgerError>>,
}

/// What a sequencer works with.
pub(super) struct Sequencer {
    pub(super) auction: AuctionId,
    pub(super) store: Store,
    pub(super) clock: Arc<Clock>,
    pub(super) relayed: Relayed,
    cache: Option<Cache>,
}

struct Cache {
    state: Auction,
    /// Accepted bids by id, up to `state.position` or beyond; `None` when there are too many.
    ids: Option<HashMap<BidId, Event>>,
    synced_at: Instant,
}

impl Sequencer {
    pub(super) fn new(
        auction: AuctionId,
        store: Store,
        clock: Arc<Clock>,
        relayed: Relayed,
    ) -> Self {
        Self { auction, store, clock, relayed, cache: None }
    }

    /// Serves the mailbox until nobody has asked for `idle`, or every sender is gone.
    pub(super) async fn run(mut self, mut mailbox: mpsc::Receiver<Job>, idle: Duration) {
        let mut jobs = Vec::with_capacity(BATCH_JOBS_MAX);
        loop {
            let received = mailbox.recv_many(&mut jobs, BATCH_JOBS_MAX);
            match tokio::time::timeout(idle, received).await {
                Ok(0) => return,
                Ok(_) => self.serve(&mut jobs).await,
                Err(_idle) => self.cache = None,
            }
            if self.cache.is_none() {
                // Idle, unknown or in trouble: refuse new jobs, finish those that slipped in, and
                // leave. The next request starts a new task.
                mailbox.close();
                while mailbox.recv_many(&mut jobs, BATCH_JOBS_MAX).await > 0 {
                    self.serve(&mut jobs).await;
                }
                return;
            }
        }
    }

    async fn serve(&mut self, jobs: &mut Vec<Job>) {
        // Who was told to try again must not be bid for behind their back.
        jobs.retain(|job| !job.reply.is_closed());
        let size = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        metrics::histogram!("gavel_ledger_batch_jobs").record(size);
        match self.settle(jobs).await {
            Ok(answers) => {
                for (job, answer) in jobs.drain(..).zip(answers) {
                    // A caller that stopped waiting finds its answer again by its key.
                    let _gone = job.reply.send(Ok(answer));
                }
            }
            Err(error) => {
                self.cache = None;
                if let LedgerError::Unavailable(cause) = &error {
                    tracing::warn!(auction = %self.auction, cause, "batch not settled");
                }
                for job in jobs.drain(..) {
                    let _gone = job.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Decides and commits until it holds: at most [`REDECIDE_ATTEMPTS_MAX`] times.
    ///
    /// The time is always taken before the state is read. Otherwise an extension by another worker
    /// between the two could make a bid "too late" at an instant when the auction was open.
    async fn settle(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, LedgerError> {
        let mut now = self.now().await?;
        let mut fresh = false;
        for _ in 0..REDECIDE_ATTEMPTS_MAX {
            if self.cache.as_ref().is_none_or(|cache| cache.synced_at.elapsed() > CACHE_AGE_MAX) {
                self.refresh(jobs).await?;
                fresh = true;
            }
            let draft = self.draft(jobs, now).await?;
            if draft.events.is_empty() {
                if fresh || draft.holds_on_old_state() {
                    return Ok(draft.answers);
                }
                now = self.now().await?;
                self.refresh(jobs).await?;
                fresh = true;
                continue;
            }
            if let Some(answers) = self.commit(draft, now).await? {
                return Ok(answers);
            }
            now = self.now().await?;
            fresh = false;
        }
        metrics::counter!("gavel_ledger_redecide_exhausted_total").increment(1);
        Err(LedgerError::Busy)
    }

    async fn draft(&self, jobs: &[Job], now: Timestamp) -> Result<Draft, LedgerError> {
        let cache = self.cache.as_ref().ok_or(LedgerError::UnknownAuction)?;
        let commands = || jobs.iter().map(|job| &job.command);
        if let Some(ids) = &cache.ids {
            return Ok(draft(&cache.state, ids, commands(), now));
        }
        let asked: Vec<&BidId> = commands()
            .filter_map(|command| match command {
                Command::Bid(bid) => Some(&bid.bid_id),
                _ => None,
            })
            .collect();
        let known = self.store.ids(&self.auction, &asked).await?;
        Ok(draft(&cache.state, &known, commands(), now))
    }

    /// `None`: it has to be decided again, on what is now the fresh state and time.
    async fn commit(
        &mut self,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Option<Vec<Answer>>, LedgerError> {
        let cache = self.cache.as_mut().ok_or(LedgerError::UnknownAuction)?;
        let expected = cache.state.position;
        let (committed, redis_now) =
            self.store.commit(expected, &draft.after, &draft.events, now, draft.not_after).await?;
        self.clock.note(self.store.shard(&self.auction), redis_now);
        match committed {
            Committed::Ok => {
                metrics::counter!("gavel_ledger_commits_total").increment(1);
                cache.advance(&draft.events);
                cache.state = draft.after;
                cache.synced_at = Instant::now();
                Ok(Some(draft.answers))
            }
            Committed::Moved => {
                metrics::counter!("gavel_ledger_conflicts_total").increment(1);
                self.catch_up().await?;
                if self.cache.as_ref().is_some_and(|cache| cache.state.position == expected) {
                    // The log cannot explain the stored state: start over from the state.
                    self.cache = None;
                }
                Ok(None)
            }
            Committed::Skew | Committed::Late => {
                tracing::debug!(auction = %self.auction, ?committed, "commit refused by its time");
                Ok(None)
            }
        }
    }

    async fn now(&self) -> Result<Timestamp, LedgerError> {
        Ok(self.clock.now(&self.store, self.store.shard(&self.auction)).await?)
    }

    /// Brings the cache up to date, or fills it.
    async fn refresh(&mut self, jobs: &[Job]) -> Result<(), LedgerError> {
        if self.cache.is_some() {
            return self.catch_up().await;
        }
        if let Some(loaded) = self.store.load(&self.auction).await? {
            self.relayed.read(&self.auction, loaded.relayed);
            self.cache =
                Some(Cache { state: loaded.state, ids: loaded.ids, synced_at: Instant::now() });
            return Ok(());
        }
        let scheduled = jobs.iter().find_map(|job| job.scheduled.clone());
        let state = scheduled.ok_or(LedgerError::UnknownAuction)?;
        self.cache = Some(Cache { state, ids: Some(HashMap::new()), synced_at: Instant::now() });
        Ok(())
    }

    /// Applies what other workers appended since. Where the log cannot explain the stored state, the
    /// whole auction is loaded again.
    async fn catch_up(&mut self) -> Result<(), LedgerError> {
        let Some(cache) = self.cache.as_mut() else { return Ok(()) };
        loop {
            let events = self.store.events_after(&self.auction, cache.state.position).await?;
            if events.is_empty() {
                break;
            }
            for event in &events {
                if event.position != cache.state.position + 1 || event.epoch != cache.state.epoch {
                    self.cache = None;
                    return Err(LedgerError::Busy);
                }
                apply(&mut cache.state, event);
            }
            cache.advance(&events);
        }
        cache.synced_at = Instant::now();
        Ok(())
    }
}

impl Cache {
    /// Remembers the bids among `events`, or stops keeping ids when there are too many.
    fn advance(&mut self, events: &[Event]) {
        let Some(ids) = &mut self.ids else { return };
        for event in events {
            if let EventKind::Bid(bid) = &event.kind {
                ids.insert(bid.bid_id.clone(), event.clone());
            }
        }
        if ids.len() > CACHED_IDS_MAX {
            self.ids = None;
        }
    }
}

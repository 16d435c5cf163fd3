//! One task per active auction: drain the mailbox, decide the batch on the cached state, commit it in
//! one call, answer everybody. Any worker may run one for any auction at the same time; the commit
//! tells who was faster.
//!
//! No answer leaves before what it says is in Redis. After a failed commit nothing is assumed: the
//! cache is dropped and the callers, who cannot know either, are told to try again with their key.
//! What they are told stays true: a job whose time is over leaves the batch before every attempt, and
//! the commit itself is refused by Redis's own clock once the time of anything in it is over.

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
use crate::limits::{
    BATCH_JOBS_MAX, CACHE_AGE_MAX, CACHED_IDS_MAX, CATCH_UP_EVENTS_MAX, DECISION_MAX,
    REDECIDE_ATTEMPTS_MAX, SKEW_PAUSE, SKEWED_ATTEMPTS_MAX,
};

/// One request to a sequencer.
pub(super) struct Job {
    pub(super) command: Command,
    /// For an auction that may not be in Redis yet: what it was scheduled as.
    pub(super) scheduled: Option<Auction>,
    /// Since when its caller waits, [`DECISION_MAX`] at most.
    pub(super) posted: Instant,
    /// From when on, by the server's clock, its caller was told that nothing comes of it any more.
    pub(super) settled_at: Option<Timestamp>,
    pub(super) reply: oneshot::Sender<Result<Answer, LedgerError>>,
}

impl Job {
    /// The first instant at which it may not be committed any more, while the server's clock says `now`.
    /// An estimate of that clock lags and never leads, so this never is too late.
    fn not_after(&self, now: Timestamp) -> Timestamp {
        let left = DECISION_MAX.saturating_sub(self.posted.elapsed());
        let own = now.plus_ms(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        self.settled_at.map_or(own, |settled_at| settled_at.min(own))
    }
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
        jobs.retain(|job| !job.reply.is_closed());
        if jobs.is_empty() {
            return;
        }
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
                // Nothing was sent whose fate is unknown when it is only busy.
                if error != LedgerError::Busy {
                    self.cache = None;
                }
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
    async fn settle(&mut self, jobs: &mut Vec<Job>) -> Result<Vec<Answer>, LedgerError> {
        let mut now = self.now().await?;
        let mut fresh = false;
        let mut skewed = 0;
        for _ in 0..REDECIDE_ATTEMPTS_MAX {
            if self.cache.as_ref().is_none_or(|cache| cache.synced_at.elapsed() > CACHE_AGE_MAX) {
                self.refresh(jobs).await?;
                fresh = true;
            }
            // After whatever took long, and before anything is decided.
            dismiss_overdue(jobs, now);
            if jobs.is_empty() {
                return Ok(Vec::new());
            }
            let mut draft = self.draft(jobs, now).await?;
            if draft.events.is_empty() {
                if fresh || draft.holds_on_old_state() {
                    return Ok(draft.answers);
                }
                now = self.now().await?;
                self.refresh(jobs).await?;
                fresh = true;
                continue;
            }
            draft.bound(jobs.iter().map(|job| job.not_after(now)));
            match self.commit(draft, now).await? {
                Attempt::Held(answers) => return Ok(answers),
                Attempt::Again => {}
                Attempt::Skewed => {
                    skewed += 1;
                    if skewed >= SKEWED_ATTEMPTS_MAX {
                        return Err(LedgerError::Busy);
                    }
                    tokio::time::sleep(SKEW_PAUSE).await;
                }
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

    async fn commit(&mut self, draft: Draft, now: Timestamp) -> Result<Attempt, LedgerError> {
        let cache = self.cache.as_mut().ok_or(LedgerError::UnknownAuction)?;
        let expected = cache.state.position;
        let (committed, redis_now) = self.store.commit(expected, &draft, now).await?;
        self.clock.note(self.store.shard(&self.auction), redis_now);
        match committed {
            Committed::Ok => {
                metrics::counter!("gavel_ledger_commits_total").increment(1);
                cache.advance(&draft.events);
                cache.state = draft.after;
                cache.synced_at = Instant::now();
                Ok(Attempt::Held(draft.answers))
            }
            Committed::Moved => {
                metrics::counter!("gavel_ledger_conflicts_total").increment(1);
                let explained = self.catch_up().await?;
                let still = |cache: &Cache| cache.state.position == expected;
                if !explained || self.cache.as_ref().is_some_and(still) {
                    // The log cannot explain the stored state: start over from the state.
                    self.cache = None;
                }
                Ok(Attempt::Again)
            }
            Committed::Skew | Committed::Late | Committed::Early => {
                tracing::debug!(auction = %self.auction, ?committed, "commit refused by its time");
                let skewed = committed == Committed::Skew;
                Ok(if skewed { Attempt::Skewed } else { Attempt::Again })
            }
        }
    }

    async fn now(&self) -> Result<Timestamp, LedgerError> {
        Ok(self.clock.now(&self.store, self.store.shard(&self.auction)).await?)
    }

    /// Brings the cache up to date, or fills it.
    async fn refresh(&mut self, jobs: &[Job]) -> Result<(), LedgerError> {
        if self.cache.is_some() && self.catch_up().await? {
            return Ok(());
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

    /// Applies what other workers appended since. `false`: the log does not explain how the stored state
    /// came about (a gap, a new epoch), or only at length, and the auction has to be loaded.
    async fn catch_up(&mut self) -> Result<bool, LedgerError> {
        let Some(cache) = self.cache.as_mut() else { return Ok(false) };
        let events = self.store.events_after(&self.auction, cache.state.position).await?;
        let Auction { position, epoch, .. } = cache.state;
        let follows = (position + 1..).zip(&events);
        let whole = events.len() < CATCH_UP_EVENTS_MAX;
        if !whole || follows.into_iter().any(|(at, e)| e.position != at || e.epoch != epoch) {
            return Ok(false);
        }
        for event in &events {
            apply(&mut cache.state, event);
        }
        cache.advance(&events);
        cache.synced_at = Instant::now();
        Ok(true)
    }
}

/// What became of a commit.
enum Attempt {
    /// It holds, and these are the answers.
    Held(Vec<Answer>),
    /// It has to be decided again, on what is now the fresh state and time.
    Again,
    /// The same, as it came to Redis too long after it was decided.
    Skewed,
}

/// Takes those jobs out whose callers wait no longer: who was told that it was not decided must not be
/// bid for behind their back.
fn dismiss_overdue(jobs: &mut Vec<Job>, now: Timestamp) {
    let overdue = |job: &mut Job| job.reply.is_closed() || job.not_after(now) <= now;
    for job in jobs.extract_if(.., overdue) {
        // Mostly gone already.
        let _gone = job.reply.send(Err(LedgerError::TimedOut));
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

//! Reading and writing live auctions in Redis. Decides nothing.

use std::collections::HashMap;

use gavel_core::auction::{Auction, Event, EventKind, Phase};
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::ASSERTION_LIFE_S;
use redis::{Cmd, FromRedisValue};

use super::batch::Draft;
use super::keys::{Keys, Outlet, WAKE_CHANNEL};
use crate::limits::{CACHED_IDS_MAX, CATCH_UP_EVENTS_MAX, SKEW_MS_MAX};
use crate::redis::{Connection, Redis, Script, Shard};

/// Why Redis could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// It refused, was out of reach, or did not answer in time.
    #[error("redis failed")]
    Redis(#[from] redis::RedisError),
    /// What it holds is not what a ledger writes. Fails closed: the auction is not served.
    #[error("{0} in redis is not valid")]
    Corrupt(&'static str),
}

/// How a commit went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// Everything was written.
    Ok,
    /// Another worker was faster; nothing was written.
    Moved,
    /// It was decided too long ago, or by a wrong clock; nothing was written.
    Skew,
    /// The time for it ran out between the decision and the commit; nothing was written.
    Late,
    /// The time for it has not come by Redis's clock; nothing was written.
    Early,
}

/// A whole auction as loaded.
pub(super) struct Loaded {
    pub(super) state: Auction,
    /// Accepted bids by id; `None` when there are too many to keep.
    pub(super) ids: Option<HashMap<BidId, Event>>,
    /// The log position up to which events have left the outbox.
    pub(super) relayed: u64,
}

/// How everything is written.
const COMMIT: &str = include_str!("commit.lua");
/// The same for a Redis above its `maxmemory`.
const COMMIT_WHEN_FULL: &str = concat!("#!lua flags=allow-oom\n", include_str!("commit.lua"));

/// Remembers a request, also when Redis is full: it may be the one to close an auction. KEYS 1 request;
/// ARGV 1 life in s.
const FIRST_USE: &str = "#!lua flags=allow-oom
return redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1])";

/// Redis, as the ledger uses it.
#[derive(Clone)]
pub(crate) struct Store {
    redis: Connection,
    keys: Keys,
    commit: Script,
    /// The same, and it runs when Redis is full, too.
    commit_when_full: Script,
    first_use: Script,
    time: Script,
}

impl Store {
    pub(crate) fn new(redis: &Redis) -> Self {
        Self {
            redis: redis.connection.clone(),
            keys: Keys(redis.shards),
            commit: Script::new(COMMIT),
            commit_when_full: Script::new(COMMIT_WHEN_FULL),
            first_use: Script::new(FIRST_USE),
            time: Script::new("return redis.call('TIME')"),
        }
    }

    /// The shard of an auction.
    pub(super) fn shard(&self, auction: &AuctionId) -> Shard {
        self.keys.0.of(auction)
    }

    /// Every shard there is.
    pub(super) fn shards(&self) -> impl Iterator<Item = Shard> {
        self.keys.0.all()
    }

    /// The time of a shard's node. Asked with a key, so that a node which has lost the shard sends
    /// the question on instead of answering it.
    pub(super) async fn time(&self, shard: Shard) -> Result<Timestamp, StoreError> {
        let keys = [Keys::deadlines(shard)];
        Ok(timestamp(self.time.call(shard, &keys).query(&self.redis).await?))
    }

    /// The time of any node.
    pub(super) async fn time_anywhere(&self) -> Result<Timestamp, StoreError> {
        Ok(timestamp(self.redis.query_any(redis::cmd("TIME")).await?))
    }

    /// The live state, if the auction was ever opened.
    pub(super) async fn state(&self, auction: &AuctionId) -> Result<Option<Auction>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys.state(auction)).arg("s");
        let text: Option<String> = self.query(auction, &command).await?;
        text.map(|text| parse(&text, "a state")).transpose()
    }

    /// The state with everything a sequencer caches. The state is read before the ids, so the ids
    /// may be newer than the state but never older.
    pub(super) async fn load(&self, auction: &AuctionId) -> Result<Option<Loaded>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.state(auction)).arg(&["s", "r"]);
        let (state, relayed): (Option<String>, Option<u64>) = self.query(auction, &command).await?;
        let Some(state) = state else { return Ok(None) };
        let state: Auction = parse(&state, "a state")?;
        let few = usize::try_from(state.seq).is_ok_and(|bids| bids <= CACHED_IDS_MAX);
        let ids = if few { Some(self.all_ids(auction).await?) } else { None };
        Ok(Some(Loaded { state, ids, relayed: relayed.unwrap_or(0) }))
    }

    async fn all_ids(&self, auction: &AuctionId) -> Result<HashMap<BidId, Event>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.ids(auction));
        let raw: HashMap<String, String> = self.query(auction, &command).await?;
        raw.into_iter().map(|(id, event)| accepted(&id, &event)).collect()
    }

    /// The accepted bids among `bids`.
    pub(super) async fn ids(
        &self,
        auction: &AuctionId,
        bids: &[&BidId],
    ) -> Result<HashMap<BidId, Event>, StoreError> {
        if bids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.ids(auction));
        for bid in bids {
            command.arg(bid.as_str());
        }
        let found: Vec<Option<String>> = self.query(auction, &command).await?;
        let pairs = bids.iter().zip(found).filter_map(|(bid, event)| Some((bid, event?)));
        pairs.map(|(bid, event)| accepted(bid.as_str(), &event)).collect()
    }

    /// The events after `position`, oldest first, at most [`CATCH_UP_EVENTS_MAX`].
    pub(super) async fn events_after(
        &self,
        auction: &AuctionId,
        position: u64,
    ) -> Result<Vec<Event>, StoreError> {
        let mut command = redis::cmd("XRANGE");
        command.arg(self.keys.log(auction)).arg(format!("{}-0", position.saturating_add(1)));
        command.arg("+").arg("COUNT").arg(CATCH_UP_EVENTS_MAX);
        let entries: Vec<(String, Vec<String>)> = self.query(auction, &command).await?;
        let event = |(_, fields): (String, Vec<String>)| match fields.as_slice() {
            [_, event] => parse(event, "a log entry"),
            _ => Err(StoreError::Corrupt("a log entry")),
        };
        entries.into_iter().map(event).collect()
    }

    /// Appends the events of `draft`, which was decided at `now`, and writes the state after them, if
    /// the stored position is still `expected`. Should a call ever arrive twice, the second finds another
    /// position and writes nothing. A full Redis refuses bids and nothing else: what is committed with a
    /// closing, a pause or an opening is written.
    pub(super) async fn commit(
        &self,
        expected: u64,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<(Committed, Timestamp), StoreError> {
        let after = &draft.after;
        let ms = |at: Option<Timestamp>| at.map(|at| at.as_ms().to_string()).unwrap_or_default();
        let (auction, shard) = (&after.id, self.keys.0.of(&after.id));
        let keys = [
            self.keys.state(auction),
            self.keys.log(auction),
            self.keys.ids(auction),
            Keys::outbox(shard, Outlet::Bids),
            Keys::deadlines(shard),
            Keys::unrecorded(shard),
            Keys::outbox(shard, Outlet::Messages),
        ];
        let bids_only = draft.events.iter().all(|event| matches!(event.kind, EventKind::Bid(_)));
        let script = if bids_only { &self.commit } else { &self.commit_when_full };
        let mut call = script.call(shard, &keys);
        call.arg(expected.to_string())
            .arg(now.as_ms().to_string())
            .arg(SKEW_MS_MAX.to_string())
            .arg(ms(draft.not_after))
            .arg(after.position.to_string())
            .arg(text(after)?)
            .arg(deadline(after))
            .arg(auction.as_str())
            .arg(WAKE_CHANNEL)
            .arg(shard.to_string())
            .arg(self.keys.messages_waiting_max().to_string())
            .arg(ms(draft.not_before));
        for event in &draft.events {
            let bid = match &event.kind {
                EventKind::Bid(bid) => bid.bid_id.as_str(),
                _ => "",
            };
            call.arg(event.position.to_string()).arg(bid).arg(text(event)?);
        }
        let (status, redis_now): (String, i64) = call.query(&self.redis).await?;
        let committed = match status.as_str() {
            "ok" => Committed::Ok,
            "moved" => Committed::Moved,
            "skew" => Committed::Skew,
            "late" => Committed::Late,
            "early" => Committed::Early,
            _ => return Err(StoreError::Corrupt("the commit script's answer")),
        };
        Ok((committed, Timestamp::from_ms(redis_now)))
    }

    /// The log position up to which an auction's events have left the outbox.
    pub(super) async fn relayed(&self, auction: &AuctionId) -> Result<u64, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys.state(auction)).arg("r");
        let relayed: Option<u64> = self.query(auction, &command).await?;
        Ok(relayed.unwrap_or(0))
    }

    /// When a shard's auctions are to close: the first `most`, earliest first.
    pub(super) async fn deadlines(
        &self,
        shard: Shard,
        most: usize,
    ) -> Result<Vec<(AuctionId, Timestamp)>, StoreError> {
        self.first_of(shard, Keys::deadlines(shard), most).await
    }

    /// Whether a shard has a closed auction whose result is not recorded elsewhere yet.
    pub(super) async fn any_unrecorded(&self, shard: Shard) -> Result<bool, StoreError> {
        let mut command = redis::cmd("EXISTS");
        command.arg(Keys::unrecorded(shard));
        Ok(self.redis.query(shard, &command).await?)
    }

    /// A shard's closed auctions whose result is not recorded elsewhere yet, and when they were closed:
    /// the first `most`.
    pub(super) async fn unrecorded(
        &self,
        shard: Shard,
        most: usize,
    ) -> Result<Vec<(AuctionId, Timestamp)>, StoreError> {
        self.first_of(shard, Keys::unrecorded(shard), most).await
    }

    async fn first_of(
        &self,
        shard: Shard,
        set: String,
        most: usize,
    ) -> Result<Vec<(AuctionId, Timestamp)>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(set).arg(0).arg(most.saturating_sub(1)).arg("WITHSCORES");
        let found: Vec<(String, i64)> = self.redis.query(shard, &command).await?;
        let read = |(text, at): (String, i64)| {
            let Ok(auction) = AuctionId::parse(&text) else {
                tracing::error!(member = text, "not an auction, passed over");
                return None;
            };
            Some((auction, Timestamp::from_ms(at)))
        };
        Ok(found.into_iter().filter_map(read).collect())
    }

    /// Notes that the result of a closed auction is recorded elsewhere.
    pub(super) async fn recorded(&self, auction: &AuctionId) -> Result<(), StoreError> {
        let mut command = redis::cmd("ZREM");
        command.arg(Keys::unrecorded(self.shard(auction))).arg(auction.as_str());
        self.query(auction, &command).await
    }

    /// The shard of what belongs to a person.
    pub(super) fn shard_of_user(&self, user: &UserId) -> Shard {
        self.keys.0.of_user(user)
    }

    /// Remembers the id of a request for as long as its assertion could be replayed. It is kept in the
    /// shard of what it is about, so that a lost node stops no other requests.
    pub(super) async fn first_use(
        &self,
        shard: Shard,
        request_id: &str,
    ) -> Result<bool, StoreError> {
        let life_s = ASSERTION_LIFE_S.saturating_mul(2);
        let keys = [Keys::request(shard, request_id)];
        let mut call = self.first_use.call(shard, &keys);
        let set: Option<String> = call.arg(life_s).query(&self.redis).await?;
        Ok(set.is_some())
    }

    /// Asks Redis whether it answers.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.redis.query_any(redis::cmd("PING")).await?)
    }

    async fn query<T: FromRedisValue>(
        &self,
        auction: &AuctionId,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        Ok(self.redis.query(self.shard(auction), command).await?)
    }
}

/// What `TIME` answers, seconds and microseconds, in milliseconds.
fn timestamp((seconds, micros): (i64, i64)) -> Timestamp {
    Timestamp::from_ms(seconds.saturating_mul(1_000).saturating_add(micros / 1_000))
}

/// When the timer must close it: at its end while live, never while scheduled or paused. A closed one
/// waits to be recorded instead.
fn deadline(state: &Auction) -> String {
    match state.phase {
        Phase::Live { .. } => {
            state.closes_at().map(|at| at.as_ms().to_string()).unwrap_or_default()
        }
        Phase::Closed { .. } => "closed".to_owned(),
        Phase::Scheduled | Phase::Paused { .. } => String::new(),
    }
}

fn accepted(id: &str, event: &str) -> Result<(BidId, Event), StoreError> {
    let id = BidId::parse(id).map_err(|_| StoreError::Corrupt("a bid id"))?;
    Ok((id, parse(event, "an accepted bid")?))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt(what))
}

fn text<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("a value to write"))
}

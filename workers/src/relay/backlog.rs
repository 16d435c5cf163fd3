//! What waits in the outboxes, as gauges for whoever watches. Every process with the role tells of all
//! shards, also of those that another one works on, or none. An outbox that was empty a moment ago is not
//! asked again.

use std::time::Duration;

use redis::RedisResult;
use tokio_util::sync::CancellationToken;

use super::filled::Filled;
use crate::ledger::keys::{Keys, Outlet};
use crate::limits::BACKLOG_TICK;
use crate::redis::{Redis, Script};

/// KEYS 1 outbox. Gives how many entries wait and the age of the oldest in ms, by Redis's own clock.
const BACKLOG: &str = "
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not oldest then return {0, 0} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local added = tonumber(string.match(oldest[1], '^%d+'))
return {redis.call('XLEN', KEYS[1]), math.max(now - added, 0)}";

/// What waits for one outlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Backlog {
    /// In all shards.
    events: u64,
    /// Of the oldest event.
    age: Duration,
}

/// Tells until `stop` what waits for each outlet.
pub(super) async fn tell(redis: &Redis, filled: &Filled, stop: &CancellationToken) {
    let script = Script::new(BACKLOG);
    while tokio::time::timeout(BACKLOG_TICK, stop.cancelled()).await.is_err() {
        for outlet in Outlet::ALL {
            publish(outlet, look(redis, outlet, filled, &script).await);
        }
    }
}

/// What waits in the shards that answer: a lost one must not hide what waits in the others.
async fn look(redis: &Redis, outlet: Outlet, filled: &Filled, script: &Script) -> Backlog {
    let mut all = Backlog::default();
    for shard in redis.shards.all().filter(|shard| filled.is(*shard, outlet)) {
        let keys = [Keys::outbox(shard, outlet)];
        let looked: RedisResult<(u64, u64)> =
            script.call(shard, &keys).query(&redis.connection).await;
        match looked {
            Ok((events, age_ms)) => {
                all.events = all.events.saturating_add(events);
                all.age = all.age.max(Duration::from_millis(age_ms));
            }
            Err(error) => {
                super::failed(outlet);
                tracing::warn!(shard, ?outlet, ?error, "an outbox could not be looked at");
            }
        }
    }
    all
}

fn publish(outlet: Outlet, backlog: Backlog) {
    let events = u32::try_from(backlog.events).unwrap_or(u32::MAX);
    metrics::gauge!("gavel_relay_outbox_events", "outlet" => outlet.name()).set(events);
    // Only a bidder waits for an answer; a message to a person that is late is merely late.
    if outlet == Outlet::Bids {
        metrics::gauge!("gavel_relay_oldest_unconfirmed_seconds").set(backlog.age.as_secs_f64());
    }
}

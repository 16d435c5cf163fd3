//! Looking at the outboxes without their leases, so that a relay with nothing to do costs next to
//! nothing: one command for both outboxes of a shard. Where something waits, whoever relays it is woken;
//! the wake-ups that commits publish are faster, and this is for those that are lost.
//!
//! It is also how a relay takes over: what another one has taken on and not finished still waits, so it
//! is tried again at every look, until the other's lease is over.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use redis::RedisResult;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::backlog;
use super::filled::Filled;
use crate::ledger::Wakes;
use crate::ledger::keys::{Keys, Outlet};
use crate::limits::{OUTBOX_POLL, RETRY_PAUSE_MAX};
use crate::redis::{Redis, Shard};

/// Watches all outboxes until `stop`: wakes the relays of this process, and tells how much waits.
pub(crate) async fn watch(redis: Redis, wakes: Wakes, stop: CancellationToken) {
    let filled = Filled::new(redis.shards);
    futures::join!(
        keep_looking(&redis, &wakes, &filled, &stop),
        backlog::tell(&redis, &filled, &stop)
    );
}

/// Looks at all shards, in one question to each node. One that takes long is left to go on, and not
/// asked twice at once.
async fn keep_looking(redis: &Redis, wakes: &Wakes, filled: &Filled, stop: &CancellationToken) {
    let mut ticks = interval(OUTBOX_POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let together = redis.connection.together(redis.shards.all());
    let mut idle: Vec<_> = together.into_iter().map(|shards| (shards, Duration::ZERO)).collect();
    let mut looks = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {
                looks.extend(idle.drain(..).map(|(shards, pause)| async move {
                    sleep(pause).await;
                    let found = look(redis, &shards).await;
                    (shards, pause, found)
                }));
            }
            Some((shards, pause, found)) = looks.next() => {
                for shard in &shards {
                    note(wakes, filled, *shard, found.as_deref().ok());
                }
                let pause = found.map(|_| Duration::ZERO).unwrap_or_else(|error| {
                    tracing::warn!(?shards, ?error, "outboxes not looked at, trying again");
                    (pause * 2).clamp(OUTBOX_POLL, RETRY_PAUSE_MAX)
                });
                idle.push((shards, pause));
            }
        }
    }
}

/// Wakes those of `shard` for which something was `found`. Without an answer none is known to be empty.
fn note(wakes: &Wakes, filled: &Filled, shard: Shard, found: Option<&[Outbox]>) {
    for outlet in Outlet::ALL {
        let waits = found.map(|found| found.contains(&(shard, outlet)));
        filled.note(shard, outlet, waits.unwrap_or(true));
        match waits {
            Some(true) => wakes.wake_outbox(shard, outlet),
            Some(false) => {}
            None => super::failed(outlet),
        }
    }
}

/// Of which shard, for whom.
type Outbox = (Shard, Outlet);

/// The outboxes of `shards`, which are together, in which something waits.
async fn look(redis: &Redis, shards: &[Shard]) -> RedisResult<Vec<Outbox>> {
    let Some(first) = shards.first() else { return Ok(Vec::new()) };
    let outboxes = shards.iter().flat_map(|shard| Outlet::ALL.map(|outlet| (*shard, outlet)));
    let keyed: Vec<(Outbox, String)> =
        outboxes.map(|(shard, outlet)| ((shard, outlet), Keys::outbox(shard, outlet))).collect();
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(1).arg("STREAMS");
    for (_, key) in &keyed {
        command.arg(key);
    }
    // All from their beginning.
    command.arg(vec!["0"; keyed.len()]);
    // The name of each that has something, and that.
    let found: Option<Vec<(String, redis::Value)>> =
        redis.connection.query(*first, &command).await?;
    let found = found.unwrap_or_default();
    let waits = |key: &String| found.iter().any(|(name, _)| name == key);
    Ok(keyed.into_iter().filter(|(_, key)| waits(key)).map(|(outbox, _)| outbox).collect())
}

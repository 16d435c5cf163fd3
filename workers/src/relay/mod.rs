//! Carries events out of Redis into the bid queue and the notification queue, at least once and in order
//! within an auction. Each queue has an outbox of its own, so neither waits for the other.
//!
//! An entry leaves the outbox only after SQS has accepted it, so a crash between the two sends it
//! again: whoever reads the queue must not mind. One relay works on a shard at a time (a lease), which
//! keeps an auction's messages in order; were two to overlap, the result would still be complete.
//!
//! What the queue refuses of one auction waits alone, and an entry that cannot be read is set aside: one
//! auction's trouble is not its shard's.
//!
//! A relay holds its lease only while it works, however long the queue takes. At rest it waits to be
//! woken: by the wake-up that every commit publishes, and by [`watch`], which looks at all outboxes every
//! [`OUTBOX_POLL`](crate::limits::OUTBOX_POLL) and wakes whoever has something to do. So a lost wake-up
//! costs a bid at most that interval, and the entries of a relay that died are taken on as soon as its
//! lease is over: at rest there is none to wait for.

mod backlog;
mod entry;
mod filled;
mod message;
mod outbox;
mod queue;
mod round;
#[cfg(test)]
mod tests;
mod waiting;
mod watch;

use std::time::Duration;

use gavel_core::auction::Event;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::outbox::Outbox;
pub(crate) use self::queue::EventQueue;
use self::round::{Relay, Round};
pub(crate) use self::watch::watch;
use crate::ledger::Wakes;
use crate::ledger::keys::Outlet;
use crate::limits::{OUTBOX_POLL, RETRY_PAUSE_MAX, RETRY_PAUSE_MIN};
use crate::redis::Redis;

/// The body of one message: consecutive events of one auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBatch {
    /// Oldest first.
    pub events: Vec<Event>,
}

impl EventBatch {
    /// Reads the body of a message from `queue`; one that is not what a relay writes is logged.
    pub(crate) fn read(body: &str, queue: &'static str) -> Option<Self> {
        serde_json::from_str(body)
            .inspect_err(|error| tracing::error!(%error, queue, "unreadable message on a queue"))
            .ok()
    }
}

/// Relays every shard's outbox for `outlet` into `queue` until `stop`, then finishes the round at hand.
/// Takes a [`watch`] in the same process.
pub(crate) async fn run(
    redis: Redis,
    wakes: Wakes,
    outlet: Outlet,
    queue: EventQueue,
    stop: CancellationToken,
) {
    // From 0 on, or the alarm would not see the first one.
    set_aside(outlet).increment(0);
    let mut shards = JoinSet::new();
    for shard in redis.shards.all() {
        let relay = Relay::new(Outbox::new(&redis, shard, outlet), queue.clone());
        shards.spawn(relay_shard(relay, wakes.clone(), stop.clone()));
    }
    // A shard that panics takes the role with it: a silent shard would answer no bid for ever.
    shards.join_all().await;
}

async fn relay_shard(mut relay: Relay, wakes: Wakes, stop: CancellationToken) {
    let (shard, outlet) = (relay.outbox.shard, relay.outbox.outlet);
    let mut pause = Duration::ZERO;
    while !stop.is_cancelled() {
        let turn = relay.round().await;
        if turn.is_ok() {
            pause = Duration::ZERO;
        }
        let woken = wakes.outbox(shard, outlet);
        let rest = async {
            match turn {
                Ok(Round::More) => {}
                Ok(Round::Idle { until: None }) => woken.await,
                Ok(Round::Idle { until: Some(until) }) => {
                    let _woken = tokio::time::timeout_at(until, woken).await;
                }
                // Every commit wakes whoever listens. Only the one at work is to hear of each.
                Ok(Round::NotOurs) => {
                    sleep(OUTBOX_POLL).await;
                    woken.await;
                }
                Err(error) => {
                    pause = (pause * 2).clamp(RETRY_PAUSE_MIN, RETRY_PAUSE_MAX);
                    failed(outlet);
                    let outlet = outlet.name();
                    tracing::warn!(shard, outlet, ?error, "outbox not relayed, trying again");
                    sleep(pause).await;
                }
            }
        };
        let _stopped = stop.run_until_cancelled(rest).await;
    }
    relay.outbox.release().await;
}

/// The counter of events set aside.
fn set_aside(outlet: Outlet) -> metrics::Counter {
    metrics::counter!("gavel_relay_set_aside_total", "outlet" => outlet.name())
}

/// Counts a failure, for the alarm.
fn failed(outlet: Outlet) {
    metrics::counter!("gavel_relay_failures_total", "outlet" => outlet.name()).increment(1);
}

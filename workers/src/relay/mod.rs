//! Carries events out of Redis into the bid queue and the notification queue, at least once and in order
//! within an auction. Each queue has an outbox of its own, so neither waits for the other.
//!
//! An entry leaves the outbox only after SQS has accepted it, so a crash between the two sends it
//! again: whoever reads the queue must not mind. One relay works on a shard at a time (a lease), which
//! keeps an auction's messages in order; were two to overlap, the result would still be complete.
//!
//! A relay holds its lease only while it works, however long the queue takes. At rest it waits to be woken: by the wake-up that every
//! commit publishes, and by [`watch`], which looks at all outboxes every
//! [`OUTBOX_POLL`](crate::limits::OUTBOX_POLL) and wakes whoever has something to do. So a lost wake-up
//! costs a bid at most that interval, and the entries of a relay that died are taken on as soon as its
//! lease is over: at rest there is none to wait for.

mod backlog;
mod message;
mod outbox;
mod queue;
#[cfg(test)]
mod tests;
mod watch;

use std::convert::Infallible;
use std::time::Duration;

use gavel_core::auction::Event;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::message::pack;
use self::outbox::Outbox;
pub(crate) use self::queue::EventQueue;
pub(crate) use self::watch::watch;
use crate::ledger::Wakes;
use crate::ledger::keys::Outlet;
use crate::limits::{OUTBOX_POLL, RELAY_RENEW_EVERY, RETRY_PAUSE_MAX};
use crate::redis::{Redis, Shard};

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
    let mut shards = JoinSet::new();
    for shard in redis.shards.all() {
        let outbox = Outbox::new(&redis, shard, outlet);
        shards.spawn(relay_shard(shard, outbox, wakes.clone(), queue.clone(), stop.clone()));
    }
    // A shard that panics takes the role with it: a silent shard would answer no bid for ever.
    shards.join_all().await;
}

async fn relay_shard(
    shard: Shard,
    outbox: Outbox,
    wakes: Wakes,
    queue: EventQueue,
    stop: CancellationToken,
) {
    let mut pause = Duration::ZERO;
    while !stop.is_cancelled() {
        let turn = round(&outbox, &queue).await;
        if turn.is_ok() {
            pause = Duration::ZERO;
        }
        let woken = wakes.outbox(shard, outbox.outlet);
        let rest = async {
            match turn {
                Ok(Round::Sent) => {}
                Ok(Round::Empty) => woken.await,
                // Every commit wakes whoever listens. Only the one at work is to hear of each.
                Ok(Round::NotOurs) => {
                    sleep(OUTBOX_POLL).await;
                    woken.await;
                }
                Err(error) => {
                    pause = (pause * 2).clamp(Duration::from_millis(50), RETRY_PAUSE_MAX);
                    failed(outbox.outlet);
                    let outlet = outbox.outlet.name();
                    tracing::warn!(shard, outlet, ?error, "outbox not relayed, trying again");
                    sleep(pause).await;
                }
            }
        };
        let _stopped = stop.run_until_cancelled(rest).await;
    }
    outbox.release().await;
}

/// Counts a failure, for the alarm.
fn failed(outlet: Outlet) {
    metrics::counter!("gavel_relay_failures_total", "outlet" => outlet.name()).increment(1);
}

enum Round {
    /// Everything looked at was sent; there may be more.
    Sent,
    /// Nothing to send.
    Empty,
    /// Another relay works on this shard.
    NotOurs,
}

/// Why a round failed. Always worth another try: the entries are still there.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox could not be read or trimmed")]
    Redis(#[from] redis::RedisError),
    #[error("an outbox entry is not valid")]
    Corrupt(#[from] serde_json::Error),
    #[error("the queue did not take {failed} of {sent} messages: {reason}")]
    Queue { failed: usize, sent: usize, reason: String },
}

async fn round(outbox: &Outbox, queue: &EventQueue) -> Result<Round, RelayError> {
    if !outbox.own().await? {
        return Ok(Round::NotOurs);
    }
    let entries = outbox.entries().await?;
    if entries.is_empty() {
        return Ok(Round::Empty);
    }
    let messages = pack(entries)?;
    let outcome = tokio::select! {
        outcome = queue.send(&messages) => outcome,
        never = keep(outbox) => match never {},
    };
    for message in outcome.accepted.iter().filter_map(|index| messages.get(*index)) {
        outbox.relayed(message).await?;
        metrics::counter!("gavel_relay_messages_total").increment(1);
    }
    match outcome.failure {
        None => Ok(Round::Sent),
        Some(reason) => Err(RelayError::Queue {
            failed: messages.len().saturating_sub(outcome.accepted.len()),
            sent: messages.len(),
            reason,
        }),
    }
}

/// Keeps the lease for as long as the queue takes over a batch: else another relay would send it, too.
async fn keep(outbox: &Outbox) -> Infallible {
    loop {
        sleep(RELAY_RENEW_EVERY).await;
        if let Err(error) = outbox.own().await {
            tracing::warn!(shard = outbox.shard, ?error, "lease on an outbox not renewed");
        }
    }
}

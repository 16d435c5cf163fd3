//! Wake-ups over Redis pub/sub: "something happened in this shard", "this auction was relayed up to
//! here", "something is to open". Delivered at most once, so nothing depends on one: whoever waits also
//! looks for itself.
//!
//! How often it looks depends on whether wake-ups are heard, which [`Wakes::heard`] tells: only while the
//! subscription has proved lately that it is alive. A connection that is closed is noticed at once, one
//! that died without a word within [`WAKE_SILENCE_MAX`](crate::limits::WAKE_SILENCE_MAX), because the
//! node is asked again and again over the subscription itself. Whenever that changes, everybody is woken:
//! what was published while nobody heard is looked for when somebody does again, and whoever sleeps long
//! because wake-ups came knows that they come no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use gavel_core::ids::AuctionId;
use redis::RedisResult;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::acknowledge::Relayed;
use super::keys::{Outlet, WAKE_CHANNEL};
use crate::limits::RETRY_PAUSE_MAX;
use crate::redis::{Redis, Shard};

/// What is published when something is to open, now or later.
const SCHEDULE: &str = "s";

/// Who is woken. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wakes {
    /// The relayed positions bids wait for.
    pub(crate) relayed: Relayed,
    shards: Arc<[Waiters]>,
    schedule: Arc<Schedule>,
    heard: Arc<AtomicBool>,
}

/// Those of one shard, each of them one task of this process.
#[derive(Default)]
struct Waiters {
    bids: Notify,
    messages: Notify,
    deadlines: Notify,
}

/// Who is told that something is to open.
#[derive(Default)]
struct Schedule {
    /// The timer of this process.
    timer: Notify,
    /// Whoever tells the other processes.
    teller: Notify,
}

impl Wakes {
    pub(crate) fn new(redis: &Redis) -> Self {
        let shards = redis.shards.all().map(|_| Waiters::default()).collect();
        let (relayed, schedule) = (Relayed::default(), Arc::default());
        Self { relayed, shards, schedule, heard: Arc::default() }
    }

    /// Whether wake-ups are heard, as far as is known.
    pub(crate) fn heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Waits until `shard`'s outbox for `outlet` has something, or says so by mistake.
    pub(crate) async fn outbox(&self, shard: Shard, outlet: Outlet) {
        match self.waiters(shard) {
            Some(waiters) => waiters.outlet(outlet).notified().await,
            None => std::future::pending().await,
        }
    }

    /// Tells the relay of this process that an outbox has something.
    pub(crate) fn wake_outbox(&self, shard: Shard, outlet: Outlet) {
        if let Some(waiters) = self.waiters(shard) {
            waiters.outlet(outlet).notify_one();
        }
    }

    /// Waits until a deadline of `shard` may have changed, or one of its auctions was closed.
    pub(crate) async fn deadlines(&self, shard: Shard) {
        match self.waiters(shard) {
            Some(waiters) => waiters.deadlines.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until something is to open that was not before.
    pub(crate) async fn schedule(&self) {
        self.schedule.timer.notified().await;
    }

    /// Tells all timers that something is to open, now or later. Waits for nothing.
    pub(crate) fn schedule_changed(&self) {
        self.schedule.timer.notify_one();
        self.schedule.teller.notify_one();
    }

    /// Has it look as if wake-ups were heard, though nobody listens.
    #[cfg(test)]
    pub(crate) fn pretend_heard(&self) {
        self.turn(true);
    }

    fn waiters(&self, shard: Shard) -> Option<&Waiters> {
        self.shards.get(usize::from(shard))
    }

    fn wake(&self, message: &str) {
        if message == SCHEDULE {
            self.schedule.timer.notify_one();
        } else if let Some(shard) = message.strip_prefix("o:") {
            if let Some(waiters) = shard.parse().ok().and_then(|shard| self.waiters(shard)) {
                waiters.wake();
            }
        } else if let Some((position, auction)) =
            message.strip_prefix("r:").and_then(|rest| rest.split_once(':'))
            && let (Ok(position), Ok(auction)) = (position.parse(), AuctionId::parse(auction))
        {
            self.relayed.reached(&auction, position);
        }
    }

    /// Notes whether wake-ups are heard from now on.
    fn turn(&self, heard: bool) {
        if self.heard.swap(heard, Ordering::Relaxed) != heard {
            self.shards.iter().for_each(Waiters::wake);
            self.schedule.timer.notify_one();
        }
    }
}

impl Waiters {
    const fn outlet(&self, outlet: Outlet) -> &Notify {
        match outlet {
            Outlet::Bids => &self.bids,
            Outlet::Messages => &self.messages,
        }
    }

    fn wake(&self) {
        for waiter in [&self.bids, &self.messages, &self.deadlines] {
            waiter.notify_one();
        }
    }
}

/// Listens until `stop`, subscribing again whenever the connection is lost, or silent for `silence`
/// although it was asked: it may be gone without a word, and a new one costs little. In a cluster the
/// next one is at another node.
pub(crate) async fn listen(redis: Redis, wakes: Wakes, silence: Duration, stop: CancellationToken) {
    while let Some(ended) = stop.run_until_cancelled(hear(&redis, &wakes, silence)).await {
        wakes.turn(false);
        if let Err(error) = ended {
            tracing::warn!(?error, "wake-up subscription lost, subscribing again");
        }
        if stop.run_until_cancelled(sleep(RETRY_PAUSE_MAX / 4)).await.is_none() {
            return;
        }
    }
}

/// Hears wake-ups for as long as the subscription is alive.
async fn hear(redis: &Redis, wakes: &Wakes, silence: Duration) -> RedisResult<()> {
    let (mut questions, mut messages) = redis.connection.subscribe(WAKE_CHANNEL).await?.split();
    wakes.turn(true);
    let hearing = async {
        while let Some(message) = messages.next().await {
            wakes.wake(&message.get_payload::<String>()?);
        }
        Ok(())
    };
    let asking = async {
        loop {
            sleep(silence / 2).await;
            match timeout(silence / 2, questions.ping::<redis::Value>()).await {
                Ok(answer) => drop(answer?),
                Err(_elapsed) => return Ok(()),
            }
        }
    };
    tokio::select! {
        ended = hearing => ended,
        ended = asking => ended,
    }
}

/// Tells the other processes, until `stop`, when this one has something to open. A task of its own, so
/// that no request waits for it or fails with it.
pub(crate) async fn tell(redis: Redis, wakes: Wakes, stop: CancellationToken) {
    while stop.run_until_cancelled(wakes.schedule.teller.notified()).await.is_some() {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(WAKE_CHANNEL).arg(SCHEDULE);
        let told: RedisResult<()> = redis.connection.query_any(publish).await;
        if let Err(error) = told {
            tracing::warn!(?error, "timers not told of what is to open, they look for themselves");
        }
    }
}

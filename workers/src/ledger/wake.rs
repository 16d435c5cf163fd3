//! Wake-ups over Redis pub/sub: "this shard's outbox has something" and "this auction was relayed up
//! to here". Delivered at most once, so nothing depends on one: whoever waits also polls.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use gavel_core::ids::AuctionId;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::acknowledge::Relayed;
use super::connection::Redis;
use super::keys::{Outlet, Shard, WAKE_CHANNEL};
use crate::limits::RETRY_PAUSE_MAX;

/// Who is woken.
#[derive(Clone)]
pub(crate) struct Wakes {
    /// The relayed positions bids wait for.
    pub(crate) relayed: Relayed,
    outboxes: Arc<[Outboxes]>,
}

/// One shard's.
#[derive(Default)]
struct Outboxes {
    bids: Notify,
    messages: Notify,
}

impl Wakes {
    pub(crate) fn new(redis: &Redis) -> Self {
        let outboxes = redis.keys.shards().map(|_| Outboxes::default()).collect();
        Self { relayed: Relayed::default(), outboxes }
    }

    /// Waits until `shard`'s outbox for `outlet` has something, or says so by mistake.
    pub(crate) async fn outbox(&self, shard: Shard, outlet: Outlet) {
        match (self.outboxes.get(usize::from(shard)), outlet) {
            (Some(outboxes), Outlet::Bids) => outboxes.bids.notified().await,
            (Some(outboxes), Outlet::Messages) => outboxes.messages.notified().await,
            (None, _) => std::future::pending().await,
        }
    }

    fn wake(&self, message: &str) {
        if let Some(shard) = message.strip_prefix("o:") {
            if let Some(outboxes) = shard.parse().ok().and_then(|n: usize| self.outboxes.get(n)) {
                outboxes.bids.notify_one();
                outboxes.messages.notify_one();
            }
        } else if let Some((position, auction)) =
            message.strip_prefix("r:").and_then(|rest| rest.split_once(':'))
            && let (Ok(position), Ok(auction)) = (position.parse(), AuctionId::parse(auction))
        {
            self.relayed.reached(&auction, position);
        }
    }
}

/// Listens until `stop`, subscribing again whenever the connection is lost, or silent for longer than
/// `silence`: it may be gone without a word, and a new one costs little. In a cluster the next one is at
/// another node.
pub(crate) async fn listen(redis: Redis, wakes: Wakes, silence: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let listening = async {
            let mut subscription = redis.connection.subscribe(WAKE_CHANNEL).await?;
            let mut messages = subscription.on_message();
            while let Ok(Some(message)) = timeout(silence, messages.next()).await {
                wakes.wake(&message.get_payload::<String>()?);
            }
            Ok::<_, redis::RedisError>(())
        };
        tokio::select! {
            () = stop.cancelled() => return,
            ended = listening => {
                if let Err(error) = ended {
                    tracing::warn!(?error, "wake-up subscription lost, subscribing again");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY_PAUSE_MAX / 4) => {}
        }
    }
}

//! Whether Redis has room for new bids, by its nodes' own figures. Bids are refused before Redis must
//! refuse them: what is left is for relaying and closing, and for what else its other users write.
//!
//! A figure is some seconds old at most, and of a node that does not answer the last one holds. When bids
//! fill what is left in that time, Redis refuses them itself, and nothing but them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::limits::MEMORY_TICK;
use crate::redis::{Redis, Shard, Shards};

/// For each shard, whether its node has no room for new bids. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Room {
    short: Arc<[AtomicBool]>,
}

impl Room {
    /// Room everywhere, until it is measured.
    pub(super) fn new(shards: Shards) -> Self {
        Self { short: shards.all().map(|_| AtomicBool::new(false)).collect() }
    }

    /// Whether new bids are to be refused.
    pub(super) fn is_short(&self, shard: Shard) -> bool {
        self.short.get(usize::from(shard)).is_some_and(|short| short.load(Ordering::Relaxed))
    }

    /// Measures every node until `stop`: room is short from `full_percent` of its `maxmemory` on.
    pub(crate) async fn watch(self, redis: Redis, full_percent: u64, stop: CancellationToken) {
        let mut ticks = interval(MEMORY_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let nodes = redis.connection.by_node(redis.shards.all());
            let measured = nodes.iter().map(|shards| self.measure(&redis, shards, full_percent));
            let fullest = join_all(measured).await.into_iter().max().unwrap_or(0);
            let short = redis.shards.all().filter(|shard| self.is_short(*shard)).count();
            let gauge = |figure| u32::try_from(figure).unwrap_or(u32::MAX);
            metrics::gauge!("gavel_redis_memory_percent").set(gauge(fullest));
            let short = u64::try_from(short).unwrap_or(u64::MAX);
            metrics::gauge!("gavel_ledger_shards_suspended").set(gauge(short));
        }
    }

    /// Asks the node of `shards` and notes how it is; gives the percentage in use, as far as is known.
    async fn measure(&self, redis: &Redis, shards: &[Shard], full_percent: u64) -> u64 {
        let Some(first) = shards.first() else { return 0 };
        let mut command = redis::cmd("INFO");
        command.arg("memory");
        let used = match redis.connection.query::<String>(*first, &command).await {
            Ok(info) => used_percent(&info),
            Err(error) => {
                tracing::warn!(?shards, ?error, "memory of redis not measured");
                return 0;
            }
        };
        for short in shards.iter().filter_map(|shard| self.short.get(usize::from(*shard))) {
            let is = used >= full_percent;
            if short.swap(is, Ordering::Relaxed) != is {
                tracing::warn!(?shards, used_percent = used, suspended = is, "room for new bids");
            }
        }
        used
    }
}

/// How much of `maxmemory` is in use, in percent, as Redis reckons when it refuses a write: without what
/// is on its way to replicas. 0 where there is no limit.
fn used_percent(info: &str) -> u64 {
    let figure = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let used = figure("used_memory").saturating_sub(figure("mem_not_counted_for_evict"));
    used.saturating_mul(100).checked_div(figure("maxmemory")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_use_is_told_in_percent_of_what_redis_may_take() {
        let info = "# Memory\r\nused_memory:950\r\nused_memory_rss:5\r\nmaxmemory:1000\r\n";
        assert_eq!(used_percent(info), 95);
        let info = format!("{info}mem_not_counted_for_evict:100\r\n");
        assert_eq!(used_percent(&info), 85, "a replica's buffer is not counted");
        assert_eq!(used_percent("used_memory:950\r\nmaxmemory:0\r\n"), 0, "no limit");
        assert_eq!(used_percent(""), 0);
    }
}

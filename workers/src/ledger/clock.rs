//! The server's clock: Redis time, kept as an offset to this machine's steady clock, so that no
//! worker's wall clock matters. Each shard has its own, since each may be at a node of its own.
//!
//! A sample is taken when a reply arrives, so the estimate lags by the way back and never leads; the
//! commit script checks the real time, which is what keeps late bids out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gavel_core::time::Timestamp;

use super::store::{Store, StoreError};
use crate::limits::CLOCK_AGE_MAX;
use crate::redis::Shard;

/// The offset of each shard to its Redis time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    samples: Mutex<Samples>,
}

#[derive(Debug, Default)]
struct Samples {
    of_shards: HashMap<Shard, Sample>,
    latest: Option<Sample>,
}

/// When a reply came, and what time it told.
type Sample = (Instant, Timestamp);

impl Clock {
    /// Notes that the node of `shard` said `redis_now` just now.
    pub(super) fn note(&self, shard: Shard, redis_now: Timestamp) {
        let (sample, mut samples) = ((Instant::now(), redis_now), self.lock());
        samples.of_shards.insert(shard, sample);
        samples.latest = Some(sample);
    }

    /// Notes that some node said `redis_now` just now.
    pub(super) fn note_any(&self, redis_now: Timestamp) {
        self.lock().latest = Some((Instant::now(), redis_now));
    }

    /// Redis time by the last sample of any node, however old. For what goes by seconds.
    pub(super) fn roughly(&self) -> Option<Timestamp> {
        let (taken, redis_now) = self.lock().latest?;
        Some(later(redis_now, taken.elapsed()))
    }

    /// Redis time: from the last sample while it is recent, else asked for.
    pub(super) async fn now(&self, store: &Store, shard: Shard) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.recent(shard) {
            return Ok(now);
        }
        let now = store.time(shard).await?;
        self.note(shard, now);
        Ok(now)
    }

    fn recent(&self, shard: Shard) -> Option<Timestamp> {
        let (taken, redis_now) = *self.lock().of_shards.get(&shard)?;
        let age = taken.elapsed();
        (age <= CLOCK_AGE_MAX).then(|| later(redis_now, age))
    }

    fn lock(&self) -> MutexGuard<'_, Samples> {
        // Samples are plain copies: a panic elsewhere cannot leave one half written.
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.plus_ms(u64::try_from(by.as_millis()).unwrap_or(u64::MAX))
}

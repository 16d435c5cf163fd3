//! The server's clock: Redis time, kept as an offset to this machine's steady clock, so that no
//! worker's wall clock matters. Each shard has its own, since each may be at a node of its own.
//!
//! A sample is taken when a reply arrives, so the estimate lags by the way back and never leads; the
//! commit script checks the real time, which is what keeps late bids out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gavel_core::time::Timestamp;

use super::store::{Store, StoreError};
use crate::limits::CLOCK_AGE_MAX;
use crate::redis::Shard;

/// The offset of each shard to its Redis time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    samples: Mutex<HashMap<Shard, (Instant, Timestamp)>>,
}

impl Clock {
    /// Notes that the node of `shard` said `redis_now` just now.
    pub(super) fn note(&self, shard: Shard, redis_now: Timestamp) {
        self.lock().insert(shard, (Instant::now(), redis_now));
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
        let (taken, redis_now) = *self.lock().get(&shard)?;
        let age = taken.elapsed();
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        (age <= CLOCK_AGE_MAX).then(|| redis_now.plus_ms(age_ms))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Shard, (Instant, Timestamp)>> {
        // Samples are plain copies: a panic elsewhere cannot leave one half written.
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

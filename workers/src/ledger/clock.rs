//! The server's clock: Redis time, kept as an offset to this machine's steady clock, so that no
//! worker's wall clock matters.
//!
//! A sample is taken when a reply arrives, so the estimate lags by the way back and never leads; the
//! commit script checks the real time, which is what keeps late bids out.

use std::sync::Mutex;
use std::time::Instant;

use gavel_core::time::Timestamp;

use super::store::{Store, StoreError};
use crate::limits::CLOCK_AGE_MAX;

/// The offset to Redis time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    sample: Mutex<Option<(Instant, Timestamp)>>,
}

impl Clock {
    /// Notes that Redis said `redis_now` just now.
    pub(super) fn note(&self, redis_now: Timestamp) {
        *self.lock() = Some((Instant::now(), redis_now));
    }

    /// Redis time: from the last sample while it is recent, else asked for.
    pub(super) async fn now(&self, store: &Store) -> Result<Timestamp, StoreError> {
        if let Some(now) = self.recent() {
            return Ok(now);
        }
        let now = store.time().await?;
        self.note(now);
        Ok(now)
    }

    fn recent(&self) -> Option<Timestamp> {
        let (taken, redis_now) = (*self.lock())?;
        let age = taken.elapsed();
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        (age <= CLOCK_AGE_MAX).then(|| redis_now.plus_ms(age_ms))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Timestamp)>> {
        // The value is a plain copy: a panic elsewhere cannot leave it half written.
        self.sample.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

//! How often one person may ask for stream keys, so that nobody uses up what all sellers share.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use gavel_core::ids::UserId;
use lru::LruCache;
use tokio::time::Instant;

use super::VideoError;
use crate::limits::{KEYS_ASKED_AT_ONCE, KEYS_ASKED_EVERY, KEYS_ASKERS_MAX};

/// Who asked, and when what they asked is used up again. Cheap to clone; each worker has its own.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    used_until: Arc<Mutex<LruCache<UserId, Instant>>>,
}

impl Default for Asking {
    fn default() -> Self {
        let most = NonZeroUsize::new(KEYS_ASKERS_MAX).unwrap_or(NonZeroUsize::MIN);
        Self { used_until: Arc::new(Mutex::new(LruCache::new(most))) }
    }
}

impl Asking {
    /// Notes that `user` asks, or says that it is too often.
    pub(super) fn asked(&self, user: &UserId) -> Result<(), VideoError> {
        let now = Instant::now();
        // One insertion: a panic elsewhere cannot leave it half done.
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = used_until.get(user).copied().unwrap_or(now).max(now) + KEYS_ASKED_EVERY;
        let early = until.saturating_duration_since(now + KEYS_ASKED_EVERY * KEYS_ASKED_AT_ONCE);
        if !early.is_zero() {
            return Err(VideoError::TooOften { retry_after_s: early.as_secs() + 1 });
        }
        used_until.put(user.clone(), until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_person_may_ask_a_few_times_at_once_and_then_now_and_then() {
        let (asking, user) = (Asking::default(), UserId::parse("seller").unwrap());
        for _ in 0..KEYS_ASKED_AT_ONCE {
            asking.asked(&user).unwrap();
        }
        assert!(matches!(asking.asked(&user), Err(VideoError::TooOften { .. })));
        asking.asked(&UserId::parse("another").unwrap()).unwrap();
        tokio::time::advance(KEYS_ASKED_EVERY).await;
        asking.asked(&user).unwrap();
        assert!(matches!(asking.asked(&user), Err(VideoError::TooOften { .. })));
    }
}

//! Time and randomness, by the runtime.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spin_sdk::wasip3::random::random::get_random_u64;

use crate::ports::{Background, Clock, Random};

/// The runtime as one request sees it.
#[derive(Debug, Default)]
pub(super) struct Runtime;

impl Clock for Runtime {
    fn now_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
    }
}

impl Random for Runtime {
    fn bytes(&self) -> [u8; 16] {
        let halves = [get_random_u64(), get_random_u64()];
        (u128::from(halves[0]) << 64 | u128::from(halves[1])).to_be_bytes()
    }
}

impl Background for Runtime {
    fn spawn(&self, task: impl AsyncFnOnce(&Self) + 'static) {
        spin_sdk::wasip3::spawn(async move { task(&Runtime).await });
    }
}

//! The limiters over a fake store and clock.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::limits::LIMIT_SLOTS;
use crate::testing::{Fake, config};

#[tokio::test(start_paused = true)]
async fn each_identity_has_its_own_quota_in_each_limiter() {
    let (fake, config) = (Fake::new(), config());
    let limits = Limits::new(&config);
    for _ in 0..20 {
        assert_eq!(limits.take(&fake, Limiter::User, "ada").await, Ok(()));
    }
    let denied = limits.take(&fake, Limiter::User, "ada").await.expect_err("the burst is 20");
    let expected = Denied { policy: "user", burst: 20, window_s: 2, retry_after_s: 1 };
    assert_eq!(denied, expected);
    assert_eq!(limits.take(&fake, Limiter::User, "bob").await, Ok(()));
    assert_eq!(limits.take(&fake, Limiter::Address, "ada").await, Ok(()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(limits.take(&fake, Limiter::User, "ada").await, Ok(()));
    assert!(limits.take(&fake, Limiter::User, "ada").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_look_counts_nothing() {
    let (fake, config) = (Fake::new(), config());
    let limits = Limits::new(&config);
    for _ in 0..100 {
        assert_eq!(limits.peek(&fake, Limiter::FailedAuth, "ada").await, Ok(()));
    }
    assert!(fake.stored_keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_identities_cannot_grow_the_store_without_bound() {
    let (fake, config) = (Fake::new(), config());
    let limits = Limits::new(&config);
    for number in 0..40_000 {
        let _verdict = limits.take(&fake, Limiter::Address, &number.to_string()).await;
    }
    let keys: BTreeSet<String> = fake.stored_keys();
    assert!(u64::try_from(keys.len()).unwrap() <= LIMIT_SLOTS, "{} keys", keys.len());
}

#[tokio::test(start_paused = true)]
async fn a_broken_store_limits_nobody() {
    let (fake, config) = (Fake::new(), config());
    fake.break_store();
    let limits = Limits::new(&config);
    for _ in 0..100 {
        assert_eq!(limits.take(&fake, Limiter::User, "ada").await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_long_for_the_store_is_not_refused_for_what_others_did_meanwhile() {
    let (fake, config) = (Fake::new(), config());
    let limits = Limits::new(&config);
    fake.store_latency_ms.set(60_000);
    let late = limits.take(&fake, Limiter::User, "ada");
    let others = async {
        fake.store_latency_ms.set(0);
        // At the very rate that is allowed, until the late one is through.
        for _ in 0..700 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(limits.take(&fake, Limiter::User, "ada").await, Ok(()));
        }
    };
    let began = tokio::time::Instant::now();
    let late = async { (late.await, began.elapsed()) };
    let ((late, took), ()) = futures::join!(late, others);
    assert!(took > Duration::from_secs(3), "it waited {took:?}");
    assert_eq!(late, Ok(()));
}

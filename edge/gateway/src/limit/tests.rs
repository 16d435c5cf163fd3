//! The limiters over a fake store and clock.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::limits::{LIMIT_SLOTS, STORE_TIMEOUT_MS};
use crate::ports::Clock as _;
use crate::testing::{Fake, config};

/// What one instance has: 10 a second and 20 at once of a user, 50 and 200 of an address.
fn instance(counts_in: CountsIn) -> Rc<Limits> {
    Rc::new(Limits::new(&Config { counts_in, ..config() }))
}

async fn take(limits: &Rc<Limits>, fake: &Fake, user: &str) -> Result<(), Denied> {
    limits.take(fake, Limiter::User, user, Share::First).await
}

#[tokio::test(start_paused = true)]
async fn each_identity_has_its_own_quota_in_each_limiter() {
    for counts_in in [CountsIn::Memory, CountsIn::KeyValue] {
        let (fake, limits) = (Fake::new(), instance(counts_in));
        for _ in 0..20 {
            assert_eq!(take(&limits, &fake, "ada").await, Ok(()));
        }
        let denied = take(&limits, &fake, "ada").await.expect_err("the burst is 20");
        let expected = Denied { policy: "user", burst: 20, window_s: 2, retry_after_s: 1 };
        assert_eq!(denied, expected);
        assert_eq!(take(&limits, &fake, "bob").await, Ok(()));
        assert_eq!(limits.take(&fake, Limiter::Address, "ada", Share::First).await, Ok(()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(take(&limits, &fake, "ada").await, Ok(()));
        assert!(take(&limits, &fake, "ada").await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_counts_nothing() {
    let (fake, limits) = (Fake::new(), instance(CountsIn::KeyValue));
    for _ in 0..100 {
        assert_eq!(limits.peek(&fake, Limiter::FailedAuth, "ada").await, Ok(()));
    }
    assert_eq!(fake.run_background().await, 0);
    assert!(fake.stored_keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_counts_in_memory_never_asks_the_store() {
    let (fake, limits) = (Fake::new(), instance(CountsIn::Memory));
    fake.store_latency_ms.set(60_000);
    let began_ms = fake.now_ms();
    for share in [Share::First, Share::Later] {
        assert_eq!(limits.take(&fake, Limiter::User, "ada", share).await, Ok(()));
    }
    assert_eq!(limits.peek(&fake, Limiter::User, "ada").await, Ok(()));
    assert_eq!((fake.now_ms(), fake.run_background().await), (began_ms, 0));
}

#[tokio::test(start_paused = true)]
async fn instances_that_share_their_counts_let_through_what_one_would() {
    let fake = Fake::new();
    let instances: Vec<_> = (0..7).map(|_| instance(CountsIn::KeyValue)).collect();
    let mut allowed = 0;
    for limits in instances.iter().cycle().take(70) {
        allowed += u32::from(take(limits, &fake, "ada").await.is_ok());
    }
    assert_eq!(allowed, 20);
    assert_eq!(fake.run_background().await, 0, "each was told before it was let through");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let fresh = instance(CountsIn::KeyValue);
    assert_eq!(take(&fresh, &fake, "ada").await, Ok(()));
    assert!(take(&instances[0], &fake, "ada").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_asks_later_lets_one_request_through_and_then_knows() {
    let fake = Fake::new();
    let (here, there) = (instance(CountsIn::KeyValue), instance(CountsIn::KeyValue));
    for _ in 0..20 {
        assert_eq!(here.take(&fake, Limiter::User, "ada", Share::Later).await, Ok(()));
    }
    assert_eq!(fake.run_background().await, 1, "all is told at once");
    assert_eq!(there.take(&fake, Limiter::User, "ada", Share::Later).await, Ok(()));
    fake.run_background().await;
    assert!(there.take(&fake, Limiter::User, "ada", Share::Later).await.is_err());
    assert!(take(&instance(CountsIn::KeyValue), &fake, "ada").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_while_the_store_is_told_is_told_as_well() {
    let (fake, limits) = (Fake::new(), instance(CountsIn::KeyValue));
    fake.store_latency_ms.set(200);
    assert_eq!(limits.take(&fake, Limiter::User, "ada", Share::Later).await, Ok(()));
    let more = async {
        for _ in 0..19 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert_eq!(limits.take(&fake, Limiter::User, "ada", Share::Later).await, Ok(()));
        }
    };
    futures::join!(fake.run_background(), more);
    fake.store_latency_ms.set(0);
    fake.run_background().await;
    let other = instance(CountsIn::KeyValue);
    let mut left = 0;
    while take(&other, &fake, "ada").await.is_ok() {
        left += 1;
    }
    // At 10 a second; telling took less than a second.
    assert!(left <= 10, "{left}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_identities_cannot_grow_the_store_without_bound() {
    let (fake, limits) = (Fake::new(), instance(CountsIn::KeyValue));
    for number in 0..40_000 {
        let _verdict =
            limits.take(&fake, Limiter::Address, &number.to_string(), Share::First).await;
        fake.run_background().await;
    }
    let keys: BTreeSet<String> = fake.stored_keys();
    assert!(u64::try_from(keys.len()).unwrap() <= LIMIT_SLOTS, "{} keys", keys.len());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_leaves_what_the_instance_counts_itself() {
    for hangs in [false, true] {
        let (fake, limits) = (Fake::new(), instance(CountsIn::KeyValue));
        if hangs {
            fake.hang_store();
        } else {
            fake.break_store();
        }
        let began_ms = fake.now_ms();
        let taken = futures::future::join_all((0..50).map(|_| take(&limits, &fake, "ada"))).await;
        assert_eq!(taken.iter().filter(|verdict| verdict.is_ok()).count(), 20);
        assert!(fake.now_ms() - began_ms <= STORE_TIMEOUT_MS, "nobody waits longer");
        fake.run_background().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(take(&limits, &fake, "ada").await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_store_is_not_refused_for_what_others_did_meanwhile() {
    let (fake, limits) = (Fake::new(), instance(CountsIn::KeyValue));
    for _ in 0..20 {
        assert_eq!(take(&limits, &fake, "ada").await, Ok(()));
    }
    fake.run_background().await;
    fake.store_latency_ms.set(60_000);
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Allowed by what is known when it comes, and by what is known when the store does not answer.
    assert_eq!(take(&limits, &fake, "ada").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_an_address_is_told_together_and_soon() {
    let fake = Fake::new();
    let (here, there) = (instance(CountsIn::KeyValue), instance(CountsIn::KeyValue));
    let bids = async |count: usize| {
        for _ in 0..count {
            assert_eq!(here.take(&fake, Limiter::Address, "a", Share::Later).await, Ok(()));
        }
    };
    bids(100).await;
    let more = async {
        tokio::time::sleep(Duration::from_millis(TELL_TOGETHER_MS / 2)).await;
        bids(99).await;
    };
    assert_eq!(tokio::join!(fake.run_background(), more).0, 1);
    assert_eq!(fake.store_asked.borrow().len(), 2, "read once and written once");
    for _ in 0..2 {
        let passes = there.take(&fake, Limiter::Address, "a", Share::First).await;
        assert_eq!(passes, Ok(()), "200 at once, and one came back meanwhile");
    }
    assert!(there.take(&fake, Limiter::Address, "a", Share::First).await.is_err());
}

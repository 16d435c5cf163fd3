//! The key set over a fake store, clock and Cognito: fetched rarely, shared by all, never missing.

use std::cell::Cell;

use futures::future::join_all;

use super::*;
use crate::ports::{Clock as _, FetchError};
use crate::testing::{Fake, KEY_ID, Signer, config, json, jwks};

const COOLDOWN_MS: u64 = 10_000;

fn pool_answers(fake: &Fake, keys: &[(&str, Signer)]) {
    let document = jwks(keys);
    fake.answer(move |_| json(200, document.clone()));
}

fn fetches(fake: &Fake) -> usize {
    fake.sent_to("/.well-known/jwks.json")
}

/// Looks a key up in a fresh instance.
async fn find(fake: &Fake, key_id: &str) -> Result<(), KeyFault> {
    Keys::default().find(fake, &config(), key_id).await.map(drop)
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_in_many_instances_at_once_fetches_once_and_serves_all() {
    for store_latency_ms in [0, 1, 10] {
        let fake = Fake::new();
        fake.store_latency_ms.set(store_latency_ms);
        fake.fetch_latency_ms.set(400);
        pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
        let found = join_all((0..200).map(|_| find(&fake, KEY_ID))).await;
        assert!(found.iter().all(Result::is_ok), "{store_latency_ms} ms: {found:?}");
        assert_eq!(fetches(&fake), 1, "{store_latency_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_key_ids_fetches_once_per_cooldown() {
    let fake = Fake::new();
    fake.store_latency_ms.set(5);
    fake.fetch_latency_ms.set(100);
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    assert_eq!(find(&fake, KEY_ID).await, Ok(()));
    let began = fake.now_ms();
    for wave in 0..60 {
        let flood = (0..20).map(|number| {
            let fake = &fake;
            async move { find(fake, &format!("{wave}-{number}")).await }
        });
        for answer in join_all(flood).await {
            assert_eq!(answer, Err(KeyFault::Unknown));
        }
        pass(500).await;
    }
    let cooldowns = usize::try_from((fake.now_ms() - began) / COOLDOWN_MS).unwrap();
    let fetched = fetches(&fake) - 1;
    assert!(fetched <= cooldowns + 1, "{fetched} fetches in {cooldowns} cool-downs");
    assert!(fetched >= cooldowns - 1, "{fetched} fetches in {cooldowns} cool-downs");
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_accepted_within_the_cooldown_by_everybody_who_asks() {
    let fake = Fake::new();
    fake.fetch_latency_ms.set(200);
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    assert_eq!(find(&fake, KEY_ID).await, Ok(()));
    pool_answers(&fake, &[("next", Signer::Other)]);
    assert_eq!(find(&fake, "next").await, Err(KeyFault::Unknown), "still cooling down");
    pass(COOLDOWN_MS).await;
    let found = join_all((0..50).map(|_| find(&fake, "next"))).await;
    assert!(found.iter().all(Result::is_ok), "{found:?}");
    assert_eq!(fetches(&fake), 2);
    assert_eq!(find(&fake, KEY_ID).await, Err(KeyFault::Unknown), "the old key is gone");
}

#[tokio::test(start_paused = true)]
async fn the_old_set_works_on_while_cognito_is_unreachable_without_hammering_it() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    assert_eq!(find(&fake, KEY_ID).await, Ok(()));
    pass(JWKS_AGE_S_MAX * 1_000 * 24).await;
    fake.answer(|_| Err(FetchError::Connect));
    for _ in 0..120 {
        assert_eq!(find(&fake, KEY_ID).await, Ok(()));
        pass(1_000).await;
    }
    let tries = fetches(&fake) - 1;
    assert!((1..=3).contains(&tries), "{tries} tries in two minutes");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_pool_could_not_be_asked_about_is_not_said_to_be_unknown() {
    for store_latency_ms in [0, 2] {
        let fake = Fake::new();
        fake.store_latency_ms.set(store_latency_ms);
        pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
        assert_eq!(find(&fake, KEY_ID).await, Ok(()));
        let instance = Keys::default();
        assert_eq!(instance.find(&fake, &config(), KEY_ID).await.map(drop), Ok(()));
        // The pool has a new key, and is too slow to say so.
        pass(COOLDOWN_MS).await;
        fake.fetch_latency_ms.set(3_600_000);
        pool_answers(&fake, &[(KEY_ID, Signer::Pool), ("next", Signer::Other)]);
        let found = join_all((0..20).map(|_| find(&fake, "next"))).await;
        assert!(found.iter().all(|answer| *answer == Err(KeyFault::Untold)), "{found:?}");
        let found = instance.find(&fake, &config(), "next").await;
        assert_eq!(found.map(drop), Err(KeyFault::Untold), "and while it cools down");
        assert_eq!(find(&fake, KEY_ID).await, Ok(()), "what is known works on");
        assert_eq!(fetches(&fake), 2);
        // Once it answers, it is the last word again.
        pass(COOLDOWN_MS).await;
        fake.fetch_latency_ms.set(100);
        assert_eq!(find(&fake, "other").await, Err(KeyFault::Unknown));
        assert_eq!(find(&fake, "next").await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_set_is_refreshed_though_every_key_is_known() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool), ("leaked", Signer::Other)]);
    assert_eq!(find(&fake, "leaked").await, Ok(()));
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    pass(JWKS_AGE_S_MAX * 1_000).await;
    assert_eq!(find(&fake, KEY_ID).await, Ok(()));
    assert_eq!(find(&fake, "leaked").await, Err(KeyFault::Unknown));
}

#[tokio::test(start_paused = true)]
async fn without_any_key_set_nobody_is_refused_for_it() {
    let fake = Fake::new();
    for answer in [json(500, "{}"), json(200, "<html>"), json(200, "{\"keys\":[]}")] {
        let answer = Cell::new(Some(answer));
        fake.answer(move |_| answer.take().unwrap_or(Err(FetchError::Broken)));
        assert_eq!(find(&fake, KEY_ID).await, Err(KeyFault::Untold));
        assert_eq!(find(&fake, KEY_ID).await, Err(KeyFault::Untold));
        pass(COOLDOWN_MS).await;
    }
    assert_eq!(fetches(&fake), 3, "one in each cool-down");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_is_given_up_and_so_is_waiting_for_it() {
    let fake = Fake::new();
    fake.fetch_latency_ms.set(3_600_000);
    let began = fake.now_ms();
    let found = join_all((0..20).map(|_| find(&fake, KEY_ID))).await;
    assert!(found.iter().all(|answer| *answer == Err(KeyFault::Untold)));
    assert!(fake.now_ms() - began <= JWKS_WAIT_MS + 500, "{} ms", fake.now_ms() - began);
    assert_eq!(fetches(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_fetch_though_the_cooldown_is_shorter() {
    let config = Config { jwks_cooldown_s: 1, ..config() };
    for cognito_is_up in [true, false] {
        let fake = Fake::new();
        fake.store_latency_ms.set(2);
        fake.fetch_latency_ms.set(2_000);
        if cognito_is_up {
            pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
        }
        // The second round finds the attempt of the first in the store.
        for (round, key_id) in [KEY_ID, "unknown"].into_iter().enumerate() {
            let began = fake.now_ms();
            let found =
                join_all((0..20).map(|_| async {
                    Keys::default().find(&fake, &config, key_id).await.map(drop)
                }));
            let found = found.await;
            let right = cognito_is_up && key_id == KEY_ID;
            assert!(found.iter().all(|answer| answer.is_ok() == right), "{found:?}");
            let took_ms = fake.now_ms() - began;
            assert!(took_ms < 2_200, "{took_ms} ms");
            assert_eq!(fetches(&fake), round + 1);
            pass(1_000).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_store_known_keys_work_and_nothing_is_fetched() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let (instance, config) = (Keys::default(), config());
    assert!(instance.find(&fake, &config, KEY_ID).await.is_ok());
    fake.break_store();
    pass(3 * COOLDOWN_MS).await;
    assert!(instance.find(&fake, &config, KEY_ID).await.is_ok());
    for number in 0..20 {
        let unknown = instance.find(&fake, &config, &number.to_string()).await;
        assert_eq!(unknown.map(drop), Err(KeyFault::Unknown));
    }
    assert_eq!(find(&fake, KEY_ID).await, Err(KeyFault::Untold));
    assert_eq!(fetches(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_an_instance_that_died_holds_others_up_for_a_second_at_most() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let config = config();
    // Dropped while it waits for its claim to settle.
    let dying = within(&fake, 10, Keys::default().ready(&fake, &config)).await;
    assert_eq!(dying, None);
    assert_eq!(fetches(&fake), 0);
    pass(1_000).await;
    assert_eq!(find(&fake, KEY_ID).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_instance_sees_what_another_fetched_and_counts_when_keys_changed() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let (instance, config) = (Keys::default(), config());
    for _ in 0..2 {
        assert!(instance.find(&fake, &config, KEY_ID).await.is_ok());
        assert_eq!(instance.generation(), 1);
    }
    pass(JWKS_RECHECK_S * 1_000).await;
    pool_answers(&fake, &[("next", Signer::Other)]);
    assert_eq!(find(&fake, "next").await, Ok(()), "another instance fetches");
    instance.recheck(&fake, &config).await;
    assert_eq!(instance.generation(), 2);
    assert_eq!(instance.find(&fake, &config, KEY_ID).await.map(drop), Err(KeyFault::Unknown));
}

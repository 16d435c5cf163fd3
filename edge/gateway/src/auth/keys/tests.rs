//! The key set over a fake store, clock and Cognito: fetched rarely, shared by all, never missing.

use std::cell::Cell;

use futures::future::join_all;

use super::*;
use crate::limits::STORE_TIMEOUT_MS;
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

fn fresh() -> Rc<Keys> {
    Rc::new(Keys::new(&config()))
}

async fn ask(keys: &Rc<Keys>, fake: &Fake, key_id: &str) -> Result<(), KeyFault> {
    keys.keep(fake, fake.now_ms());
    keys.find(fake, key_id).await.map(drop)
}

/// Looks a key up in a fresh instance.
async fn find(fake: &Fake, key_id: &str) -> Result<(), KeyFault> {
    ask(&fresh(), fake, key_id).await
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_fetches_once_and_serves_all_who_ask_meanwhile() {
    for store_latency_ms in [0, 1, 10, 10_000] {
        let fake = Fake::new();
        fake.store_latency_ms.set(store_latency_ms);
        fake.fetch_latency_ms.set(400);
        pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
        let (keys, began) = (fresh(), fake.now_ms());
        let found = join_all((0..200).map(|_| ask(&keys, &fake, KEY_ID))).await;
        assert!(found.iter().all(Result::is_ok), "{store_latency_ms} ms: {found:?}");
        assert_eq!(fetches(&fake), 1, "{store_latency_ms} ms");
        let took_ms = fake.now_ms() - began;
        assert!(took_ms <= 400 + 2 * STORE_TIMEOUT_MS, "{store_latency_ms} ms: {took_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_instance_fetched_serves_the_others() {
    let fake = Fake::new();
    fake.store_latency_ms.set(10);
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    for _ in 0..50 {
        assert_eq!(find(&fake, KEY_ID).await, Ok(()));
        assert_eq!(find(&fake, "unknown").await, Err(KeyFault::Untold), "fetched before it came");
    }
    assert_eq!(fetches(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_key_ids_fetches_once_per_cooldown() {
    let fake = Fake::new();
    fake.store_latency_ms.set(5);
    fake.fetch_latency_ms.set(100);
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    let began = fake.now_ms();
    for wave in 0..60 {
        let flood = (0..20).map(|number| {
            let (fake, keys) = (&fake, &keys);
            async move { ask(keys, fake, &format!("{wave}-{number}")).await }
        });
        assert!(join_all(flood).await.iter().all(Result::is_err));
        assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()), "known keys are not affected");
        pass(500).await;
    }
    let cooldowns = usize::try_from((fake.now_ms() - began) / COOLDOWN_MS).unwrap();
    let fetched = fetches(&fake) - 1;
    assert!(fetched <= cooldowns + 1, "{fetched} fetches in {cooldowns} cool-downs");
    assert!(fetched >= cooldowns - 1, "{fetched} fetches in {cooldowns} cool-downs");
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_accepted_within_the_cooldown_though_strangers_keep_it_running() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    pass(COOLDOWN_MS).await;
    assert_eq!(ask(&keys, &fake, "invented").await, Err(KeyFault::Unknown), "asked for it");
    pool_answers(&fake, &[("next", Signer::Other)]);
    pass(1).await;
    let began = fake.now_ms();
    let mut number = 0;
    while let Err(fault) = ask(&keys, &fake, "next").await {
        assert_eq!(fault, KeyFault::Untold, "nobody can tell yet");
        assert!(ask(&keys, &fake, &format!("invented {number}")).await.is_err());
        number += 1;
        pass(500).await;
    }
    assert!(fake.now_ms() - began <= COOLDOWN_MS + 500);
    assert_eq!(fetches(&fake), 3);
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Err(KeyFault::Unknown), "the old key is gone");
}

#[tokio::test(start_paused = true)]
async fn a_key_id_is_unknown_once_the_pool_was_asked_since_it_first_came() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    pass(1).await;
    assert_eq!(ask(&keys, &fake, "a").await, Err(KeyFault::Untold));
    pass(COOLDOWN_MS).await;
    assert_eq!(ask(&keys, &fake, "b").await, Err(KeyFault::Unknown), "asked for it");
    assert_eq!(ask(&keys, &fake, "a").await, Err(KeyFault::Unknown));
    assert_eq!(fetches(&fake), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_id_that_came_while_the_pool_was_asked_is_not_said_to_be_unknown() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    fake.fetch_latency_ms.set(400);
    let keys = fresh();
    let later = async |key_id| {
        pass(200).await;
        ask(&keys, &fake, key_id).await
    };
    let found = futures::join!(ask(&keys, &fake, "a"), later("a"), later("b"), later(KEY_ID));
    let (unknown, untold) = (Err(KeyFault::Unknown), Err(KeyFault::Untold));
    assert_eq!(found, (unknown, unknown, untold, Ok(())));
    assert_eq!(fetches(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn the_old_set_works_on_at_once_while_cognito_is_unreachable_without_hammering_it() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    pass(JWKS_AGE_S_MAX * 1_000 * 24).await;
    fake.answer(|_| Err(FetchError::Connect));
    fake.fetch_latency_ms.set(3_600_000);
    for _ in 0..120 {
        let began = fake.now_ms();
        assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
        assert_eq!(fake.now_ms(), began, "nobody waits");
        fake.run_background().await;
        pass(1_000).await;
    }
    let tries = fetches(&fake) - 1;
    assert!((1..=3).contains(&tries), "{tries} tries in two minutes");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_pool_could_not_be_asked_about_is_not_said_to_be_unknown() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    // The pool has a new key, and is too slow to say so.
    pass(COOLDOWN_MS).await;
    fake.fetch_latency_ms.set(3_600_000);
    pool_answers(&fake, &[(KEY_ID, Signer::Pool), ("next", Signer::Other)]);
    let found = join_all((0..20).map(|_| ask(&keys, &fake, "next"))).await;
    assert!(found.iter().all(|answer| *answer == Err(KeyFault::Untold)), "{found:?}");
    assert_eq!(ask(&keys, &fake, "next").await, Err(KeyFault::Untold), "while it cools down");
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()), "what is known works on");
    assert_eq!(fetches(&fake), 2);
    // Once it answers, it is the last word again.
    pass(COOLDOWN_MS).await;
    fake.fetch_latency_ms.set(100);
    assert_eq!(ask(&keys, &fake, "other").await, Err(KeyFault::Unknown));
    assert_eq!(ask(&keys, &fake, "next").await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_old_set_is_refreshed_in_the_background_though_every_key_is_known() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool), ("leaked", Signer::Other)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, "leaked").await, Ok(()));
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    pass(JWKS_AGE_S_MAX * 1_000).await;
    // Also by an instance that serves nobody else.
    for keys in [fresh(), keys] {
        assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
        assert_eq!(fake.run_background().await, 1);
        assert!(ask(&keys, &fake, "leaked").await.is_err());
    }
    assert_eq!(fetches(&fake), 2);
}

#[tokio::test(start_paused = true)]
async fn without_any_key_set_nobody_is_refused_for_it() {
    let (fake, keys) = (Fake::new(), fresh());
    for answer in [json(500, "{}"), json(200, "<html>"), json(200, "{\"keys\":[]}")] {
        let answer = Cell::new(Some(answer));
        fake.answer(move |_| answer.take().unwrap_or(Err(FetchError::Broken)));
        assert_eq!(ask(&keys, &fake, KEY_ID).await, Err(KeyFault::Untold));
        assert_eq!(ask(&keys, &fake, KEY_ID).await, Err(KeyFault::Untold));
        pass(COOLDOWN_MS).await;
    }
    assert_eq!(fetches(&fake), 3, "one in each cool-down");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_is_given_up_and_so_is_waiting_for_it() {
    let (fake, keys) = (Fake::new(), fresh());
    fake.fetch_latency_ms.set(3_600_000);
    let began = fake.now_ms();
    let found = join_all((0..20).map(|_| ask(&keys, &fake, KEY_ID))).await;
    assert!(found.iter().all(|answer| *answer == Err(KeyFault::Untold)));
    assert!(fake.now_ms() - began <= JWKS_WAIT_MS + 500, "{} ms", fake.now_ms() - began);
    assert_eq!(fetches(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_whose_request_is_dropped_keeps_nobody_waiting() {
    let (fake, keys) = (Fake::new(), fresh());
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    fake.fetch_latency_ms.set(400);
    assert_eq!(within(&fake, 10, ask(&keys, &fake, KEY_ID)).await, None);
    pass(COOLDOWN_MS).await;
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_fetch_though_the_cooldown_is_shorter() {
    let config = Config { jwks_cooldown_s: 1, ..config() };
    for cognito_is_up in [true, false] {
        let (fake, keys) = (Fake::new(), Rc::new(Keys::new(&config)));
        fake.store_latency_ms.set(2);
        fake.fetch_latency_ms.set(2_000);
        if cognito_is_up {
            pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
        }
        for (round, key_id) in [KEY_ID, "unknown"].into_iter().enumerate() {
            let began = fake.now_ms();
            let found = join_all((0..20).map(|_| ask(&keys, &fake, key_id))).await;
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
async fn a_store_that_fails_or_hangs_stops_nobody_from_signing_in() {
    for hangs in [false, true] {
        let (fake, keys) = (Fake::new(), fresh());
        pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
        if hangs {
            fake.store_latency_ms.set(u64::from(u32::MAX));
        } else {
            fake.break_store();
        }
        for _ in 0..3 {
            let began = fake.now_ms();
            assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
            for number in 0..20 {
                assert!(ask(&keys, &fake, &number.to_string()).await.is_err());
            }
            assert!(fake.now_ms() - began <= 2 * STORE_TIMEOUT_MS, "each fetch waits twice");
            pass(COOLDOWN_MS).await;
        }
        assert_eq!(fetches(&fake), 3, "one in each cool-down");
        assert_eq!(find(&fake, KEY_ID).await, Ok(()), "a fresh instance fetches for itself");
        assert_eq!(fetches(&fake), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_sees_what_another_fetched() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    pass(JWKS_KEEP_S * 1_000).await;
    pool_answers(&fake, &[("next", Signer::Other)]);
    assert_eq!(find(&fake, "next").await, Ok(()), "another instance fetches");
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    assert_eq!(fake.run_background().await, 1);
    assert_eq!(ask(&keys, &fake, "next").await, Ok(()));
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Err(KeyFault::Unknown));
    assert_eq!(fetches(&fake), 2);
}

/// The store's key of the pool's set.
const STORED: &str = "jwks/us-east-1_pool";

#[tokio::test(start_paused = true)]
async fn a_stored_set_that_we_did_not_seal_is_as_none() {
    let fake = Fake::new();
    pool_answers(&fake, &[(KEY_ID, Signer::Pool)]);
    assert_eq!(find(&fake, KEY_ID).await, Ok(()));
    let good = fake.store_of(STORED).clone();
    let other = KeySet::parse(jwks(&[("mine", Signer::Other)]).as_bytes(), fake.now_ms()).unwrap();
    let mut config = config();
    config.cognito.pool = "us-east-1_other".to_owned();
    let of_another_pool = Keys::new(&config).source.seal.close(&other.to_stored());
    let spoilt = |at: usize| {
        let mut stored = good.clone();
        stored[at] ^= 1;
        stored
    };
    let unsealed = other.to_stored();
    let zeros = [&[0; 32], &unsealed[..]].concat();
    for forged in [
        unsealed,
        zeros,
        of_another_pool,
        spoilt(0),
        spoilt(31),
        spoilt(50),
        spoilt(good.len() - 1),
        good[..31].to_vec(),
        Vec::new(),
    ] {
        *fake.store_of(STORED) = forged;
        let before = fetches(&fake);
        assert!(find(&fake, "mine").await.is_err());
        assert_eq!(fetches(&fake), before + 1, "the pool is asked");
        assert_eq!(*fake.store_of(STORED), good, "and what it says replaces the forgery");
        assert_eq!(find(&fake, KEY_ID).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_from_the_future_keeps_no_newer_one_out() {
    let fake = Fake::new();
    let ahead_ms = fake.now_ms() + 86_400_000;
    let ahead = KeySet::parse(jwks(&[(KEY_ID, Signer::Pool)]).as_bytes(), ahead_ms).unwrap();
    *fake.store_of(STORED) = fresh().source.seal.close(&ahead.to_stored());
    pool_answers(&fake, &[("next", Signer::Other)]);
    let keys = fresh();
    assert_eq!(ask(&keys, &fake, KEY_ID).await, Ok(()));
    assert_eq!(fetches(&fake), 0);
    pass(COOLDOWN_MS).await;
    assert_eq!(ask(&keys, &fake, "next").await, Ok(()));
    assert_eq!(find(&fake, "next").await, Ok(()), "the newer one is stored");
}

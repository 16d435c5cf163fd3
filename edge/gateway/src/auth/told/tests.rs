//! What instances tell each other, and what nobody else can tell them.

use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::auth::jwks::KeySet;
use crate::auth::{AuthState, TokenFault, authenticate};
use crate::limit::Limits;
use crate::limits::STORE_TIMEOUT_MS;
use crate::ports::Clock as _;
use crate::refusal::Refusal;
use crate::testing::{Fake, KEY_ID, Signer, claims, config, json as answer, jwks};

/// A store, and a pool with the key of `signer`.
fn pool(signer: Signer) -> Fake {
    let fake = Fake::new();
    publish(&fake, &[(KEY_ID, signer)]);
    fake
}

/// Has the pool publish these keys, and every instance that comes see them.
fn publish(fake: &Fake, keys: &[(&str, Signer)]) {
    let document = jwks(keys);
    fake.answer(move |_| answer(200, document.clone()));
    fake.store_of("jwks/us-east-1_pool").clear();
}

/// Signs in at an instance that knows nothing yet.
async fn sign_in_as(fake: &Fake, config: &Config, token: &str) -> Result<String, Refusal> {
    let (state, limits) = (AuthState::new(config), Rc::new(Limits::new(config)));
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    headers.insert(http::header::AUTHORIZATION, value);
    fake.store_asked.borrow_mut().clear();
    let identity = authenticate(fake, config, &state, &limits, &headers, "here").await?;
    Ok(identity.unwrap().user.to_string())
}

async fn sign_in(fake: &Fake, token: &str) -> Result<String, Refusal> {
    sign_in_as(fake, &config(), token).await
}

/// The same, and runs what is left to do when it was answered.
async fn sign_in_and_tell(fake: &Fake, token: &str) -> Result<String, Refusal> {
    let result = sign_in(fake, token).await;
    fake.run_background().await;
    result
}

/// Whether the last sign-in came to a signature: before one, the quota of failures is looked at.
fn verified(fake: &Fake) -> bool {
    fake.store_asked.borrow().iter().any(|key| key.starts_with("limit/failed-auth/"))
}

fn told(fake: &Fake) -> Vec<String> {
    fake.stored_keys().into_iter().filter(|key| key.starts_with("token/")).collect()
}

fn key(signer: Signer) -> Rc<Jwk> {
    let set = KeySet::parse(jwks(&[(KEY_ID, signer)]).as_bytes(), 0).unwrap();
    Rc::clone(&set.keys[KEY_ID])
}

/// The slot of a token at the pool's key, as the edge with `config` reads it.
async fn slot(fake: &Fake, config: &Config, token: &str) -> Slot {
    Told::new(config).of(fake, token, &key(Signer::Pool)).await.unwrap()
}

/// Puts `seals` where the edge looks for what is told of `token`.
async fn forge(fake: &Fake, token: &str, seals: &[u8]) {
    let name = slot(fake, &config(), token).await.name;
    *fake.store_of(&name) = seals.to_vec();
}

fn good(fake: &Fake) -> String {
    Signer::Pool.access(KEY_ID, "ada", fake.now_s())
}

/// A token that the pool never signed.
fn forged(fake: &Fake) -> String {
    Signer::Other.access(KEY_ID, "eve", fake.now_s())
}

const FORGED: Result<String, Refusal> = Err(Refusal::TokenInvalid(TokenFault::Signature));

#[tokio::test(start_paused = true)]
async fn what_one_instance_verified_signs_in_at_the_others_without_its_signature() {
    let fake = pool(Signer::Pool);
    let token = good(&fake);
    assert_eq!(sign_in(&fake, &token).await, Ok("ada".to_owned()));
    assert!(verified(&fake));
    assert!(told(&fake).is_empty(), "nobody waits until it is told");
    fake.run_background().await;
    assert_eq!(sign_in(&fake, &token).await, Ok("ada".to_owned()));
    assert!(!verified(&fake));
    let asked = fake.store_asked.borrow().iter().filter(|key| key.starts_with("token/")).count();
    assert_eq!(asked, 1);
    assert_eq!(fake.run_background().await, 0, "there is nothing new to tell");
}

#[tokio::test(start_paused = true)]
async fn an_instance_asks_once_for_a_token() {
    let fake = pool(Signer::Pool);
    let (config, token) = (config(), good(&fake));
    assert!(sign_in_and_tell(&fake, &token).await.is_ok());
    let (state, limits) = (AuthState::new(&config), Rc::new(Limits::new(&config)));
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    headers.insert(http::header::AUTHORIZATION, value);
    for asked in [1, 0, 0] {
        fake.store_asked.borrow_mut().clear();
        assert!(authenticate(&fake, &config, &state, &limits, &headers, "here").await.is_ok());
        let keys = fake.store_asked.borrow();
        assert_eq!(keys.iter().filter(|key| key.starts_with("token/")).count(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn instances_that_count_in_memory_ask_and_tell_nobody() {
    let fake = pool(Signer::Pool);
    let memory = Config { counts_in: CountsIn::Memory, ..config() };
    let token = good(&fake);
    assert!(sign_in_and_tell(&fake, &token).await.is_ok());
    assert!(!told(&fake).is_empty());
    fake.store_asked.borrow_mut().clear();
    let none = Told::new(&memory).of(&fake, &token, &key(Signer::Pool)).await;
    assert!(none.is_none() && fake.store_asked.borrow().is_empty());
    let other = Signer::Pool.access(KEY_ID, "bob", fake.now_s());
    assert!(sign_in_as(&fake, &memory, &other).await.is_ok());
    let asked = fake.store_asked.borrow().clone();
    assert!(asked.iter().all(|key| key.starts_with("jwks/")), "{asked:?}");
    assert_eq!(fake.run_background().await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_failed_too_often_does_not_keep_others_from_signing_in() {
    let fake = pool(Signer::Pool);
    let token = good(&fake);
    assert!(sign_in_and_tell(&fake, &token).await.is_ok());
    for _ in 0..25 {
        let _refused = sign_in_and_tell(&fake, &forged(&fake)).await;
    }
    let fresh = Signer::Pool.access(KEY_ID, "bob", fake.now_s());
    assert!(matches!(sign_in(&fake, &fresh).await, Err(Refusal::RateLimited(_))));
    assert_eq!(sign_in(&fake, &token).await, Ok("ada".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_forged_token_is_never_told_of() {
    let fake = pool(Signer::Pool);
    assert_eq!(sign_in_and_tell(&fake, &forged(&fake)).await, FORGED);
    assert!(told(&fake).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_never_told_of() {
    let fake = pool(Signer::Pool);
    let stale = Signer::Pool.access(KEY_ID, "ada", fake.now_s() - 7_200);
    let refused = sign_in_and_tell(&fake, &stale).await;
    assert_eq!(refused, Err(Refusal::TokenInvalid(TokenFault::Expired)));
    assert!(told(&fake).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_told_of_ends_at_its_end() {
    let fake = pool(Signer::Pool);
    let token = good(&fake);
    assert!(sign_in_and_tell(&fake, &token).await.is_ok());
    tokio::time::sleep(Duration::from_secs(3_606)).await;
    let refused = sign_in(&fake, &token).await;
    assert_eq!(refused, Err(Refusal::TokenInvalid(TokenFault::Expired)));
    assert!(!verified(&fake), "it was still told of");
}

#[tokio::test(start_paused = true)]
async fn what_was_told_of_a_key_is_nothing_once_another_has_its_id() {
    let fake = pool(Signer::Pool);
    let token = good(&fake);
    assert!(sign_in_and_tell(&fake, &token).await.is_ok());
    publish(&fake, &[(KEY_ID, Signer::Other)]);
    // Also where it would be looked for under the new key.
    let seals = fake.store_of(&told(&fake)[0]).clone();
    let place = Told::new(&config()).of(&fake, &token, &key(Signer::Other)).await.unwrap().name;
    *fake.store_of(&place) = seals;
    assert_eq!(sign_in(&fake, &token).await, FORGED);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_of_a_key_is_nothing_once_it_is_withdrawn() {
    let fake = pool(Signer::Pool);
    let token = good(&fake);
    assert!(sign_in_and_tell(&fake, &token).await.is_ok());
    publish(&fake, &[("next", Signer::Other)]);
    let refused = sign_in(&fake, &token).await;
    assert_eq!(refused, Err(Refusal::TokenInvalid(TokenFault::UnknownKey)));
}

#[tokio::test(start_paused = true)]
async fn a_made_up_seal_vouches_for_nothing() {
    let fake = pool(Signer::Pool);
    let token = forged(&fake);
    let plain: [u8; 32] = Sha256::digest(&token).into();
    for seals in [&[][..], &[0; 32], &[0xff; 32 * 9], &plain, token.as_bytes()] {
        forge(&fake, &token, seals).await;
        assert_eq!(sign_in_and_tell(&fake, &token).await, FORGED, "{seals:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_seal_vouches_for_nothing() {
    let fake = pool(Signer::Pool);
    let token = forged(&fake);
    let Slot { seal, .. } = slot(&fake, &config(), &token).await;
    for at in 0..SEAL_BYTES {
        forge(&fake, &token, &seal[..at]).await;
        assert_eq!(sign_in(&fake, &token).await, FORGED, "{at} bytes of it");
        let mut altered = seal;
        altered[at] ^= 1;
        forge(&fake, &token, &altered).await;
        // The quota of failures refills meanwhile.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(sign_in_and_tell(&fake, &token).await, FORGED, "all but a bit of byte {at}");
    }
    forge(&fake, &token, &seal).await;
    assert!(
        sign_in(&fake, &token).await.is_ok(),
        "the whole would, but for that one needs the key"
    );
}

#[tokio::test(start_paused = true)]
async fn the_seal_of_one_token_vouches_for_no_other() {
    let fake = pool(Signer::Pool);
    assert!(sign_in_and_tell(&fake, &good(&fake)).await.is_ok());
    let seals = fake.store_of(&told(&fake)[0]).clone();
    forge(&fake, &forged(&fake), &seals).await;
    assert_eq!(sign_in(&fake, &forged(&fake)).await, FORGED);
}

#[tokio::test(start_paused = true)]
async fn the_seal_of_a_token_vouches_for_none_with_other_claims_and_the_same_signature() {
    let fake = pool(Signer::Pool);
    let token = good(&fake);
    assert!(sign_in_and_tell(&fake, &token).await.is_ok());
    let seals = fake.store_of(&told(&fake)[0]).clone();
    let mut longer = claims("ada", fake.now_s());
    longer["exp"] = json!(fake.now_s() + 1_000_000);
    let mut grander = claims("ada", fake.now_s());
    grander["cognito:groups"] = json!(["admin"]);
    for claims in [claims("eve", fake.now_s()), longer, grander] {
        let other = Signer::Other.sign(KEY_ID, claims);
        let (body, _) = other.rsplit_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        let altered = format!("{body}.{signature}");
        forge(&fake, &altered, &seals).await;
        assert_eq!(sign_in(&fake, &altered).await, FORGED);
    }
}

#[tokio::test(start_paused = true)]
async fn the_seal_of_an_edge_with_another_secret_vouches_for_nothing() {
    let fake = pool(Signer::Pool);
    let mut variables = crate::testing::variables();
    variables.insert("edge_key", "another key of 32 characters ...".to_owned());
    let other = Config::parse(|name| variables.get(name).cloned()).unwrap();
    let token = forged(&fake);
    let Slot { seal, .. } = slot(&fake, &other, &token).await;
    forge(&fake, &token, &seal).await;
    assert_eq!(sign_in(&fake, &token).await, FORGED);
}

#[tokio::test(start_paused = true)]
async fn what_is_sealed_as_something_else_vouches_for_no_token() {
    let fake = pool(Signer::Pool);
    let (config, token) = (config(), forged(&fake));
    let key_set = Seal::of("jwks/us-east-1_pool", &config.edge_key);
    let seal = key_set.on(&[token.as_bytes(), key(Signer::Pool).modulus()]);
    forge(&fake, &token, &seal).await;
    assert_eq!(sign_in(&fake, &token).await, FORGED);
}

#[tokio::test(start_paused = true)]
async fn with_a_store_that_fails_hangs_or_is_slow_the_signature_is_verified_in_time() {
    for fault in ["fails", "hangs", "is slow"] {
        let fake = pool(Signer::Pool);
        let token = good(&fake);
        assert!(sign_in_and_tell(&fake, &token).await.is_ok());
        match fault {
            "fails" => fake.break_store(),
            "hangs" => fake.hang_store(),
            _ => fake.store_latency_ms.set(10_000),
        }
        let began_ms = fake.now_ms();
        assert_eq!(sign_in(&fake, &token).await, Ok("ada".to_owned()), "{fault}");
        assert!(verified(&fake), "{fault}");
        // The key set, the token, the quota of failures, and the key set again, which is stored.
        let took_ms = fake.now_ms() - began_ms;
        assert!(took_ms <= TOLD_WAIT_MS + 3 * STORE_TIMEOUT_MS, "{fault}: {took_ms} ms");
        assert_eq!(fake.run_background().await, 0, "{fault}: there is nothing to add it to");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_stays_bounded_and_the_newest_stay() {
    let fake = Fake::new();
    let seal = |number: u32| <[u8; 32]>::from(Sha256::digest(number.to_be_bytes()));
    let names = (0..200_000).map(|number| name(&seal(number)));
    let names: std::collections::BTreeSet<String> = names.collect();
    assert_eq!(names.len() as u64, TOLD_SLOTS, "all are used, and there are no more");
    for number in 0..20 {
        let held = fake.store_of("token/1").clone();
        Slot { name: "token/1".to_owned(), seal: seal(number), held }.tell(&fake);
        fake.run_background().await;
    }
    let held = fake.store_of("token/1").clone();
    assert_eq!(held.len(), TOLD_SLOT_ENTRIES_MAX * SEAL_BYTES);
    let kept = |number| Slot { name: String::new(), seal: seal(number), held: held.clone() };
    for number in 0..20 {
        assert_eq!(kept(number).vouches(), number >= 12, "{number}");
    }
}

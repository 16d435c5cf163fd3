//! The way from the header to an identity.

use std::time::Duration;

use http::HeaderValue;

use super::*;
use crate::limit::Denied;
use crate::testing::{Fake, KEY_ID, Signer, claims, config, json, jwks};

struct Edge {
    fake: Fake,
    config: Config,
    state: AuthState,
    limits: Rc<Limits>,
}

impl Edge {
    fn new() -> Self {
        let fake = Fake::new();
        let document = jwks(&[(KEY_ID, Signer::Pool)]);
        fake.answer(move |_| json(200, document.clone()));
        let config = config();
        let limits = Rc::new(Limits::new(&config));
        Self { fake, state: AuthState::new(&config), limits, config }
    }

    async fn sign_in(&self, header: Option<&str>) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let Self { fake, config, state, limits } = self;
        let identity = authenticate(fake, config, state, limits, &headers, "here").await?;
        Ok(identity.map(|identity| identity.user.to_string()))
    }

    fn token(&self) -> String {
        Signer::Pool.access(KEY_ID, "ada", self.fake.now_s())
    }
}

fn invalid(result: &Result<Option<String>, Refusal>) -> bool {
    matches!(result, Err(Refusal::TokenInvalid(_)))
}

#[tokio::test(start_paused = true)]
async fn a_bearer_token_signs_in_and_none_is_nobody() {
    let edge = Edge::new();
    let token = edge.token();
    assert_eq!(edge.sign_in(None).await, Ok(None));
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let signed_in = edge.sign_in(Some(&format!("{scheme} {token}"))).await;
        assert_eq!(signed_in, Ok(Some("ada".to_owned())));
    }
    for wrong in [&token, "Bearer", "Bearer ", &format!("Basic {token}"), ""] {
        assert!(invalid(&edge.sign_in(Some(wrong)).await), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn between_the_scheme_and_the_token_may_be_many_spaces_and_nothing_else() {
    let edge = Edge::new();
    let token = edge.token();
    for spaces in [1, 2, 40] {
        let header = format!("bearer{}{token}", " ".repeat(spaces));
        assert_eq!(edge.sign_in(Some(&header)).await, Ok(Some("ada".to_owned())), "{spaces}");
    }
    for wrong in ["Bearer  ", &format!("Bearer\t{token}"), &format!("Bearer \t{token}")] {
        assert!(invalid(&edge.sign_in(Some(wrong)).await), "{wrong:?}");
    }
}

/// The largest access token of Cognito with groups of such characters: 100 of 128 each.
fn in_a_hundred_groups(edge: &Edge, letter: &str) -> String {
    let name = |n: usize| format!("{n:02}{}", letter.repeat(126));
    let mut groups: Vec<String> = (0..99).map(name).collect();
    groups.push("admin".to_owned());
    let mut claims = claims("ada", edge.fake.now_s());
    claims["cognito:groups"] = groups.into();
    Signer::Pool.sign(KEY_ID, claims)
}

#[tokio::test(start_paused = true)]
async fn the_largest_token_of_cognito_signs_in_with_the_groups_that_decide_something() {
    let edge = Edge::new();
    for (letter, bytes_min) in [("x", 18_000), ("\u{20000}", 68_000)] {
        let token = in_a_hundred_groups(&edge, letter);
        assert!(token.len() > bytes_min, "{}", token.len());
        let header = format!("Bearer {token}");
        assert_eq!(edge.sign_in(Some(&header)).await, Ok(Some("ada".to_owned())), "{letter}");
        let known = edge.state.tokens.borrow_mut().get(&token, edge.fake.now_s());
        assert_eq!(known.unwrap().unwrap().groups, ["admin"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_longer_than_any_of_cognito_is_told_so_and_is_no_failed_sign_in() {
    let edge = Edge::new();
    let fresh = format!("Bearer {}", edge.token());
    for _ in 0..30 {
        let refused =
            edge.sign_in(Some(&format!("Bearer {}", "x".repeat(TOKEN_BYTES_MAX + 1)))).await;
        assert_eq!(refused, Err(Refusal::TokenTooLong { bytes_max: TOKEN_BYTES_MAX }));
    }
    assert!(edge.sign_in(Some(&fresh)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_remembered_token_ends_when_it_expires_or_its_key_is_withdrawn() {
    let edge = Edge::new();
    let header = format!("Bearer {}", edge.token());
    assert!(edge.sign_in(Some(&header)).await.is_ok());
    tokio::time::sleep(Duration::from_secs(3_606)).await;
    assert!(invalid(&edge.sign_in(Some(&header)).await));

    let header = format!("Bearer {}", edge.token());
    assert!(edge.sign_in(Some(&header)).await.is_ok());
    let next = jwks(&[("next", Signer::Other)]);
    edge.fake.answer(move |_| json(200, next.clone()));
    tokio::time::sleep(Duration::from_secs(61)).await;
    let other = Signer::Other.access("next", "bob", edge.fake.now_s());
    assert!(edge.sign_in(Some(&format!("Bearer {other}"))).await.is_ok());
    assert!(invalid(&edge.sign_in(Some(&header)).await), "its key is gone");
}

#[tokio::test(start_paused = true)]
async fn a_remembered_token_ends_also_when_readiness_sees_its_key_withdrawn() {
    let edge = Edge::new();
    let header = format!("Bearer {}", edge.token());
    assert!(edge.sign_in(Some(&header)).await.is_ok());
    assert_eq!(edge.fake.run_background().await, 1, "others are told of the token");
    let next = jwks(&[("next", Signer::Other)]);
    edge.fake.answer(move |_| json(200, next.clone()));
    tokio::time::sleep(Duration::from_secs(61)).await;
    let another = Rc::new(Keys::new(&edge.config));
    assert!(another.find(&edge.fake, "next").await.is_ok());
    assert!(edge.state.keys.ready(&edge.fake).await);
    assert_eq!(edge.fake.run_background().await, 1);
    assert!(invalid(&edge.sign_in(Some(&header)).await), "its key is gone");
}

#[tokio::test(start_paused = true)]
async fn a_remembered_token_ends_also_when_an_unknown_key_id_shows_its_key_withdrawn() {
    let edge = Edge::new();
    let header = format!("Bearer {}", edge.token());
    assert!(edge.sign_in(Some(&header)).await.is_ok());
    let next = jwks(&[("next", Signer::Other)]);
    edge.fake.answer(move |_| json(200, next.clone()));
    // Past the cool-down, before the stored set is read again.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let unknown = Signer::Other.access("ghost", "bob", edge.fake.now_s());
    assert!(invalid(&edge.sign_in(Some(&format!("Bearer {unknown}"))).await));
    assert!(invalid(&edge.sign_in(Some(&header)).await), "its key is gone");
}

#[tokio::test(start_paused = true)]
async fn who_fails_too_often_is_not_verified_any_more_but_the_verified_stay() {
    let edge = Edge::new();
    let verified = format!("Bearer {}", edge.token());
    assert!(edge.sign_in(Some(&verified)).await.is_ok());
    for _ in 0..20 {
        assert!(invalid(&edge.sign_in(Some("Bearer a.b.c")).await));
    }
    let fresh = format!("Bearer {}", Signer::Pool.access(KEY_ID, "bob", edge.fake.now_s()));
    for header in [&fresh, "Bearer a.b.c", "Basic abc"] {
        let denied = edge.sign_in(Some(header)).await;
        let policy = |denied: &Denied| denied.policy == "failed-auth";
        let limited = matches!(&denied, Err(Refusal::RateLimited(denied)) if policy(denied));
        assert!(limited, "{denied:?}");
    }
    assert!(edge.sign_in(Some(&verified)).await.is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(edge.sign_in(Some(&fresh)).await.is_ok(), "the quota refills");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_counts_as_a_failure_only_if_it_is_forged() {
    let edge = Edge::new();
    let long_ago_s = edge.fake.now_s() - 7_200;
    let stale = format!("Bearer {}", Signer::Pool.access(KEY_ID, "ada", long_ago_s));
    let forged = format!("Bearer {}", Signer::Other.access(KEY_ID, "ada", long_ago_s));
    let fresh = format!("Bearer {}", edge.token());
    for _ in 0..30 {
        let refused = edge.sign_in(Some(&stale)).await;
        assert_eq!(refused, Err(Refusal::TokenInvalid(TokenFault::Expired)));
    }
    for _ in 0..20 {
        let refused = edge.sign_in(Some(&forged)).await;
        assert_eq!(refused, Err(Refusal::TokenInvalid(TokenFault::Signature)));
    }
    assert!(matches!(edge.sign_in(Some(&fresh)).await, Err(Refusal::RateLimited(_))));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_verified_once_though_forged_or_expired() {
    let edge = Edge::new();
    let now_s = edge.fake.now_s();
    for (token, verdict) in [
        (Signer::Other.access(KEY_ID, "ada", now_s), TokenFault::Signature),
        (Signer::Pool.access(KEY_ID, "ada", now_s - 7_200), TokenFault::Expired),
    ] {
        let header = format!("Bearer {token}");
        for _ in 0..2 {
            let refused = edge.sign_in(Some(&header)).await;
            assert_eq!(refused, Err(Refusal::TokenInvalid(verdict)));
            let known = edge.state.tokens.borrow_mut().get(&token, now_s);
            assert_eq!(known, Some(Err(verdict)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_token_counts_each_time_though_it_is_known() {
    let edge = Edge::new();
    let forged = format!("Bearer {}", Signer::Other.access(KEY_ID, "ada", edge.fake.now_s()));
    for _ in 0..20 {
        let refused = edge.sign_in(Some(&forged)).await;
        assert_eq!(refused, Err(Refusal::TokenInvalid(TokenFault::Signature)));
    }
    let fresh = format!("Bearer {}", edge.token());
    for header in [&forged, &fresh] {
        assert!(matches!(edge.sign_in(Some(header)).await, Err(Refusal::RateLimited(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_stay_verified_when_a_key_is_added() {
    let edge = Edge::new();
    let token = edge.token();
    assert!(edge.sign_in(Some(&format!("Bearer {token}"))).await.is_ok());
    let both = jwks(&[(KEY_ID, Signer::Pool), ("next", Signer::Other)]);
    edge.fake.answer(move |_| json(200, both.clone()));
    tokio::time::sleep(Duration::from_secs(11)).await;
    let next = Signer::Other.access("next", "bob", edge.fake.now_s());
    assert!(edge.sign_in(Some(&format!("Bearer {next}"))).await.is_ok());
    for token in [token, next] {
        let known = edge.state.tokens.borrow_mut().get(&token, edge.fake.now_s());
        assert!(known.is_some_and(|verdict| verdict.is_ok()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_rotated_in_while_cooling_down_is_no_failed_sign_in() {
    let edge = Edge::new();
    assert!(edge.sign_in(Some(&format!("Bearer {}", edge.token()))).await.is_ok());
    let next = jwks(&[(KEY_ID, Signer::Pool), ("next", Signer::Other)]);
    edge.fake.answer(move |_| json(200, next.clone()));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let token = format!("Bearer {}", Signer::Other.access("next", "bob", edge.fake.now_s()));
    for _ in 0..30 {
        let untold = edge.sign_in(Some(&token)).await;
        assert!(matches!(untold, Err(Refusal::Unavailable(_))), "{untold:?}");
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(edge.sign_in(Some(&token)).await, Ok(Some("bob".to_owned())));
}

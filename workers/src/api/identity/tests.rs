//! The edge's word: what holds, and everything that does not (I9).

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use gavel_core::limits::BID_BODY_BYTES_MAX;
use jwt_simple::prelude::HS512Key;
use tower::ServiceExt as _;

use super::super::testing::{KEY, PREVIOUS_KEY, assertion, claims, keys, request, sign};
use super::*;

const BIDS: &str = "/v1/auctions/a/bids?x=1";
const BODY: &str = r#"{"amount": 5}"#;

/// The status of a request and, when it is served, who it was served to under which key.
async fn serve(request: Request<Body>) -> (StatusCode, String) {
    serve_by(Arc::new(own_s), request).await
}

/// The same, by another clock.
async fn serve_by(clock: SecondsClock, request: Request<Body>) -> (StatusCode, String) {
    let (current, previous) = keys();
    let verifier = Verifier::new(&current, Some(&previous), clock);
    let echo = async |caller: SignedIn, body: String| {
        let key = caller.idempotency_key().unwrap();
        format!("{} {key} {body}", caller.user)
    };
    let router = Router::new()
        .route("/v1/auctions/{id}/bids", post(echo))
        .route("/v1/auctions", post(async |_: Bytes| "created").get(async |_: Caller| "listed"))
        .route_layer(from_fn_with_state(verifier, identify))
        .route("/open", get(async |_: Caller| "never"));
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 100_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The status of a bid whose claims were changed after they were made.
async fn bid(key: &str, change: impl FnOnce(&mut JWTClaims<Assertion>)) -> StatusCode {
    let mut claims = claims(assertion("POST", BIDS, BODY), own_s());
    change(&mut claims);
    serve(request("POST", BIDS, BODY, &[sign(key, claims)])).await.0
}

#[tokio::test]
async fn what_the_edge_signed_is_served_with_the_current_and_the_previous_key() {
    for key in [KEY, PREVIOUS_KEY] {
        let token = sign(key, claims(assertion("POST", BIDS, BODY), own_s()));
        let (status, text) = serve(request("POST", BIDS, BODY, &[token])).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, r#"user-1 key-1 {"amount": 5}"#));
    }
}

#[tokio::test]
async fn without_exactly_one_assertion_nothing_is_served() {
    assert_eq!(serve(request("POST", BIDS, BODY, &[])).await.0, StatusCode::UNAUTHORIZED);
    let token = sign(KEY, claims(assertion("POST", BIDS, BODY), own_s()));
    let twice = request("POST", BIDS, BODY, &[token.clone(), token]);
    assert_eq!(serve(twice).await.0, StatusCode::UNAUTHORIZED);
    for text in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let request = request("POST", BIDS, BODY, &[text.to_owned()]);
        assert_eq!(serve(request).await.0, StatusCode::UNAUTHORIZED, "{text}");
    }
}

#[tokio::test]
async fn another_key_or_another_algorithm_is_refused() {
    assert_eq!(bid("some other key, of 32 bytes or more", |_| {}).await, StatusCode::UNAUTHORIZED);
    let made = claims(assertion("POST", BIDS, BODY), own_s());
    let token = HS512Key::from_bytes(KEY.as_bytes()).authenticate(made).unwrap();
    let (status, _) = serve(request("POST", BIDS, BODY, &[token])).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // Unsigned: the claims are right, the header says there is nothing to check.
    let signed = sign(KEY, claims(assertion("POST", BIDS, BODY), own_s()));
    let payload = signed.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    let (status, _) = serve(request("POST", BIDS, BODY, &[none])).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_assertion_must_be_fresh_short_lived_and_the_edges() {
    let secs = UnixTimeStamp::from_secs;
    let now = own_s();
    assert_eq!(bid(KEY, |claims| claims.expires_at = Some(secs(now - 60))).await, 401);
    assert_eq!(bid(KEY, |claims| claims.expires_at = None).await, 401);
    assert_eq!(bid(KEY, |claims| claims.expires_at = Some(secs(now + 60))).await, 401);
    assert_eq!(bid(KEY, |claims| claims.issued_at = Some(secs(now + 60))).await, 401);
    assert_eq!(bid(KEY, |claims| claims.issuer = Some("somebody".to_owned())).await, 401);
    assert_eq!(bid(KEY, |claims| claims.issuer = None).await, 401);
    assert_eq!(bid(KEY, |claims| claims.expires_at = Some(secs(now + 10))).await, 200);
}

#[tokio::test]
async fn a_worker_whose_own_clock_is_off_serves_what_the_edge_signed() {
    let edges_s = own_s();
    let ledgers = Timestamp::from_ms(i64::try_from(edges_s).unwrap() * 1_000);
    let bid_by = async |ledgers: Option<Timestamp>, ahead_s: i64, made_s: u64| {
        let workers_s = edges_s.saturating_add_signed(ahead_s);
        let token = sign(KEY, claims(assertion("POST", BIDS, BODY), made_s));
        let clock = Arc::new(move || agreed_s(ledgers, workers_s));
        serve_by(clock, request("POST", BIDS, BODY, &[token])).await.0
    };
    for ahead_s in [-60, -10, 0, 10, 60] {
        assert_eq!(bid_by(Some(ledgers), ahead_s, edges_s).await, 200, "{ahead_s} s ahead");
        let old_s = edges_s - ASSERTION_LIFE_S - ASSERTION_SKEW_S - 1;
        assert_eq!(bid_by(Some(ledgers), ahead_s, old_s).await, 401, "no replay for it");
        let early_s = edges_s + ASSERTION_SKEW_S + 1;
        assert_eq!(bid_by(Some(ledgers), ahead_s, early_s).await, 401, "nor of what is to come");
    }
    assert_eq!(bid_by(None, 0, edges_s).await, 200, "its own clock is the one it has");
    let hours_off = ledgers.plus_ms(7_200_000);
    assert_eq!(bid_by(Some(hours_off), 0, edges_s).await, 200, "a ledger's that is hours off");
}

#[tokio::test]
async fn an_assertion_is_good_for_its_own_request_only() {
    let token = || sign(KEY, claims(assertion("POST", BIDS, BODY), own_s()));
    for (method, path, body) in [
        ("POST", "/v1/auctions/b/bids?x=1", BODY),
        ("POST", "/v1/auctions/a/bids?x=2", BODY),
        ("POST", "/v1/auctions/a/bids", BODY),
        ("POST", BIDS, r#"{"amount": 6}"#),
        ("POST", BIDS, ""),
        ("POST", "/v1/auctions", BODY),
        ("GET", "/v1/auctions", ""),
    ] {
        let (status, text) = serve(request(method, path, body, &[token()])).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {body}: {text}");
    }
    let other_method = sign(KEY, claims(assertion("GET", BIDS, BODY), own_s()));
    let (status, _) = serve(request("POST", BIDS, BODY, &[other_method])).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn headers_of_the_request_itself_are_not_believed() {
    let token = sign(KEY, claims(assertion("POST", BIDS, BODY), own_s()));
    let mut forged = request("POST", BIDS, BODY, &[token]);
    forged.headers_mut().insert("idempotency-key", "key-2".parse().unwrap());
    forged.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
    assert_eq!(serve(forged).await.1, r#"user-1 key-1 {"amount": 5}"#);
}

#[tokio::test]
async fn nobody_signed_in_is_anybody_but_not_a_bidder() {
    let anonymous = |method: &str, path: &str, body: &str| {
        let vouched = Assertion { user: None, ..assertion(method, path, body) };
        request(method, path, body, &[sign(KEY, claims(vouched, own_s()))])
    };
    assert_eq!(serve(anonymous("POST", BIDS, BODY)).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(serve(anonymous("GET", "/v1/auctions", "")).await.1, "listed");
}

#[tokio::test]
async fn a_body_is_read_for_the_edge_only_and_never_beyond_its_routes_limit() {
    let long = "x".repeat(BID_BODY_BYTES_MAX + 1);
    let signed = |path: &str, body: &str| {
        let token = sign(KEY, claims(assertion("POST", path, body), own_s()));
        request("POST", path, body, &[token])
    };
    assert_eq!(serve(signed(BIDS, &long)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(serve(signed("/v1/auctions", &long)).await.1, "created");
    assert_eq!(serve(request("POST", BIDS, &long, &[])).await.0, StatusCode::UNAUTHORIZED);
    // Without an announced length, it is counted.
    let chunks = futures::stream::iter(
        long.as_bytes()
            .chunks(1_000)
            .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
            .collect::<Vec<_>>(),
    );
    let (parts, _) = signed(BIDS, &long).into_parts();
    let streamed = Request::from_parts(parts, Body::from_stream(chunks));
    assert_eq!(serve(streamed).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_route_without_the_middleware_has_no_callers() {
    let token = sign(KEY, claims(assertion("GET", "/open", ""), own_s()));
    assert_eq!(serve(request("GET", "/open", "", &[token])).await.0, StatusCode::UNAUTHORIZED);
}

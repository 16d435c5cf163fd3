//! Requests as the edge signs them, and auctions as the catalogue has them, for tests.

use axum::body::Body;
use axum::http::Request;
use gavel_core::ids::{AuctionId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{
    ASSERTION_HEADER, ASSERTION_ISSUER, ASSERTION_LIFE_S, Assertion, CreateAuction, Status,
    body_digest,
};
use jwt_simple::prelude::{HS256Key, JWTClaims, MACLike as _, UnixTimeStamp};
use secrecy::SecretString;

use crate::catalog::AuctionRecord;

/// The current key.
pub(super) const KEY: &str = "the current key, of 32 bytes or more";
/// The one before.
pub(super) const PREVIOUS_KEY: &str = "the previous key, of 32 bytes or more";

/// Both keys.
pub(super) fn keys() -> (SecretString, SecretString) {
    (SecretString::from(KEY), SecretString::from(PREVIOUS_KEY))
}

/// What the edge says about a request.
pub(super) fn assertion(method: &str, path: &str, body: &str) -> Assertion {
    Assertion {
        user: Some(UserId::parse("user-1").unwrap()),
        groups: vec!["seller".to_owned()],
        address: "203.0.113.7".to_owned(),
        arrived_at_ms: 1_795_411_020_000,
        method: method.to_owned(),
        path: path.to_owned(),
        body_sha256: body_digest(body.as_bytes()),
        idempotency_key: Some("key-1".to_owned()),
        request_id: "request-1".to_owned(),
    }
}

/// The claims around an assertion made at `now_s`, in seconds since the epoch.
pub(super) fn claims(assertion: Assertion, now_s: u64) -> JWTClaims<Assertion> {
    JWTClaims {
        issued_at: Some(UnixTimeStamp::from_secs(now_s)),
        expires_at: Some(UnixTimeStamp::from_secs(now_s + ASSERTION_LIFE_S)),
        invalid_before: None,
        issuer: Some(ASSERTION_ISSUER.to_owned()),
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom: assertion,
    }
}

/// The signed token.
pub(super) fn sign(key: &str, claims: JWTClaims<Assertion>) -> String {
    HS256Key::from_bytes(key.as_bytes()).authenticate(claims).unwrap()
}

/// A request with these assertions.
pub(super) fn request(method: &str, path: &str, body: &str, tokens: &[String]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request =
        tokens.iter().fold(request, |request, token| request.header(ASSERTION_HEADER, token));
    request.body(Body::from(body.to_owned())).unwrap()
}

/// The auction that `body` asks for, which nobody has opened yet.
pub(super) fn scheduled(id: &str, body: &[u8]) -> AuctionRecord {
    let request = CreateAuction::parse(body).unwrap();
    AuctionRecord {
        id: AuctionId::parse(id).unwrap(),
        seller: UserId::parse("seller").unwrap(),
        title: request.title,
        description: None,
        category: None,
        condition: None,
        image_urls: Vec::new(),
        private: false,
        terms: request.terms,
        status: Status::Scheduled,
        opening: false,
        revision: 0,
        created_at: Timestamp::from_ms(1),
        ends_at: None,
        result: None,
        playback_url: None,
    }
}

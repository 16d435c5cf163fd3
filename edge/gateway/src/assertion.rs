//! Signing what the edge vouches for: the one thing a worker believes.
//!
//! The claims are `gavel_core`'s; here they become an HS256 token of a few seconds' life, which workers
//! read with a library for such tokens. Making one takes no more than a hash over a text: that library
//! encodes in constant time, for keys that are secret, which took as long as all the rest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::wire::{ASSERTION_ISSUER, ASSERTION_LIFE_S, Assertion};
use hmac_sha256::HMAC;
use serde::Serialize;

use crate::config::Secret;

/// `{"alg":"HS256","typ":"JWT"}`, encoded.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The assertion could not be signed. Cannot happen: its claims are texts and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the assertion could not be signed")]
pub struct SigningFailed;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    iat: u64,
    exp: u64,
    #[serde(flatten)]
    assertion: &'a Assertion,
}

/// The token for one request, good from `now_s` (seconds since the epoch) on.
pub fn sign(key: &Secret, assertion: &Assertion, now_s: u64) -> Result<String, SigningFailed> {
    let exp = now_s.saturating_add(ASSERTION_LIFE_S);
    let claims = Claims { iss: ASSERTION_ISSUER, iat: now_s, exp, assertion };
    let claims = serde_json::to_vec(&claims).map_err(|_| SigningFailed)?;
    let mut token = String::with_capacity(HEADER.len() + claims.len() * 4 / 3 + 64);
    token.push_str(HEADER);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = HMAC::mac(&token, key.expose());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use gavel_core::ids::UserId;
    use gavel_core::wire::body_digest;
    use jwt_simple::prelude::{
        Duration, HS256Key, MACLike as _, UnixTimeStamp, VerificationOptions,
    };

    use super::*;
    use crate::testing::config;

    #[test]
    fn a_worker_with_the_key_reads_what_was_signed_until_it_expires() {
        let assertion = Assertion {
            user: Some(UserId::parse("u-1").unwrap()),
            groups: vec!["admin".to_owned()],
            address: "203.0.113.7".to_owned(),
            arrived_at_ms: 1_000_123,
            method: "POST".to_owned(),
            path: "/v1/auctions?x=1".to_owned(),
            body_sha256: body_digest(b"{}"),
            idempotency_key: Some("k".to_owned()),
            request_id: "r".to_owned(),
        };
        let config = config();
        let token = sign(&config.edge_key, &assertion, 1_000).unwrap();
        let read = |key: &[u8], now_s| {
            let options = VerificationOptions {
                artificial_time: Some(UnixTimeStamp::from_secs(now_s)),
                time_tolerance: Some(Duration::from_secs(0)),
                allowed_issuers: Some(HashSet::from([ASSERTION_ISSUER.to_owned()])),
                ..VerificationOptions::default()
            };
            HS256Key::from_bytes(key).verify_token::<Assertion>(&token, Some(options))
        };
        assert_eq!(read(config.edge_key.expose(), 1_015).unwrap().custom, assertion);
        assert!(read(config.edge_key.expose(), 1_016).is_err());
        assert!(read(b"another key of at least 32 bytes", 1_000).is_err());
    }
}

//! One access token against one key: every check of RFC 7515, 7519 and 8725 that applies, and
//! Cognito's own.
//!
//! The signature is verified before any claim is believed. The library's lenient defaults (15
//! minutes of tolerance, `exp` optional, no issuer) are all overridden. Times are compared as whole
//! seconds; a fraction, which a NumericDate may have, is cut off.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::ids::UserId;
use gavel_core::limits::TOKEN_BYTES_MAX;
use gavel_core::wire::{GROUPS, read_object};
use jwt_simple::JWTError;
use jwt_simple::prelude::{
    Duration, NoCustomClaims, RS256PublicKey, RSAPublicKeyLike, UnixTimeStamp, VerificationOptions,
};
use serde_json::{Map, Value};

use super::Identity;
use super::jwks::Jwk;
use crate::config::Cognito;
use crate::limits::{KEY_ID_LEN_MAX, TOKEN_LEEWAY_S};

/// Which check a token failed. For the log; the caller learns only that it is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is said by its message")]
pub enum TokenFault {
    #[error("not a bearer token")]
    NotBearer,
    #[error("too long")]
    TooLong,
    #[error("not in the compact form")]
    NotCompact,
    #[error("not strict base64url")]
    Encoding,
    #[error("the header is not one JSON object with unique members")]
    Header,
    #[error("not signed with RS256")]
    Algorithm,
    #[error("has critical extensions")]
    Critical,
    #[error("names no usable key")]
    KeyId,
    #[error("names an unknown key")]
    UnknownKey,
    #[error("the signature does not hold")]
    Signature,
    #[error("the claims are not one JSON object with unique members")]
    Claims,
    #[error("from another issuer")]
    Issuer,
    #[error("from another app client")]
    Client,
    #[error("not an access token")]
    Use,
    #[error("expired, or without an end")]
    Expired,
    #[error("not valid yet")]
    NotYet,
    #[error("without a usable subject")]
    Subject,
    #[error("with unusable groups")]
    Groups,
}

/// A token that held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose it is.
    pub identity: Identity,
    /// Its `exp`, in seconds since the epoch.
    pub expires_at_s: u64,
}

/// The key id that a token names, once its outer form and its header are right. Nothing of it is
/// verified yet.
pub fn key_id(token: &str) -> Result<String, TokenFault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenFault::TooLong);
    }
    let [header, claims, signature] = segments(token).ok_or(TokenFault::NotCompact)?;
    let header = decode(header)?;
    decode(claims)?;
    decode(signature)?;
    let header = read_object(&header).map_err(|_| TokenFault::Header)?;
    if text(&header, "alg") != Some("RS256") {
        return Err(TokenFault::Algorithm);
    }
    if header.contains_key("crit") {
        return Err(TokenFault::Critical);
    }
    text(&header, "kid")
        .filter(|id| (1..=KEY_ID_LEN_MAX).contains(&id.len()))
        .map(str::to_owned)
        .ok_or(TokenFault::KeyId)
}

/// Verifies a token, whose header [`key_id`] accepted, with the key of that id.
pub fn verify(
    token: &str,
    key_id: &str,
    key: &Jwk,
    expected: &Cognito,
    now_s: u64,
) -> Result<Verified, TokenFault> {
    let key =
        RS256PublicKey::from_components(&key.n, &key.e).map_err(|_| TokenFault::UnknownKey)?;
    key.verify_token::<NoCustomClaims>(token, Some(options(key_id, expected, now_s))).map_err(
        |error| match error.downcast_ref() {
            Some(JWTError::TokenHasExpired) => TokenFault::Expired,
            Some(JWTError::TokenNotValidYet | JWTError::ClockDrift) => TokenFault::NotYet,
            Some(JWTError::RequiredIssuerMismatch | JWTError::RequiredIssuerMissing) => {
                TokenFault::Issuer
            }
            _ => TokenFault::Signature,
        },
    )?;
    let [_, claims, _] = segments(token).ok_or(TokenFault::NotCompact)?;
    let claims = read_object(&decode(claims)?).map_err(|_| TokenFault::Claims)?;
    check(&claims, expected, now_s)
}

fn options(key_id: &str, expected: &Cognito, now_s: u64) -> VerificationOptions {
    VerificationOptions {
        accept_future: false,
        required_key_id: Some(key_id.to_owned()),
        allowed_issuers: Some(HashSet::from([expected.issuer.clone()])),
        time_tolerance: Some(Duration::from_secs(TOKEN_LEEWAY_S)),
        max_token_length: Some(TOKEN_BYTES_MAX),
        max_header_length: Some(TOKEN_BYTES_MAX),
        artificial_time: Some(UnixTimeStamp::from_secs(now_s)),
        ..VerificationOptions::default()
    }
}

/// The claims of a token whose signature holds. Repeats what the library checked of them, because
/// it passes over what is absent or has a fraction.
fn check(
    claims: &Map<String, Value>,
    expected: &Cognito,
    now_s: u64,
) -> Result<Verified, TokenFault> {
    if text(claims, "iss") != Some(expected.issuer.as_str()) {
        return Err(TokenFault::Issuer);
    }
    if text(claims, "token_use") != Some("access") {
        return Err(TokenFault::Use);
    }
    let client = text(claims, "client_id").ok_or(TokenFault::Client)?;
    if !expected.client_ids.iter().any(|allowed| allowed == client) {
        return Err(TokenFault::Client);
    }
    let expires_at_s = claims.get("exp").and_then(whole_seconds).ok_or(TokenFault::Expired)?;
    if now_s >= expires_at_s.saturating_add(TOKEN_LEEWAY_S) {
        return Err(TokenFault::Expired);
    }
    for name in ["nbf", "iat"] {
        let Some(from) = claims.get(name) else { continue };
        let from_s = whole_seconds(from).ok_or(TokenFault::NotYet)?;
        if from_s > now_s.saturating_add(TOKEN_LEEWAY_S) {
            return Err(TokenFault::NotYet);
        }
    }
    let user = text(claims, "sub").and_then(|sub| UserId::parse(sub).ok());
    let user = user.ok_or(TokenFault::Subject)?;
    let groups = match claims.get("cognito:groups") {
        None => Vec::new(),
        Some(groups) => groups_of(groups).ok_or(TokenFault::Groups)?,
    };
    Ok(Verified { identity: Identity { user, groups }, expires_at_s })
}

/// Those that decide something, each once. How many others there are is bounded by the token's length.
fn groups_of(value: &Value) -> Option<Vec<String>> {
    let names: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
    let names = names?;
    Some(GROUPS.into_iter().filter(|group| names.contains(group)).map(str::to_owned).collect())
}

/// A NumericDate without its fraction. Read from its text: no float is computed with.
fn whole_seconds(value: &Value) -> Option<u64> {
    let Value::Number(number) = value else { return None };
    if let Some(whole) = number.as_u64() {
        return Some(whole);
    }
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.')?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    whole.parse().ok()
}

fn segments(token: &str) -> Option<[&str; 3]> {
    let mut parts = token.split('.');
    let segments = [parts.next()?, parts.next()?, parts.next()?];
    let whole = parts.next().is_none() && segments.iter().all(|part| !part.is_empty());
    whole.then_some(segments)
}

/// Strict: no padding, no characters outside the alphabet, no bits set beyond the data.
fn decode(segment: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenFault::Encoding)
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;

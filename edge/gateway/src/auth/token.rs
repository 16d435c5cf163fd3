//! One access token against one key: every check of RFC 7515, 7519 and 8725 that applies, and
//! Cognito's own.
//!
//! No claim is believed before the signature is verified, here or by who vouches for it, but one that is
//! wrong whoever signed is refused before, since verifying costs far more than reading. That a token has
//! expired is judged last, and again on every later use: it is no offence if the token is genuine. The
//! library's lenient defaults (15 minutes of tolerance, `exp` optional, no issuer) are all overridden.
//! Times are compared as whole seconds; a fraction, which a NumericDate may have, is cut off.

use std::collections::HashSet;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::ids::UserId;
use gavel_core::limits::TOKEN_BYTES_MAX;
use gavel_core::wire::GROUPS;
use jwt_simple::JWTError;
use jwt_simple::prelude::{
    Duration, NoCustomClaims, RSAPublicKeyLike, UnixTimeStamp, VerificationOptions,
};
use serde_json::{Map, Value};

use super::jwks::Jwk;
use super::object::read_object;
use super::{Identity, Verdict};
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
    #[error("without a usable end")]
    End,
    #[error("expired")]
    Expired,
    #[error("not valid yet")]
    NotYet,
    #[error("without a usable subject")]
    Subject,
    #[error("with unusable groups")]
    Groups,
}

/// A token whose signature held. It may have expired since, or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose it is.
    pub identity: Rc<Identity>,
    /// Its `exp`, in seconds since the epoch.
    pub expires_at_s: u64,
}

impl Verified {
    /// What that is worth at this time, in seconds since the epoch.
    pub fn at(self, now_s: u64) -> Verdict {
        let expired = now_s >= self.expires_at_s.saturating_add(TOKEN_LEEWAY_S);
        if expired { Err(TokenFault::Expired) } else { Ok(self.identity) }
    }
}

/// A token that says what it should. Nothing of it is verified yet, and nobody learns what it says
/// before it is.
#[derive(Debug)]
pub struct Unverified<'a> {
    token: &'a str,
    key_id: String,
    claimed: Verified,
    now_s: u64,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. One that could only be refused, whoever signed it, is refused here: that
    /// costs no signature.
    pub fn read(token: &'a str, expected: &Cognito, now_s: u64) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenFault::TooLong);
        }
        let [header, claims, signature] = segments(token).ok_or(TokenFault::NotCompact)?;
        let (header, claims) = (decode(header)?, decode(claims)?);
        decode(signature)?;
        let header = read_object(&header).ok_or(TokenFault::Header)?;
        if text(&header, "alg") != Some("RS256") {
            return Err(TokenFault::Algorithm);
        }
        if header.contains_key("crit") {
            return Err(TokenFault::Critical);
        }
        let key_id = text(&header, "kid")
            .filter(|id| (1..=KEY_ID_LEN_MAX).contains(&id.len()))
            .ok_or(TokenFault::KeyId)?
            .to_owned();
        let claims = read_object(&claims).ok_or(TokenFault::Claims)?;
        let claimed = check(&claims, expected, now_s)?;
        Ok(Self { token, key_id, claimed, now_s })
    }

    /// The id of the key that it says it was signed with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// For one whose signature has held before, with the key of that id.
    #[must_use]
    pub fn vouched_for(self) -> Verified {
        self.claimed
    }

    /// Verifies the signature with the key of that id. The library takes the whole token, and once the
    /// signature has held it checks again what it knows of claims.
    pub fn verify(self, key: &Jwk, expected: &Cognito) -> Result<Verified, TokenFault> {
        let options = VerificationOptions {
            accept_future: false,
            allowed_issuers: Some(HashSet::from([expected.issuer.clone()])),
            time_tolerance: Some(Duration::from_secs(TOKEN_LEEWAY_S)),
            max_token_length: Some(TOKEN_BYTES_MAX),
            max_header_length: Some(TOKEN_BYTES_MAX),
            artificial_time: Some(UnixTimeStamp::from_secs(self.now_s)),
            required_key_id: Some(self.key_id),
            ..VerificationOptions::default()
        };
        let key = key.public().ok_or(TokenFault::Signature)?;
        let Err(error) = key.verify_token::<NoCustomClaims>(self.token, Some(options)) else {
            return Ok(self.claimed);
        };
        match error.downcast_ref() {
            Some(JWTError::TokenHasExpired) => Ok(self.claimed),
            Some(JWTError::TokenNotValidYet | JWTError::ClockDrift) => Err(TokenFault::NotYet),
            _ => Err(TokenFault::Signature),
        }
    }
}

/// What the claims say, if it is all that is required of them but for the end: the library passes over
/// what is absent or has a fraction.
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
    let expires_at_s = claims.get("exp").and_then(whole_seconds).ok_or(TokenFault::End)?;
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
    Ok(Verified { identity: Rc::new(Identity { user, groups }), expires_at_s })
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

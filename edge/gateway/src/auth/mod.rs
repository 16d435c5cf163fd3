//! Who is asking: from the `Authorization` header to a verified [`Identity`].
//!
//! Cognito access tokens only. [`token`] checks one token against one key; [`keys`] finds the key;
//! [`cache`] remembers what was verified. It decides who somebody is, never what they may do.

pub mod cache;
pub mod claim;
pub mod jwks;
pub mod keys;
pub mod token;

use std::cell::RefCell;
use std::rc::Rc;

use gavel_core::ids::UserId;
use gavel_core::limits::TOKEN_BYTES_MAX;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use self::cache::TokenCache;
use self::keys::{KeyFault, Keys};
pub use self::token::TokenFault;
use crate::config::Config;
use crate::limit::{Limiter, Limits};
use crate::log;
use crate::ports::Ports;
use crate::refusal::Refusal;

/// A user, as their token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The `sub`.
    pub user: UserId,
    /// Those of their Cognito groups that decide something.
    pub groups: Vec<String>,
}

/// What an instance keeps for authentication. Shared by the requests it interleaves.
#[derive(Debug, Default)]
pub struct AuthState {
    /// The parsed key set.
    pub keys: Keys,
    /// Tokens verified before.
    pub tokens: RefCell<TokenCache>,
}

/// The caller, `None` when no token was sent. A token that was sent must hold, also where none is
/// needed: who signs in should never be served as a stranger without notice.
///
/// Failures count against the caller's address, and once its quota is used up no further token from
/// there is looked at, except those this instance already verified. A genuine token that has expired
/// does not count: a stale tab must not lock out everybody behind the same address. Nor does one that
/// is too long to be looked at: it may be genuine, and what is wrong with it is told.
pub async fn authenticate(
    ports: &impl Ports,
    config: &Config,
    state: &AuthState,
    limits: &Limits<'_>,
    headers: &HeaderMap,
    address: &str,
) -> Result<Option<Rc<Identity>>, Refusal> {
    let fault = match bearer(headers) {
        Ok(None) => return Ok(None),
        Ok(Some(token)) if token.len() > TOKEN_BYTES_MAX => {
            return Err(Refusal::TokenTooLong { bytes_max: TOKEN_BYTES_MAX });
        }
        Ok(Some(token)) => {
            state.keys.recheck(ports, config).await;
            state.tokens.borrow_mut().enter(state.keys.generation());
            let now_s = ports.now_ms() / 1_000;
            let digest = cache::digest(token);
            if let Some(identity) = state.tokens.borrow_mut().get(&digest, now_s) {
                return Ok(Some(identity));
            }
            limits.peek(ports, Limiter::FailedAuth, address).await?;
            match verify(ports, config, state, token).await? {
                Ok(verified) => {
                    let identity = Rc::new(verified.identity);
                    let mut tokens = state.tokens.borrow_mut();
                    // Finding the key may just have changed the set.
                    tokens.enter(state.keys.generation());
                    tokens.put(digest, Rc::clone(&identity), verified.expires_at_s);
                    return Ok(Some(identity));
                }
                Err(fault) => fault,
            }
        }
        Err(fault) => {
            limits.peek(ports, Limiter::FailedAuth, address).await?;
            fault
        }
    };
    log::info("token refused", &[("reason", &fault)]);
    // The end is judged only once the signature has held.
    if fault != TokenFault::Expired {
        // Its verdict does not matter here: the next attempt asks first.
        let _counted = limits.take(ports, Limiter::FailedAuth, address).await;
    }
    Err(Refusal::TokenInvalid(fault))
}

async fn verify(
    ports: &impl Ports,
    config: &Config,
    state: &AuthState,
    token: &str,
) -> Result<Result<token::Verified, TokenFault>, Refusal> {
    let key_id = match token::key_id(token) {
        Ok(key_id) => key_id,
        Err(fault) => return Ok(Err(fault)),
    };
    match state.keys.find(ports, config, &key_id).await {
        Ok(key) => {
            let now_s = ports.now_ms() / 1_000;
            Ok(token::verify(token, &key_id, &key, &config.cognito, now_s))
        }
        Err(KeyFault::Unknown) => Ok(Err(TokenFault::UnknownKey)),
        Err(KeyFault::Untold) => Err(Refusal::Unavailable("signing in cannot be checked now")),
    }
}

/// The token of `Authorization: Bearer …`. The scheme is written in any case and followed by one space
/// or more (RFC 9110, 11.4). That there is at most one such header was checked before.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, TokenFault> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| TokenFault::NotBearer)?;
    let (scheme, token) = value.split_once(' ').ok_or(TokenFault::NotBearer)?;
    let token = token.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(Some(token))
    } else {
        Err(TokenFault::NotBearer)
    }
}

#[cfg(test)]
mod tests;

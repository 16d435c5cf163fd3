//! Who is asking: from the `Authorization` header to a verified [`Identity`].
//!
//! Cognito access tokens only. [`token`] checks one token against one key; [`keys`] finds the key;
//! [`cache`] remembers what was verified here, `told` what other instances did. It decides who somebody
//! is, never what they may do.

pub mod cache;
pub mod jwks;
pub mod keys;
mod object;
mod seal;
pub mod token;
mod told;

use std::cell::RefCell;
use std::rc::Rc;

use gavel_core::ids::UserId;
use gavel_core::limits::TOKEN_BYTES_MAX;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use self::cache::TokenCache;
use self::keys::{KeyFault, Keys};
pub use self::token::TokenFault;
use self::token::Unverified;
use self::told::{Slot, Told};
use crate::config::Config;
use crate::limit::{Limiter, Limits, Share};
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

/// Whose a token is, or what is wrong with it.
pub type Verdict = Result<Rc<Identity>, TokenFault>;

/// What an instance keeps for authentication. Shared by the requests it interleaves.
#[derive(Debug)]
pub struct AuthState {
    /// The key set.
    pub keys: Rc<Keys>,
    tokens: RefCell<TokenCache>,
    told: Told,
}

impl AuthState {
    /// Without any key or token yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            keys: Rc::new(Keys::new(config)),
            tokens: RefCell::default(),
            told: Told::new(config),
        }
    }
}

/// The caller, `None` when no token was sent. A token that was sent must hold, also where none is
/// needed: who signs in should never be served as a stranger without notice.
///
/// Failures count against the caller's address, and once its quota is used up no further signature from
/// there is looked at, except those already verified: by this instance, or by one that tells it. Three
/// failures do not count: a genuine token that has expired, because a stale tab must not lock out everybody
/// behind the same address; one that is too long to be looked at, because it may be genuine, and what is
/// wrong with it is told; and one whose key nobody can tell about now.
pub async fn authenticate(
    ports: &impl Ports,
    config: &Config,
    state: &AuthState,
    limits: &Rc<Limits>,
    headers: &HeaderMap,
    address: &str,
) -> Result<Option<Rc<Identity>>, Refusal> {
    let Some(token) = bearer(headers).transpose() else { return Ok(None) };
    let verdict = match token {
        Ok(token) => judge(ports, config, state, limits, token, address).await?,
        Err(fault) => Err(fault),
    };
    match verdict {
        Ok(identity) => Ok(Some(identity)),
        Err(fault) => Err(failed(ports, limits, address, fault).await),
    }
}

/// The way of a token: known already, or read, its key found, and then vouched for by another instance, or
/// its sender admitted, verified and remembered.
async fn judge(
    ports: &impl Ports,
    config: &Config,
    state: &AuthState,
    limits: &Rc<Limits>,
    token: &str,
    address: &str,
) -> Result<Verdict, Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::TokenTooLong { bytes_max: TOKEN_BYTES_MAX });
    }
    let now_ms = ports.now_ms();
    state.keys.keep(ports, now_ms);
    let now_s = now_ms / 1_000;
    if let Some(known) = state.tokens.borrow_mut().get(token, now_s) {
        return Ok(known);
    }
    let unverified = match Unverified::read(token, &config.cognito, now_s) {
        Ok(unverified) => unverified,
        Err(fault) => return Ok(Err(fault)),
    };
    let key = match state.keys.find(ports, unverified.key_id()).await {
        Ok(key) => key,
        Err(KeyFault::Unknown) => return Ok(Err(TokenFault::UnknownKey)),
        Err(KeyFault::Untold) => {
            return Err(Refusal::Unavailable("signing in cannot be checked now"));
        }
    };
    let remember = |verified| state.tokens.borrow_mut().put(token, &key, verified, now_s);
    let slot = state.told.of(ports, token, &key).await;
    if slot.as_ref().is_some_and(Slot::vouches) {
        return Ok(remember(Ok(unverified.vouched_for())));
    }
    // Right before the signature: of what comes at once, no more is verified than the quota allows.
    limits.peek(ports, Limiter::FailedAuth, address).await?;
    let verdict = remember(unverified.verify(&key, &config.cognito));
    if let (Some(slot), Ok(_)) = (slot, &verdict) {
        slot.tell(ports);
    }
    Ok(verdict)
}

/// Notes and counts a failure. Who has used up the quota is told that instead.
async fn failed(
    ports: &impl Ports,
    limits: &Rc<Limits>,
    address: &str,
    fault: TokenFault,
) -> Refusal {
    log::info("token refused", &[("reason", &fault)]);
    // The end is judged only once the signature has held.
    if fault != TokenFault::Expired
        && let Err(denied) = limits.take(ports, Limiter::FailedAuth, address, Share::Later).await
    {
        return denied.into();
    }
    Refusal::TokenInvalid(fault)
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

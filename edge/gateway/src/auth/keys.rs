//! Finding the key a token names: in this instance, else in the store, else from Cognito.
//!
//! - A known key is always answered at once; the set is refreshed in time, and an old set works on
//!   while Cognito cannot be reached.
//! - An unknown key id leads to at most one fetch per cool-down over all instances ([`claim`]). Who
//!   may fetch waits for it, and so does who comes while a fetch is under way, so a rotated key is
//!   accepted within the cool-down; everybody else is refused at once.
//! - Without a working store nothing is fetched, because nobody could keep count.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use super::claim::{self, Permit};
use super::jwks::{Jwk, KeySet};
use crate::config::Config;
use crate::limits::{
    JWKS_AGE_S_MAX, JWKS_BYTES_MAX, JWKS_FETCH_TIMEOUT_MS, JWKS_POLL_MS, JWKS_RECHECK_S,
    JWKS_REFRESH_GAP_S, JWKS_WAIT_MS,
};
use crate::log;
use crate::ports::{Outgoing, Ports, within};

/// The key set as this instance knows it.
#[derive(Debug, Default)]
pub struct Keys {
    set: RefCell<Option<Rc<KeySet>>>,
    loaded_at_ms: Cell<u64>,
    generation: Cell<u64>,
}

/// Why no key was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// The pool has no such key.
    Unknown,
    /// There is no key set, or the pool was asked whether it has a newer one and did not answer: so
    /// nobody can tell.
    Untold,
}

impl Keys {
    /// How often the keys have changed. What was verified under another generation is in doubt.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// Reads the stored set again if this instance's copy is old.
    pub async fn recheck(&self, ports: &impl Ports, config: &Config) {
        let age_ms = ports.now_ms().abs_diff(self.loaded_at_ms.get());
        if self.set.borrow().is_some() && age_ms < JWKS_RECHECK_S * 1_000 {
            return;
        }
        self.load(ports, config).await;
    }

    /// The key with this id.
    pub async fn find(
        &self,
        ports: &impl Ports,
        config: &Config,
        key_id: &str,
    ) -> Result<Rc<Jwk>, KeyFault> {
        self.recheck(ports, config).await;
        let mut told = true;
        if let Some((key, set)) = self.known(key_id) {
            let age_ms = ports.now_ms().abs_diff(set.fetched_at_ms);
            if age_ms < JWKS_AGE_S_MAX * 1_000 {
                return Ok(key);
            }
            let gap_ms = JWKS_REFRESH_GAP_S.max(config.jwks_cooldown_s) * 1_000;
            // Refused, or without a store to ask: the old set works on.
            if let Ok(Permit::Granted(attempt)) = claim::ask(ports, &name(config), gap_ms).await {
                self.fetch(ports, config, attempt).await;
            }
        } else {
            self.load(ports, config).await;
            if self.known(key_id).is_none() {
                self.look_further(ports, config).await;
                told = self.told(ports, config).await;
            }
        }
        match self.known(key_id) {
            Some((key, _)) => Ok(key),
            None if told && self.set.borrow().is_some() => Err(KeyFault::Unknown),
            None => Err(KeyFault::Untold),
        }
    }

    /// Whether there is a key set, fetching one if need be. For readiness.
    pub async fn ready(&self, ports: &impl Ports, config: &Config) -> bool {
        self.recheck(ports, config).await;
        if self.set.borrow().is_none() {
            self.look_further(ports, config).await;
        }
        self.set.borrow().is_some()
    }

    /// Whether the set at hand is what the pool said when it was last asked. Where that failed, a key
    /// that is not in the set may be one that the pool has by now. Without a store nobody knows of another
    /// attempt, and the set at hand is the last word.
    async fn told(&self, ports: &impl Ports, config: &Config) -> bool {
        let asked_at_ms = claim::last_asked_ms(ports, &name(config)).await;
        let fetched_at_ms = self.set.borrow().as_ref().map(|set| set.fetched_at_ms);
        asked_at_ms.ok().flatten() <= fetched_at_ms
    }

    fn known(&self, key_id: &str) -> Option<(Rc<Jwk>, Rc<KeySet>)> {
        let set = self.set.borrow().clone()?;
        let key = Rc::clone(set.keys.get(key_id)?);
        Some((key, set))
    }

    /// Fetches the set if that is allowed now, or waits for the fetch that is under way.
    async fn look_further(&self, ports: &impl Ports, config: &Config) {
        let (name, gap_ms) = (name(config), config.jwks_cooldown_s * 1_000);
        match claim::ask(ports, &name, gap_ms).await {
            Ok(Permit::Granted(attempt)) => self.fetch(ports, config, attempt).await,
            Ok(Permit::Busy(seen)) => {
                let under_way = async {
                    loop {
                        ports.sleep(Duration::from_millis(JWKS_POLL_MS)).await;
                        if claim::over(ports, &name, seen).await == Ok(true) {
                            return;
                        }
                    }
                };
                let _ended = within(ports, JWKS_WAIT_MS, under_way).await;
                self.load(ports, config).await;
            }
            // Over since this request last looked, perhaps just now.
            Ok(Permit::Cooling) => self.load(ports, config).await,
            Err(error) => log::warn("cannot claim the key set fetch", &[("error", &error)]),
        }
    }

    async fn fetch(&self, ports: &impl Ports, config: &Config, attempt: claim::Attempt) {
        match fetch_set(ports, config).await {
            Ok(set) => {
                log::info("key set fetched", &[("keys", &set.keys.len())]);
                if let Err(error) = ports.set(&name(config), &set.to_stored()).await {
                    log::warn("cannot store the key set", &[("error", &error)]);
                }
                self.replace(ports, set);
            }
            Err(reason) => log::warn("cannot fetch the key set", &[("reason", &reason)]),
        }
        if let Err(error) = claim::end(ports, &name(config), attempt).await {
            log::warn("cannot note the end of the key set fetch", &[("error", &error)]);
        }
    }

    async fn load(&self, ports: &impl Ports, config: &Config) {
        match ports.get(&name(config)).await {
            Ok(stored) => {
                if let Some(set) = stored.and_then(|stored| KeySet::from_stored(&stored)) {
                    self.replace(ports, set);
                }
            }
            Err(error) => log::warn("cannot read the key set", &[("error", &error)]),
        }
    }

    /// Takes a set over, unless it is older than the one at hand.
    fn replace(&self, ports: &impl Ports, set: KeySet) {
        self.loaded_at_ms.set(ports.now_ms());
        let mut current = self.set.borrow_mut();
        if current.as_ref().is_some_and(|old| old.fetched_at_ms > set.fetched_at_ms) {
            return;
        }
        if current.as_ref().is_none_or(|old| old.keys != set.keys) {
            self.generation.set(self.generation.get() + 1);
        }
        *current = Some(Rc::new(set));
    }
}

/// The store's key of the pool's set.
fn name(config: &Config) -> String {
    format!("jwks/{}", config.cognito.pool)
}

async fn fetch_set(ports: &impl Ports, config: &Config) -> Result<KeySet, String> {
    let request = Outgoing {
        method: Method::GET,
        url: config.jwks_url(),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        connect_timeout_ms: JWKS_FETCH_TIMEOUT_MS,
        timeout_ms: JWKS_FETCH_TIMEOUT_MS,
        reply_bytes_max: JWKS_BYTES_MAX,
    };
    let reply = within(ports, JWKS_FETCH_TIMEOUT_MS, ports.fetch(&request))
        .await
        .ok_or("no answer in time")?
        .map_err(|error| error.to_string())?;
    if reply.status() != StatusCode::OK {
        return Err(format!("status {}", reply.status().as_u16()));
    }
    KeySet::parse(reply.body(), ports.now_ms()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;

//! Finding the key a token names: in this instance, else in the store, else from Cognito.
//!
//! - A known key is answered at once. The set is looked after in the background, and an old one works
//!   on while Cognito cannot be reached.
//! - An unknown key id leads to at most one fetch per cool-down of an instance. Who asks meanwhile waits
//!   for the fetch that is under way; after it, nobody can tell about a key id that was first asked for
//!   since, until the next one.
//! - The store saves fetches, no more: a set that another instance fetched is as good as one's own, and
//!   its time counts for the cool-down. Without a store, or with one that hangs, each instance fetches
//!   for itself. What the store has is believed only with our seal.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use lru::LruCache;

use super::jwks::{Jwk, KeySet};
use super::seal::Seal;
use crate::config::Config;
use crate::limits::{
    JWKS_AGE_S_MAX, JWKS_BYTES_MAX, JWKS_FETCH_TIMEOUT_MS, JWKS_KEEP_S, JWKS_POLL_MS, JWKS_WAIT_MS,
    KEY_IDS_MISSED_MAX,
};
use crate::log;
use crate::ports::{Outgoing, Ports, bounded, within};

/// The key set as this instance knows it.
#[derive(Debug)]
pub struct Keys {
    source: Source,
    set: RefCell<Option<Rc<KeySet>>>,
    /// When the set was last looked after.
    kept_at_ms: Cell<u64>,
    /// When this instance last began a fetch.
    asked_at_ms: Cell<Option<u64>>,
    /// Whether it is looking for a newer set now.
    asking: Cell<bool>,
    /// Since when a newer set is wanted for a key id that the set at hand lacks.
    missed: RefCell<LruCache<String, u64>>,
}

/// Where the set comes from, and what it is kept by.
#[derive(Debug)]
struct Source {
    url: String,
    cooldown_ms: u64,
    /// The store's key of the set.
    name: String,
    seal: Seal,
}

/// Why no key was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// The pool has no such key: it was asked since that key was first wanted.
    Unknown,
    /// It was not, or did not answer; so nobody can tell.
    Untold,
}

impl Keys {
    /// Without any key yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let name = format!("jwks/{}", config.cognito.pool);
        // For this set only, so that no other pool's can take its place.
        let seal = Seal::of(&name, &config.edge_key);
        Self {
            source: Source {
                url: config.jwks_url(),
                cooldown_ms: config.jwks_cooldown_s * 1_000,
                name,
                seal,
            },
            set: RefCell::default(),
            kept_at_ms: Cell::default(),
            asked_at_ms: Cell::default(),
            asking: Cell::default(),
            missed: RefCell::new(LruCache::new(KEY_IDS_MISSED_MAX)),
        }
    }

    /// Looks after the set in the background, if it is time to.
    pub fn keep<P: Ports>(self: &Rc<Self>, ports: &P, now_ms: u64) {
        if self.set.borrow().is_none() || recent(self.kept_at_ms.get(), now_ms, JWKS_KEEP_S) {
            return;
        }
        self.kept_at_ms.set(now_ms);
        let keys = Rc::clone(self);
        ports.spawn(async move |ports: &P| {
            let fresh = |set: &KeySet| recent(set.fetched_at_ms, ports.now_ms(), JWKS_AGE_S_MAX);
            keys.ask(ports, fresh).await;
        });
    }

    /// The key with this id.
    pub async fn find(
        self: &Rc<Self>,
        ports: &impl Ports,
        key_id: &str,
    ) -> Result<Rc<Jwk>, KeyFault> {
        if let Some(key) = self.known(key_id) {
            return Ok(key);
        }
        let now_ms = ports.now_ms();
        self.missed.borrow_mut().get_or_insert(key_id.to_owned(), || now_ms);
        if self.asking.get() {
            let under_way = async {
                while self.asking.get() && self.known(key_id).is_none() {
                    ports.sleep(Duration::from_millis(JWKS_POLL_MS)).await;
                }
            };
            let _ended = within(ports, JWKS_WAIT_MS, under_way).await;
        } else if !self.cooling(now_ms) {
            self.ask(ports, |set| set.keys.contains_key(key_id)).await;
            // What the store had may be old.
            self.keep(ports, ports.now_ms());
        }
        self.known(key_id).ok_or_else(|| self.fault(key_id))
    }

    /// Whether there is a key set, fetching one if need be. For readiness.
    pub async fn ready(self: &Rc<Self>, ports: &impl Ports) -> bool {
        let now_ms = ports.now_ms();
        self.keep(ports, now_ms);
        if self.set.borrow().is_none() && !self.asking.get() && !self.cooling(now_ms) {
            self.ask(ports, |_| true).await;
        }
        self.set.borrow().is_some()
    }

    fn known(&self, key_id: &str) -> Option<Rc<Jwk>> {
        self.set.borrow().as_ref()?.keys.get(key_id).cloned()
    }

    /// Why there is no key of this id.
    fn fault(&self, key_id: &str) -> KeyFault {
        let since_ms = self.missed.borrow().peek(key_id).copied();
        let fetched_at_ms = self.set.borrow().as_ref().map(|set| set.fetched_at_ms);
        match (since_ms, fetched_at_ms) {
            (Some(since_ms), Some(at_ms)) if at_ms >= since_ms => KeyFault::Unknown,
            _ => KeyFault::Untold,
        }
    }

    /// Whether the pool was asked too recently to be asked again, by this instance or, as the set at hand
    /// shows, by another.
    fn cooling(&self, now_ms: u64) -> bool {
        let fetched_at_ms = self.set.borrow().as_ref().map(|set| set.fetched_at_ms);
        [self.asked_at_ms.get(), fetched_at_ms]
            .into_iter()
            .flatten()
            .any(|at_ms| at_ms.abs_diff(now_ms) < self.source.cooldown_ms)
    }

    /// Looks for a newer set: in the store, and from the pool if what is there then is not `enough`. Once
    /// at a time.
    async fn ask(&self, ports: &impl Ports, enough: impl Fn(&KeySet) -> bool) {
        if self.asking.replace(true) {
            return;
        }
        // Also when the request that asks is dropped.
        let _asking = Asking(&self.asking);
        self.load(ports).await;
        let now_ms = ports.now_ms();
        if self.set.borrow().as_deref().is_some_and(enough) || self.cooling(now_ms) {
            return;
        }
        self.asked_at_ms.set(Some(now_ms));
        match self.fetch(ports, now_ms).await {
            Ok(set) => {
                log::info("key set fetched", &[("keys", &set.keys.len())]);
                let stored = self.source.seal.close(&set.to_stored());
                self.replace(ports, set);
                let stored = bounded(ports, ports.set(&self.source.name, &stored)).await;
                if let Err(error) = stored {
                    log::warn("cannot store the key set", &[("error", &error)]);
                }
            }
            Err(reason) => log::warn("cannot fetch the key set", &[("reason", &reason)]),
        }
    }

    async fn load(&self, ports: &impl Ports) {
        match bounded(ports, ports.get(&self.source.name)).await {
            Ok(None) => {}
            Ok(Some(stored)) => {
                match self.source.seal.open(&stored).and_then(KeySet::from_stored) {
                    Some(mut set) => {
                        let now_ms = ports.now_ms();
                        // The set of a node whose clock is far ahead is of unknown age, and must not keep newer
                        // ones out.
                        let known_age = set.fetched_at_ms <= now_ms + self.source.cooldown_ms;
                        set.fetched_at_ms =
                            if known_age { set.fetched_at_ms.min(now_ms) } else { 0 };
                        self.replace(ports, set);
                    }
                    None => log::warn("the stored key set is not ours", &[]),
                }
            }
            Err(error) => log::warn("cannot read the key set", &[("error", &error)]),
        }
    }

    /// Takes a set over, unless it is older than the one at hand. Keys that stay the same stay the same
    /// `Rc`: what was verified with them is still good.
    fn replace(&self, ports: &impl Ports, mut set: KeySet) {
        let mut current = self.set.borrow_mut();
        if let Some(old) = current.as_ref() {
            if old.fetched_at_ms > set.fetched_at_ms {
                return;
            }
            for (key_id, key) in &old.keys {
                match set.keys.get_mut(key_id) {
                    Some(same) if same == key => *same = Rc::clone(key),
                    Some(_) => {}
                    None => drop(self.missed.borrow_mut().put(key_id.clone(), old.fetched_at_ms)),
                }
            }
        } else if recent(set.fetched_at_ms, ports.now_ms(), JWKS_AGE_S_MAX) {
            self.kept_at_ms.set(ports.now_ms());
        }
        *current = Some(Rc::new(set));
    }

    /// Asks the pool. Its answer is as of `now_ms`, when it is asked: of what came since it says nothing.
    async fn fetch(&self, ports: &impl Ports, now_ms: u64) -> Result<KeySet, String> {
        let request = Outgoing {
            method: Method::GET,
            url: self.source.url.clone(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            connect_timeout_ms: JWKS_FETCH_TIMEOUT_MS,
            timeout_ms: JWKS_FETCH_TIMEOUT_MS,
        };
        let reply = within(ports, JWKS_FETCH_TIMEOUT_MS, ports.fetch(&request, JWKS_BYTES_MAX))
            .await
            .ok_or("no answer in time")?
            .map_err(|error| error.to_string())?;
        if reply.status() != StatusCode::OK {
            return Err(format!("status {}", reply.status().as_u16()));
        }
        KeySet::parse(reply.body(), now_ms).map_err(|error| error.to_string())
    }
}

/// Says that nobody is asking any more, once dropped.
struct Asking<'a>(&'a Cell<bool>);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Whether `at` is less than this away from `now`. A time from the future, as a clock that was set back
/// leaves it, counts by its distance too, so that it cannot block for ever.
fn recent(at_ms: u64, now_ms: u64, span_s: u64) -> bool {
    at_ms.abs_diff(now_ms) < span_s * 1_000
}

#[cfg(test)]
mod tests;

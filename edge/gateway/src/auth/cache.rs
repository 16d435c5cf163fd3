//! Tokens this instance has verified, so that one is not verified again on every bid: that costs
//! about a millisecond, looking it up here a few microseconds.
//!
//! Keyed by SHA-256, so no token is kept. Only tokens that held; the end is checked on every hit;
//! emptied once the keys have changed; bounded, the oldest entry goes first.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::Identity;
use crate::limits::{TOKEN_LEEWAY_S, TOKENS_CACHED_MAX};

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// The digest a token is remembered by.
#[must_use]
pub fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// See the module.
#[derive(Debug, Default)]
pub struct TokenCache {
    entries: HashMap<Digest, Entry>,
    /// In the order they came; holds exactly the keys of `entries`.
    order: VecDeque<Digest>,
    /// That of the keys which the tokens held under.
    generation: u64,
}

#[derive(Debug)]
struct Entry {
    identity: Rc<Identity>,
    expires_at_s: u64,
}

impl TokenCache {
    /// Whose token this is, if it was verified before and has not expired.
    pub fn get(&mut self, digest: &Digest, now_s: u64) -> Option<Rc<Identity>> {
        let entry = self.entries.get(digest)?;
        let valid = now_s < entry.expires_at_s.saturating_add(TOKEN_LEEWAY_S);
        valid.then(|| Rc::clone(&entry.identity))
    }

    /// Remembers a verified token.
    pub fn put(&mut self, digest: Digest, identity: Rc<Identity>, expires_at_s: u64) {
        if self.entries.insert(digest, Entry { identity, expires_at_s }).is_none() {
            self.order.push_back(digest);
        }
        while self.order.len() > TOKENS_CACHED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Forgets everything that was verified under another generation of the keys.
    pub fn enter(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.entries.clear();
            self.order.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use gavel_core::ids::UserId;

    use super::*;

    fn identity() -> Rc<Identity> {
        Rc::new(Identity { user: UserId::parse("u").unwrap(), groups: Vec::new() })
    }

    #[test]
    fn a_hit_ends_with_the_token() {
        let mut cache = TokenCache::default();
        cache.put(digest("a"), identity(), 100);
        assert!(cache.get(&digest("a"), 104).is_some());
        assert!(cache.get(&digest("a"), 105).is_none());
        assert!(cache.get(&digest("b"), 0).is_none());
        cache.enter(0);
        assert!(cache.get(&digest("a"), 0).is_some());
        cache.enter(1);
        assert!(cache.get(&digest("a"), 0).is_none());
    }

    #[test]
    fn it_stays_bounded_and_forgets_the_oldest() {
        let mut cache = TokenCache::default();
        for number in 0..=TOKENS_CACHED_MAX {
            cache.put(digest(&number.to_string()), identity(), 100);
            cache.put(digest(&number.to_string()), identity(), 100);
        }
        assert_eq!(cache.entries.len(), TOKENS_CACHED_MAX);
        assert_eq!(cache.order.len(), TOKENS_CACHED_MAX);
        assert!(cache.get(&digest("0"), 0).is_none());
        assert!(cache.get(&digest("1"), 0).is_some());
    }
}

//! Tokens this instance has verified, so that one is not verified again on every bid: that costs 0.8 ms
//! in WebAssembly, looking it up here half a microsecond.
//!
//! The whole token is the key, so a hit means this very token, byte for byte. It is hashed with SipHash
//! under a secret drawn by the instance; a digest that nobody can find a collision of would cost five
//! times as much and say no more. For the same reason the comparison need not take the same time always:
//! which tokens a forged one is compared with, if any, nobody outside can tell or steer, and a hit is
//! worth no more than the signature that had to be known for it.
//!
//! What was found out with a key counts as long as that key is in the key set; no other key's coming or
//! going matters. The end is checked on every hit. Forged tokens are remembered too, apart from the others
//! and for a short time: a flood of them pushes nothing out, and one that is repeated costs no second
//! verification. Nothing here is written anywhere or shown by `Debug`.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::rc::{Rc, Weak};

use lru::LruCache;

use super::Verdict;
use super::jwks::Jwk;
use super::token::{TokenFault, Verified};
use crate::limits::{
    BAD_TOKEN_S, BAD_TOKENS_BYTES_MAX, BAD_TOKENS_MAX, TOKENS_BYTES_MAX, TOKENS_MAX,
};

/// See the module.
#[derive(Debug)]
pub struct TokenCache {
    good: Remembered<Verified>,
    /// Until when each counts as forged, in seconds since the epoch.
    bad: Remembered<u64>,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            good: Remembered::new(TOKENS_MAX, TOKENS_BYTES_MAX),
            bad: Remembered::new(BAD_TOKENS_MAX, BAD_TOKENS_BYTES_MAX),
        }
    }
}

impl TokenCache {
    /// What is known of a token: whose it is, that it has expired, or that its signature does not hold.
    pub fn get(&mut self, token: &str, now_s: u64) -> Option<Verdict> {
        if let Some(verified) = self.good.get(token) {
            return Some(verified.at(now_s));
        }
        let bad_until_s = self.bad.get(token)?;
        (now_s < bad_until_s).then_some(Err(TokenFault::Signature))
    }

    /// Remembers what verifying a token with `key` gave; what that means now.
    pub fn put(
        &mut self,
        token: &str,
        key: &Rc<Jwk>,
        result: Result<Verified, TokenFault>,
        now_s: u64,
    ) -> Verdict {
        match &result {
            Ok(verified) => self.good.put(token, key, verified.clone()),
            Err(TokenFault::Signature) => self.bad.put(token, key, now_s + BAD_TOKEN_S),
            Err(_) => {}
        }
        result?.at(now_s)
    }
}

/// Tokens with what is known of each. The one that was not used for longest makes room.
#[derive(Debug)]
struct Remembered<T> {
    entries: LruCache<Kept, Entry<T>>,
    /// The length of all tokens.
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entry<T> {
    what: T,
    /// Gone once the key set has it no more.
    key: Weak<Jwk>,
}

impl<T: Clone> Remembered<T> {
    fn new(entries_max: usize, bytes_max: usize) -> Self {
        // One with a capacity would take the memory of all entries at once.
        Self { entries: LruCache::unbounded(), bytes: 0, entries_max, bytes_max }
    }

    fn get(&mut self, token: &str) -> Option<T> {
        let entry = self.entries.get(&token as &dyn Token)?;
        if entry.key.strong_count() > 0 {
            return Some(entry.what.clone());
        }
        self.entries.pop(&token as &dyn Token);
        self.bytes -= token.len();
        None
    }

    fn put(&mut self, token: &str, key: &Rc<Jwk>, what: T) {
        let entry = Entry { what, key: Rc::downgrade(key) };
        if self.entries.put(Kept(token.into()), entry).is_none() {
            self.bytes += token.len();
        }
        while self.entries.len() > self.entries_max || self.bytes > self.bytes_max {
            let Some((oldest, _)) = self.entries.pop_lru() else { return };
            self.bytes -= oldest.text().len();
        }
    }
}

/// A token as a key, kept or asked for. They are compared by words: WebAssembly has no instruction to
/// compare memory, and the library's loop over the bytes of a token takes a microsecond.
trait Token {
    fn text(&self) -> &str;
}

/// One that is kept.
#[derive(Debug)]
struct Kept(Box<str>);

impl Token for Kept {
    fn text(&self) -> &str {
        &self.0
    }
}

impl Token for &str {
    fn text(&self) -> &str {
        self
    }
}

impl Hash for dyn Token + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

impl PartialEq for dyn Token + '_ {
    fn eq(&self, other: &Self) -> bool {
        let (these, rest) = self.text().as_bytes().as_chunks::<8>();
        let (those, other_rest) = other.text().as_bytes().as_chunks::<8>();
        let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
        these.len() == those.len()
            && these.iter().zip(those).all(|(this, that)| word(this) == word(that))
            && rest == other_rest
    }
}

impl Eq for dyn Token + '_ {}

impl<'a> Borrow<dyn Token + 'a> for Kept {
    fn borrow(&self) -> &(dyn Token + 'a) {
        self
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self as &dyn Token).hash(state);
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self as &dyn Token == other as &dyn Token
    }
}

impl Eq for Kept {}

#[cfg(test)]
mod tests {
    use gavel_core::ids::UserId;
    use gavel_core::limits::TOKEN_BYTES_MAX;

    use super::*;
    use crate::auth::Identity;
    use crate::auth::jwks::KeySet;
    use crate::limits::TOKEN_LEEWAY_S;
    use crate::testing::{KEY_ID, Signer, jwks};

    fn key() -> Rc<Jwk> {
        let set = KeySet::parse(jwks(&[(KEY_ID, Signer::Pool)]).as_bytes(), 0).unwrap();
        Rc::clone(&set.keys[KEY_ID])
    }

    fn good(expires_at_s: u64) -> Result<Verified, TokenFault> {
        let identity = Identity { user: UserId::parse("u").unwrap(), groups: Vec::new() };
        Ok(Verified { identity: Rc::new(identity), expires_at_s })
    }

    const FORGED: Result<Verified, TokenFault> = Err(TokenFault::Signature);

    #[test]
    fn a_hit_ends_with_the_token_and_with_its_key() {
        let (mut cache, key, other) = (TokenCache::default(), key(), key());
        assert!(cache.put("a", &key, good(100), 0).is_ok());
        assert!(cache.put("b", &other, good(100), 0).is_ok());
        assert!(cache.get("a", 100 + TOKEN_LEEWAY_S - 1).unwrap().is_ok());
        assert_eq!(cache.get("a", 100 + TOKEN_LEEWAY_S), Some(Err(TokenFault::Expired)));
        assert_eq!(cache.get("c", 0), None);
        drop(key);
        assert_eq!(cache.get("a", 0), None);
        assert!(cache.get("b", 0).is_some());
        assert_eq!((cache.good.entries.len(), cache.good.bytes), (1, 1), "it keeps no room");
    }

    #[test]
    fn a_token_that_differs_in_one_byte_is_another() {
        let (mut cache, key) = (TokenCache::default(), key());
        let token = Signer::Pool.access(KEY_ID, "u", 0);
        assert!(cache.put(&token, &key, good(100), 0).is_ok());
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] ^= 1;
            assert_eq!(cache.get(&String::from_utf8(other).unwrap(), 0), None, "{at}");
            assert_eq!(cache.get(&token[..at], 0), None, "{at}");
        }
        assert!(cache.get(&token, 0).is_some());
    }

    #[test]
    fn a_forged_token_is_remembered_for_a_short_time() {
        let (mut cache, key) = (TokenCache::default(), key());
        assert_eq!(cache.put("a", &key, FORGED, 1_000), Err(TokenFault::Signature));
        let known = cache.get("a", 1_000 + BAD_TOKEN_S - 1);
        assert_eq!(known, Some(Err(TokenFault::Signature)));
        assert_eq!(cache.get("a", 1_000 + BAD_TOKEN_S), None);
        drop(key);
        assert_eq!(cache.get("a", 1_000), None);
    }

    #[test]
    fn it_stays_bounded_and_forgets_what_was_not_used_for_longest() {
        let (mut cache, key) = (TokenCache::default(), key());
        for number in 0..TOKENS_MAX {
            let _verdict = cache.put(&number.to_string(), &key, good(100), 0);
        }
        assert!(cache.get("0", 0).is_some());
        for number in 0..2 * BAD_TOKENS_MAX {
            let _verdict = cache.put(&format!("forged {number}"), &key, FORGED, 0);
        }
        for _twice in 0..2 {
            let _verdict = cache.put("one more", &key, good(100), 0);
        }
        assert_eq!(cache.good.entries.len(), TOKENS_MAX);
        assert_eq!(cache.bad.entries.len(), BAD_TOKENS_MAX);
        assert!(cache.get("0", 0).is_some(), "it was used");
        assert!(cache.get("1", 0).is_none());
        assert!(cache.get("2", 0).is_some());
    }

    #[test]
    fn it_stays_bounded_in_bytes_though_every_token_is_as_long_as_can_be() {
        let (mut cache, key) = (TokenCache::default(), key());
        let long = |number: usize| format!("{number:08}{}", "x".repeat(TOKEN_BYTES_MAX - 8));
        for number in 0..TOKENS_BYTES_MAX / TOKEN_BYTES_MAX + 2 {
            assert!(cache.put(&long(number), &key, good(100), 0).is_ok());
            let _verdict = cache.put(&long(number), &key, FORGED, 0);
            assert!(cache.get(&long(number), 0).is_some_and(|verdict| verdict.is_ok()));
        }
        for (entries, bytes, bytes_max) in [
            (cache.good.entries.len(), cache.good.bytes, TOKENS_BYTES_MAX),
            (cache.bad.entries.len(), cache.bad.bytes, BAD_TOKENS_BYTES_MAX),
        ] {
            assert_eq!(bytes, entries * TOKEN_BYTES_MAX);
            assert!(bytes <= bytes_max && bytes + TOKEN_BYTES_MAX > bytes_max, "{bytes}");
        }
    }
}

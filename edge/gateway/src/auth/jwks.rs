//! The pool's key set (RFC 7517): reading it strictly, and its form in the store.
//!
//! Keys of other kinds or uses are passed over, as the RFC asks; so are weak ones. A set in which a
//! key id appears twice is refused whole: readers could disagree about which one counts.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::RS256PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{JWKS_KEYS_MAX, KEY_ID_LEN_MAX, RSA_BITS_MAX, RSA_BITS_MIN};

/// An RSA public key fit for RS256.
#[derive(Debug, Clone)]
pub struct Jwk {
    /// The modulus, big-endian, without leading zeros.
    n: Vec<u8>,
    /// The exponent, 65537, big-endian.
    e: Vec<u8>,
    /// Ready for use, once it was used.
    ready: OnceCell<Option<RS256PublicKey>>,
}

impl Jwk {
    /// What tells it from every other: all that are usable have the same exponent.
    pub(super) fn modulus(&self) -> &[u8] {
        &self.n
    }

    /// The key, for the library; `None` if it does not take it.
    pub fn public(&self) -> Option<&RS256PublicKey> {
        let read = || RS256PublicKey::from_components(&self.n, &self.e).ok();
        self.ready.get_or_init(read).as_ref()
    }
}

impl PartialEq for Jwk {
    fn eq(&self, other: &Self) -> bool {
        self.n == other.n && self.e == other.e
    }
}

impl Eq for Jwk {}

/// The usable keys of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// When the pool was asked for it, in milliseconds since the epoch.
    pub fetched_at_ms: u64,
    /// By key id; at least one.
    pub keys: BTreeMap<String, Rc<Jwk>>,
}

/// Why a document is not a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not JSON with a `keys` list.
    #[error("not a JSON Web Key Set")]
    NotAKeySet,
    /// Too many keys.
    #[error("too many keys")]
    TooMany,
    /// Two keys with one id.
    #[error("two keys have the same id")]
    DuplicateKeyId,
    /// No key for RS256.
    #[error("no usable key")]
    NoUsableKey,
}

impl KeySet {
    /// Reads a fetched document.
    pub fn parse(document: &[u8], fetched_at_ms: u64) -> Result<Self, InvalidKeySet> {
        let document: Document =
            serde_json::from_slice(document).map_err(|_| InvalidKeySet::NotAKeySet)?;
        if document.keys.len() > JWKS_KEYS_MAX {
            return Err(InvalidKeySet::TooMany);
        }
        let mut keys = BTreeMap::new();
        let mut ids = std::collections::BTreeSet::new();
        for key in &document.keys {
            let id = key.get("kid").and_then(Value::as_str);
            if let Some(id) = id
                && !ids.insert(id)
            {
                return Err(InvalidKeySet::DuplicateKeyId);
            }
            let usable = id.filter(|id| (1..=KEY_ID_LEN_MAX).contains(&id.len())).zip(usable(key));
            if let Some((id, key)) = usable {
                keys.insert(id.to_owned(), Rc::new(key));
            }
        }
        if keys.is_empty() {
            return Err(InvalidKeySet::NoUsableKey);
        }
        Ok(Self { fetched_at_ms, keys })
    }

    /// The set as stored.
    #[must_use]
    pub fn to_stored(&self) -> Vec<u8> {
        let key = |(id, key): (&String, &Rc<Jwk>)| StoredKey {
            kid: id.clone(),
            n: URL_SAFE_NO_PAD.encode(&key.n),
            e: URL_SAFE_NO_PAD.encode(&key.e),
            kty: "RSA".to_owned(),
        };
        let stored =
            Stored { fetched_at_ms: self.fetched_at_ms, keys: self.keys.iter().map(key).collect() };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Reads a stored set, checking it like a fetched one; `None` when it is not one.
    #[must_use]
    pub fn from_stored(stored: &[u8]) -> Option<Self> {
        let time: StoredTime = serde_json::from_slice(stored).ok()?;
        Self::parse(stored, time.fetched_at_ms).ok()
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct StoredTime {
    fetched_at_ms: u64,
}

/// A key set with the time it was fetched: itself a JSON Web Key Set with one more member.
#[derive(Serialize)]
struct Stored {
    fetched_at_ms: u64,
    keys: Vec<StoredKey>,
}

#[derive(Serialize)]
struct StoredKey {
    kid: String,
    kty: String,
    n: String,
    e: String,
}

/// The key if it may verify RS256: RSA, for signatures, 2048 to 4096 bits, exponent 65537.
fn usable(key: &Value) -> Option<Jwk> {
    let text = |name| key.get(name).and_then(Value::as_str);
    let absent_or = |name, wanted| key.get(name).is_none_or(|value| value == wanted);
    let verifies = key.get("key_ops").is_none_or(|ops| {
        ops.as_array().is_some_and(|ops| ops.iter().any(|operation| operation == "verify"))
    });
    if text("kty") != Some("RSA")
        || !absent_or("use", "sig")
        || !absent_or("alg", "RS256")
        || !verifies
    {
        return None;
    }
    let n = unsigned(text("n")?)?;
    let e = unsigned(text("e")?)?;
    let sized = (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits(&n));
    let odd = n.last().is_some_and(|byte| byte & 1 == 1);
    (sized && odd && e == [1, 0, 1]).then(|| Jwk { n, e, ready: OnceCell::new() })
}

/// A Base64urlUInt (RFC 7518, 2), leading zeros dropped: some issuers send one.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bits(n: &[u8]) -> usize {
    n.first()
        .map_or(0, |first| n.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(kid: &str, n: &[u8]) -> Value {
        json!({"kid": kid, "kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB",
            "n": URL_SAFE_NO_PAD.encode(n)})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn parse(keys: &[Value]) -> Result<Vec<String>, InvalidKeySet> {
        let document = json!({ "keys": keys }).to_string();
        KeySet::parse(document.as_bytes(), 5).map(|set| set.keys.into_keys().collect())
    }

    const STRONG: [u8; 256] = [0xff; 256];

    #[test]
    fn keys_of_other_kinds_uses_or_strengths_are_passed_over() {
        let good = || key("good", &STRONG);
        for other in [
            with(key("x", &STRONG), "kty", json!("EC")),
            with(key("x", &STRONG), "kty", json!("future")),
            with(key("x", &STRONG), "use", json!("enc")),
            with(key("x", &STRONG), "alg", json!("RS512")),
            with(key("x", &STRONG), "key_ops", json!(["sign"])),
            with(key("x", &STRONG), "e", json!("Aw")),
            with(key("x", &STRONG), "n", json!("not base64!")),
            key("x", &STRONG[..255]),
            key("x", &[0xff; 513]),
            key("", &STRONG),
            key(&"x".repeat(129), &STRONG),
            json!({"kty": "RSA"}),
            json!("nonsense"),
        ] {
            assert_eq!(parse(&[other.clone(), good()]), Ok(vec!["good".to_owned()]), "{other}");
            assert_eq!(parse(std::slice::from_ref(&other)), Err(InvalidKeySet::NoUsableKey));
        }
        let bare = json!({"kid": "bare", "kty": "RSA", "e": "AQAB", "n": good()["n"]});
        assert_eq!(parse(&[bare]), Ok(vec!["bare".to_owned()]));
    }

    #[test]
    fn a_set_with_a_key_id_twice_is_refused_whole() {
        let other = with(key("a", &STRONG), "kty", json!("EC"));
        for keys in [[key("a", &STRONG), key("a", &STRONG)], [key("a", &STRONG), other]] {
            assert_eq!(parse(&keys), Err(InvalidKeySet::DuplicateKeyId));
        }
    }

    #[test]
    fn what_is_not_a_key_set_is_refused() {
        for document in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            let result = KeySet::parse(document.as_bytes(), 0);
            assert_eq!(result, Err(InvalidKeySet::NotAKeySet), "{document}");
        }
        let many: Vec<Value> = (0..33).map(|i| key(&i.to_string(), &STRONG)).collect();
        assert_eq!(parse(&many), Err(InvalidKeySet::TooMany));
    }

    #[test]
    fn a_stored_set_reads_back_the_same() {
        let document = json!({"keys": [key("a", &STRONG), key("b", &STRONG)]}).to_string();
        let set = KeySet::parse(document.as_bytes(), 77).unwrap();
        assert_eq!(KeySet::from_stored(&set.to_stored()), Some(set));
        assert_eq!(KeySet::from_stored(b"{}"), None);
    }
}

//! Seals on what the edge leaves in the key-value store for its other instances, so that whoever can
//! write to the store cannot make a key, or a token, of their own count.
//!
//! A seal is an HMAC-SHA-256 under a key that is derived from the edge's secret for one kind of thing:
//! what is sealed as one is nothing as another. It shows who wrote something, neither when nor that it is
//! the newest, and hides nothing.

use hmac_sha256::HMAC;
use subtle::ConstantTimeEq as _;

use crate::config::Secret;

/// A seal's length in bytes.
pub(super) const SEAL_BYTES: usize = 32;

/// Seals one kind of thing.
pub(super) struct Seal([u8; 32]);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Seal {
    /// For what is called `name`.
    pub(super) fn of(name: &str, edge_key: &Secret) -> Self {
        Self(HMAC::mac(format!("seal of {name}"), edge_key.expose()))
    }

    /// The seal of something in parts, as which nothing else reads.
    pub(super) fn on(&self, parts: &[&[u8]]) -> [u8; SEAL_BYTES] {
        let mut seal = HMAC::new(self.0);
        for part in parts {
            // Lengths in 64 bits, so that native code and WebAssembly agree.
            seal.update((part.len() as u64).to_be_bytes());
            seal.update(part);
        }
        seal.finalize()
    }

    /// `contents` behind their seal.
    pub(super) fn close(&self, contents: &[u8]) -> Vec<u8> {
        [&self.on(&[contents])[..], contents].concat()
    }

    /// What [`Self::close`] was given; `None` if `stored` is not from there.
    pub(super) fn open<'a>(&self, stored: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, contents) = stored.split_first_chunk::<SEAL_BYTES>()?;
        is_same(seal, &self.on(&[contents])).then_some(contents)
    }
}

/// Whether two seals are the same, in the same time whatever they are.
pub(super) fn is_same(one: &[u8], other: &[u8; SEAL_BYTES]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    #[test]
    fn what_was_closed_opens_only_as_it_is_and_as_what_it_was() {
        let key = config().edge_key;
        let (seal, other) = (Seal::of("a", &key), Seal::of("b", &key));
        let closed = seal.close(b"contents");
        assert_eq!(seal.open(&closed), Some(&b"contents"[..]));
        assert_eq!(other.open(&closed), None);
        for at in 0..closed.len() {
            let mut altered = closed.clone();
            altered[at] ^= 1;
            assert_eq!(seal.open(&altered), None, "{at}");
            assert_eq!(seal.open(&closed[..at]), None, "{at}");
        }
    }

    #[test]
    fn parts_that_read_the_same_in_a_row_have_seals_of_their_own() {
        let seal = Seal::of("a", &config().edge_key);
        assert_ne!(seal.on(&[b"ab", b"c"]), seal.on(&[b"a", b"bc"]));
        assert_ne!(seal.on(&[b"abc"]), seal.on(&[b"abc", b""]));
    }
}

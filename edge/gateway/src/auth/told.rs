//! What instances tell each other of tokens, where they share a key-value store: that this very one was
//! verified, with this very key. Another instance then reads that instead of verifying the signature
//! again, which takes a hundred times as long.
//!
//! What is stored is a seal and nothing else (see [`super::seal`]), over the token, byte for byte with its
//! key id and its end, and over the key's modulus. Who somebody is and until when, the reader takes from
//! the token, as always; what is kept vouches for nothing else than the signature, and for nothing at all
//! once the key is another. Who can write to the store can make it forget, no more. Tokens that did not
//! hold are never told of.
//!
//! A fixed number of slots with a few seals each, which are chosen by the seals themselves: nobody can
//! make the store grow, or choose whom to push out. The store has no compare-and-swap, so of two that are
//! told of at once in one slot one may be lost, and is verified once more.

use super::jwks::Jwk;
use super::seal::{SEAL_BYTES, Seal, is_same};
use crate::config::Config;
use crate::config::CountsIn;
use crate::limits::{TOLD_SLOT_ENTRIES_MAX, TOLD_SLOTS, TOLD_WAIT_MS};
use crate::log;
use crate::ports::{Ports, StoreError, bounded, within};

/// The way to what others told of tokens.
#[derive(Debug)]
pub(super) struct Told {
    /// `None` where an instance keeps everything itself.
    seal: Option<Seal>,
}

impl Told {
    pub(super) fn new(config: &Config) -> Self {
        let shared = config.counts_in == CountsIn::KeyValue;
        Self { seal: shared.then(|| Seal::of("a verified token", &config.edge_key)) }
    }

    /// What is told of a token that names this key; `None` if nobody can tell. Waits no longer than
    /// [`TOLD_WAIT_MS`].
    pub(super) async fn of(&self, ports: &impl Ports, token: &str, key: &Jwk) -> Option<Slot> {
        let seal = self.seal.as_ref()?.on(&[token.as_bytes(), key.modulus()]);
        let name = name(&seal);
        let late = || Err(StoreError("no answer in time".to_owned()));
        match within(ports, TOLD_WAIT_MS, ports.get(&name)).await.unwrap_or_else(late) {
            Ok(held) => Some(Slot { name, seal, held: held.unwrap_or_default() }),
            Err(error) => {
                log::warn("cannot read what is told of a token", &[("error", &error)]);
                None
            }
        }
    }
}

/// Where a seal is kept.
fn name(seal: &[u8; SEAL_BYTES]) -> String {
    let number = seal.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    format!("token/{}", number % TOLD_SLOTS)
}

/// A token's slot, as it was read.
#[derive(Debug)]
pub(super) struct Slot {
    name: String,
    seal: [u8; SEAL_BYTES],
    held: Vec<u8>,
}

impl Slot {
    /// Whether the token's signature has held.
    pub(super) fn vouches(&self) -> bool {
        self.seals().any(|seal| is_same(seal, &self.seal))
    }

    /// Tells others that it has, in the background. The oldest of a full slot makes room.
    pub(super) fn tell(self, ports: &impl Ports) {
        let kept = self.seals().take(TOLD_SLOT_ENTRIES_MAX - 1);
        let seals: Vec<&[u8]> = std::iter::once(&self.seal[..]).chain(kept).collect();
        let (name, seals) = (self.name.clone(), seals.concat());
        ports.spawn(async move |ports| {
            if let Err(error) = bounded(ports, ports.set(&name, &seals)).await {
                log::warn("cannot tell of a token", &[("error", &error)]);
            }
        });
    }

    fn seals(&self) -> impl Iterator<Item = &[u8]> {
        self.held.chunks_exact(SEAL_BYTES).take(TOLD_SLOT_ENTRIES_MAX)
    }
}

#[cfg(test)]
mod tests;

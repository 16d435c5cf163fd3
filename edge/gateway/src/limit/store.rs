//! Where shared numbers are: a fixed number of slots per limiter, so that no flood of
//! addresses or users can make the store grow. The store has no expiry of its own.
//!
//! An identity's slot and tag come from a keyed hash, so nobody can choose to share a slot with
//! somebody else. A slot holds a few identities. One whose quota is whole again is dropped, which
//! changes nothing for it; when a slot is full of busy ones, the one nearest to whole makes room:
//! it gets a fresh quota rather than suffer for a stranger.

use sha2::{Digest as _, Sha256};

use crate::limits::{LIMIT_SLOT_ENTRIES_MAX, LIMIT_SLOTS};
use crate::ports::{Ports, StoreError, bounded};

/// Where an identity's number is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    key: String,
    tag: u64,
}

impl Place {
    /// The place of `identity` in the limiter called `limiter`.
    pub(super) fn of(seed: &[u8], limiter: &str, identity: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [seed, limiter.as_bytes(), identity.as_bytes()] {
            // Lengths in 64 bits, so that native code and WebAssembly agree.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (slot, tag) = (number(&digest, 0), number(&digest, 8));
        Self { key: format!("limit/{limiter}/{}", slot % LIMIT_SLOTS), tag }
    }
}

/// What a slot holds: tags and TATs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Slot(Vec<(u64, u64)>);

impl Slot {
    fn parse(stored: &[u8]) -> Self {
        let entries = stored.chunks_exact(16).take(LIMIT_SLOT_ENTRIES_MAX);
        Self(entries.map(|entry| (number(entry, 0), number(entry, 8))).collect())
    }

    /// The identity's TAT.
    pub(super) fn tat_ns(&self, place: &Place) -> Option<u64> {
        self.0.iter().find(|(tag, _)| *tag == place.tag).map(|(_, tat_ns)| *tat_ns)
    }

    /// The slot with the identity's TAT set.
    pub(super) fn with(mut self, place: &Place, tat_ns: u64, now_ns: u64) -> Self {
        self.0.retain(|(tag, other_ns)| *tag != place.tag && *other_ns > now_ns);
        self.0.sort_unstable_by_key(|(_, other_ns)| std::cmp::Reverse(*other_ns));
        self.0.truncate(LIMIT_SLOT_ENTRIES_MAX - 1);
        self.0.push((place.tag, tat_ns));
        self
    }
}

/// Reads the slot of `place`.
pub(super) async fn read(ports: &impl Ports, place: &Place) -> Result<Slot, StoreError> {
    let stored = bounded(ports, ports.get(&place.key)).await?;
    Ok(stored.map(|bytes| Slot::parse(&bytes)).unwrap_or_default())
}

/// Writes the slot of `place`.
pub(super) async fn write(
    ports: &impl Ports,
    place: &Place,
    slot: &Slot,
) -> Result<(), StoreError> {
    let entry = |(tag, tat_ns): &(u64, u64)| [tag.to_be_bytes(), tat_ns.to_be_bytes()].concat();
    let bytes: Vec<u8> = slot.0.iter().flat_map(entry).collect();
    bounded(ports, ports.set(&place.key, &bytes)).await
}

/// The eight bytes at `from`, big-endian; 0 where there are not that many.
fn number(bytes: &[u8], from: usize) -> u64 {
    let part = bytes.get(from..from + 8).and_then(|part| part.try_into().ok());
    part.map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tag: u64) -> Place {
        Place { key: "slot".to_owned(), tag }
    }

    #[test]
    fn a_slot_stays_bounded_and_drops_whole_quotas_first() {
        let mut slot = Slot::default();
        for tag in 0..20 {
            slot = slot.with(&place(tag), 1_000 + tag, 500);
        }
        assert_eq!(slot.0.len(), LIMIT_SLOT_ENTRIES_MAX);
        assert_eq!(slot.tat_ns(&place(0)), None, "the one nearest to whole made room");
        assert_eq!(slot.tat_ns(&place(19)), Some(1_019));
        let later = slot.with(&place(42), 3_000, 2_000);
        assert_eq!(later.0, [(42, 3_000)]);
    }

    #[test]
    fn identities_are_kept_apart_by_limiter_and_key() {
        let here = Place::of(b"key", "user", "a");
        assert_eq!(here, Place::of(b"key", "user", "a"));
        for other in [
            Place::of(b"key", "user", "b"),
            Place::of(b"key", "address", "a"),
            Place::of(b"other", "user", "a"),
            Place::of(b"keyu", "ser", "a"),
        ] {
            assert_ne!(here, other);
        }
    }
}

//! How keys are spread. Everything of an auction is in one shard, and a shard's number is the hash tag of
//! all its keys: they share one slot of a Redis Cluster, so one script may touch them all.

use gavel_core::ids::{AuctionId, UserId};

/// The number of a shard.
pub(crate) type Shard = u16;

/// The number of a slot of a Redis Cluster.
pub(crate) type Slot = u16;

/// Slots of a Redis Cluster, by its specification.
pub(super) const SLOTS: Slot = 16_384;

/// The slot of a shard's keys: the specification's checksum (CRC-16/XMODEM) over the hash tag.
pub(crate) fn slot(shard: Shard) -> Slot {
    let checksum = shard.to_string().bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    checksum % SLOTS
}

/// The key called `name` of a shard.
pub(crate) fn key(shard: Shard, name: &str) -> String {
    format!("gavel:{{{shard}}}:{name}")
}

/// How auctions are spread over shards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shards {
    count: u16,
}

impl Shards {
    pub(super) const fn new(count: u16) -> Self {
        Self { count }
    }

    /// How many there are.
    pub(crate) const fn count(self) -> u16 {
        self.count
    }

    /// Every one there is.
    pub(crate) fn all(self) -> impl Iterator<Item = Shard> {
        0..self.count
    }

    /// The shard of an auction.
    pub(crate) fn of(self, auction: &AuctionId) -> Shard {
        self.of_id(auction.as_str())
    }

    /// The shard of what belongs to a person.
    pub(crate) fn of_user(self, user: &UserId) -> Shard {
        self.of_id(user.as_str())
    }

    /// The key of what an auction has under `what`, in the auction's shard.
    pub(crate) fn key(self, auction: &AuctionId, what: &str) -> String {
        key(self.of(auction), &format!("{what}:{auction}"))
    }

    /// FNV-1a over the id, which is stable for ever, unlike the standard library's hasher.
    fn of_id(self, id: &str) -> Shard {
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let shard = hash % u64::from(self.count.max(1));
        Shard::try_from(shard).expect("a remainder of a u16 fits a u16")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auction_and_its_shard_share_one_hash_tag() {
        let shards = Shards::new(8);
        let id = AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ab").unwrap();
        let shard = shards.of(&id);
        for key in [key(shard, "a"), key(shard, "a:{b}:c}"), shards.key(&id, "{state}")] {
            // The specification's rule: what stands between the first brace and the next one.
            let tag = key.split_once('{').unwrap().1.split_once('}').unwrap().0;
            assert_eq!(tag, shard.to_string(), "{key}");
        }
    }

    #[test]
    fn auctions_spread_over_all_shards() {
        let shards = Shards::new(8);
        let used: std::collections::BTreeSet<_> = (0..200)
            .map(|n| format!("use1_01928e2c-7f3e-7abc-8def-0123456{n:05x}"))
            .map(|id| shards.of(&AuctionId::parse(&id).unwrap()))
            .collect();
        assert_eq!(used.len(), 8);
    }
}

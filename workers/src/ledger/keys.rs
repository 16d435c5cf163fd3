//! Where things live in Redis. `{shard}` is the hash tag: an auction's state, log and ids, and its
//! shard's outbox and deadlines share one slot of a Redis Cluster, so one script may touch them all.

use gavel_core::ids::{AuctionId, IdempotencyKey, MessageId, UserId};

use crate::limits::MESSAGES_WAITING_MAX;

/// The channel that carries wake-ups. A lost message costs a poll interval, never a fact.
pub(crate) const WAKE_CHANNEL: &str = "gavel:wake";

/// The number of a shard.
pub(crate) type Shard = u16;

/// The number of a slot of a Redis Cluster.
pub(crate) type Slot = u16;

/// Where events leave Redis for. Each has an outbox of its own in every shard, so that trouble with
/// one never delays the other: a bid waits for [`Outlet::Bids`] and for nothing else. What waits for
/// people is bounded by [`MESSAGES_WAITING_MAX`], so that it never fills Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlet {
    /// The bid queue, on the way to the history.
    Bids,
    /// The notification queue, on the way to people.
    Messages,
}

impl Outlet {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Bids, Self::Messages];

    /// Its name in metrics and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bids => "bids",
            Self::Messages => "messages",
        }
    }
}

/// Slots of a Redis Cluster, by its specification.
pub(crate) const SLOTS: Slot = 16_384;

/// The slot of a shard's keys: the specification's checksum (CRC-16/XMODEM) over the hash tag.
pub(crate) fn slot(shard: Shard) -> Slot {
    let checksum = shard.to_string().bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    checksum % SLOTS
}

/// How auctions are spread over shards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    shards: u16,
}

impl Keys {
    pub(crate) const fn new(shards: u16) -> Self {
        Self { shards }
    }

    /// Every shard there is.
    pub(crate) fn shards(self) -> impl Iterator<Item = Shard> {
        0..self.shards
    }

    /// How many events of a shard wait for people at most.
    pub(crate) fn messages_waiting_max(self) -> u32 {
        MESSAGES_WAITING_MAX / u32::from(self.shards.max(1))
    }

    /// The shard of an auction: FNV-1a over its id, which is stable for ever, unlike the standard
    /// library's hasher.
    pub(crate) fn shard(self, auction: &AuctionId) -> Shard {
        self.shard_of(auction.as_str())
    }

    /// The shard of what belongs to a person.
    pub(crate) fn shard_of_user(self, user: &UserId) -> Shard {
        self.shard_of(user.as_str())
    }

    fn shard_of(self, id: &str) -> Shard {
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let shard = hash % u64::from(self.shards.max(1));
        Shard::try_from(shard).expect("a remainder of a u16 fits a u16")
    }

    pub(crate) fn state(self, auction: &AuctionId) -> String {
        self.of(auction, "state")
    }

    pub(crate) fn log(self, auction: &AuctionId) -> String {
        self.of(auction, "log")
    }

    pub(crate) fn ids(self, auction: &AuctionId) -> String {
        self.of(auction, "ids")
    }

    pub(crate) fn outbox(shard: Shard, outlet: Outlet) -> String {
        match outlet {
            Outlet::Bids => format!("gavel:{{{shard}}}:outbox"),
            Outlet::Messages => format!("gavel:{{{shard}}}:outbox-notify"),
        }
    }

    pub(crate) fn deadlines(shard: Shard) -> String {
        format!("gavel:{{{shard}}}:deadlines")
    }

    pub(crate) fn unrecorded(shard: Shard) -> String {
        format!("gavel:{{{shard}}}:unrecorded")
    }

    pub(crate) fn request(shard: Shard, request_id: &str) -> String {
        format!("gavel:{{{shard}}}:request:{request_id}")
    }

    pub(crate) fn relay_lease(shard: Shard, outlet: Outlet) -> String {
        match outlet {
            Outlet::Bids => format!("gavel:{{{shard}}}:relay"),
            Outlet::Messages => format!("gavel:{{{shard}}}:relay-notify"),
        }
    }

    /// The latest messages of an auction's chat: ids by time.
    pub(crate) fn chat_recent(self, auction: &AuctionId) -> String {
        self.of(auction, "chat-recent")
    }

    /// The same messages, by id.
    pub(crate) fn chat_texts(self, auction: &AuctionId) -> String {
        self.of(auction, "chat-texts")
    }

    /// That a message was deleted, and who had written it.
    pub(crate) fn chat_deleted(self, message: &MessageId) -> String {
        format!("gavel:{{{}}}:chat-deleted:{message}", self.shard(&message.auction()))
    }

    /// The time of the latest message.
    pub(crate) fn chat_time(self, auction: &AuctionId) -> String {
        self.of(auction, "chat-time")
    }

    /// How much somebody wrote.
    pub(crate) fn chat_rate(self, auction: &AuctionId, user: &UserId) -> String {
        format!("{}:{user}", self.of(auction, "chat-rate"))
    }

    /// What somebody wrote under a key, when, and how far it is.
    pub(crate) fn chat_claim(
        self,
        auction: &AuctionId,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> String {
        format!("{}:{user} {key}", self.of(auction, "chat-claim"))
    }

    fn of(self, auction: &AuctionId, what: &str) -> String {
        format!("gavel:{{{}}}:{what}:{auction}", self.shard(auction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auction_and_its_shard_share_one_hash_tag() {
        let keys = Keys::new(8);
        let id = AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ab").unwrap();
        let tag = |key: &str| key.split(['{', '}']).nth(1).map(str::to_owned);
        let shard = keys.shard(&id);
        let of_auction = [keys.state(&id), keys.log(&id), keys.ids(&id)];
        let of_shard = [Keys::deadlines(shard), Keys::unrecorded(shard)].into_iter();
        let of_outlets = Outlet::ALL
            .into_iter()
            .flat_map(|outlet| [Keys::outbox(shard, outlet), Keys::relay_lease(shard, outlet)]);
        let of_shard = of_shard.chain(of_outlets);
        let user = UserId::parse("a:user").unwrap();
        let key = IdempotencyKey::parse("{a}key").unwrap();
        let message = MessageId::parse(&format!("{id}_{}", "0".repeat(32))).unwrap();
        let of_chat = [
            keys.chat_recent(&id),
            keys.chat_texts(&id),
            keys.chat_time(&id),
            keys.chat_deleted(&message),
            keys.chat_rate(&id, &user),
            keys.chat_claim(&id, &user, &key),
        ];
        let of_auction = of_auction.into_iter().chain(of_chat);
        for key in of_shard.chain(of_auction).chain([Keys::request(shard, "r")]) {
            assert_eq!(tag(&key), Some(shard.to_string()), "{key}");
        }
    }

    #[test]
    fn auctions_spread_over_all_shards() {
        let keys = Keys::new(8);
        let used: std::collections::BTreeSet<_> = (0..200)
            .map(|n| format!("use1_01928e2c-7f3e-7abc-8def-0123456{n:05x}"))
            .map(|id| keys.shard(&AuctionId::parse(&id).unwrap()))
            .collect();
        assert_eq!(used.len(), 8);
    }
}

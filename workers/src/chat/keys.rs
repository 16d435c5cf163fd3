//! Where a chat lives in Redis: with its auction.

use gavel_core::ids::{AuctionId, IdempotencyKey, MessageId, UserId};

use crate::redis::Shards;
use crate::redis::shard::key;

/// The keys of chats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys(pub(super) Shards);

impl Keys {
    /// The latest messages of an auction's chat: ids by time.
    pub(super) fn recent(self, auction: &AuctionId) -> String {
        self.0.key(auction, "chat-recent")
    }

    /// The same messages, by id.
    pub(super) fn texts(self, auction: &AuctionId) -> String {
        self.0.key(auction, "chat-texts")
    }

    /// That a message was deleted, and who had written it.
    pub(super) fn deleted(self, message: &MessageId) -> String {
        key(self.0.of(&message.auction()), &format!("chat-deleted:{message}"))
    }

    /// The time of the latest message.
    pub(super) fn time(self, auction: &AuctionId) -> String {
        self.0.key(auction, "chat-time")
    }

    /// How much somebody wrote.
    pub(super) fn rate(self, auction: &AuctionId, user: &UserId) -> String {
        format!("{}:{user}", self.0.key(auction, "chat-rate"))
    }

    /// What somebody wrote under a key, when, and how far it is.
    pub(super) fn claim(self, auction: &AuctionId, user: &UserId, key: &IdempotencyKey) -> String {
        format!("{}:{user} {key}", self.0.key(auction, "chat-claim"))
    }
}

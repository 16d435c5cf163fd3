//! Where auctions live in Redis: each one's state, log and ids, and its shard's outboxes and deadlines.

use gavel_core::ids::AuctionId;

use crate::limits::MESSAGES_WAITING_MAX;
use crate::redis::shard::key;
use crate::redis::{Shard, Shards};

/// The channel that carries wake-ups. A lost message costs a poll interval, never a fact.
pub(crate) const WAKE_CHANNEL: &str = "gavel:wake";

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

/// The keys of auctions, and of their shards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys(pub(crate) Shards);

impl Keys {
    /// How many events of a shard wait for people at most.
    pub(crate) fn messages_waiting_max(self) -> u32 {
        MESSAGES_WAITING_MAX / u32::from(self.0.count().max(1))
    }

    pub(crate) fn state(self, auction: &AuctionId) -> String {
        self.0.key(auction, "state")
    }

    pub(crate) fn log(self, auction: &AuctionId) -> String {
        self.0.key(auction, "log")
    }

    pub(crate) fn ids(self, auction: &AuctionId) -> String {
        self.0.key(auction, "ids")
    }

    pub(crate) fn outbox(shard: Shard, outlet: Outlet) -> String {
        match outlet {
            Outlet::Bids => key(shard, "outbox"),
            Outlet::Messages => key(shard, "outbox-notify"),
        }
    }

    pub(crate) fn deadlines(shard: Shard) -> String {
        key(shard, "deadlines")
    }

    pub(crate) fn unrecorded(shard: Shard) -> String {
        key(shard, "unrecorded")
    }

    pub(crate) fn request(shard: Shard, request_id: &str) -> String {
        key(shard, &format!("request:{request_id}"))
    }
}

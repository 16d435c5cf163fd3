//! What happened to an auction. Events are facts: they carry their results, so that applying one
//! never needs to decide anything again.

use serde::{Deserialize, Serialize};

use super::command::PlaceBid;
use super::terms::Terms;
use crate::ids::{AuctionId, BidId, UserId};
use crate::money::Amount;
use crate::time::Timestamp;

/// One entry of an auction's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Which auction.
    pub auction_id: AuctionId,
    /// Its place in the log: 1, 2, 3…, without gaps.
    pub position: u64,
    /// The number of the latest accepted bid, this one included.
    pub seq: u64,
    /// The epoch it belongs to.
    pub epoch: u64,
    /// When it happened, on the server's clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// Whether this is the acceptance of the very offer that `bid` makes again. A currency that is not
    /// named is the auction's.
    #[must_use]
    pub fn accepts_offer(&self, bid: &PlaceBid) -> bool {
        match &self.kind {
            EventKind::Bid(accepted) => {
                accepted.amount == bid.amount
                    && accepted.max == bid.max
                    && bid.currency.is_none_or(|named| named == accepted.currency)
            }
            _ => false,
        }
    }
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum EventKind {
    /// The auction began to take bids.
    Opened {
        /// Who sells.
        seller: UserId,
        /// The terms, so that the log alone can be replayed.
        terms: Terms,
        /// When it will end, unless extended.
        ends_at: Timestamp,
    },
    /// A bid was accepted.
    Bid(AcceptedBid),
    /// The clock was stopped.
    Paused {
        /// What was left, in milliseconds.
        remaining_ms: u64,
    },
    /// The clock runs again.
    Resumed {
        /// The new end.
        ends_at: Timestamp,
    },
    /// The auction is over.
    Closed {
        /// How it ended.
        outcome: Outcome,
    },
}

/// An accepted bid and everything that followed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedBid {
    /// The bid.
    pub bid_id: BidId,
    /// Who bid.
    pub bidder: UserId,
    /// What they offered.
    pub amount: Amount,
    /// The maximum they gave; shown to nobody else, ever.
    pub max: Amount,
    /// The auction's currency.
    pub currency: crate::money::Currency,
    /// Whether the bidder leads after it.
    pub status: BidStatus,
    /// Who led until then and does not any more; nobody, if the lead did not change hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbid: Option<UserId>,
    /// The visible price after it.
    pub price: Amount,
    /// The least next bid after it; none when nothing can follow.
    pub minimum_next: Option<Amount>,
    /// Whether anybody can still buy the lot at once, whatever maximum this bid gave.
    #[serde(default)]
    pub buy_now_open: bool,
    /// The end after it.
    pub ends_at: Timestamp,
    /// Whether it moved the end.
    pub extended: bool,
    /// Its sort stamp: the time, made strictly larger than that of the bid before.
    pub stamp: Timestamp,
}

/// Where an accepted bid left its bidder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BidStatus {
    /// They lead.
    Leading,
    /// A maximum given earlier beats or equals theirs.
    Outbid,
}

/// How an auction ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// To the highest maximum, at the visible price; or to whoever bought it at the buy-now price,
    /// whatever maxima others had given.
    Sold {
        /// Who won.
        winner: UserId,
        /// What they pay.
        hammer_price: Amount,
        /// The bid that won.
        bid_id: BidId,
    },
    /// Nobody bid, or the reserve was not reached.
    Unsold,
    /// Withdrawn.
    Cancelled,
}

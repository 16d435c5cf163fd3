//! Placing a bid: the request, and the receipt that answers it.

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::invalid::InvalidBody;
use crate::auction::{AcceptedBid, BidStatus, Event};
use crate::ids::{AuctionId, BidId};
use crate::money::{Amount, Currency};
use crate::time::Timestamp;

/// `{"amount": 15000, "max": 20000?, "currency": "USD"?}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BidRequest {
    /// What is offered now, in minor units.
    pub amount: Amount,
    /// What the bidder is good for; `amount` when not given.
    pub max: Amount,
    /// Must be the auction's, when given.
    pub currency: Option<Currency>,
}

impl BidRequest {
    /// Reads and validates a body.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let mut fields = Fields::read(body)?;
        let amount = fields.required("amount", Fields::amount);
        let max = fields.amount("max");
        // Whatever the auction is held in, also when there is no such currency any more.
        let reason = "must be a three-letter currency code in capitals";
        let currency = fields.read_text("currency", reason, Currency::recorded);
        if let (Some(amount), Some(max)) = (amount, max)
            && max < amount
        {
            fields.fault("max", "must be at least `amount`");
        }
        let request = amount.map(|amount| Self { amount, max: max.unwrap_or(amount), currency });
        fields.finish(request)
    }
}

/// How far an accepted bid had got when it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Redis accepted it.
    Memory,
    /// A Redis replica has it.
    Replica,
    /// SQS accepted its event.
    Queue,
}

/// The answer to an accepted bid. A repeat of the request gets the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BidReceipt {
    /// The bid.
    pub bid_id: BidId,
    /// Where.
    pub auction_id: AuctionId,
    /// Its number among the accepted bids of the auction.
    pub seq: u64,
    /// Whether the bidder led right after it.
    pub status: BidStatus,
    /// What was offered.
    pub amount: Amount,
    /// The visible price right after it.
    pub price: Amount,
    /// The least next bid right after it; null when nothing can follow.
    pub minimum_next: Option<Amount>,
    /// Whether the auction's `buy_now_price` was still on offer right after it. While it is, anybody
    /// who bids it has the lot at once, whatever maximum was given with this bid.
    pub buy_now_open: bool,
    /// The end right after it.
    pub ends_at: Timestamp,
    /// Whether it moved the end.
    pub extended: bool,
    /// How far it had got.
    pub acknowledged: Level,
}

impl BidReceipt {
    /// The receipt of the bid that `event` records.
    #[must_use]
    pub fn of(event: &Event, bid: &AcceptedBid, acknowledged: Level) -> Self {
        Self {
            bid_id: bid.bid_id.clone(),
            auction_id: event.auction_id.clone(),
            seq: event.seq,
            status: bid.status,
            amount: bid.amount,
            price: bid.price,
            minimum_next: bid.minimum_next,
            buy_now_open: bid.buy_now_open,
            ends_at: bid.ends_at,
            extended: bid.extended,
            acknowledged,
        }
    }
}

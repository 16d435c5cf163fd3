//! What can be asked of an auction. Who may ask is checked by the caller; what it does, by `decide`.

use crate::ids::{BidId, UserId};
use crate::money::{Amount, Currency};
use crate::time::Timestamp;

/// A request to change an auction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Start taking bids.
    Open(OpenCause),
    /// Offer an amount.
    Bid(PlaceBid),
    /// Stop the clock.
    Pause,
    /// Give the remaining time back.
    Resume,
    /// End it and settle the outcome.
    Close(CloseCause),
    /// End it without a sale.
    Cancel,
}

/// Why an auction is being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenCause {
    /// The time it was scheduled for has come; refused while it has not.
    Time,
    /// The seller opens it now, whatever it was scheduled for.
    Seller,
}

/// Why an auction is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// Its time is up; refused while it is not.
    Time,
    /// The seller brings the hammer down early.
    Hammer,
}

/// A bid, as validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceBid {
    /// Derived from the auction, the bidder and the idempotency key.
    pub bid_id: BidId,
    /// Who bids: the verified subject, never a field of the request.
    pub bidder: UserId,
    /// What they offer now.
    pub amount: Amount,
    /// What they are good for; at least `amount`.
    pub max: Amount,
    /// The currency they named, if any.
    pub currency: Option<Currency>,
    /// When the edge received it, on the edge's clock. Matters only to auctions with a grace.
    pub arrived_at: Option<Timestamp>,
}

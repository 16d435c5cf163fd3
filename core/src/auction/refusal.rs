//! Why a command was refused. A refusal changes nothing.

use crate::money::{Amount, Currency};

/// Why `decide` refused. `Display` is fit for the caller: it never names a reserve, nor a maximum
/// that is not the caller's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The amount is below the least next bid.
    #[error("{}", too_low(*.minimum))]
    BidTooLow {
        /// The least next bid; none when the price has reached the most anybody may bid.
        minimum: Option<Amount>,
    },
    /// The leader offers less than they are bound to already.
    #[error("you lead, and your maximum of {maximum} holds: a bid can only raise it")]
    MaximumNotRaised {
        /// The maximum that holds. Told to the leader, whose own it is, and to nobody else.
        maximum: Amount,
    },
    /// The amount or the maximum is above what this auction takes.
    #[error("the bid is above this auction's ceiling of {ceiling}")]
    BidAboveCeiling {
        /// The most anybody may bid.
        ceiling: Amount,
    },
    /// The bid named another currency.
    #[error("this auction is held in {currency}")]
    WrongCurrency {
        /// The auction's.
        currency: Currency,
    },
    /// Sellers may not bid on their own lots.
    #[error("the seller cannot bid on their own auction")]
    SellerCannotBid,
    /// An opening for time that came before the time the auction was scheduled for.
    #[error("the auction does not open yet")]
    NotDue,
    /// Scheduled or paused.
    #[error("the auction is not live")]
    NotLive,
    /// Its clock has run out, though nobody has closed it yet; a later extension would disprove it.
    #[error("the auction's time is up")]
    TimeUp,
    /// It is over.
    #[error("the auction is closed")]
    Closed,
    /// A close for time that came before the end, or the hammer in the grace after it.
    #[error("the auction has not ended yet")]
    NotEnded,
}

impl Refusal {
    /// Whether an older state of the same epoch proves it as well as a fresh one: the price only
    /// rises, closed stays closed, the terms and the seller never change. A paused auction may have
    /// been resumed, an end may have been moved and a maximum raised since, so those need a fresh
    /// state.
    #[must_use]
    pub const fn proved_by_old_state(&self) -> bool {
        match self {
            Self::BidTooLow { .. }
            | Self::BidAboveCeiling { .. }
            | Self::WrongCurrency { .. }
            | Self::SellerCannotBid
            | Self::Closed => true,
            Self::MaximumNotRaised { .. }
            | Self::NotDue
            | Self::NotLive
            | Self::TimeUp
            | Self::NotEnded => false,
        }
    }
}

fn too_low(minimum: Option<Amount>) -> String {
    minimum.map_or_else(
        || "the price has reached the most anybody may bid".to_owned(),
        |minimum| format!("the bid is below the minimum of {minimum}"),
    )
}

//! What a seller fixes before an auction opens. Terms never change once it is live.

use serde::{Deserialize, Serialize};

use crate::limits::INCREMENT_BANDS_MAX;
use crate::money::{Amount, Currency};
use crate::time::Timestamp;

/// The terms of one auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The currency of every amount here.
    pub currency: Currency,
    /// The lowest first bid.
    pub starting_price: Amount,
    /// The hidden price below which the lot is not sold.
    pub reserve_price: Option<Amount>,
    /// A bid of this amount wins at once, while the price is below it.
    pub buy_now_price: Option<Amount>,
    /// The largest amount or maximum anybody may bid.
    pub bid_ceiling: Option<Amount>,
    /// How far the next bid must be above the price.
    pub increments: Increments,
    /// When the auction opens by itself; without it, only its seller opens it.
    pub opens_at: Option<Timestamp>,
    /// How long the auction is live, in milliseconds, before any extension.
    pub duration_ms: u64,
    /// How late bids move the end.
    pub soft_close: SoftClose,
    /// How long closing waits for bids that reached the edge before the end, in milliseconds.
    pub grace_ms: u64,
}

impl Terms {
    /// The most anybody may bid: the ceiling, or without one what an amount can be.
    #[must_use]
    pub fn most(&self) -> Amount {
        self.bid_ceiling.unwrap_or(Amount::MAX)
    }

    /// The least amount that may follow `price`: one step more, but never more than the terms still
    /// make possible and sufficient, which is the most anybody may bid and, while it is on offer, the
    /// buy-now price. None when the price has reached the most: nothing can follow.
    #[must_use]
    pub fn minimum_after(&self, price: Amount) -> Option<Amount> {
        let most = self.most();
        let enough = self.buy_now_at(Some(price)).map_or(most, |buy_now| buy_now.min(most));
        (price < most).then(|| price.plus(self.increments.step(price)).min(enough))
    }

    /// The buy-now price while it is on offer: until the price has reached it.
    #[must_use]
    pub fn buy_now_at(&self, price: Option<Amount>) -> Option<Amount> {
        self.buy_now_price.filter(|buy_now| price.is_none_or(|price| price < *buy_now))
    }
}

/// One band of an increment table: from this price on, bids rise by `step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Band {
    /// The lowest price this band covers.
    pub from: Amount,
    /// The least rise, at least 1.
    pub step: Amount,
}

/// A table of increment bands: not empty, starting at 0, strictly rising `from`, every step ≥ 1 and
/// not below the one before.
///
/// Were a step to fall, the least next bid could fall while the price rises, and a refusal proved by
/// an older state would no longer hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Vec<Band>", into = "Vec<Band>")]
pub struct Increments(Vec<Band>);

/// Why a list of bands is not an increment table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIncrements {
    /// No band at all, or more than [`INCREMENT_BANDS_MAX`].
    #[error("must have between 1 and {INCREMENT_BANDS_MAX} bands")]
    Count,
    /// A price below the first band would have no step.
    #[error("the first band must start at 0")]
    Start,
    /// Two bands would cover one price, or a band could never be reached.
    #[error("bands must be in rising order of `from`")]
    Order,
    /// A step of 0 would let equal bids follow each other.
    #[error("every step must be at least 1")]
    Step,
    /// The least next bid could fall while the price rises.
    #[error("a step must not be below that of the band before")]
    Falling,
}

impl Increments {
    /// Checks and wraps a table.
    pub fn new(bands: Vec<Band>) -> Result<Self, InvalidIncrements> {
        if bands.is_empty() || bands.len() > INCREMENT_BANDS_MAX {
            return Err(InvalidIncrements::Count);
        }
        if bands[0].from != Amount::default() {
            return Err(InvalidIncrements::Start);
        }
        if !bands.is_sorted_by(|lower, upper| lower.from < upper.from) {
            return Err(InvalidIncrements::Order);
        }
        if bands.iter().any(|band| band.step == Amount::default()) {
            return Err(InvalidIncrements::Step);
        }
        if !bands.is_sorted_by(|lower, upper| lower.step <= upper.step) {
            return Err(InvalidIncrements::Falling);
        }
        Ok(Self(bands))
    }

    /// Steps of one major unit of `currency` at every price: the table of an auction that names none.
    /// That is 100 for USD, 1 for JPY and 1,000 for KWD.
    #[must_use]
    pub fn whole_units(currency: Currency) -> Self {
        Self(vec![Band { from: Amount::default(), step: currency.one() }])
    }

    /// The step at `price`: that of the highest band whose `from` is not above it.
    #[must_use]
    pub fn step(&self, price: Amount) -> Amount {
        let after = self.0.partition_point(|band| band.from <= price);
        self.0[after.saturating_sub(1)].step
    }

    /// The bands, lowest first.
    #[must_use]
    pub fn bands(&self) -> &[Band] {
        &self.0
    }
}

impl From<Increments> for Vec<Band> {
    fn from(increments: Increments) -> Self {
        increments.0
    }
}

impl TryFrom<Vec<Band>> for Increments {
    type Error = InvalidIncrements;

    fn try_from(bands: Vec<Band>) -> Result<Self, Self::Error> {
        Self::new(bands)
    }
}

/// How bids in the last moments move the end (also called anti-sniping).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftClose {
    /// A bid with less than this left may move the end, in milliseconds.
    pub window_ms: u64,
    /// The end moves to this long after the bid, in milliseconds.
    pub extension_ms: u64,
    /// How often the end may move in one auction.
    pub max_extensions: u32,
}

/// 30 s, 30 s, five times.
impl Default for SoftClose {
    fn default() -> Self {
        Self { window_ms: 30_000, extension_ms: 30_000, max_extensions: 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(from: u64, step: u64) -> Band {
        Band { from: Amount::new(from).unwrap(), step: Amount::new(step).unwrap() }
    }

    #[test]
    fn the_step_is_that_of_the_highest_band_reached() {
        let table = Increments::new(vec![band(0, 10), band(100, 25), band(1_000, 100)]).unwrap();
        for (price, step) in [(0, 10), (99, 10), (100, 25), (999, 25), (1_000, 100), (9_999, 100)] {
            assert_eq!(table.step(Amount::new(price).unwrap()).minor(), step, "at {price}");
        }
    }

    #[test]
    fn a_table_that_leaves_a_price_without_a_step_is_refused() {
        assert_eq!(Increments::new(vec![]), Err(InvalidIncrements::Count));
        assert_eq!(Increments::new(vec![band(1, 10)]), Err(InvalidIncrements::Start));
        assert_eq!(Increments::new(vec![band(0, 0)]), Err(InvalidIncrements::Step));
        assert_eq!(
            Increments::new(vec![band(0, 1), band(5, 1), band(5, 2)]),
            Err(InvalidIncrements::Order)
        );
        assert_eq!(
            Increments::new(vec![band(0, 100), band(1_000, 1)]),
            Err(InvalidIncrements::Falling)
        );
        assert_eq!(Increments::new(vec![band(0, 1); 33]), Err(InvalidIncrements::Count));
    }
}

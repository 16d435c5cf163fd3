//! The rules of an ascending auction, a second time: what a bid must lead to.
//!
//! Written from the rules' text, not from the code that applies them, and without its types; where
//! the two disagree, one of them is wrong. Invariant: nothing here looks at what was recorded as the
//! consequence of a bid, only at the bid and at what is already known to stand.

use std::fmt;

use super::evidence::Rules;

/// Who leads, and how far they would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// Who.
    pub(super) bidder: String,
    /// How far.
    pub(super) max: u64,
}

/// Where an open auction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The visible price; none while nobody leads.
    pub(super) price: Option<u64>,
    /// The leader.
    pub(super) lead: Option<Lead>,
    /// The end.
    pub(super) end: u64,
    /// How often it was moved.
    pub(super) extensions: u64,
    /// Whether somebody bought it outright, which closed it.
    pub(super) bought: bool,
}

/// What must be true right after an accepted bid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of a row")]
pub(super) struct Consequence {
    pub(super) status: &'static str,
    pub(super) price: u64,
    pub(super) minimum_next: Option<u64>,
    pub(super) buy_now_open: bool,
    pub(super) ends_at: u64,
    pub(super) extended: bool,
}

/// Why a bid may not be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// It is below the least next bid; none: nothing can follow.
    BelowMinimum(Option<u64>),
    /// It is the leader's, and offers less than the maximum that binds them.
    MaximumNotRaised(u64),
    /// It, or its maximum, is above the ceiling.
    AboveCeiling(u64),
    /// Its maximum is below its amount.
    MaximumBelowAmount,
    /// It is the seller's own.
    BySeller,
    /// It came at or after the end.
    TooLate(u64),
    /// The auction was over already.
    AfterClose,
    /// The auction was not open yet, or paused.
    NotLive,
    /// It is in another currency.
    OtherCurrency,
}

impl Rules {
    /// The step at a price: that of the highest band that begins at or below it.
    #[must_use]
    pub(super) fn step(&self, price: u64) -> u64 {
        let reached = self.bands.iter().filter(|(from, _)| *from <= price);
        reached.max_by_key(|(from, _)| *from).map_or(0, |(_, step)| *step)
    }

    /// Whether a leader with this maximum gets the lot.
    #[must_use]
    pub(super) fn reserve_met(&self, max: u64) -> bool {
        self.reserve.is_none_or(|reserve| max >= reserve)
    }
}

/// What an amount can be at most, whatever the terms say: what JSON keeps exact.
const LARGEST: u64 = (1 << 53) - 1;

impl Standing {
    /// An auction that was just opened.
    #[must_use]
    pub(super) fn opened(end: u64) -> Self {
        Self { price: None, lead: None, end, extensions: 0, bought: false }
    }

    /// The least next bid, if any can follow: a step above the price, but never more than may be bid
    /// at all, nor more than buys the lot.
    #[must_use]
    pub(super) fn minimum(&self, rules: &Rules) -> Option<u64> {
        let Some(price) = self.price else { return Some(rules.starting_price) };
        let most = rules.ceiling.unwrap_or(LARGEST);
        if self.bought || price >= most {
            return None;
        }
        let mut minimum = (price + rules.step(price)).min(most);
        if self.buy_now_open(rules) {
            minimum = minimum.min(rules.buy_now.unwrap_or(minimum));
        }
        Some(minimum)
    }

    /// Whether a bid of the buy-now price buys the lot: as long as the price is below it.
    #[must_use]
    pub(super) fn buy_now_open(&self, rules: &Rules) -> bool {
        let below = |buy_now| self.price.is_none_or(|price| price < buy_now);
        !self.bought && rules.buy_now.is_some_and(below)
    }

    /// The maximum that binds a bidder who offers less, without buying the lot.
    #[must_use]
    pub(super) fn binding(
        &self,
        rules: &Rules,
        bidder: &str,
        amount: u64,
        max: u64,
    ) -> Option<u64> {
        let buys = self.buy_now_open(rules) && rules.buy_now.is_some_and(|price| amount >= price);
        let lead = self.lead.as_ref().filter(|lead| !buys && lead.bidder == bidder);
        lead.map(|lead| lead.max).filter(|bound| max < *bound)
    }

    /// What speaks against accepting a bid at `now`, if anything.
    #[must_use]
    pub(super) fn objection(
        &self,
        rules: &Rules,
        bidder: &str,
        (amount, max): (u64, u64),
        now: u64,
    ) -> Option<Forbidden> {
        let minimum = self.minimum(rules);
        let ceiling = rules.ceiling.filter(|ceiling| amount.max(max) > *ceiling);
        if bidder == rules.seller {
            Some(Forbidden::BySeller)
        } else if self.bought {
            Some(Forbidden::AfterClose)
        } else if now >= self.end + rules.grace_ms {
            Some(Forbidden::TooLate(self.end))
        } else if minimum.is_none_or(|minimum| amount < minimum) {
            Some(Forbidden::BelowMinimum(minimum))
        } else if max < amount {
            Some(Forbidden::MaximumBelowAmount)
        } else if let Some(ceiling) = ceiling {
            Some(Forbidden::AboveCeiling(ceiling))
        } else {
            self.binding(rules, bidder, amount, max).map(Forbidden::MaximumNotRaised)
        }
    }

    /// What an accepted bid leads to.
    pub(super) fn accept(
        &mut self,
        rules: &Rules,
        bidder: &str,
        (amount, max): (u64, u64),
        now: u64,
    ) -> Consequence {
        let before = (self.price, self.lead.as_ref().map(|lead| lead.bidder.clone()));
        // Whoever buys has the lot, whatever maximum stands against them.
        let offered = rules.buy_now.filter(|_| self.buy_now_open(rules));
        if let Some(price) = offered.filter(|price| amount >= *price) {
            self.price = Some(price);
            self.lead = Some(Lead { bidder: bidder.to_owned(), max });
            self.bought = true;
            return self.consequence(rules, bidder, false);
        }
        self.weigh(rules, bidder, amount, max);
        self.lift_to_reserve(rules);
        let changed = before != (self.price, self.lead.as_ref().map(|lead| lead.bidder.clone()));
        let extended = changed && self.extend(rules, now);
        self.consequence(rules, bidder, extended)
    }

    /// Proxy bidding: a challenger against the leader's maximum.
    fn weigh(&mut self, rules: &Rules, bidder: &str, amount: u64, max: u64) {
        let challenger = Lead { bidder: bidder.to_owned(), max };
        let (Some(price), Some(lead)) = (self.price, &mut self.lead) else {
            (self.price, self.lead) = (Some(amount), Some(challenger));
            return;
        };
        let standing = lead.max;
        if lead.bidder == bidder {
            lead.max = standing.max(max);
        } else if max > standing {
            self.price = Some(amount.max(max.min(standing + rules.step(standing))));
            self.lead = Some(challenger);
        } else {
            self.price = Some(standing.min(max + rules.step(max)).max(price));
        }
    }

    fn lift_to_reserve(&mut self, rules: &Rules) {
        if let (Some(reserve), Some(price), Some(lead)) = (rules.reserve, self.price, &self.lead)
            && lead.max >= reserve
            && price < reserve
        {
            self.price = Some(reserve);
        }
    }

    /// Soft close. Gives whether the end moved.
    fn extend(&mut self, rules: &Rules, now: u64) -> bool {
        let in_window = self.end.saturating_sub(now) < rules.window_ms;
        let later = now + rules.extension_ms;
        let moves = in_window && later > self.end && self.extensions < rules.extensions_max;
        if moves {
            self.end = later;
            self.extensions += 1;
        }
        moves
    }

    fn consequence(&self, rules: &Rules, bidder: &str, extended: bool) -> Consequence {
        let leads = self.lead.as_ref().is_some_and(|lead| lead.bidder == bidder);
        Consequence {
            status: if leads { "leading" } else { "outbid" },
            price: self.price.unwrap_or(0),
            minimum_next: self.minimum(rules),
            buy_now_open: self.buy_now_open(rules),
            ends_at: self.end,
            extended,
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowMinimum(Some(minimum)) => write!(f, "it is below the minimum of {minimum}"),
            Self::BelowMinimum(None) => write!(f, "nothing can follow the price"),
            Self::MaximumNotRaised(maximum) => write!(f, "its bidder is bound to {maximum}"),
            Self::AboveCeiling(ceiling) => write!(f, "it is above the ceiling of {ceiling}"),
            Self::MaximumBelowAmount => write!(f, "its maximum is below its amount"),
            Self::BySeller => write!(f, "it is the seller's own"),
            Self::TooLate(end) => write!(f, "the auction ended at {end}"),
            Self::AfterClose => write!(f, "the auction was closed already"),
            Self::NotLive => write!(f, "the auction was not live"),
            Self::OtherCurrency => write!(f, "it is in another currency"),
        }
    }
}

//! The live state of one auction: everything a decision depends on, and nothing else.

use serde::{Deserialize, Serialize};

use super::command::{CloseCause, Command, OpenCause};
use super::event::Outcome;
use super::terms::Terms;
use crate::ids::{AuctionId, BidId, UserId};
use crate::money::Amount;
use crate::time::Timestamp;

/// The state of one auction after some number of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auction {
    /// Which auction.
    pub id: AuctionId,
    /// Who sells; may not bid.
    pub seller: UserId,
    /// What the seller fixed beforehand.
    pub terms: Terms,
    /// Rises whenever the price could fall. What was proved in one epoch proves nothing in the next.
    pub epoch: u64,
    /// How many events made this state; the next event has this position plus one.
    pub position: u64,
    /// How many bids were accepted; the next accepted bid has this number plus one.
    pub seq: u64,
    /// Scheduled, live, paused or closed.
    pub phase: Phase,
    /// The visible price; none until somebody leads.
    pub price: Option<Amount>,
    /// Who leads.
    pub lead: Option<Lead>,
    /// How often the end was moved by a late bid.
    pub extensions: u32,
    /// The last sort stamp given to a bid, in milliseconds; the next one is larger.
    pub last_stamp: Timestamp,
    /// The best distinct bidders at visible amounts, best first; for display.
    pub top_bids: Vec<TopBid>,
}

/// Where an auction is in its life: `scheduled → live ⇄ paused → closed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Phase {
    /// Not open yet.
    Scheduled,
    /// Taking bids until `ends_at`, not including that instant.
    Live {
        /// The end, as of the last extension.
        ends_at: Timestamp,
    },
    /// Stopped, with its clock.
    Paused {
        /// What resuming gives back, in milliseconds.
        remaining_ms: u64,
    },
    /// Over. Never reopened.
    Closed {
        /// How it ended.
        outcome: Outcome,
        /// When it ended.
        at: Timestamp,
    },
}

/// The leading bidder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Who leads.
    pub bidder: UserId,
    /// The hidden maximum they are good for; shown to nobody else, ever.
    pub max: Amount,
    /// The bid that gave them this maximum.
    pub bid_id: BidId,
}

/// One bidder's best visible amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopBid {
    /// Who.
    pub bidder: UserId,
    /// At what visible amount.
    pub amount: Amount,
}

impl Auction {
    /// A scheduled auction that nothing has happened to yet.
    #[must_use]
    pub const fn scheduled(id: AuctionId, seller: UserId, terms: Terms) -> Self {
        Self {
            id,
            seller,
            terms,
            epoch: 1,
            position: 0,
            seq: 0,
            phase: Phase::Scheduled,
            price: None,
            lead: None,
            extensions: 0,
            last_stamp: Timestamp::from_ms(0),
            top_bids: Vec::new(),
        }
    }

    /// The least amount the next bid may offer: the starting price while nobody leads, else what
    /// [`Terms::minimum_after`] says. None when nothing can follow: the price has reached the most
    /// anybody may bid, or the auction is over.
    ///
    /// Never falls within an epoch, none counting as the largest.
    #[must_use]
    pub fn minimum_next(&self) -> Option<Amount> {
        if self.is_over() {
            return None;
        }
        self.price.map_or(Some(self.terms.starting_price), |price| self.terms.minimum_after(price))
    }

    /// The buy-now price while it is on offer: until the price has reached it or the auction is over.
    #[must_use]
    pub fn buy_now(&self) -> Option<Amount> {
        if self.is_over() { None } else { self.terms.buy_now_at(self.price) }
    }

    const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. })
    }

    /// The end, while there is one: live auctions only.
    #[must_use]
    pub const fn ends_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Live { ends_at } => Some(ends_at),
            _ => None,
        }
    }

    /// The first instant at which no bid can be accepted any more: the end plus the grace.
    #[must_use]
    pub fn closes_at(&self) -> Option<Timestamp> {
        self.ends_at().map(|ends_at| ends_at.plus_ms(self.terms.grace_ms))
    }

    /// The first instant at which `command`, decided on this state at `now`, would come too late: the
    /// end, but for a bid that reached the edge before it the end of the grace. Whoever commits the
    /// decision later than that decides again.
    #[must_use]
    pub fn not_after(&self, command: &Command, now: Timestamp) -> Option<Timestamp> {
        let before_end = |at: Timestamp| self.ends_at().is_some_and(|ends_at| at < ends_at);
        match command {
            Command::Bid(bid) if bid.arrived_at.is_some_and(before_end) => self.closes_at(),
            Command::Bid(_) | Command::Pause | Command::Cancel => self.ends_at(),
            // After the end it waits for the grace.
            Command::Close(CloseCause::Hammer) if before_end(now) => self.ends_at(),
            Command::Open(_) | Command::Resume | Command::Close(_) => None,
        }
    }

    /// The first instant at which `command`, decided on this state, is not too early: what waits for its
    /// time waits for it on the clock that a commit is measured by.
    #[must_use]
    pub fn not_before(&self, command: &Command) -> Option<Timestamp> {
        match command {
            Command::Open(OpenCause::Time) => self.terms.opens_at,
            Command::Close(CloseCause::Time) => self.closes_at(),
            _ => None,
        }
    }

    /// Whether the lot would be sold at this price: it has reached the reserve, or there is none and
    /// somebody leads.
    #[must_use]
    pub fn reserve_met(&self) -> bool {
        self.price.is_some_and(|price| self.terms.reserve_price.is_none_or(|least| price >= least))
    }
}

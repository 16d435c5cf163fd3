//! What readers are shown: live state, bid history, own bids, pages. Never a reserve, never the
//! maximum of somebody else.

use serde::{Deserialize, Serialize};

use super::auction::{ShownStatus, Status};
use crate::auction::{Auction, BidStatus, Outcome, Phase};
use crate::ids::{AuctionId, BidId, UserId};
use crate::money::Amount;
use crate::time::Timestamp;

/// The live state of an auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateView {
    /// Which auction.
    pub auction_id: AuctionId,
    /// Where it is in its life at `server_time`.
    pub status: ShownStatus,
    /// The visible price; null while nobody leads.
    pub price: Option<Amount>,
    /// The leader's public name; null while nobody leads, and once it is closed.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::PublicName>"))]
    pub leader: Option<String>,
    /// The least next bid; null when nothing can follow.
    pub minimum_next: Option<Amount>,
    /// Whether the auction's `buy_now_price` is still on offer. While it is, whoever bids it has the
    /// lot at once, whatever maxima others gave.
    pub buy_now_open: bool,
    /// The end, while live.
    pub ends_at: Option<Timestamp>,
    /// The server's clock, for countdowns.
    pub server_time: Timestamp,
    /// The number of the latest accepted bid.
    pub seq: u64,
    /// How many bids were accepted.
    pub bid_count: u64,
    /// How often the end was moved.
    pub extensions: u32,
    /// Whether there is a reserve.
    pub has_reserve: bool,
    /// Whether the price has reached the reserve; null where there is none.
    pub reserve_met: Option<bool>,
    /// The best distinct bidders, best first.
    pub top_bids: Vec<TopBidView>,
    /// How many watch. Null where this deployment does not count them.
    pub watchers: Option<u64>,
    /// `sold`, `unsold` or `cancelled`, once closed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::OutcomeName>"))]
    pub outcome: Option<String>,
    /// The winner's public name, once sold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::PublicName>"))]
    pub winner_id: Option<String>,
}

/// Whether somebody hears when an auction opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FollowView {
    /// Which auction.
    pub auction_id: AuctionId,
    /// Whether the caller follows it now.
    pub following: bool,
}

/// One of the best distinct bidders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopBidView {
    /// Their public name.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::PublicName"))]
    pub bidder: String,
    /// Their best visible amount.
    pub amount: Amount,
}

impl StateView {
    /// `state` as anybody may see it at `server_time`.
    #[must_use]
    pub fn of(state: &Auction, server_time: Timestamp) -> Self {
        let name = |user| state.id.public_name(user);
        let status = ShownStatus::of(state, server_time);
        let outcome = match &state.phase {
            Phase::Closed { outcome, .. } => Some(outcome),
            _ => None,
        };
        let leads = state.lead.as_ref().filter(|_| outcome.is_none());
        Self {
            auction_id: state.id.clone(),
            status,
            price: state.price,
            leader: leads.map(|lead| name(&lead.bidder)),
            minimum_next: state.minimum_next().filter(|_| status != ShownStatus::Closing),
            buy_now_open: state.buy_now().is_some() && status != ShownStatus::Closing,
            ends_at: state.ends_at(),
            server_time,
            seq: state.seq,
            bid_count: state.seq,
            extensions: state.extensions,
            has_reserve: state.terms.reserve_price.is_some(),
            reserve_met: state.terms.reserve_price.map(|_| state.reserve_met()),
            top_bids: state
                .top_bids
                .iter()
                .map(|top| TopBidView { bidder: name(&top.bidder), amount: top.amount })
                .collect(),
            watchers: None,
            outcome: outcome.map(|outcome| outcome.as_str().to_owned()),
            winner_id: outcome.and_then(Outcome::winner).map(name),
        }
    }
}

impl Outcome {
    /// Who has the lot.
    #[must_use]
    pub const fn winner(&self) -> Option<&UserId> {
        match self {
            Self::Sold { winner, .. } => Some(winner),
            Self::Unsold | Self::Cancelled => None,
        }
    }

    /// Its name on the wire and in the catalogue.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sold { .. } => "sold",
            Self::Unsold => "unsold",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<&Phase> for Status {
    fn from(phase: &Phase) -> Self {
        match phase {
            Phase::Scheduled => Self::Scheduled,
            Phase::Live { .. } => Self::Live,
            Phase::Paused { .. } => Self::Paused,
            Phase::Closed { .. } => Self::Closed,
        }
    }
}

/// One accepted bid in the history of an auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs, reason = "the fields are those of the receipt")]
pub struct BidItem {
    pub seq: u64,
    pub bid_id: BidId,
    /// The bidder's public name.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::PublicName"))]
    pub bidder: String,
    /// What was offered; to others than the bidder no more of it than the price.
    pub amount: Amount,
    pub price: Amount,
    pub status: BidStatus,
    pub placed_at: Timestamp,
}

/// One of the caller's own bids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnBidItem {
    /// Where.
    pub auction_id: AuctionId,
    /// The maximum they gave with this bid; theirs, so theirs to see. A later bid may have raised it.
    pub max: Amount,
    /// The rest.
    #[serde(flatten)]
    pub bid: BidItem,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "PageOf{T}"))]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end. Opaque.
    pub next_cursor: Option<String>,
}

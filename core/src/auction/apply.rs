//! How events become state. Nothing is decided here: an event carries its results.

use super::event::{AcceptedBid, BidStatus, Event, EventKind};
use super::state::{Auction, Lead, Phase, TopBid};
use crate::limits::TOP_BIDS_MAX;

/// Moves `state` past `event`, which must be the next one of its log.
pub fn apply(state: &mut Auction, event: &Event) {
    debug_assert_eq!(event.position, state.position + 1, "events are applied in order");
    state.position = event.position;
    state.seq = event.seq;
    state.epoch = event.epoch;
    match &event.kind {
        EventKind::Opened { seller, terms, ends_at } => {
            state.seller = seller.clone();
            state.terms = terms.clone();
            state.phase = Phase::Live { ends_at: *ends_at };
        }
        EventKind::Bid(bid) => accept(state, bid),
        EventKind::Paused { remaining_ms } => {
            state.phase = Phase::Paused { remaining_ms: *remaining_ms };
        }
        EventKind::Resumed { ends_at } => state.phase = Phase::Live { ends_at: *ends_at },
        EventKind::Closed { outcome } => {
            state.phase = Phase::Closed { outcome: outcome.clone(), at: event.at };
        }
    }
}

/// The state after `events`, a whole log in order; `None` when it does not begin with an opening.
#[must_use]
pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Auction> {
    let mut events = events.into_iter();
    let first = events.next()?;
    let EventKind::Opened { seller, terms, .. } = &first.kind else { return None };
    let mut state = Auction::scheduled(first.auction_id.clone(), seller.clone(), terms.clone());
    apply(&mut state, first);
    for event in events {
        apply(&mut state, event);
    }
    Some(state)
}

fn accept(state: &mut Auction, bid: &AcceptedBid) {
    state.phase = Phase::Live { ends_at: bid.ends_at };
    state.extensions += u32::from(bid.extended);
    state.last_stamp = bid.stamp;
    state.price = Some(bid.price);
    if bid.status == BidStatus::Leading {
        let kept = state.lead.as_ref().filter(|lead| lead.bidder == bid.bidder);
        if kept.is_none_or(|lead| bid.max > lead.max) {
            state.lead =
                Some(Lead { bidder: bid.bidder.clone(), max: bid.max, bid_id: bid.bid_id.clone() });
        }
    }
    rank(state, bid);
}

/// Keeps the best distinct bidders: the leader at the price, the others at their last offer, which is
/// their best because every accepted offer is above the price before it.
fn rank(state: &mut Auction, bid: &AcceptedBid) {
    let leader = state.lead.as_ref().map(|lead| lead.bidder.clone());
    let leads = |top: &TopBid| Some(&top.bidder) == leader.as_ref();
    state.top_bids.retain(|top| top.bidder != bid.bidder);
    state.top_bids.push(TopBid { bidder: bid.bidder.clone(), amount: bid.amount });
    for top in state.top_bids.iter_mut().filter(|top| leads(top)) {
        top.amount = bid.price;
    }
    state.top_bids.sort_by_key(|top| (std::cmp::Reverse(top.amount), !leads(top)));
    state.top_bids.truncate(TOP_BIDS_MAX);
}

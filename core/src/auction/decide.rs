//! The rules. `decide` reads a state and a command and says what follows; it changes nothing.

use super::apply::apply;
use super::command::{CloseCause, Command, OpenCause, PlaceBid};
use super::event::{AcceptedBid, BidStatus, Event, EventKind, Outcome};
use super::refusal::Refusal;
use super::state::{Auction, Phase};
use crate::ids::UserId;
use crate::money::Amount;
use crate::time::Timestamp;

/// Decides `command` on `state` at `now` (the server's clock).
///
/// No events means that the command is already fulfilled: opening a live auction, closing a closed
/// one. A refusal means that nothing happened, not even to the clock.
pub fn decide(state: &Auction, command: &Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Open(cause) => open(state, *cause, now),
        Command::Bid(bid) => place(state, bid, now),
        Command::Pause => pause(state, now),
        Command::Resume => resume(state, now),
        Command::Close(cause) => close(state, *cause, now),
        Command::Cancel => cancel(state, now),
    }
}

fn open(state: &Auction, cause: OpenCause, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let due = state.terms.opens_at.is_some_and(|opens_at| now >= opens_at);
    match state.phase {
        Phase::Scheduled if cause == OpenCause::Time && !due => Err(Refusal::NotDue),
        Phase::Scheduled => Ok(one(
            state,
            now,
            EventKind::Opened {
                seller: state.seller.clone(),
                terms: state.terms.clone(),
                ends_at: now.plus_ms(state.terms.duration_ms),
            },
        )),
        Phase::Live { .. } => Ok(Vec::new()),
        Phase::Paused { .. } => Err(Refusal::NotLive),
        Phase::Closed { .. } => Err(Refusal::Closed),
    }
}

fn pause(state: &Auction, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match state.phase {
        Phase::Live { ends_at } if now < ends_at => {
            Ok(one(state, now, EventKind::Paused { remaining_ms: now.ms_until(ends_at) }))
        }
        Phase::Live { .. } => Err(Refusal::TimeUp),
        Phase::Paused { .. } => Ok(Vec::new()),
        Phase::Scheduled => Err(Refusal::NotLive),
        Phase::Closed { .. } => Err(Refusal::Closed),
    }
}

fn resume(state: &Auction, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match state.phase {
        Phase::Paused { remaining_ms } => {
            Ok(one(state, now, EventKind::Resumed { ends_at: now.plus_ms(remaining_ms) }))
        }
        Phase::Live { .. } => Ok(Vec::new()),
        Phase::Scheduled => Err(Refusal::NotLive),
        Phase::Closed { .. } => Err(Refusal::Closed),
    }
}

fn close(state: &Auction, cause: CloseCause, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match (&state.phase, cause) {
        (Phase::Closed { .. }, _) => Ok(Vec::new()),
        (Phase::Scheduled, _) | (Phase::Paused { .. }, CloseCause::Time) => Err(Refusal::NotLive),
        // In the grace bids that were on their way still count, and no hammer cuts them off.
        (Phase::Live { ends_at }, cause)
            if state.closes_at().is_some_and(|at| now < at)
                && (cause == CloseCause::Time || now >= *ends_at) =>
        {
            Err(Refusal::NotEnded)
        }
        (Phase::Live { .. } | Phase::Paused { .. }, _) => {
            Ok(one(state, now, EventKind::Closed { outcome: settle(state) }))
        }
    }
}

fn cancel(state: &Auction, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match state.phase {
        Phase::Closed { outcome: Outcome::Cancelled, .. } => Ok(Vec::new()),
        Phase::Closed { .. } => Err(Refusal::Closed),
        // The lot has a winner from its end on, even if nobody has closed it yet.
        Phase::Live { ends_at } if now >= ends_at => Err(Refusal::TimeUp),
        _ => Ok(one(state, now, EventKind::Closed { outcome: Outcome::Cancelled })),
    }
}

/// Who won: the leader, if the price reached the reserve.
fn settle(state: &Auction) -> Outcome {
    match (&state.lead, state.price) {
        (Some(lead), Some(price)) if state.reserve_met() => Outcome::Sold {
            winner: lead.bidder.clone(),
            hammer_price: price,
            bid_id: lead.bid_id.clone(),
        },
        _ => Outcome::Unsold,
    }
}

fn place(state: &Auction, bid: &PlaceBid, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let ends_at = accepting_until(state, bid, now)?;
    if bid.bidder == state.seller {
        return Err(Refusal::SellerCannotBid);
    }
    let currency = state.terms.currency;
    if bid.currency.is_some_and(|named| named != currency) {
        return Err(Refusal::WrongCurrency { currency });
    }
    if let Some(ceiling) = state.terms.bid_ceiling
        && bid.amount.max(bid.max) > ceiling
    {
        return Err(Refusal::BidAboveCeiling { ceiling });
    }
    let minimum = state.minimum_next();
    if minimum.is_none_or(|minimum| bid.amount < minimum) {
        return Err(Refusal::BidTooLow { minimum });
    }
    let bought_now = state.buy_now().filter(|buy_now| bid.amount >= *buy_now);
    if bought_now.is_none()
        && let Some(maximum) = binding_maximum(state, bid)
    {
        return Err(Refusal::MaximumNotRaised { maximum });
    }

    let (status, price) =
        bought_now.map_or_else(|| contest(state, bid), |price| (BidStatus::Leading, price));
    // Nobody takes the lead without raising the price, so the price alone tells whether either moved;
    // but bought now, the auction is over, and there is no end left to move.
    let moved = state.price != Some(price) && bought_now.is_none();
    let new_end = if moved { extended_end(state, ends_at, now) } else { None };

    let accepted = AcceptedBid {
        bid_id: bid.bid_id.clone(),
        bidder: bid.bidder.clone(),
        amount: bid.amount,
        max: bid.max.max(bid.amount),
        currency,
        status,
        outbid: outbid_by(state, bid, status),
        price,
        minimum_next: state.terms.minimum_after(price).filter(|_| bought_now.is_none()),
        buy_now_open: state.terms.buy_now_at(Some(price)).is_some(),
        ends_at: new_end.unwrap_or(ends_at),
        extended: new_end.is_some(),
        stamp: now.max(state.last_stamp.plus_ms(1)),
    };
    let event = numbered(state, now, EventKind::Bid(accepted));
    if bought_now.is_none() {
        return Ok(vec![event]);
    }
    let mut after = state.clone();
    apply(&mut after, &event);
    let sold = Outcome::Sold {
        winner: bid.bidder.clone(),
        hammer_price: price,
        bid_id: bid.bid_id.clone(),
    };
    let closed = numbered(&after, now, EventKind::Closed { outcome: sold });
    Ok(vec![event, closed])
}

/// The end this bid is in time for. With a grace, a bid that reached the edge before the end still
/// counts until the grace is over.
fn accepting_until(state: &Auction, bid: &PlaceBid, now: Timestamp) -> Result<Timestamp, Refusal> {
    match state.phase {
        Phase::Live { ends_at } if now < ends_at => Ok(ends_at),
        Phase::Live { ends_at } => {
            let in_flight = bid.arrived_at.is_some_and(|arrived| arrived < ends_at);
            let graced = now < ends_at.plus_ms(state.terms.grace_ms);
            if in_flight && graced { Ok(ends_at) } else { Err(Refusal::TimeUp) }
        }
        Phase::Scheduled | Phase::Paused { .. } => Err(Refusal::NotLive),
        Phase::Closed { .. } => Err(Refusal::Closed),
    }
}

/// The maximum the bidder is bound to already, when `bid` names a lower one: a leader may raise their
/// maximum, not take it back.
fn binding_maximum(state: &Auction, bid: &PlaceBid) -> Option<Amount> {
    let lead = state.lead.as_ref().filter(|lead| lead.bidder == bid.bidder);
    lead.map(|lead| lead.max).filter(|bound| bid.max.max(bid.amount) < *bound)
}

/// Who leads after a bid, and at what price (proxy bidding, then the reserve).
fn contest(state: &Auction, bid: &PlaceBid) -> (BidStatus, Amount) {
    let step = |at: Amount| state.terms.increments.step(at);
    let max = bid.max.max(bid.amount);
    let (status, price, leading_max) = match (&state.lead, state.price) {
        (Some(lead), Some(price)) if lead.bidder == bid.bidder => {
            (BidStatus::Leading, price, lead.max.max(max))
        }
        (Some(lead), Some(_)) if max > lead.max => {
            let beaten = max.min(lead.max.plus(step(lead.max)));
            (BidStatus::Leading, bid.amount.max(beaten), max)
        }
        // At least the challenger's offer, so never below the price.
        (Some(lead), Some(_)) => (BidStatus::Outbid, lead.max.min(max.plus(step(max))), lead.max),
        _ => (BidStatus::Leading, bid.amount, max),
    };
    let reserve = state.terms.reserve_price.filter(|reserve| leading_max >= *reserve);
    (status, reserve.map_or(price, |reserve| price.max(reserve)))
}

/// Who loses the lead to `bid`, which leaves its bidder with `status`.
fn outbid_by(state: &Auction, bid: &PlaceBid, status: BidStatus) -> Option<UserId> {
    let led = state.lead.as_ref().map(|lead| &lead.bidder);
    led.filter(|led| status == BidStatus::Leading && **led != bid.bidder).cloned()
}

/// The new end, when a bid at `now` moves it: late enough, not too often, and really later.
fn extended_end(state: &Auction, ends_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let rule = state.terms.soft_close;
    let late = now.ms_until(ends_at) < rule.window_ms;
    let new_end = now.plus_ms(rule.extension_ms);
    (late && state.extensions < rule.max_extensions && new_end > ends_at).then_some(new_end)
}

fn one(state: &Auction, now: Timestamp, kind: EventKind) -> Vec<Event> {
    vec![numbered(state, now, kind)]
}

fn numbered(state: &Auction, now: Timestamp, kind: EventKind) -> Event {
    let accepted = u64::from(matches!(kind, EventKind::Bid(_)));
    Event {
        auction_id: state.id.clone(),
        position: state.position + 1,
        seq: state.seq + accepted,
        epoch: state.epoch,
        at: now,
        kind,
    }
}

//! The rules, as tables through one `check`, and the invariants, over random histories.

mod bidding;
mod closing;
mod invariants;

use super::*;
use crate::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use crate::money::{Amount, Currency};
use crate::time::Timestamp;

/// When test auctions open.
const OPENED: Timestamp = Timestamp::from_ms(1_000_000);
/// How long they last, in milliseconds.
const DURATION_MS: u64 = 60_000;

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn auction_id() -> AuctionId {
    AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ab").unwrap()
}

/// Start 100, step 10, no reserve, no buy-now, no ceiling, soft close 30 s / 30 s / 5.
fn terms() -> Terms {
    Terms {
        currency: Currency::USD,
        starting_price: amount(100),
        reserve_price: None,
        buy_now_price: None,
        bid_ceiling: None,
        increments: Increments::new(vec![Band { from: amount(0), step: amount(10) }]).unwrap(),
        opens_at: None,
        duration_ms: DURATION_MS,
        soft_close: SoftClose::default(),
        grace_ms: 0,
    }
}

fn scheduled(terms: Terms) -> Auction {
    Auction::scheduled(auction_id(), user("seller"), terms)
}

fn live(terms: Terms) -> Auction {
    let mut state = scheduled(terms);
    run(&mut state, &Command::Open(OpenCause::Seller), OPENED).unwrap();
    state
}

/// Decides and applies; gives the events.
fn run(state: &mut Auction, command: &Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let events = decide(state, command, now)?;
    for event in &events {
        apply(state, event);
    }
    Ok(events)
}

fn bid_by(bidder: &str, offered: u64, max: u64) -> Command {
    let key = IdempotencyKey::parse(&format!("{bidder}-{offered}-{max}")).unwrap();
    Command::Bid(PlaceBid {
        bid_id: BidId::derive(&auction_id(), &user(bidder), &key),
        bidder: user(bidder),
        amount: amount(offered),
        max: amount(max),
        currency: None,
        arrived_at: None,
    })
}

/// After the opening plus `ms`.
fn at(ms: u64) -> Timestamp {
    OPENED.plus_ms(ms)
}

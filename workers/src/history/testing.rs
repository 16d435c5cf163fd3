//! Events for tests.

use gavel_core::auction::{AcceptedBid, BidStatus, Event, EventKind};
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use gavel_core::money::{Amount, Currency};
use gavel_core::time::Timestamp;

/// An auction's id.
pub(super) fn auction() -> AuctionId {
    AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ab").unwrap()
}

/// The bidder of every event here.
pub(super) fn bidder() -> UserId {
    UserId::parse("bidder-1").unwrap()
}

/// The `seq`-th bid of the auction.
pub(super) fn bid_event(seq: u64) -> Event {
    let key = IdempotencyKey::parse(&format!("key-{seq}")).unwrap();
    let amount = |minor| Amount::new(minor).unwrap();
    let at = Timestamp::from_ms(1_795_411_020_000);
    Event {
        auction_id: auction(),
        position: seq + 1,
        seq,
        epoch: 1,
        at,
        kind: EventKind::Bid(AcceptedBid {
            bid_id: BidId::derive(&auction(), &bidder(), &key),
            bidder: bidder(),
            amount: amount(1_000 * seq),
            max: amount(1_000 * seq + 500),
            currency: Currency::USD,
            status: BidStatus::Leading,
            outbid: None,
            price: amount(1_000 * seq),
            minimum_next: Some(amount(1_000 * seq + 100)),
            buy_now_open: false,
            ends_at: at.plus_ms(60_000),
            extended: false,
            stamp: at.plus_ms(seq),
        }),
    }
}

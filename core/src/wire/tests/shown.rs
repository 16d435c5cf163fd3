//! Replies: shapes that clients rely on, byte for byte where it matters.

use serde_json::{Value, json};

use crate::auction::{
    AcceptedBid, Auction, BidStatus, Event, EventKind, Lead, Outcome, Phase, Refusal, SoftClose,
};
use crate::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use crate::money::{Amount, Currency};
use crate::time::Timestamp;
use crate::wire::auction::SoftCloseView;
use crate::wire::*;

const AUCTION: &str = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

fn accepted() -> (Event, AcceptedBid) {
    let auction_id = AuctionId::parse(AUCTION).unwrap();
    let bidder = UserId::parse("7d1c").unwrap();
    let bid = AcceptedBid {
        bid_id: BidId::derive(&auction_id, &bidder, &IdempotencyKey::parse("k").unwrap()),
        bidder,
        amount: amount(1_200),
        max: amount(7_777),
        currency: Currency::USD,
        status: BidStatus::Outbid,
        outbid: None,
        price: amount(1_300),
        minimum_next: Some(amount(1_400)),
        buy_now_open: true,
        ends_at: Timestamp::from_ms(1_795_411_020_000),
        extended: true,
        stamp: Timestamp::from_ms(1),
    };
    let kind = EventKind::Bid(bid.clone());
    (Event { auction_id, position: 9, seq: 3, epoch: 0, at: Timestamp::from_ms(1), kind }, bid)
}

#[test]
fn a_receipt_has_the_documented_shape_and_no_maximum() {
    let (event, bid) = accepted();
    let receipt = serde_json::to_value(BidReceipt::of(&event, &bid, Level::Queue)).unwrap();
    let expected = json!({
        "bid_id": bid.bid_id, "auction_id": AUCTION, "seq": 3, "status": "outbid", "amount": 1200,
        "price": 1300, "minimum_next": 1400, "buy_now_open": true, "ends_at": "2026-11-23T05:17:00.000Z",
        "extended": true, "acknowledged": "queue"
    });
    assert_eq!(receipt, expected);
    assert_eq!(serde_json::from_value::<BidReceipt>(receipt).unwrap().acknowledged, Level::Queue);
}

#[test]
fn a_problem_has_a_stable_code_and_type() {
    let problem = Problem::from(&Refusal::BidTooLow { minimum: Some(amount(1_100)) });
    let expected = json!({
        "type": "urn:gavel:problem:bid-too-low", "title": "The bid is too low", "status": 409,
        "code": "bid-too-low", "detail": "the bid is below the minimum of 1100", "minimum": 1100
    });
    assert_eq!(serde_json::to_value(problem).unwrap(), expected);
    let invalid = Problem::invalid(vec![FieldError::new("amount", "is required")]);
    let expected = json!({
        "type": "urn:gavel:problem:invalid-request", "title": "The request is invalid",
        "status": 422, "code": "invalid-request", "detail": "check amount",
        "errors": [{"field": "amount", "reason": "is required"}]
    });
    assert_eq!(serde_json::to_value(invalid).unwrap(), expected);
}

#[test]
fn every_refusal_has_its_code() {
    for (refusal, code) in [
        (Refusal::BidTooLow { minimum: Some(amount(1)) }, "bid-too-low"),
        (Refusal::BidTooLow { minimum: None }, "bid-too-low"),
        (Refusal::MaximumNotRaised { maximum: amount(1) }, "maximum-not-raised"),
        (Refusal::BidAboveCeiling { ceiling: amount(1) }, "bid-above-ceiling"),
        (Refusal::WrongCurrency { currency: Currency::USD }, "invalid-request"),
        (Refusal::SellerCannotBid, "seller-cannot-bid"),
        (Refusal::NotDue, "auction-not-live"),
        (Refusal::NotLive, "auction-not-live"),
        (Refusal::NotEnded, "auction-not-live"),
        (Refusal::TimeUp, "auction-closed"),
        (Refusal::Closed, "auction-closed"),
    ] {
        let problem = serde_json::to_value(Problem::from(&refusal)).unwrap();
        assert_eq!(problem["code"], code, "{refusal:?}");
        let says_why = problem.to_string().contains(&refusal.to_string());
        assert!(says_why, "{problem}");
        assert!(!problem["title"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_closed_state_shows_its_outcome_and_an_open_one_none() {
    let body = br#"{"title": "A", "starting_price": 100, "reserve_price": 990, "duration_s": 60}"#;
    let terms = CreateAuction::parse(body).unwrap().terms;
    let id = AuctionId::parse(AUCTION).unwrap();
    let mut state = Auction::scheduled(id, UserId::parse("seller").unwrap(), terms);
    let shown = |state: &Auction| -> Value {
        serde_json::to_value(StateView::of(state, Timestamp::from_ms(0))).unwrap()
    };
    let expected = json!({
        "auction_id": AUCTION, "status": "scheduled", "price": null, "leader": null,
        "minimum_next": 100, "buy_now_open": false, "ends_at": null,
        "server_time": "1970-01-01T00:00:00.000Z", "seq": 0, "bid_count": 0, "extensions": 0,
        "has_reserve": true, "reserve_met": false, "top_bids": [], "watchers": null
    });
    assert_eq!(shown(&state), expected);
    let sold = Outcome::Sold {
        winner: UserId::parse("7d1c").unwrap(),
        hammer_price: amount(990),
        bid_id: accepted().1.bid_id,
    };
    for (outcome, name) in
        [(sold, "sold"), (Outcome::Unsold, "unsold"), (Outcome::Cancelled, "cancelled")]
    {
        state.phase = Phase::Closed { outcome, at: Timestamp::from_ms(5) };
        assert_eq!(
            (&shown(&state)["outcome"], &shown(&state)["status"]),
            (&json!(name), &json!("closed"))
        );
    }
}

/// A live auction with these terms, led by 7d1c at 700.
fn led(more: &str) -> Auction {
    let body = format!(r#"{{"title": "A", "starting_price": 100, "duration_s": 60{more}}}"#);
    let terms = CreateAuction::parse(body.as_bytes()).unwrap().terms;
    let id = AuctionId::parse(AUCTION).unwrap();
    let mut state = Auction::scheduled(id, UserId::parse("seller").unwrap(), terms);
    let (_, bid) = accepted();
    state.phase = Phase::Live { ends_at: Timestamp::from_ms(60_000) };
    state.lead = Some(Lead { bidder: bid.bidder, max: amount(900), bid_id: bid.bid_id });
    state.price = Some(amount(700));
    state
}

#[test]
fn what_there_is_not_is_not_denied() {
    let shown = |more| StateView::of(&led(more), Timestamp::from_ms(0));
    let without = shown("");
    assert_eq!((without.has_reserve, without.reserve_met), (false, None));
    let below = shown(r#", "reserve_price": 800"#);
    assert_eq!((below.has_reserve, below.reserve_met), (true, Some(false)));
    let met = shown(r#", "reserve_price": 700"#);
    assert_eq!((met.has_reserve, met.reserve_met), (true, Some(true)));
    assert!(!without.buy_now_open);
    assert!(shown(r#", "buy_now_price": 701"#).buy_now_open);
    assert!(!shown(r#", "buy_now_price": 700"#).buy_now_open);
}

#[test]
fn nothing_is_shown_as_if_bidding_went_on_when_it_does_not() {
    let mut state = led(r#", "buy_now_price": 5000, "grace_ms": 500"#);
    let shown = |state: &Auction, ms| {
        let view = StateView::of(state, Timestamp::from_ms(ms));
        let bidding = (view.minimum_next.is_some(), view.buy_now_open, view.leader.is_some());
        (view.status, bidding, view.winner_id.is_some())
    };
    assert_eq!(shown(&state, 59_999), (ShownStatus::Live, (true, true, true), false));
    // Nobody can begin to bid any more, though what is under way may still count.
    assert_eq!(shown(&state, 60_000), (ShownStatus::Closing, (false, false, true), false));
    let bid_id = accepted().1.bid_id;
    let winner = UserId::parse("7d1c").unwrap();
    let sold = Outcome::Sold { winner, hammer_price: amount(700), bid_id };
    for (outcome, won) in [(sold, true), (Outcome::Unsold, false), (Outcome::Cancelled, false)] {
        state.phase = Phase::Closed { outcome, at: Timestamp::from_ms(5) };
        assert_eq!(shown(&state, 0), (ShownStatus::Closed, (false, false, false), won));
    }
}

#[test]
fn names_of_statuses_read_back() {
    for (status, name) in [
        (Status::Scheduled, "scheduled"),
        (Status::Live, "live"),
        (Status::Paused, "paused"),
        (Status::Closed, "closed"),
    ] {
        assert_eq!((status.as_str(), Status::parse(name)), (name, Some(status)));
        assert_eq!(serde_json::to_value(status).unwrap(), name);
    }
    assert_eq!(Status::parse("open"), None);
}

#[test]
fn a_soft_close_rule_is_shown_in_seconds() {
    let rule = SoftClose { window_ms: 30_000, extension_ms: 45_000, max_extensions: 7 };
    let expected = json!({"window_s": 30, "extension_s": 45, "max_extensions": 7});
    assert_eq!(serde_json::to_value(SoftCloseView::from(rule)).unwrap(), expected);
}

#[test]
fn a_body_has_the_digest_that_everybody_computes() {
    // The published SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(body_digest(b"abc"), expected);
}

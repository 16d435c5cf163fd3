//! What a batch comes to, and when its answers hold on an older state.

use gavel_core::auction::{
    BidStatus, CloseCause, EventKind, Increments, OpenCause, PlaceBid, SoftClose, Terms,
};
use gavel_core::ids::{AuctionId, IdempotencyKey, UserId};
use gavel_core::money::{Amount, Currency};

use super::*;

const OPENED: Timestamp = Timestamp::from_ms(1_000_000);

pub(in crate::ledger) fn scheduled(grace_ms: u64) -> Auction {
    let id = AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ab").unwrap();
    let terms = Terms {
        currency: Currency::USD,
        starting_price: Amount::new(100).unwrap(),
        reserve_price: None,
        buy_now_price: None,
        bid_ceiling: None,
        increments: Increments::whole_units(Currency::USD),
        opens_at: None,
        duration_ms: 60_000,
        soft_close: SoftClose::default(),
        grace_ms,
    };
    Auction::scheduled(id, UserId::parse("seller").unwrap(), terms)
}

pub(in crate::ledger) fn live(grace_ms: u64, now: Timestamp) -> Auction {
    let mut state = scheduled(grace_ms);
    for event in decide(&state, &Command::Open(OpenCause::Seller), now).unwrap() {
        apply(&mut state, &event);
    }
    state
}

pub(in crate::ledger) fn bid(state: &Auction, key: &str, offered: u64) -> PlaceBid {
    let (bidder, key) = (UserId::parse("ann").unwrap(), IdempotencyKey::parse(key).unwrap());
    let amount = Amount::new(offered).unwrap();
    PlaceBid {
        bid_id: BidId::derive(&state.id, &bidder, &key),
        bidder,
        amount,
        max: amount,
        currency: None,
        arrived_at: None,
    }
}

fn drafted(state: &Auction, known: &HashMap<BidId, Event>, bids: &[PlaceBid]) -> Draft {
    let commands: Vec<Command> = bids.iter().cloned().map(Command::Bid).collect();
    draft(state, known, &commands, OPENED.plus_ms(1_000))
}

#[test]
fn a_repeat_in_the_same_batch_gets_the_first_answer_and_another_offer_a_conflict() {
    let state = live(0, OPENED);
    let bids = [bid(&state, "a", 100), bid(&state, "a", 100), bid(&state, "a", 300)];
    let draft = drafted(&state, &HashMap::new(), &bids);
    assert_eq!(draft.events.len(), 1);
    let [Answer::Accepted(first), Answer::Repeated(again), Answer::Conflict] = &draft.answers[..]
    else {
        panic!("{:?}", draft.answers)
    };
    assert_eq!(first, again);
    assert!(matches!(&first.kind, EventKind::Bid(bid) if bid.status == BidStatus::Leading));
    assert!(!draft.holds_on_old_state(), "an accepted bid has to be committed");
}

#[test]
fn a_known_bid_is_a_repeat_although_it_is_far_too_low_by_now() {
    let mut state = live(0, OPENED);
    let first = drafted(&state, &HashMap::new(), &[bid(&state, "a", 100)]);
    let known: HashMap<_, _> = [(bid(&state, "a", 100).bid_id, first.events[0].clone())].into();
    state = drafted(&first.after, &known, &[bid(&state, "b", 90_000)]).after;
    let again = drafted(&state, &known, &[bid(&state, "a", 100)]);
    assert_eq!(again.answers, [Answer::Repeated(first.events[0].clone())]);
    assert!(again.holds_on_old_state());
}

#[test]
fn only_what_time_cannot_change_is_answered_from_an_old_state() {
    let state = live(0, OPENED);
    assert!(drafted(&state, &HashMap::new(), &[bid(&state, "a", 1)]).holds_on_old_state());
    let unopened = scheduled(0);
    let early = drafted(&unopened, &HashMap::new(), &[bid(&unopened, "a", 100)]);
    assert!(!early.holds_on_old_state(), "it may have been opened since");
    let command = Command::Bid(bid(&state, "a", 100));
    let late = draft(&state, &HashMap::new(), [&command], OPENED.plus_ms(60_000));
    assert_eq!(late.answers, [Answer::Refused(Refusal::TimeUp)]);
    assert!(!late.holds_on_old_state(), "the end may have been moved since");
}

#[test]
fn a_batch_counts_only_until_the_earliest_end_of_what_is_in_it() {
    let state = live(500, OPENED);
    let end = OPENED.plus_ms(60_000);
    let limit = |bids: &[PlaceBid]| drafted(&state, &HashMap::new(), bids).not_after;
    let stamped = PlaceBid { arrived_at: Some(OPENED), ..bid(&state, "a", 100) };
    assert_eq!(limit(&[bid(&state, "a", 100)]), Some(end), "no stamp, no grace");
    assert_eq!(limit(std::slice::from_ref(&stamped)), Some(end.plus_ms(500)));
    assert_eq!(limit(&[stamped, bid(&state, "b", 300)]), Some(end));
    for command in [Command::Pause, Command::Cancel] {
        let drafted = draft(&state, &HashMap::new(), [&command], OPENED);
        assert_eq!(drafted.not_after, Some(end), "{command:?}");
    }
}

#[test]
fn what_waits_for_its_time_counts_only_from_then_on() {
    let state = live(500, OPENED);
    let closes_at = OPENED.plus_ms(60_500);
    let not_before = |state: &Auction, command: Command, at| {
        let draft = draft(state, &HashMap::new(), [&command], at);
        assert_eq!(draft.events.len(), 1, "{command:?}");
        draft.not_before
    };
    assert_eq!(not_before(&state, Command::Close(CloseCause::Time), closes_at), Some(closes_at));
    assert_eq!(not_before(&state, Command::Close(CloseCause::Hammer), OPENED), None);
    let mut early = scheduled(0);
    early.terms.opens_at = Some(OPENED);
    assert_eq!(not_before(&early, Command::Open(OpenCause::Time), OPENED), Some(OPENED));
    assert_eq!(not_before(&early, Command::Open(OpenCause::Seller), OPENED), None);
}

#[test]
fn a_batch_counts_only_until_the_first_job_that_takes_effect_is_overdue() {
    let state = live(0, OPENED);
    let bids = [bid(&state, "a", 100), bid(&state, "low", 1), bid(&state, "b", 300)];
    let not_after = |jobs: [u64; 3]| {
        let mut draft = drafted(&state, &HashMap::new(), &bids);
        draft.bound(jobs.map(|ms| OPENED.plus_ms(ms)));
        draft.not_after.map(|at| OPENED.ms_until(at))
    };
    assert_eq!(not_after([9_000, 2_000, 5_000]), Some(5_000), "a refusal commits nothing");
    assert_eq!(not_after([3_000, 2_000, 5_000]), Some(3_000));
    assert_eq!(not_after([90_000, 90_000, 90_000]), Some(60_000), "the end of the auction");
}

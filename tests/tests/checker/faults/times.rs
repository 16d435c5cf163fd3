//! Auctions that were opened or closed at a wrong time, or for a wrong one; and answers that only
//! look wrong because the time was nearly up.

use super::*;
use crate::sim::BEGAN;

/// A watch with five seconds on it, without soft close.
fn watch(changes: &Value) -> Value {
    let mut terms = json!({"title": "A watch", "starting_price": 100, "duration_s": 5,
        "increments": [{"from": 0, "step": 10}],
        "soft_close": {"window_s": 0, "extension_s": 0, "max_extensions": 0}});
    terms.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    terms
}

/// Ada bids, and then the seller does something, or the time runs out.
fn ended(changes: &Value, deed: Option<Deed>) -> Evidence {
    let mut sim = Sim::open(&watch(changes));
    sim.look();
    sim.wait(1_000).bid("ada", 100, 100);
    if let Some(deed) = deed {
        sim.wait(1_000).act(deed);
    }
    clean_end(sim)
}

fn clean_end(sim: Sim) -> Evidence {
    let evidence = sim.end();
    assert!(verify(&evidence).is_ok(), "{}", verify(&evidence).unwrap_err());
    evidence
}

/// Two copies of one request, under way at once: the first is refused, the other accepted.
fn refused_then_accepted(evidence: &mut Evidence, code: &str) {
    let accepted = evidence.bids.last_mut().unwrap();
    accepted.span.sent_us -= 1_000;
    accepted.span.received_us += 1_000;
    let span = accepted.span;
    let answer = Answer::Refused { status: 409, code: code.to_owned(), bound: None };
    let copy = BidCall { span, answer, ..accepted.clone() };
    evidence.bids.push(copy);
}

fn first(evidence: &Evidence) -> Finding {
    *verify(evidence).expect_err("the fault is not found")
}

fn opened(evidence: &Evidence) {
    let finding = first(evidence);
    assert!(matches!(finding.anomaly, Anomaly::Opened { .. }), "{finding}");
}

fn closed(evidence: &Evidence) {
    let finding = first(evidence);
    let found =
        matches!(finding.anomaly, Anomaly::Ending { what, .. } if what == "time of closing");
    assert!(found, "{finding}");
}

#[test]
fn an_opening_for_less_or_more_than_the_terms_say_is_found() {
    for terms_ms in [4_000, 6_000, 60_000] {
        let mut evidence = ended(&json!({}), None);
        evidence.rules.duration_ms = terms_ms;
        opened(&evidence);
    }
}

#[test]
fn a_bid_may_be_a_moment_older_than_the_opening_by_another_workers_clock() {
    let mut sim = Sim::open(&watch(&json!({})));
    sim.look();
    sim.bid("ada", 100, 100);
    let clean = clean_end(sim);
    let older = |by_ms: u64| {
        let mut evidence = clean.clone();
        evidence.rows[0].placed_at -= by_ms;
        evidence.rows[0].stamp -= by_ms;
        evidence
    };
    assert!(verify(&older(100)).is_ok(), "{}", first(&older(100)));
    assert!(forbidden(1, Forbidden::NotLive)(&first(&older(700)).anomaly));
}

#[test]
fn an_opening_that_was_answered_late_may_show_a_moved_end() {
    let soft = json!({"soft_close": {"window_s": 5, "extension_s": 5, "max_extensions": 3}});
    let mut moved = ended(&soft, None);
    let (first_end, end) = (moved.acts[0].ends_at.unwrap(), moved.rows[0].ends_at);
    assert!(moved.rows[0].extended && end > first_end);
    let opening = &mut moved.acts[0];
    (opening.repeated, opening.ends_at) = (true, Some(end));
    opening.span.received_us += 2_000_000;
    // The look before the bid shows the first end; without it, no end is sure, and none is wrong.
    assert!(verify(&moved).is_ok(), "{}", first(&moved));
    moved.reads.retain(|read| read.seq > 0);
    assert!(verify(&moved).is_ok(), "{}", first(&moved));
    // Answered at once it is a lie.
    moved.acts[0].repeated = false;
    assert!(verify(&moved).is_err());
}

#[test]
fn a_repeated_opening_does_not_hide_a_shortened_one() {
    let mut evidence = ended(&json!({}), None);
    evidence.acts[0].repeated = true;
    evidence.acts[0].ends_at = None;
    assert!(verify(&evidence).is_ok(), "{}", first(&evidence));
    evidence.rules.duration_ms += 3_000;
    opened(&evidence);
}

#[test]
fn an_auction_that_opens_by_itself_at_a_wrong_time_is_found() {
    let opens_at = "2023-11-14T22:13:21.000Z"; // A second after the clients' clock began.
    let mut sim = Sim::new(&watch(&json!({"opens_at": opens_at})));
    sim.bid("ada", 100, 100);
    sim.look();
    sim.open_when_due();
    sim.look();
    sim.bid("ada", 100, 100);
    let evidence = clean_end(sim);
    assert_eq!(evidence.rules.opens_at, Some(BEGAN + 1_000));
    for wrong_ms in [BEGAN + 2_000, BEGAN - 20_000] {
        let mut evidence = evidence.clone();
        evidence.rules.opens_at = Some(wrong_ms);
        let finding = first(&evidence);
        assert!(matches!(finding.anomaly, Anomaly::Opened { .. }), "{finding}");
    }
    let mut short = evidence;
    short.rules.duration_ms += 15_000;
    opened(&short);
}

#[test]
fn a_close_long_after_the_time_was_up_is_found() {
    let mut evidence = ended(&json!({}), None);
    *evidence.ending.closed_at.as_mut().unwrap() += 11_000;
    closed(&evidence);
}

#[test]
fn a_hammer_or_a_cancellation_at_another_time_than_it_was_asked_for_is_found() {
    for deed in [Deed::Close, Deed::Cancel] {
        for by_ms in [-1_000, 1_000] {
            let mut evidence = ended(&json!({}), Some(deed));
            let at = evidence.ending.closed_at.as_mut().unwrap();
            *at = at.saturating_add_signed(by_ms);
            closed(&evidence);
        }
    }
}

#[test]
fn a_purchase_that_does_not_close_at_once_is_found() {
    for by_ms in [-1, 1] {
        let mut evidence = ended(&json!({"buy_now_price": 100}), None);
        let at = evidence.ending.closed_at.as_mut().unwrap();
        *at = at.saturating_add_signed(by_ms);
        closed(&evidence);
    }
}

#[test]
fn of_two_copies_in_flight_at_the_end_one_may_be_too_late() {
    let mut sim = Sim::open(&watch(&json!({"grace_ms": 800})));
    sim.look();
    sim.wait(4_990).lag_ms = 100;
    sim.bid("ada", 100, 100);
    let mut evidence = clean_end(sim);
    assert!(evidence.rows[0].placed_at > evidence.rows[0].ends_at, "it was not in flight");
    refused_then_accepted(&mut evidence, "auction-closed");
    assert!(verify(&evidence).is_ok(), "{}", first(&evidence));
    // Sent again after the acceptance was known, it must be recognised.
    let again = evidence.bids.last_mut().unwrap();
    again.span.sent_us += 500_000;
    again.span.received_us += 500_000;
    let finding = first(&evidence);
    assert!(matches!(finding.anomaly, Anomaly::RepeatRefused { .. }), "{finding}");
}

#[test]
fn a_copy_of_the_bid_that_bought_it_that_is_refused_as_late_is_found() {
    let mut evidence = ended(&json!({"buy_now_price": 100}), None);
    refused_then_accepted(&mut evidence, "auction-closed");
    let finding = first(&evidence);
    assert!(matches!(finding.anomaly, Anomaly::RepeatRefused { .. }), "{finding}");
}

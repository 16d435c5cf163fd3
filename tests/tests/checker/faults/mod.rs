//! Faults planted in a clean history, each of which the checker must find first and name rightly.

mod answers;
mod history;
mod result;
mod rules;
mod times;

use gavel_tests::checker::evidence::{Answer, BidCall, Deed, Evidence, Row};
use gavel_tests::checker::{Anomaly, Finding, Forbidden, verify};
use serde_json::{Value, json};

use crate::sim::{Sim, told};

/// Six bids: a lead, a challenge, a tie, a new lead, a challenge, a late lead that moves the end;
/// with a repeat, two refusals, a conflict and some looks between them.
pub(crate) fn clean() -> Evidence {
    let mut sim = Sim::open(&json!({"title": "A watch", "starting_price": 100, "duration_s": 5,
        "reserve_price": 150, "bid_ceiling": 5_000, "increments": [{"from": 0, "step": 10}],
        "soft_close": {"window_s": 2, "extension_s": 2, "max_extensions": 3}}));
    sim.look();
    sim.bid_as("opening", "ada", 100, 200);
    sim.repeat();
    sim.look();
    sim.bid("ben", 160, 180);
    sim.bid_as("tie", "ben", 200, 200);
    sim.look();
    sim.bid("ben", 205, 300);
    sim.bid("cleo", 250, 400);
    sim.bid("ada", 300, 300);
    sim.bid("seller", 900, 900);
    sim.wait(3_500);
    sim.bid_as("late", "dan", 500, 500);
    sim.look();
    sim.bid("ben", 505, 505);
    let evidence = sim.end();
    assert!(verify(&evidence).is_ok(), "{}", verify(&evidence).unwrap_err());
    assert_eq!(evidence.rows.len(), 6);
    evidence
}

/// Plants a fault in the clean history; the first finding must be the expected one.
fn finds(fault: impl FnOnce(&mut Evidence), expected: impl Fn(&Anomaly) -> bool) -> Finding {
    let mut evidence = clean();
    fault(&mut evidence);
    let finding = *verify(&evidence).expect_err("the fault is not found");
    assert!(expected(&finding.anomaly), "found instead: {finding}");
    finding
}

fn wrong(seq: u64, what: &str) -> impl Fn(&Anomaly) -> bool {
    move |anomaly| matches!(anomaly, Anomaly::Wrong { seq: s, what: w, .. } if (*s, *w) == (seq, what))
}

fn forbidden(seq: u64, why: Forbidden) -> impl Fn(&Anomaly) -> bool {
    move |anomaly| *anomaly == Anomaly::Forbidden { seq, why: why.clone() }
}

/// What the bidder was told of a row, and the row itself, changed alike: only the rules can object.
fn forge(evidence: &mut Evidence, seq: usize, change: impl FnOnce(&mut Row)) {
    let row = &mut evidence.rows[seq - 1];
    change(row);
    for bid in &mut evidence.bids {
        if let Answer::Accepted { receipt, .. } = &mut bid.answer
            && receipt.bid_id == row.bid_id
        {
            *receipt = told(row);
            (bid.amount, bid.max) = (row.amount, row.max);
        }
    }
}

/// One more bid after the last, accepted and acknowledged, `ms` after it; what follows from it is as
/// if it led.
fn admit(evidence: &mut Evidence, bidder: &str, amount: u64, ms: u64) {
    let last = evidence.rows.last().unwrap();
    let row = Row {
        position: last.position + 1,
        seq: last.seq + 1,
        bid_id: "planted".to_owned(),
        bidder: bidder.to_owned(),
        amount,
        max: amount,
        status: "leading".to_owned(),
        price: amount,
        minimum_next: Some(amount + 10),
        extended: false,
        placed_at: last.placed_at + ms,
        stamp: last.placed_at + ms,
        ..last.clone()
    };
    let mut span = call(evidence, "late").span;
    span.sent_us += ms * 1_000;
    span.received_us += ms * 1_000;
    let answer = Answer::Accepted { repeated: false, receipt: told(&row) };
    let (bidder, key) = (bidder.to_owned(), "planted".to_owned());
    evidence.bids.push(BidCall { span, bidder, key, amount, max: amount, answer });
    evidence.rows.push(row);
}

fn call<'a>(evidence: &'a mut Evidence, key: &str) -> &'a mut BidCall {
    evidence.bids.iter_mut().rfind(|bid| bid.key == key).unwrap()
}

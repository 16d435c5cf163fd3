//! Bids that the rules refuse, and consequences that they do not have.

use super::*;

#[test]
fn a_flipped_tie_is_found() {
    finds(
        |evidence| forge(evidence, 3, |row| row.status = "leading".to_owned()),
        wrong(3, "bidder's place"),
    );
}

#[test]
fn a_price_one_step_off_is_found() {
    finds(|evidence| forge(evidence, 2, |row| row.price += 10), wrong(2, "price"));
}

#[test]
fn a_price_one_cent_off_is_found() {
    finds(|evidence| forge(evidence, 5, |row| row.price -= 1), wrong(5, "price"));
}

#[test]
fn a_wrong_least_next_bid_is_found() {
    finds(
        |evidence| forge(evidence, 4, |row| row.minimum_next = Some(511)),
        wrong(4, "least next bid"),
    );
    finds(|evidence| forge(evidence, 4, |row| row.minimum_next = None), wrong(4, "least next bid"));
}

#[test]
fn an_extension_too_many_is_found() {
    finds(
        |evidence| forge(evidence, 5, |row| (row.ends_at, row.extended) = (row.ends_at + 5, true)),
        wrong(5, "end"),
    );
}

#[test]
fn a_missing_extension_is_found() {
    finds(
        |evidence| {
            let end = evidence.rows[4].ends_at;
            forge(evidence, 6, |row| (row.ends_at, row.extended) = (end, false));
        },
        wrong(6, "end"),
    );
}

#[test]
fn an_accepted_late_bid_is_found() {
    let end = clean().rows[5].ends_at;
    finds(|evidence| admit(evidence, "ada", 900, 2_000), forbidden(7, Forbidden::TooLate(end)));
}

#[test]
fn a_late_bid_with_a_forged_time_is_found() {
    // Recorded as placed just before the end, but sent a second after it.
    let forged = |evidence: &mut Evidence| {
        admit(evidence, "ada", 900, 1_999);
        let end = evidence.rows[6].ends_at + 1_999;
        forge(evidence, 7, |row| (row.ends_at, row.extended) = (end, true));
        let planted = call(evidence, "planted");
        planted.span.sent_us += 2_000_000;
        planted.span.received_us += 2_000_000;
        evidence.ending.closed_at = Some(end + 3_000);
    };
    finds(forged, |anomaly| matches!(anomaly, Anomaly::OutOfTime { seq: 7, .. }));
}

#[test]
fn an_accepted_bid_of_the_seller_is_found() {
    finds(|evidence| admit(evidence, "seller", 900, 5), forbidden(7, Forbidden::BySeller));
}

#[test]
fn an_accepted_bid_above_the_ceiling_is_found() {
    finds(
        |evidence| admit(evidence, "ada", 5_001, 5),
        forbidden(7, Forbidden::AboveCeiling(5_000)),
    );
}

#[test]
fn an_accepted_bid_below_the_minimum_is_found() {
    finds(
        |evidence| admit(evidence, "ada", 509, 5),
        forbidden(7, Forbidden::BelowMinimum(Some(510))),
    );
}

#[test]
fn a_bid_accepted_in_another_currency_is_found() {
    finds(
        |evidence| evidence.rows[2].currency = "EUR".to_owned(),
        forbidden(3, Forbidden::OtherCurrency),
    );
}

#[test]
fn a_bid_accepted_while_paused_is_found() {
    let fault = |evidence: &mut Evidence| {
        let mut pause = evidence.acts[0].clone();
        (pause.deed, pause.position, pause.ends_at) = (Deed::Pause, 7, None);
        evidence.rows[5].position = 8;
        evidence.acts.push(pause);
    };
    finds(fault, forbidden(6, Forbidden::NotLive));
}

#[test]
fn a_pause_that_does_not_give_the_time_back_is_found() {
    let mut sim = Sim::open(&json!({"title": "A watch", "starting_price": 100, "duration_s": 5}));
    sim.bid("ada", 100, 100);
    sim.act(Deed::Pause);
    sim.wait(2_000);
    sim.act(Deed::Resume);
    let mut evidence = sim.end();
    assert!(verify(&evidence).is_ok());
    let end = evidence.acts[2].ends_at.as_mut().unwrap();
    *end -= 1_000;
    let finding = verify(&evidence).unwrap_err();
    assert!(matches!(finding.anomaly, Anomaly::Resumed { .. }), "{finding}");
}

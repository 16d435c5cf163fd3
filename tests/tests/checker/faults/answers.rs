//! Bidders and watchers who were told something else than what is so.

use super::*;

#[test]
fn a_repeat_answered_differently_is_found() {
    let fault = |evidence: &mut Evidence| {
        let Answer::Accepted { receipt, .. } = &mut call(evidence, "opening").answer else {
            return;
        };
        receipt.acknowledged = "memory".to_owned();
    };
    finds(fault, |anomaly| matches!(anomaly, Anomaly::RepeatDiffers { .. }));
}

#[test]
fn a_repeat_answered_as_a_new_bid_is_found() {
    let fault = |evidence: &mut Evidence| {
        let Answer::Accepted { repeated, .. } = &mut call(evidence, "opening").answer else {
            return;
        };
        *repeated = false;
    };
    finds(fault, |anomaly| matches!(anomaly, Anomaly::RepeatNumbers { created: 2, .. }));
}

#[test]
fn a_repeat_that_is_refused_is_found() {
    let answer = Answer::Refused { status: 409, code: "bid-too-low".to_owned(), bound: Some(110) };
    finds(
        |evidence| call(evidence, "opening").answer = answer,
        |anomaly| matches!(anomaly, Anomaly::RepeatRefused { .. }),
    );
}

#[test]
fn a_key_reused_for_another_offer_without_a_conflict_is_found() {
    finds(
        |evidence| call(evidence, "opening").amount += 10,
        |anomaly| matches!(anomaly, Anomaly::OfferChanged { .. }),
    );
}

#[test]
fn a_lower_offer_under_a_used_key_may_be_called_low_only_for_a_moment() {
    let fault = |evidence: &mut Evidence, after_us: u64| {
        let mut call = call(evidence, "late").clone();
        (call.amount, call.max) = (400, 400);
        (call.span.sent_us, call.span.received_us) =
            (call.span.received_us + after_us, call.span.received_us + after_us + 1_000);
        call.answer =
            Answer::Refused { status: 409, code: "bid-too-low".to_owned(), bound: Some(510) };
        evidence.bids.push(call);
    };
    finds(
        |evidence| fault(evidence, 1_600_000),
        |anomaly| matches!(anomaly, Anomaly::OfferChanged { .. }),
    );
    let mut soon = clean();
    fault(&mut soon, 1_000_000);
    assert!(verify(&soon).is_ok());
}

#[test]
fn a_conflict_without_another_offer_is_found() {
    let answer =
        Answer::Refused { status: 409, code: "idempotency-conflict".to_owned(), bound: None };
    finds(
        |evidence| evidence.bids.last_mut().unwrap().answer = answer,
        |anomaly| matches!(anomaly, Anomaly::NoConflict { .. }),
    );
}

#[test]
fn a_bidder_told_another_price_is_found() {
    let fault = |evidence: &mut Evidence| {
        let Answer::Accepted { receipt, .. } = &mut call(evidence, "tie").answer else { return };
        receipt.price = 190;
    };
    finds(fault, |anomaly| matches!(anomaly, Anomaly::Receipt { what: "the price", .. }));
}

/// Has the last bid (505 by ben, when 510 was asked) refused for another reason.
fn refused(code: &str, status: u16, bound: Option<u64>) -> Finding {
    let answer = Answer::Refused { status, code: code.to_owned(), bound };
    finds(
        |evidence| evidence.bids.last_mut().unwrap().answer = answer,
        |anomaly| matches!(anomaly, Anomaly::Refusal { .. }),
    )
}

#[test]
fn a_refusal_that_the_log_disproves_is_found() {
    // A minimum the bid reaches, and ones that were never, or not yet, or long not true.
    for minimum in [505, 515, 700, 0] {
        refused("bid-too-low", 409, Some(minimum));
    }
    refused("bid-too-low", 409, None);
    refused("auction-closed", 409, None);
    refused("auction-not-live", 409, None);
    refused("seller-cannot-bid", 403, None);
    refused("bid-above-ceiling", 422, None);
    refused("maximum-not-raised", 409, Some(600));
    refused("maximum-not-raised", 409, None);
}

#[test]
fn a_refusal_by_a_minimum_of_long_ago_is_found() {
    // 310 was the price before the bid that came 3.5 s later; the last bid was sent after that.
    let fault = |evidence: &mut Evidence| {
        let last = evidence.bids.last_mut().unwrap();
        (last.amount, last.max) = (305, 305);
        last.span.sent_us += 1_800_000;
        last.span.received_us += 1_800_000;
        last.answer =
            Answer::Refused { status: 409, code: "bid-too-low".to_owned(), bound: Some(320) };
    };
    finds(fault, |anomaly| matches!(anomaly, Anomaly::Refusal { .. }));
}

#[test]
fn an_answer_that_no_rule_provides_for_is_found() {
    let answer = Answer::Refused { status: 500, code: "internal".to_owned(), bound: None };
    finds(
        |evidence| evidence.bids.last_mut().unwrap().answer = answer,
        |anomaly| matches!(anomaly, Anomaly::Answer { status: 500, .. }),
    );
}

#[test]
fn a_bid_that_overtook_an_answered_one_is_found() {
    // The tie is answered before the opening bid is even sent.
    let fault = |evidence: &mut Evidence| {
        let (mut early, mut late) = (call(evidence, "tie").span, call(evidence, "opening").span);
        std::mem::swap(&mut early, &mut late);
        call(evidence, "tie").span = early;
        evidence.bids.retain_mut(|bid| {
            let first = bid.key == "opening"
                && matches!(bid.answer, Answer::Accepted { repeated: false, .. });
            if first {
                bid.span = late;
            }
            bid.key != "opening" || first
        });
        evidence.reads.retain(|read| read.seq == 0 || read.seq > 3);
    };
    finds(fault, |anomaly| matches!(anomaly, Anomaly::OutOfOrder { seq: 1, .. }));
}

#[test]
fn a_look_at_a_state_of_another_time_is_found() {
    let read = |anomaly: &Anomaly| matches!(anomaly, Anomaly::Read { .. });
    let swapped = |evidence: &mut Evidence| {
        let (early, late) = (evidence.reads[1].span, evidence.reads[2].span);
        (evidence.reads[1].span, evidence.reads[2].span) = (late, early);
    };
    finds(swapped, |_| true);
    finds(|evidence| evidence.reads[1].price = Some(110), read);
    finds(|evidence| evidence.reads[2].bid_count += 1, read);
    finds(|evidence| evidence.reads[2].minimum_next = None, read);
    finds(|evidence| evidence.reads[3].extensions = 0, read);
    finds(|evidence| evidence.reads[3].reserve_met = Some(false), read);
    finds(|evidence| evidence.reads[3].reserve_met = None, read);
    finds(|evidence| evidence.reads[3].has_reserve = false, read);
    finds(|evidence| evidence.reads[3].buy_now_open ^= true, read);
    finds(|evidence| evidence.reads[3].status = "closing".to_owned(), read);
    finds(|evidence| evidence.reads.last_mut().unwrap().minimum_next = Some(510), read);
    finds(
        |evidence| evidence.reads.last_mut().unwrap().leader = Some("name of ben".to_owned()),
        read,
    );
    finds(|evidence| evidence.reads[3].ends_at = None, read);
    finds(
        |evidence| evidence.reads[3].leader = Some("name of ada".to_owned()),
        |anomaly| matches!(anomaly, Anomaly::Name { .. }),
    );
}

//! Who leads and at what price: increments, proxy maxima, reserve, buy-now, ceiling, seller.

use super::*;

/// Plays `bids` (bidder, amount, max), one second apart, and checks price and leader after the last.
fn check(terms: Terms, bids: &[(&str, u64, u64)], price: u64, leader: &str) {
    let mut state = live(terms);
    for (index, (bidder, offered, max)) in bids.iter().enumerate() {
        let now = at(1_000 * (index as u64 + 1));
        run(&mut state, &bid_by(bidder, *offered, *max), now)
            .unwrap_or_else(|refusal| panic!("{bids:?}, bid {index}: {refusal}"));
    }
    let lead = state.lead.as_ref().unwrap();
    assert_eq!((state.price.unwrap().minor(), lead.bidder.as_str()), (price, leader), "{bids:?}");
}

/// Plays `bids`, then checks that the last one is refused and changes nothing.
fn check_refused(terms: Terms, bids: &[(&str, u64, u64)], expected: &Refusal) {
    let mut state = live(terms);
    let (last, before) = bids.split_last().unwrap();
    for (bidder, offered, max) in before {
        run(&mut state, &bid_by(bidder, *offered, *max), at(1_000)).unwrap();
    }
    let untouched = state.clone();
    let refused = run(&mut state, &bid_by(last.0, last.1, last.2), at(2_000));
    assert_eq!(refused.as_ref(), Err(expected), "{bids:?}");
    assert_eq!(state, untouched, "a refused bid changes nothing: {bids:?}");
}

#[test]
fn the_first_bid_sets_the_price_it_offers() {
    check(terms(), &[("ann", 100, 100)], 100, "ann");
    check(terms(), &[("ann", 150, 900)], 150, "ann");
}

#[test]
fn a_higher_maximum_takes_the_lead_one_step_above_the_beaten_one() {
    check(terms(), &[("ann", 100, 200), ("bob", 110, 300)], 210, "bob");
    check(terms(), &[("ann", 100, 200), ("bob", 110, 205)], 205, "bob");
    check(terms(), &[("ann", 100, 200), ("bob", 280, 300)], 280, "bob");
}

#[test]
fn a_lower_maximum_pushes_the_price_but_not_the_leader() {
    check(terms(), &[("ann", 100, 200), ("bob", 110, 150)], 160, "ann");
    check(terms(), &[("ann", 100, 200), ("bob", 110, 195)], 200, "ann");
}

#[test]
fn between_equal_maxima_the_earlier_one_leads_at_that_price() {
    check(terms(), &[("ann", 100, 200), ("bob", 110, 200)], 200, "ann");
    check(terms(), &[("ann", 100, 200), ("bob", 200, 200)], 200, "ann");
}

#[test]
fn a_leader_raising_their_maximum_after_a_tie_does_not_move_the_price() {
    check(terms(), &[("ann", 100, 200), ("bob", 110, 200), ("ann", 210, 500)], 200, "ann");
}

#[test]
fn a_leader_never_bids_against_themselves() {
    check(terms(), &[("ann", 100, 300), ("ann", 150, 300)], 100, "ann");
    check(terms(), &[("ann", 100, 200), ("ann", 110, 300), ("bob", 110, 250)], 260, "ann");
}

#[test]
fn a_leader_cannot_take_back_their_maximum() {
    let holds = |maximum| Refusal::MaximumNotRaised { maximum: amount(maximum) };
    check_refused(terms(), &[("ann", 100, 300), ("ann", 110, 200)], &holds(300));
    check_refused(terms(), &[("ann", 100, 300), ("ann", 150, 150)], &holds(300));
    check_refused(terms(), &[("ann", 100, 300), ("bob", 110, 200), ("ann", 220, 299)], &holds(300));
    // Too low is what it is for everybody; as much as before is nothing new, but no less.
    let low = Refusal::BidTooLow { minimum: Some(amount(110)) };
    check_refused(terms(), &[("ann", 100, 300), ("ann", 109, 109)], &low);
    check(terms(), &[("ann", 100, 300), ("ann", 110, 300)], 100, "ann");
    // Who does not lead any more may offer less than they once did.
    check(terms(), &[("ann", 100, 300), ("bob", 110, 310), ("ann", 320, 320)], 320, "ann");
    let late = [("ann", 100, 300), ("bob", 290, 310), ("ann", 320, 330), ("bob", 340, 340)];
    check(terms(), &late, 340, "bob");
}

#[test]
fn a_leader_with_a_higher_maximum_may_still_buy() {
    let buyable = Terms { buy_now_price: Some(amount(500)), ..terms() };
    check(buyable, &[("ann", 100, 900), ("ann", 500, 500)], 500, "ann");
}

/// Plays `bids` and checks the least next bid after them.
fn check_minimum(terms: Terms, bids: &[(&str, u64, u64)], expected: Option<u64>) {
    let mut state = live(terms);
    let mut told = state.minimum_next();
    for (bidder, offered, max) in bids {
        let events = run(&mut state, &bid_by(bidder, *offered, *max), at(1)).unwrap();
        let EventKind::Bid(bid) = &events[0].kind else { unreachable!("it is a bid") };
        told = bid.minimum_next;
    }
    assert_eq!(state.minimum_next().map(Amount::minor), expected, "{bids:?}");
    assert_eq!(told, state.minimum_next(), "the receipt says the same: {bids:?}");
}

#[test]
fn the_least_next_bid_is_never_one_that_the_terms_make_impossible_or_wrong() {
    let capped = || Terms { bid_ceiling: Some(amount(205)), ..terms() };
    check_minimum(capped(), &[("ann", 100, 100)], Some(110));
    check_minimum(capped(), &[("ann", 196, 196)], Some(205));
    check_minimum(capped(), &[("ann", 204, 204)], Some(205));
    check_minimum(capped(), &[("ann", 205, 205)], None);
    check_minimum(capped(), &[("ann", 100, 205), ("bob", 205, 205)], None);
    let buyable = || Terms { buy_now_price: Some(amount(300)), ..terms() };
    check_minimum(buyable(), &[("ann", 289, 289)], Some(299));
    check_minimum(buyable(), &[("ann", 295, 295)], Some(300));
    check_minimum(buyable(), &[("ann", 300, 300)], None);
    // Past the buy-now price, there is nothing to buy, and steps are steps again.
    check_minimum(buyable(), &[("ann", 299, 900)], Some(300));
    check_minimum(buyable(), &[("ann", 100, 900), ("bob", 250, 400)], Some(420));
    let both = Terms { bid_ceiling: Some(amount(415)), ..buyable() };
    check_minimum(both, &[("ann", 100, 415), ("bob", 250, 400)], Some(415));
    // A cap of its own on what an amount can be.
    let most = Amount::MAX.minor();
    check_minimum(terms(), &[("ann", most - 5, most - 5)], Some(most));
    check_minimum(terms(), &[("ann", most, most)], None);
}

#[test]
fn a_price_that_may_be_paid_is_taken() {
    let step = Band { from: amount(0), step: amount(100) };
    let wide = || Terms { increments: Increments::new(vec![step]).unwrap(), ..terms() };
    let buyable = Terms { buy_now_price: Some(amount(1_000)), ..wide() };
    check(buyable.clone(), &[("ann", 950, 950), ("bob", 1_000, 1_000)], 1_000, "bob");
    let low = Refusal::BidTooLow { minimum: Some(amount(1_000)) };
    check_refused(buyable, &[("ann", 950, 950), ("bob", 999, 999)], &low);
    let capped = Terms { bid_ceiling: Some(amount(1_000)), ..wide() };
    check(capped.clone(), &[("ann", 950, 950), ("bob", 1_000, 1_000)], 1_000, "bob");
    check(capped.clone(), &[("ann", 950, 1_000), ("bob", 1_000, 1_000)], 1_000, "ann");
    let nothing = Refusal::BidTooLow { minimum: None };
    check_refused(capped, &[("ann", 1_000, 1_000), ("bob", 1_000, 1_000)], &nothing);
}

#[test]
fn buy_now_is_on_offer_until_the_price_reaches_it_or_the_auction_is_over() {
    let mut state = live(Terms { buy_now_price: Some(amount(500)), ..terms() });
    let mut open = vec![state.buy_now().is_some()];
    let bids = [("ann", 100, 900), ("bob", 450, 480), ("bob", 495, 495), ("cid", 496, 496)];
    for (bidder, offered, max) in bids {
        let Ok(events) = run(&mut state, &bid_by(bidder, offered, max), at(1)) else { continue };
        let EventKind::Bid(bid) = &events[0].kind else { unreachable!("it is a bid") };
        assert_eq!(bid.buy_now_open, state.buy_now().is_some(), "the receipt tells the truth");
        open.push(bid.buy_now_open);
    }
    // At 490, 500 is the least next bid, and the only one; nobody can pass it by proxy any more.
    assert_eq!(open, [true, true, true]);
    assert_eq!(state.minimum_next(), Some(amount(500)));
    run(&mut state, &Command::Cancel, at(2)).unwrap();
    assert_eq!((state.buy_now(), state.minimum_next()), (None, None), "over");
    let bought = run(&mut live(state.terms.clone()), &bid_by("ann", 500, 900), at(1)).unwrap();
    let EventKind::Bid(bid) = &bought[0].kind else { unreachable!("it is a bid") };
    assert!(!bid.buy_now_open && bid.minimum_next.is_none());
}

#[test]
fn the_winning_bid_is_the_first_that_gave_the_maximum() {
    let mut state = live(terms());
    let mut placed = |offered, max| {
        run(&mut state, &bid_by("ann", offered, max), at(1)).unwrap();
        state.lead.as_ref().unwrap().bid_id.clone()
    };
    let first = placed(100, 300);
    assert_eq!(placed(110, 300), first, "no more than before");
    assert_ne!(placed(110, 310), first, "more than before");
}

#[test]
fn three_bids_with_a_tie_on_top_end_at_the_tie_in_any_order() {
    let orders = [
        ["ann", "bob", "cid"],
        ["ann", "cid", "bob"],
        ["bob", "ann", "cid"],
        ["bob", "cid", "ann"],
        ["cid", "ann", "bob"],
        ["cid", "bob", "ann"],
    ];
    for order in orders {
        let max = |name: &str| if name == "cid" { 150 } else { 300 };
        let mut state = live(terms());
        for name in order {
            // A low maximum may come too late to be offered at all.
            let offered = state.minimum_next().unwrap().minor();
            if offered <= max(name) {
                run(&mut state, &bid_by(name, offered, max(name)), at(1)).unwrap();
            }
        }
        let first = order.iter().find(|name| **name != "cid").unwrap();
        assert_eq!(state.price.unwrap().minor(), 300, "{order:?}");
        assert_eq!(state.lead.unwrap().bidder.as_str(), *first, "{order:?}");
    }
}

#[test]
fn a_reached_reserve_becomes_the_price() {
    let reserve = || Terms { reserve_price: Some(amount(500)), ..terms() };
    check(reserve(), &[("ann", 100, 499)], 100, "ann");
    check(reserve(), &[("ann", 100, 500)], 500, "ann");
    check(reserve(), &[("ann", 100, 300), ("bob", 110, 800)], 500, "bob");
    check(reserve(), &[("ann", 100, 300), ("ann", 110, 600)], 500, "ann");
    check(reserve(), &[("ann", 600, 700)], 600, "ann");
}

#[test]
fn the_step_follows_the_bands() {
    let bands = vec![
        Band { from: amount(0), step: amount(10) },
        Band { from: amount(200), step: amount(50) },
    ];
    let banded = Terms { increments: Increments::new(bands).unwrap(), ..terms() };
    check(banded.clone(), &[("ann", 100, 200), ("bob", 110, 900)], 250, "bob");
    let low = Refusal::BidTooLow { minimum: Some(amount(250)) };
    check_refused(banded, &[("ann", 200, 200), ("bob", 249, 249)], &low);
}

#[test]
fn refusals_name_their_reason_and_change_nothing() {
    let low = |minimum| Refusal::BidTooLow { minimum: Some(amount(minimum)) };
    check_refused(terms(), &[("ann", 99, 99)], &low(100));
    check_refused(terms(), &[("ann", 100, 100), ("bob", 100, 500)], &low(110));
    check_refused(terms(), &[("ann", 100, 100), ("bob", 109, 109)], &low(110));
    check_refused(terms(), &[("seller", 100, 100)], &Refusal::SellerCannotBid);
    let ceiling = || Terms { bid_ceiling: Some(amount(1_000)), ..terms() };
    let above = Refusal::BidAboveCeiling { ceiling: amount(1_000) };
    check_refused(ceiling(), &[("ann", 1_001, 1_001)], &above);
    check_refused(ceiling(), &[("ann", 100, 1_001)], &above);
    check(ceiling(), &[("ann", 1_000, 1_000)], 1_000, "ann");
}

#[test]
fn another_currency_is_refused() {
    let mut state = live(terms());
    let Command::Bid(mut bid) = bid_by("ann", 100, 100) else { unreachable!("it is a bid") };
    bid.currency = Currency::parse("EUR");
    let refused = run(&mut state, &Command::Bid(bid), at(1));
    assert_eq!(refused, Err(Refusal::WrongCurrency { currency: Currency::USD }));
}

#[test]
fn buy_now_wins_at_its_price_and_closes() {
    let buyable = Terms { buy_now_price: Some(amount(500)), ..terms() };
    let mut state = live(buyable.clone());
    run(&mut state, &bid_by("ann", 100, 300), at(1)).unwrap();
    let events = run(&mut state, &bid_by("bob", 700, 700), at(2)).unwrap();
    assert_eq!(events.len(), 2);
    let Phase::Closed { outcome: Outcome::Sold { winner, hammer_price, .. }, .. } = &state.phase
    else {
        panic!("not sold: {:?}", state.phase)
    };
    assert_eq!((winner.as_str(), hammer_price.minor()), ("bob", 500));
    let exactly = run(&mut live(buyable.clone()), &bid_by("ann", 500, 500), at(1)).unwrap();
    assert_eq!(exactly.len(), 2, "the very amount buys");
    // A maximum alone does not buy, and a price past it ends the offer.
    check(buyable.clone(), &[("ann", 100, 900)], 100, "ann");
    check(buyable, &[("ann", 100, 490), ("bob", 110, 900), ("ann", 510, 800)], 810, "bob");
}

#[test]
fn bids_of_one_millisecond_get_rising_sort_stamps() {
    let mut state = live(terms());
    let mut stamp = |bidder, offered| {
        let events = run(&mut state, &bid_by(bidder, offered, offered), at(7)).unwrap();
        let EventKind::Bid(bid) = &events[0].kind else { unreachable!("it is a bid") };
        (events[0].at, bid.stamp)
    };
    assert_eq!(stamp("ann", 100), (at(7), at(7)));
    assert_eq!(stamp("bob", 110), (at(7), at(8)));
    assert_eq!(stamp("ann", 120), (at(7), at(9)));
}

/// Plays `bids`, then compares the top bids, best first.
fn check_top(bids: &[(&str, u64, u64)], expected: &[(&str, u64)]) {
    let mut state = live(terms());
    for (bidder, offered, max) in bids {
        run(&mut state, &bid_by(bidder, *offered, *max), at(1)).unwrap();
    }
    let top = state.top_bids.iter().map(|top| (top.bidder.as_str(), top.amount.minor()));
    assert_eq!(top.collect::<Vec<_>>(), expected, "{bids:?}");
}

#[test]
fn top_bids_show_the_leader_first_and_never_a_maximum() {
    let bids = [("ann", 100, 900), ("bob", 110, 300), ("cid", 320, 400)];
    check_top(&bids, &[("ann", 410), ("cid", 320), ("bob", 110)]);
    check_top(&[("ann", 100, 200), ("bob", 200, 200)], &[("ann", 200), ("bob", 200)]);
    check_top(&[("ann", 100, 200), ("bob", 300, 300)], &[("bob", 300), ("ann", 100)]);
    check_top(
        &[("ann", 100, 100), ("bob", 110, 110), ("ann", 120, 120)],
        &[("ann", 120), ("bob", 110)],
    );
}

#[test]
fn top_bids_are_the_best_five() {
    let names = ["ann", "bob", "cid", "dan", "eve", "fay"];
    let bids: Vec<_> = (10_u64..).zip(names).map(|(n, name)| (name, n * 10, n * 10)).collect();
    check_top(&bids, &[("fay", 150), ("eve", 140), ("dan", 130), ("cid", 120), ("bob", 110)]);
}

#[test]
fn the_same_offer_is_the_same_amount_maximum_and_currency() {
    let mut state = live(terms());
    let command = bid_by("ann", 100, 300);
    let events = run(&mut state, &command, at(1)).unwrap();
    let Command::Bid(bid) = command else { unreachable!("it is a bid") };
    let same = |change: fn(&mut PlaceBid)| {
        let mut again = bid.clone();
        change(&mut again);
        events[0].accepts_offer(&again)
    };
    assert!(same(|_| ()));
    assert!(same(|bid| bid.currency = Some(Currency::USD)), "which is the auction's");
    assert!(same(|bid| bid.arrived_at = Some(at(9))), "a repeat arrives later");
    assert!(!same(|bid| bid.amount = amount(110)));
    assert!(!same(|bid| bid.max = amount(310)));
    assert!(!same(|bid| bid.currency = Currency::parse("EUR")));
    let opened = decide(&scheduled(terms()), &Command::Open(OpenCause::Seller), OPENED).unwrap();
    assert!(!opened[0].accepts_offer(&bid), "an opening accepts no bid");
}

#[test]
fn a_refusal_that_time_may_disprove_needs_a_fresh_state() {
    for (refusal, proved) in [
        (Refusal::BidTooLow { minimum: Some(amount(1)) }, true),
        (Refusal::BidTooLow { minimum: None }, true),
        (Refusal::MaximumNotRaised { maximum: amount(1) }, false),
        (Refusal::BidAboveCeiling { ceiling: amount(1) }, true),
        (Refusal::WrongCurrency { currency: Currency::USD }, true),
        (Refusal::SellerCannotBid, true),
        (Refusal::Closed, true),
        (Refusal::NotDue, false),
        (Refusal::NotLive, false),
        (Refusal::TimeUp, false),
        (Refusal::NotEnded, false),
    ] {
        assert_eq!(refusal.proved_by_old_state(), proved, "{refusal:?}");
    }
}

#[test]
fn whoever_loses_the_lead_is_named_as_outbid_and_nobody_else() {
    let buy_now = Terms { buy_now_price: Some(amount(1_000)), ..terms() };
    let mut state = live(buy_now);
    let table = [
        ("ann", 100, 300, None),
        // Beaten at once: the lead stays.
        ("bob", 110, 150, None),
        // A leader raises only their maximum.
        ("ann", 200, 400, None),
        ("bob", 200, 500, Some("ann")),
        ("ann", 1_000, 1_000, Some("bob")),
    ];
    for (bidder, offered, max, outbid) in table {
        let events = run(&mut state, &bid_by(bidder, offered, max), at(1_000)).unwrap();
        let EventKind::Bid(accepted) = &events[0].kind else { panic!("{events:?}") };
        assert_eq!(accepted.outbid, outbid.map(user), "{bidder} {offered}");
    }
}

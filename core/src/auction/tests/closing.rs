//! Time: the end, soft close, grace, pausing, and how an auction settles.

use super::*;

fn ends_at(state: &Auction) -> u64 {
    OPENED.ms_until(state.ends_at().unwrap())
}

#[test]
fn a_bid_counts_until_the_end_and_not_at_it() {
    for (ms, accepted) in [(DURATION_MS - 1, true), (DURATION_MS, false), (DURATION_MS + 1, false)]
    {
        let placed = run(&mut live(terms()), &bid_by("ann", 100, 100), at(ms));
        assert_eq!(placed.is_ok(), accepted, "at {ms}");
        if !accepted {
            assert_eq!(placed, Err(Refusal::TimeUp));
        }
    }
}

#[test]
fn a_late_bid_moves_the_end_at_most_so_often() {
    let soft_close = SoftClose { window_ms: 10_000, extension_ms: 20_000, max_extensions: 2 };
    let mut state = live(Terms { soft_close, ..terms() });
    run(&mut state, &bid_by("ann", 100, 100), at(50_000)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (60_000, 0), "not inside the window yet");
    run(&mut state, &bid_by("bob", 110, 110), at(50_001)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (70_001, 1));
    run(&mut state, &bid_by("ann", 120, 120), at(70_000)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (90_000, 2));
    run(&mut state, &bid_by("bob", 130, 130), at(89_999)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (90_000, 2), "the cap holds");
}

#[test]
fn the_end_never_moves_earlier() {
    let soft_close = SoftClose { window_ms: 30_000, extension_ms: 5_000, max_extensions: 5 };
    let mut state = live(Terms { soft_close, ..terms() });
    run(&mut state, &bid_by("ann", 100, 100), at(40_000)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (60_000, 0));
    run(&mut state, &bid_by("bob", 110, 110), at(55_000)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (60_000, 0), "to where it is, is no move");
    run(&mut state, &bid_by("ann", 120, 120), at(55_001)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (60_001, 1));
}

#[test]
fn a_refused_bid_never_extends_the_clock() {
    let mut state = live(terms());
    run(&mut state, &bid_by("ann", 100, 100), at(1_000)).unwrap();
    let before = state.clone();
    assert!(run(&mut state, &bid_by("bob", 105, 105), at(59_000)).is_err());
    assert_eq!(state, before);
}

#[test]
fn a_leader_raising_their_maximum_never_extends_the_clock() {
    let mut state = live(terms());
    run(&mut state, &bid_by("ann", 100, 100), at(1_000)).unwrap();
    run(&mut state, &bid_by("ann", 110, 500), at(59_000)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (60_000, 0));
}

#[test]
fn a_leader_reaching_the_reserve_moves_the_price_and_so_the_clock() {
    let mut state = live(Terms { reserve_price: Some(amount(400)), ..terms() });
    run(&mut state, &bid_by("ann", 100, 100), at(1_000)).unwrap();
    run(&mut state, &bid_by("ann", 110, 500), at(59_000)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (89_000, 1));
    assert_eq!(state.price, Some(amount(400)));
}

#[test]
fn with_a_grace_a_bid_in_flight_at_the_end_still_counts() {
    let graced = Terms { grace_ms: 500, ..terms() };
    let arrived = |ms: u64| {
        let Command::Bid(mut bid) = bid_by("ann", 100, 100) else { unreachable!("it is a bid") };
        bid.arrived_at = Some(at(ms));
        Command::Bid(bid)
    };
    let (before, end) = (DURATION_MS - 1, DURATION_MS);
    let place = |ms, now| run(&mut live(graced.clone()), &arrived(ms), at(now));
    assert!(place(before, end + 499).is_ok());
    assert_eq!(place(before, end + 500), Err(Refusal::TimeUp));
    assert_eq!(place(end, end + 1), Err(Refusal::TimeUp));
    assert_eq!(run(&mut live(terms()), &arrived(before), at(end)), Err(Refusal::TimeUp));
    let close = Command::Close(CloseCause::Time);
    assert_eq!(run(&mut live(graced.clone()), &close, at(end + 499)), Err(Refusal::NotEnded));
    assert!(run(&mut live(graced.clone()), &close, at(end + 500)).is_ok());
}

#[test]
fn buying_now_within_the_window_moves_no_end() {
    let mut state = live(Terms { buy_now_price: Some(amount(500)), ..terms() });
    let end = state.ends_at().unwrap();
    let events = run(&mut state, &bid_by("ann", 500, 500), at(DURATION_MS - 1)).unwrap();
    let EventKind::Bid(bid) = &events[0].kind else { panic!("not a bid: {events:?}") };
    assert_eq!((bid.ends_at, bid.extended, state.extensions), (end, false, 0));
    assert!(matches!(state.phase, Phase::Closed { outcome: Outcome::Sold { .. }, .. }));
}

#[test]
fn closing_for_time_waits_for_the_end_it_closes_on() {
    let close = Command::Close(CloseCause::Time);
    let mut state = live(terms());
    assert_eq!(run(&mut state, &close, at(DURATION_MS - 1)), Err(Refusal::NotEnded));
    run(&mut state, &bid_by("ann", 100, 100), at(DURATION_MS - 1)).unwrap();
    assert_eq!(run(&mut state, &close, at(DURATION_MS)), Err(Refusal::NotEnded), "it was extended");
    run(&mut state, &close, at(DURATION_MS - 1 + 30_000)).unwrap();
    assert!(matches!(state.phase, Phase::Closed { outcome: Outcome::Sold { .. }, .. }));
    assert_eq!(run(&mut state, &close, at(999_999)), Ok(vec![]), "closing again changes nothing");
    assert_eq!(run(&mut state, &bid_by("bob", 110, 110), at(999_999)), Err(Refusal::Closed));
}

#[test]
fn the_hammer_in_the_grace_cuts_no_bid_off_that_still_counts() {
    let hammer = Command::Close(CloseCause::Hammer);
    let mut state = live(Terms { grace_ms: 500, ..terms() });
    let end = at(DURATION_MS);
    assert_eq!(state.not_after(&hammer, at(DURATION_MS - 1)), Some(end), "decided in time");
    assert_eq!(state.not_after(&hammer, at(DURATION_MS + 500)), None, "decided after the grace");
    for ms in [DURATION_MS, DURATION_MS + 499] {
        assert_eq!(run(&mut state, &hammer, at(ms)), Err(Refusal::NotEnded), "{ms}");
    }
    let Command::Bid(mut bid) = bid_by("ann", 100, 100) else { unreachable!("it is a bid") };
    bid.arrived_at = Some(at(DURATION_MS - 1));
    let mut open = state.clone();
    assert!(run(&mut open, &Command::Bid(bid), at(DURATION_MS + 499)).is_ok());
    run(&mut state, &hammer, at(DURATION_MS + 500)).unwrap();
    let mut before = live(Terms { grace_ms: 500, ..terms() });
    run(&mut before, &hammer, at(DURATION_MS - 1)).unwrap();
}

#[test]
fn below_the_reserve_and_without_bids_it_is_unsold() {
    let hammer = Command::Close(CloseCause::Hammer);
    let mut state = live(Terms { reserve_price: Some(amount(500)), ..terms() });
    run(&mut state, &bid_by("ann", 100, 499), at(1)).unwrap();
    assert!(!state.reserve_met());
    run(&mut state, &hammer, at(2)).unwrap();
    assert!(matches!(state.phase, Phase::Closed { outcome: Outcome::Unsold, .. }));
    let mut empty = live(terms());
    run(&mut empty, &hammer, at(1)).unwrap();
    assert!(matches!(empty.phase, Phase::Closed { outcome: Outcome::Unsold, .. }));
}

#[test]
fn pausing_stops_the_clock_and_resuming_gives_the_rest_back() {
    let mut state = live(terms());
    run(&mut state, &Command::Pause, at(20_000)).unwrap();
    assert_eq!(state.phase, Phase::Paused { remaining_ms: 40_000 });
    assert_eq!(run(&mut state, &Command::Pause, at(21_000)), Ok(vec![]));
    assert_eq!(run(&mut state, &bid_by("ann", 100, 100), at(22_000)), Err(Refusal::NotLive));
    let close = Command::Close(CloseCause::Time);
    assert_eq!(run(&mut state, &close, at(90_000)), Err(Refusal::NotLive));
    run(&mut state, &Command::Resume, at(100_000)).unwrap();
    assert_eq!(ends_at(&state), 140_000);
    assert_eq!(run(&mut state, &Command::Resume, at(100_001)), Ok(vec![]));
}

#[test]
fn a_lot_cannot_be_cancelled_or_paused_once_its_time_is_up() {
    for command in [Command::Cancel, Command::Pause] {
        let mut state = live(Terms { grace_ms: 500, ..terms() });
        run(&mut state, &bid_by("ann", 100, 100), at(1_000)).unwrap();
        let before = state.clone();
        assert_eq!(run(&mut state, &command, at(DURATION_MS)), Err(Refusal::TimeUp), "{command:?}");
        assert_eq!(state, before);
        assert!(run(&mut state, &command, at(DURATION_MS - 1)).is_ok(), "{command:?}");
    }
}

#[test]
fn the_life_of_an_auction_only_goes_forward() {
    let mut state = scheduled(terms());
    for command in [Command::Pause, Command::Resume, Command::Close(CloseCause::Hammer)] {
        assert_eq!(run(&mut state, &command, OPENED), Err(Refusal::NotLive), "{command:?}");
    }
    assert_eq!(run(&mut state, &bid_by("ann", 100, 100), OPENED), Err(Refusal::NotLive));
    run(&mut state, &Command::Open(OpenCause::Seller), OPENED).unwrap();
    assert_eq!(run(&mut state, &Command::Open(OpenCause::Seller), at(5)), Ok(vec![]));
    run(&mut state, &Command::Cancel, at(10)).unwrap();
    assert_eq!(run(&mut state, &Command::Cancel, at(11)), Ok(vec![]));
    for command in [Command::Open(OpenCause::Seller), Command::Pause, Command::Resume] {
        assert_eq!(run(&mut state, &command, at(12)), Err(Refusal::Closed), "{command:?}");
    }
    let mut sold = live(terms());
    run(&mut sold, &Command::Close(CloseCause::Hammer), at(1)).unwrap();
    assert_eq!(run(&mut sold, &Command::Cancel, at(2)), Err(Refusal::Closed));
}

#[test]
fn a_scheduled_auction_opens_by_itself_at_its_time_and_not_before() {
    let opening = Terms { opens_at: Some(at(500)), ..terms() };
    let by_time = Command::Open(OpenCause::Time);
    let mut state = scheduled(opening.clone());
    assert_eq!(run(&mut state, &by_time, at(499)), Err(Refusal::NotDue));
    assert_eq!(state, scheduled(opening.clone()));
    run(&mut state, &by_time, at(500)).unwrap();
    assert_eq!(ends_at(&state), 500 + DURATION_MS, "the whole duration, from the opening on");
    assert_eq!(run(&mut state, &by_time, at(501)), Ok(vec![]), "opening again changes nothing");

    let mut late = scheduled(opening.clone());
    run(&mut late, &by_time, at(9_000)).unwrap();
    assert_eq!(ends_at(&late), 9_000 + DURATION_MS, "an opening that came late takes nothing away");

    let mut early = scheduled(opening);
    run(&mut early, &Command::Open(OpenCause::Seller), at(1)).unwrap();
    assert_eq!(ends_at(&early), 1 + DURATION_MS, "its seller need not wait");

    let mut never = scheduled(terms());
    assert_eq!(run(&mut never, &by_time, at(999_999)), Err(Refusal::NotDue));
}

#[test]
fn a_bid_in_time_by_the_grace_moves_the_end_as_any_late_bid_does() {
    let mut state = live(Terms { grace_ms: 500, ..terms() });
    let Command::Bid(mut bid) = bid_by("ann", 100, 100) else { unreachable!("it is a bid") };
    bid.arrived_at = Some(at(DURATION_MS - 1));
    run(&mut state, &Command::Bid(bid), at(DURATION_MS + 100)).unwrap();
    assert_eq!((ends_at(&state), state.extensions), (DURATION_MS + 100 + 30_000, 1));
}

#[test]
fn cancelled_and_paused_auctions_replay_to_the_same_state() {
    let hammer = Command::Close(CloseCause::Hammer);
    let endings: [&[Command]; 4] = [
        &[Command::Cancel],
        &[Command::Pause, Command::Cancel],
        &[Command::Pause, Command::Resume, Command::Cancel],
        &[Command::Pause, hammer],
    ];
    for ending in endings {
        let mut state = scheduled(terms());
        let mut log = run(&mut state, &Command::Open(OpenCause::Seller), OPENED).unwrap();
        log.extend(run(&mut state, &bid_by("ann", 100, 300), at(1_000)).unwrap());
        log.extend(run(&mut state, &bid_by("bob", 110, 200), at(2_000)).unwrap());
        for (ms, command) in (3_000..).zip(ending) {
            log.extend(run(&mut state, command, at(ms)).unwrap());
            assert_eq!(replay(&log), Some(state.clone()), "{ending:?}");
        }
        let Phase::Closed { outcome, at: closed_at } = &state.phase else {
            panic!("{ending:?} did not close it")
        };
        assert_eq!(*closed_at, log.last().unwrap().at);
        let cancelled = ending.contains(&Command::Cancel);
        assert_eq!(*outcome == Outcome::Cancelled, cancelled, "{ending:?}");
        assert_eq!(state.price, Some(amount(210)), "the record of what was bid stays");
    }
}

#[test]
fn a_log_that_does_not_begin_with_an_opening_is_no_history() {
    let mut state = scheduled(terms());
    let mut log = run(&mut state, &Command::Open(OpenCause::Seller), OPENED).unwrap();
    log.extend(run(&mut state, &bid_by("ann", 100, 100), at(1)).unwrap());
    assert_eq!(replay(&log[1..]), None);
    assert_eq!(replay(&[]), None);
}

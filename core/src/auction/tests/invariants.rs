//! The promises, over random histories.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Bid { bidder: u8, above: u64, more: u64, in_flight_ms: Option<u64> },
    Open(OpenCause),
    Pause,
    Resume,
    Close(CloseCause),
    Cancel,
}

/// How long after the step before.
#[derive(Debug, Clone)]
enum Wait {
    Ms(u64),
    /// Until about the end: this many milliseconds after 500 ms before it.
    NearTheEnd(u64),
}

fn steps() -> impl Strategy<Value = Vec<(Step, Wait)>> {
    let bid = (0_u8..4, 0_u64..60, 0_u64..200, prop::option::of(0_u64..900)).prop_map(
        |(bidder, above, more, in_flight_ms)| Step::Bid { bidder, above, more, in_flight_ms },
    );
    let step = prop_oneof![
        40 => bid,
        1 => Just(Step::Open(OpenCause::Seller)),
        1 => Just(Step::Open(OpenCause::Time)),
        2 => Just(Step::Pause),
        2 => Just(Step::Resume),
        2 => Just(Step::Close(CloseCause::Time)),
        1 => Just(Step::Close(CloseCause::Hammer)),
        1 => Just(Step::Cancel),
    ];
    let wait = prop_oneof![
        4 => (0_u64..9_000).prop_map(Wait::Ms),
        1 => (0_u64..1_000).prop_map(Wait::NearTheEnd),
    ];
    prop::collection::vec((step, wait), 1..60)
}

fn any_terms() -> impl Strategy<Value = Terms> {
    (any::<Option<u8>>(), any::<Option<u8>>(), any::<Option<u8>>(), 0_u32..4, 0_u64..400).prop_map(
        |(reserve, buy_now, ceiling, max_extensions, grace_ms)| {
            let above =
                |extra: Option<u8>, times: u64| extra.map(|n| amount(100 + u64::from(n) * times));
            Terms {
                reserve_price: above(reserve, 2),
                buy_now_price: above(buy_now, 6),
                bid_ceiling: above(ceiling, 9),
                increments: Increments::new(vec![
                    Band { from: amount(0), step: amount(10) },
                    Band { from: amount(250), step: amount(25) },
                    Band { from: amount(600), step: amount(40) },
                ])
                .unwrap(),
                soft_close: SoftClose { window_ms: 9_000, extension_ms: 12_000, max_extensions },
                grace_ms,
                ..terms()
            }
        },
    )
}

fn later(now: Timestamp, wait: &Wait, state: &Auction) -> Timestamp {
    match (wait, state.ends_at()) {
        (Wait::NearTheEnd(ms), Some(end)) => {
            now.plus_ms(now.ms_until(end).saturating_sub(500)).plus_ms(*ms)
        }
        (Wait::Ms(ms) | Wait::NearTheEnd(ms), _) => now.plus_ms(*ms),
    }
}

/// A bid around the current minimum: some too low, some a tie, some far above.
fn command(step: &Step, state: &Auction, index: usize, now: Timestamp) -> Command {
    match step {
        Step::Open(cause) => Command::Open(*cause),
        Step::Pause => Command::Pause,
        Step::Resume => Command::Resume,
        Step::Cancel => Command::Cancel,
        Step::Close(cause) => Command::Close(*cause),
        Step::Bid { bidder, above, more, in_flight_ms } => {
            let name = ["ann", "bob", "cid", "seller"][usize::from(*bidder)];
            let least = state.minimum_next().or(state.price).map_or(0, Amount::minor);
            let offered = (least + above).saturating_sub(10).max(1);
            let key = IdempotencyKey::parse(&format!("step-{index}")).unwrap();
            let before = |ms: u64| Timestamp::from_ms(now.as_ms() - i64::try_from(ms).unwrap());
            Command::Bid(PlaceBid {
                bid_id: BidId::derive(&auction_id(), &user(name), &key),
                bidder: user(name),
                amount: amount(offered),
                max: amount(offered + more / 10 * 10),
                currency: None,
                arrived_at: in_flight_ms.map(before),
            })
        }
    }
}

/// One accepted bid, and whether it took the lead from somebody else or from nobody.
struct Accepted {
    bid: AcceptedBid,
    took_the_lead: bool,
}

proptest! {
    // A failure is made smaller for ten seconds at most.
    #![proptest_config(ProptestConfig {
        cases: 2_000, max_shrink_time: 10_000, ..ProptestConfig::default()
    })]

    #[test]
    fn any_history_keeps_the_promises(terms in any_terms(), steps in steps()) {
        let mut state = live(terms.clone());
        let mut log =
            decide(&scheduled(terms.clone()), &Command::Open(OpenCause::Seller), OPENED).unwrap();
        let mut now = OPENED;
        let mut accepted: Vec<Accepted> = Vec::new();
        let mut refused_for_good: Vec<Command> = Vec::new();
        for (index, (step, wait)) in steps.iter().enumerate() {
            now = later(now, wait, &state);
            let before = state.clone();
            let command = command(step, &state, index, now);
            for old in &refused_for_good {
                prop_assert!(decide(&state, old, now).is_err(), "refused once, accepted: {old:?}");
            }
            let events = match decide(&state, &command, now) {
                Ok(events) => events,
                Err(refusal) => {
                    prop_assert_eq!(&state, &before, "I6: a refusal changes nothing");
                    if refusal.proved_by_old_state() {
                        refused_for_good.push(command);
                    }
                    continue;
                }
            };
            for event in &events {
                apply(&mut state, event);
                prop_assert_eq!(event.position, log.len() as u64 + 1, "positions have no gap");
                log.push(event.clone());
                if let EventKind::Bid(bid) = &event.kind {
                    let led = before.lead.as_ref().is_some_and(|lead| lead.bidder == bid.bidder);
                    let took_the_lead = bid.status == BidStatus::Leading && !led;
                    accepted.push(Accepted { bid: bid.clone(), took_the_lead });
                    check_accepted(&before, &state, &command, bid, now)?;
                }
                prop_assert_eq!(event.seq, accepted.len() as u64, "I1: gap-free numbers");
            }
            check_step(&before, &state)?;
            check_the_least_is_taken(&state, now)?;
            check_no_close_while_bids_count(&state)?;
        }
        prop_assert_eq!(replay(&log), Some(state.clone()), "replay equals live");
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<Auction>(&text).unwrap(), state.clone());
        let stored: Vec<Event> = log
            .iter()
            .map(|event| serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap())
            .collect();
        let replayed = serde_json::to_string(&replay(&stored).unwrap()).unwrap();
        prop_assert_eq!(replayed, text, "bit for bit, also from the log as stored");

        let bought = bought_now(&log, &terms);
        let over = state.closes_at().map_or(now, |at| now.max(at));
        let _refused_when_closed = run(&mut state, &Command::Close(CloseCause::Hammer), over);
        check_winner(&state, &accepted, bought)?;
    }
}

/// Whether the log ends with a bid that reached the buy-now price and so closed the auction.
fn bought_now(log: &[Event], terms: &Terms) -> bool {
    let Some([bid, closed]) = log.last_chunk::<2>() else { return false };
    let EventKind::Bid(accepted) = &bid.kind else { return false };
    let reached = |price| accepted.amount >= price && accepted.price == price;
    let closes = matches!(closed.kind, EventKind::Closed { .. }) && bid.at == closed.at;
    closes && terms.buy_now_price.is_some_and(reached)
}

/// I1, I3 and the bounds of one accepted bid.
fn check_accepted(
    before: &Auction,
    after: &Auction,
    command: &Command,
    bid: &AcceptedBid,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let Command::Bid(asked) = command else { return Err(TestCaseError::fail("who bid?")) };
    let end = before.ends_at().unwrap();
    let in_flight = asked.arrived_at.is_some_and(|arrived| arrived < end);
    let graced = in_flight && now < end.plus_ms(before.terms.grace_ms);
    prop_assert!(now < end || graced, "I3: in time");
    prop_assert_ne!(&bid.bidder, &before.seller);
    prop_assert!(bid.stamp > before.last_stamp, "stamps rise strictly");
    prop_assert!(before.price.is_none_or(|price| price <= bid.price), "I1: no fall");
    prop_assert!(before.minimum_next().is_some_and(|least| bid.amount >= least), "none under it");
    let ceiling = before.terms.bid_ceiling;
    prop_assert!(ceiling.is_none_or(|ceiling| bid.max <= ceiling), "none over the ceiling");
    prop_assert_eq!(after.price, Some(bid.price));
    let leads = before.lead.as_ref().filter(|lead| lead.bidder == bid.bidder);
    let buys = before.buy_now().is_some_and(|buy_now| bid.amount >= buy_now);
    let kept = leads.is_none_or(|lead| bid.max >= lead.max);
    prop_assert!(buys || kept, "nobody takes back the maximum they lead with");
    // Bought, it is over with the next event.
    let followed = (!buys).then(|| (after.minimum_next(), after.buy_now().is_some()));
    let told = (bid.minimum_next, bid.buy_now_open);
    prop_assert_eq!(told, followed.unwrap_or_default(), "the receipt tells the truth");
    if !matches!(after.phase, Phase::Closed { .. }) {
        prop_assert_eq!(Some(bid.ends_at), after.ends_at(), "the receipt tells the truth");
        let leads = after.lead.as_ref().is_some_and(|lead| lead.bidder == bid.bidder);
        prop_assert_eq!(bid.status == BidStatus::Leading, leads);
    }
    prop_assert!(bid.ends_at >= end, "the end never moves earlier");
    prop_assert_eq!(bid.extended, bid.ends_at > end);
    let leader = |state: &Auction| state.lead.as_ref().map(|lead| lead.bidder.clone());
    let moved = before.price != after.price || leader(before) != leader(after);
    prop_assert!(moved || !bid.extended, "only what changes price or leader moves the end");
    prop_assert!(before.price != after.price || leader(before) == leader(after));
    Ok(())
}

/// What holds between any two states that follow each other.
fn check_step(before: &Auction, state: &Auction) -> Result<(), TestCaseError> {
    let least = |state: &Auction| state.minimum_next().map_or(u64::MAX, Amount::minor);
    prop_assert!(least(before) <= least(state), "what was too low stays so");
    let most = state.terms.most().minor();
    prop_assert!(least(state) == u64::MAX || least(state) <= most, "the least can be bid");
    // Above the most anybody may bid it cannot be bought; no request makes such terms.
    let offered = state.buy_now().filter(|buy_now| buy_now.minor() <= most);
    let bought = |buy_now: Amount| least(state) <= buy_now.minor();
    prop_assert!(offered.is_none_or(bought), "what buys the lot is enough");
    prop_assert!(state.extensions <= state.terms.soft_close.max_extensions, "the cap holds");
    prop_assert!(state.top_bids.len() <= 5);
    if let (Some(lead), Some(price)) = (&state.lead, state.price) {
        prop_assert!(price <= lead.max, "never above the leader's maximum");
        let best = state.top_bids.first().map(|top| (&top.bidder, top.amount));
        prop_assert_eq!(best, Some((&lead.bidder, price)), "the leader tops the list");
        let fits = |top: &TopBid| top.amount <= price;
        prop_assert!(state.top_bids.iter().all(fits), "no maximum shows in the list");
    }
    Ok(())
}

/// While bids are taken, a stranger's bid of exactly the least next amount is accepted.
fn check_the_least_is_taken(state: &Auction, now: Timestamp) -> Result<(), TestCaseError> {
    let in_time = state.ends_at().is_some_and(|end| now < end);
    if let (true, Some(least)) = (in_time, state.minimum_next()) {
        let taken = decide(state, &bid_by("eve", least.minor(), least.minor()), now);
        prop_assert!(taken.is_ok(), "the least next bid is refused: {:?}", taken);
    }
    Ok(())
}

/// As long as a bid that arrived in time is accepted after the end, nothing else ends the auction.
fn check_no_close_while_bids_count(state: &Auction) -> Result<(), TestCaseError> {
    let (Phase::Live { ends_at }, Some(least)) = (&state.phase, state.minimum_next()) else {
        return Ok(());
    };
    let Command::Bid(mut bid) = bid_by("eve", least.minor(), least.minor()) else {
        return Err(TestCaseError::fail("it is a bid"));
    };
    bid.arrived_at = Some(Timestamp::from_ms(ends_at.as_ms() - 1));
    let bid = Command::Bid(bid);
    for now in (0..state.terms.grace_ms.max(1) + 1).step_by(50).map(|ms| ends_at.plus_ms(ms)) {
        if decide(state, &bid, now).is_err() {
            continue;
        }
        for cause in [CloseCause::Time, CloseCause::Hammer] {
            let closed = decide(state, &Command::Close(cause), now);
            prop_assert_eq!(closed, Err(Refusal::NotEnded), "{:?} cuts a bid off", cause);
        }
        prop_assert_eq!(decide(state, &Command::Cancel, now), Err(Refusal::TimeUp));
    }
    Ok(())
}

/// I2: the highest accepted maximum wins, between equal ones the one accepted first; but whoever
/// buys at the buy-now price wins, whatever maxima others hold. The price covers the second-highest maximum, and is above one step over it only where the winner's own
/// offer or the reserve made it so.
fn check_winner(state: &Auction, accepted: &[Accepted], bought: bool) -> Result<(), TestCaseError> {
    let Phase::Closed { outcome, .. } = &state.phase else { return Ok(()) };
    let best = accepted.iter().map(|one| one.bid.max).max();
    let reached = |max| state.terms.reserve_price.is_none_or(|reserve| max >= reserve);
    let Outcome::Sold { winner, hammer_price, bid_id } = outcome else {
        let sellable = best.is_some_and(reached) && *outcome == Outcome::Unsold;
        prop_assert!(!sellable, "I2: somebody reached the reserve, so there is a winner");
        return Ok(());
    };
    let last = &accepted.last().unwrap().bid;
    prop_assert!(accepted.iter().any(|one| one.bid.bid_id == *bid_id && one.bid.bidder == *winner));
    if bought {
        prop_assert_eq!((winner, Some(*hammer_price)), (&last.bidder, state.terms.buy_now_price));
        return Ok(());
    }
    let best = best.unwrap();
    let first = &accepted.iter().find(|one| one.bid.max == best).unwrap().bid;
    prop_assert_eq!((winner, bid_id), (&first.bidder, &first.bid_id), "I2");
    prop_assert!(*hammer_price <= best, "nobody pays more than their maximum");
    let of_winner = |one: &&Accepted| one.bid.bidder == *winner;
    let second = accepted.iter().filter(|one| !of_winner(one)).map(|one| one.bid.max).max();
    prop_assert!(second.is_none_or(|second| *hammer_price >= second), "the second is covered");
    let step = |at: Amount| at.plus(state.terms.increments.step(at));
    let own = accepted.iter().filter(of_winner).filter(|one| one.took_the_lead);
    let own = own.map(|one| one.bid.amount).max();
    let most = [second.map(step), own, state.terms.reserve_price].into_iter().flatten().max();
    prop_assert!(Some(*hammer_price) <= most, "nobody pays more than it took");
    prop_assert!(state.terms.reserve_price.is_none_or(|reserve| *hammer_price >= reserve));
    Ok(())
}

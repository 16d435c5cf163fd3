//! The promises, over random histories.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Bid { bidder: u8, above: u64, more: u64 },
    Pause,
    Resume,
    CloseForTime,
    Cancel,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let bid = (0_u8..4, 0_u64..60, 0_u64..200).prop_map(|(bidder, above, more)| Step::Bid {
        bidder,
        above,
        more,
    });
    let step = prop_oneof![
        20 => bid,
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => Just(Step::CloseForTime),
        1 => Just(Step::Cancel),
    ];
    prop::collection::vec((step, 0_u64..9_000), 1..60)
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

/// A bid around the current minimum: some too low, some a tie, some far above.
fn command(step: &Step, state: &Auction, index: usize, now: Timestamp) -> Command {
    match step {
        Step::Pause => Command::Pause,
        Step::Resume => Command::Resume,
        Step::Cancel => Command::Cancel,
        Step::CloseForTime => Command::Close(CloseCause::Time),
        Step::Bid { bidder, above, more } => {
            let name = ["ann", "bob", "cid", "seller"][usize::from(*bidder)];
            let offered = (state.minimum_next().minor() + above).saturating_sub(10).max(1);
            let key = IdempotencyKey::parse(&format!("step-{index}")).unwrap();
            Command::Bid(PlaceBid {
                bid_id: BidId::derive(&auction_id(), &user(name), &key),
                bidder: user(name),
                amount: amount(offered),
                max: amount(offered + more / 10 * 10),
                currency: None,
                arrived_at: Some(now),
            })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_history_keeps_the_promises(terms in any_terms(), steps in steps()) {
        let mut state = live(terms.clone());
        let mut log = decide(&scheduled(terms.clone()), &Command::Open, OPENED).unwrap();
        let mut now = OPENED;
        let mut accepted: Vec<AcceptedBid> = Vec::new();
        for (index, (step, pause)) in steps.iter().enumerate() {
            now = now.plus_ms(*pause);
            let before = state.clone();
            let command = command(step, &state, index, now);
            let Ok(events) = decide(&state, &command, now) else {
                prop_assert_eq!(&state, &before, "I6: a refusal changes nothing");
                continue;
            };
            for event in &events {
                apply(&mut state, event);
                if let EventKind::Bid(bid) = &event.kind {
                    accepted.push(bid.clone());
                    prop_assert_eq!(event.seq, accepted.len() as u64, "I1: gap-free numbers");
                    prop_assert!(before.ends_at().is_some_and(|end| now < end), "I3: in time");
                    prop_assert!(bid.stamp > before.last_stamp, "stamps rise strictly");
                    prop_assert!(before.price.is_none_or(|price| price <= bid.price), "I1: no fall");
                    prop_assert!(bid.amount >= before.minimum_next(), "no bid under the minimum");
                }
            }
            prop_assert!(before.minimum_next() <= state.minimum_next(), "what was too low stays so");
            log.extend(events);
            prop_assert!(state.extensions <= terms.soft_close.max_extensions, "the cap holds");
            prop_assert!(state.top_bids.len() <= 5);
            if let (Some(lead), Some(price)) = (&state.lead, state.price) {
                let ceded = matches!(state.phase, Phase::Closed { .. });
                prop_assert!(price <= lead.max || ceded, "never above the leader's maximum");
                let best = state.top_bids.first().map(|top| (&top.bidder, top.amount));
                prop_assert_eq!(best, Some((&lead.bidder, price)), "the leader tops the list");
            }
        }
        prop_assert_eq!(replay(&log), Some(state.clone()), "replay equals live");
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<Auction>(&text).unwrap(), state.clone());

        let bought = matches!(&state.phase, Phase::Closed { .. });
        let _already_closed = run(&mut state, &Command::Close(CloseCause::Hammer), now);
        check_winner(&state, &accepted, bought)?;
    }
}

/// I2: the highest accepted maximum wins; between equal ones, the one accepted first; at a price
/// between the second-highest maximum and one step above it, unless an offer or the reserve forced it.
fn check_winner(
    state: &Auction,
    accepted: &[AcceptedBid],
    closed_early: bool,
) -> Result<(), TestCaseError> {
    let Phase::Closed { outcome, .. } = &state.phase else { return Ok(()) };
    let Outcome::Sold { winner, hammer_price, .. } = outcome else { return Ok(()) };
    let bought_now = closed_early
        && accepted.last().is_some_and(|last| {
            state
                .terms
                .buy_now_price
                .is_some_and(|price| last.amount >= price && last.price == price)
        });
    if bought_now {
        prop_assert_eq!(Some(winner), accepted.last().map(|last| &last.bidder));
        return Ok(());
    }
    let top = accepted.iter().map(|bid| bid.max).max().unwrap();
    let first = accepted.iter().find(|bid| bid.max == top).unwrap();
    prop_assert_eq!(winner, &first.bidder, "I2");
    prop_assert!(*hammer_price <= top, "nobody pays more than their maximum");
    let second = accepted.iter().filter(|bid| bid.bidder != *winner).map(|bid| bid.max).max();
    prop_assert!(
        second.is_none_or(|second| *hammer_price >= second),
        "the second price is covered"
    );
    if let Some(reserve) = state.terms.reserve_price {
        prop_assert!(*hammer_price >= reserve);
    }
    Ok(())
}

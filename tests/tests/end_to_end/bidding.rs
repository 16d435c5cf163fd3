//! A bid's way through, and what repeats and crowds do to it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gavel_tests::wait::{Tried, WITHIN, eventually, seen};
use gavel_tests::world::key;
use gavel_tests::{World, evidence};
use serde_json::json;

/// Bids under way at once of a rush.
const AT_ONCE_MAX: usize = 200;

#[tokio::test]
async fn a_bid_travels_from_the_edge_to_dynamodb_and_can_be_read_back() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let [first, second] = [&world.bidders[0], &world.bidders[1]];

    let opening = world.bid(&auction, first, 100).await?;
    assert_eq!(opening.status, 201, "{opening:?}");
    assert_eq!(opening.body["status"], "leading");
    assert_eq!(opening.body["seq"], 1);
    assert_eq!(opening.body["acknowledged"], "queue");
    let higher = world.bid(&auction, second, 250).await?;
    assert_eq!(higher.body["seq"], 2, "{higher:?}");
    assert_eq!(higher.body["minimum_next"], 260);

    let state = world.state(&auction).await?;
    assert_eq!(state["price"], 250, "{state}");
    assert_eq!(state["bid_count"], 2);
    assert!(state["leader"].as_str().is_some_and(|name| name.starts_with("bidder-")), "{state}");
    assert!(!state.to_string().contains(&second.subject), "ids stay private: {state}");

    let rows = evidence::whole_history(&world.stack, &auction, 2).await?;
    assert_eq!(rows[1].user_id, second.subject);
    assert_eq!((rows[1].amount, rows[1].price), (250, 250));
    assert_eq!(evidence::by_user(&world.stack, &first.subject).await?, [100]);

    let history = world.edge.get(&format!("/v1/auctions/{auction}/bids"), "").await?;
    let seqs: Vec<_> =
        history.body["items"].as_array().unwrap().iter().map(|item| item["seq"].clone()).collect();
    assert_eq!(seqs, [2, 1], "newest first: {history:?}");
    let own = world.edge.get("/v1/me/bids", &first.token).await?;
    assert_eq!(own.body["items"][0]["auction_id"], auction.as_str(), "{own:?}");
    assert_eq!(own.body["items"].as_array().map(Vec::len), Some(1));

    let bid = format!("/v1/bids/{}", opening.body["bid_id"].as_str().unwrap());
    assert_eq!(world.edge.get(&bid, &first.token).await?.body["seq"], 1);
    assert_eq!(world.edge.get(&bid, &second.token).await?.status, 404, "another's bid");
    assert_eq!(world.edge.get(&bid, "").await?.status, 401);
    world.stack.stop().await
}

#[tokio::test]
async fn of_1000_equal_bids_exactly_one_is_accepted() -> Result<()> {
    let mut world = World::start().await?;
    world.add_bidders(18).await?;
    let auction = world.live_auction(json!({})).await?;
    let bids = (0..1_000).map(|n| {
        let bidder = &world.bidders[n % world.bidders.len()];
        world.bid(&auction, bidder, 500)
    });
    let mut counts: BTreeMap<(u16, String), usize> = BTreeMap::new();
    // So many at a time that a busy machine, too, answers each before its client or the edge gives up.
    let replies: Vec<_> = stream::iter(bids).buffer_unordered(AT_ONCE_MAX).try_collect().await?;
    for reply in replies {
        if reply.status == 409 {
            assert_eq!(reply.body["minimum"], 510, "{reply:?}");
        }
        *counts.entry((reply.status, reply.code().to_owned())).or_default() += 1;
    }
    let expected = [((201, String::new()), 1), ((409, "bid-too-low".to_owned()), 999)];
    assert_eq!(counts, expected.into());
    let rows = evidence::whole_history(&world.stack, &auction, 1).await?;
    assert_eq!(rows[0].amount, 500);
    world.stack.stop().await
}

#[tokio::test]
async fn two_bids_in_one_millisecond_are_two_history_rows() -> Result<()> {
    let mut world = World::start().await?;
    world.add_bidders(6).await?;
    let auction = world.live_auction(json!({"increments": [{"from": 0, "step": 1}]})).await?;
    // Rising maxima at once: most lose their race, many are accepted, several in one batch.
    let (mut accepted, mut shared) = (0, false);
    for round in 1..=20_u64 {
        let offers = (0..40_u64).map(|n| {
            let bidder = &world.bidders[usize::try_from(n).unwrap() % world.bidders.len()];
            let body = json!({"amount": round * 10_000 + n * 100, "max": round * 10_000 + n * 100});
            let (world, auction) = (&world, &auction);
            async move { world.offer(auction, bidder, &body).await }
        });
        let replies = try_join_all(offers).await?;
        accepted += replies.iter().filter(|reply| reply.status == 201).count();
        let rows = evidence::whole_history(&world.stack, &auction, accepted).await?;
        let instants: BTreeSet<u64> = rows.iter().map(|row| row.placed_at).collect();
        let stamps: BTreeSet<u64> = rows.iter().map(|row| row.timestamp).collect();
        assert_eq!(stamps.len(), rows.len(), "sort stamps are unique");
        shared = instants.len() < rows.len();
        if shared {
            break;
        }
    }
    assert!(shared, "no two of {accepted} bids fell in one millisecond: nothing was tested");
    world.stack.stop().await
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_even_after_a_restart_and_the_close() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let bidder = world.bidders[0].clone();
    let key = key();
    let first = world.bid_as(&auction, &bidder, &key, 100).await?;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.header("idempotency-key").trim_matches('"'), key);
    world.bid(&auction, &world.bidders[1], 900).await?;

    let outbid = world.bid_as(&auction, &bidder, &key, 100).await?;
    assert_eq!((outbid.status, &outbid.body), (200, &first.body), "although far too low by now");
    world.stack.workers[0].kill().await?;
    world.stack.workers[0].start().await?;
    let restarted = world.bid_as(&auction, &bidder, &key, 100).await?;
    assert_eq!((restarted.status, &restarted.body), (200, &first.body));
    world.edge.act(&format!("/v1/auctions/{auction}/close"), &world.seller.token).await?;
    let closed = world.bid_as(&auction, &bidder, &key, 100).await?;
    assert_eq!((closed.status, &closed.body), (200, &first.body), "also after the close");
    let late = world.bid(&auction, &bidder, 5_000).await?;
    assert_eq!((late.status, late.code()), (409, "auction-closed"));
    evidence::whole_history(&world.stack, &auction, 2).await?;
    world.stack.stop().await
}

#[tokio::test]
async fn the_same_key_with_another_offer_is_a_conflict() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let (bidder, key) = (&world.bidders[0], key());
    assert_eq!(world.bid_as(&auction, bidder, &key, 100).await?.status, 201);
    let other = world.bid_as(&auction, bidder, &key, 110).await?;
    assert_eq!((other.status, other.code()), (409, "idempotency-conflict"));
    let path = format!("/v1/auctions/{auction}/bids");
    let max = json!({"amount": 100, "max": 200});
    let other = world.edge.post(&path, &bidder.token, &key, &max).await?;
    assert_eq!((other.status, other.code()), (409, "idempotency-conflict"));
    let somebody_else = world.bid_as(&auction, &world.bidders[1], &key, 110).await?;
    assert_eq!(somebody_else.status, 201, "keys are each bidder's own");
    assert_eq!(world.state(&auction).await?["bid_count"], 2);
    world.stack.stop().await
}

#[tokio::test]
async fn parallel_repeats_of_one_bid_are_one_bid() -> Result<()> {
    let mut world = World::start().await?;
    let second = gavel_local::WorkerOptions::named("second");
    world.stack.add_worker(&second).await?;
    seen("repeats that are all answered", |_| repeat_at_once(&world)).await?;
    world.stack.stop().await
}

/// Sends one bid fifty times at once. Says so when one of them was not served: whoever asks again is
/// answered, but it cannot be told any more how often the bid was new.
async fn repeat_at_once(world: &World) -> Result<Tried> {
    let auction = world.live_auction(json!({})).await?;
    let (bidder, key) = (&world.bidders[0], key());
    let repeats = (0..50).map(|_| world.bid_as(&auction, bidder, &key, 100));
    let replies = try_join_all(repeats).await?;
    if let Some(unserved) = replies.iter().find(|reply| reply.status == 503) {
        return Ok(Err(format!("not served: {unserved:?}")));
    }
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    for reply in &replies {
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        assert_eq!(reply.body, replies[0].body);
    }
    let state =
        eventually("one bid", WITHIN, || world.state(&auction), |state| state["bid_count"] == 1)
            .await?;
    assert_eq!(state["price"], 100);
    evidence::whole_history(&world.stack, &auction, 1).await?;
    Ok(Ok(()))
}

//! What the terms of an auction make of bids, and how it is told: through the edge.

use std::time::Duration;

use anyhow::Result;
use gavel_local::{Options, WorkerOptions};
use gavel_tests::world::key;
use gavel_tests::{Bidder, Reply, World, evidence};
use serde_json::{Value, json};

/// Offers `amount`, up to `max`.
async fn offer(
    world: &World,
    auction: &str,
    who: &Bidder,
    (amount, max): (u64, u64),
) -> Result<Reply> {
    let path = format!("/v1/auctions/{auction}/bids");
    world.edge.post(&path, &who.token, &key(), &json!({"amount": amount, "max": max})).await
}

#[tokio::test]
async fn a_price_that_may_be_paid_is_taken_and_named_before() -> Result<()> {
    let world = World::start().await?;
    let step = json!([{"from": 0, "step": 100}]);
    let [ann, bob] = [&world.bidders[0], &world.bidders[1]];
    let buyable = json!({"starting_price": 900, "buy_now_price": 1000, "increments": step});
    let auction = world.live_auction(buyable).await?;
    let first = world.bid(&auction, ann, 950).await?;
    assert_eq!(first.body["minimum_next"], 1000, "{first:?}");
    let bought = world.bid(&auction, bob, 1000).await?;
    assert_eq!((bought.status, &bought.body["price"]), (201, &json!(1000)), "{bought:?}");
    assert_eq!(bought.body["minimum_next"], Value::Null, "{bought:?}");
    let result = evidence::result(&world.stack, &auction).await?;
    assert_eq!((result.winner, result.hammer_price), (Some(bob.subject.clone()), Some(1000)));

    let capped = json!({"starting_price": 900, "bid_ceiling": 1000, "increments": step});
    let auction = world.live_auction(capped).await?;
    assert_eq!(world.bid(&auction, ann, 950).await?.body["minimum_next"], 1000);
    let most = world.bid(&auction, bob, 1000).await?;
    assert_eq!((most.status, &most.body["minimum_next"]), (201, &Value::Null), "{most:?}");
    assert_eq!(world.state(&auction).await?["minimum_next"], Value::Null);
    let refused = world.bid(&auction, ann, 1000).await?;
    assert_eq!((refused.status, refused.code()), (409, "bid-too-low"), "{refused:?}");
    assert!(refused.body.get("minimum").is_none(), "nothing can follow: {refused:?}");
    world.stack.stop().await
}

#[tokio::test]
async fn a_promise_is_not_taken_back_silently() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let [ann, bob] = [&world.bidders[0], &world.bidders[1]];
    assert_eq!(offer(&world, &auction, ann, (1_000, 250_000)).await?.status, 201);
    let before = world.state(&auction).await?;
    let lower = offer(&world, &auction, ann, (101_000, 220_000)).await?;
    assert_eq!((lower.status, lower.code()), (409, "maximum-not-raised"), "{lower:?}");
    assert_eq!(lower.body["maximum"], 250_000, "the one that holds: {lower:?}");
    let mut after = world.state(&auction).await?;
    after["server_time"] = before["server_time"].clone();
    assert_eq!(after, before, "a refused bid changes nothing");
    // To somebody else, the maximum is nothing but a beaten bid.
    let other = offer(&world, &auction, bob, (101_000, 220_000)).await?;
    assert_eq!((other.status, &other.body["status"]), (201, &json!("outbid")), "{other:?}");
    assert!(!other.body.to_string().contains("250000"), "{other:?}");
    let own = world.edge.get("/v1/me/bids", &ann.token).await?;
    let maxima: Vec<_> =
        own.body["items"].as_array().unwrap().iter().map(|item| item["max"].clone()).collect();
    assert!(!maxima.contains(&json!(220_000)), "no maximum that never held: {own:?}");
    world.stack.stop().await
}

#[tokio::test]
async fn whoever_may_lose_to_a_buyer_is_told_so_while_it_is_true() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({"buy_now_price": 5_000})).await?;
    let [ann, bob] = [&world.bidders[0], &world.bidders[1]];
    let shown = async || -> Result<[Value; 2]> {
        let page = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?;
        let list = world.edge.get("/v1/auctions", "").await?;
        let listed = list.body["items"].as_array().into_iter().flatten();
        let listed = listed.into_iter().find(|item| item["id"] == auction.as_str());
        assert_eq!(listed.map(|item| &item["buy_now_open"]), Some(&page.body["buy_now_open"]));
        let state = world.state(&auction).await?;
        Ok([page.body["buy_now_open"].clone(), state["buy_now_open"].clone()])
    };
    let held = offer(&world, &auction, ann, (1_000, 9_000)).await?;
    assert_eq!(held.body["buy_now_open"], true, "{held:?}");
    assert_eq!(shown().await?, [true, true]);
    let bought = world.bid(&auction, bob, 5_000).await?;
    assert_eq!((&bought.body["status"], &bought.body["price"]), (&json!("leading"), &json!(5_000)));
    assert_eq!(bought.body["buy_now_open"], false, "{bought:?}");
    assert_eq!(shown().await?, [false, false]);
    let state = world.state(&auction).await?;
    assert_eq!((&state["outcome"], &state["leader"]), (&json!("sold"), &Value::Null), "{state}");
    let page = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?;
    assert_eq!(page.body["winner_id"], state["winner_id"], "{state}");
    let result = evidence::result(&world.stack, &auction).await?;
    assert_eq!((result.winner, result.hammer_price), (Some(bob.subject.clone()), Some(5_000)));
    world.stack.stop().await
}

#[tokio::test]
async fn a_reserve_is_met_only_where_there_is_one() -> Result<()> {
    let world = World::start().await?;
    let plain = world.live_auction(json!({})).await?;
    let state = world.state(&plain).await?;
    assert_eq!((&state["has_reserve"], &state["reserve_met"]), (&json!(false), &Value::Null));
    let reserved = world.live_auction(json!({"reserve_price": 500})).await?;
    let state = world.state(&reserved).await?;
    assert_eq!((&state["has_reserve"], &state["reserve_met"]), (&json!(true), &json!(false)));
    let page = world.edge.get(&format!("/v1/auctions/{reserved}"), "").await?;
    assert_eq!(page.body["has_reserve"], true, "{page:?}");
    assert!(page.body.get("reserve_price").is_none(), "{page:?}");
    world.stack.stop().await
}

#[tokio::test]
async fn an_auction_whose_time_is_up_is_not_shown_as_taking_bids() -> Result<()> {
    // Without the role that closes auctions, for as long as it takes to look.
    let mut options = Options::for_tests()?;
    options.workers = vec![WorkerOptions {
        roles: "api,relay,history".to_owned(),
        ..WorkerOptions::named("bids")
    }];
    let mut world = World::start_with(options).await?;
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    let terms = json!({"duration_s": 5, "grace_ms": 1_000, "soft_close": fixed});
    let auction = world.live_auction(terms).await?;
    let within = Duration::from_secs(30);
    let first = world.bid(&auction, &world.bidders[0], 100).await?;
    assert_eq!(first.status, 201, "{first:?}");
    let state = world.until(&auction, within, |state| state["status"] != "live").await?;
    assert_eq!((&state["status"], &state["minimum_next"]), (&json!("closing"), &Value::Null));
    assert!(state["leader"].is_string(), "nothing is settled: {state}");
    let page = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?;
    assert_eq!(page.body["status"], "closing", "{page:?}");
    let late = world.bid(&auction, &world.bidders[1], 500).await?;
    assert_eq!((late.status, late.code()), (409, "auction-closed"), "{late:?}");
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    let closed = world.until(&auction, within, |state| state["status"] == "closed").await?;
    let shown = (&closed["leader"], &closed["minimum_next"], &closed["outcome"]);
    assert_eq!(shown, (&Value::Null, &Value::Null, &json!("sold")), "{closed}");
    world.stack.stop().await
}

//! The end of an auction: whose clock counts, what moves it, and who won.

use std::time::{Duration, Instant};

use anyhow::Result;
use gavel_local::WorkerOptions;
use gavel_tests::client::{millis, send};
use gavel_tests::world::key;
use gavel_tests::{Client, World, evidence};
use reqwest::Method;
use serde_json::{Value, json};

/// How late a close may be here, in milliseconds. On an idle machine it is 250, which `make smoke`
/// shows; these tests share two cores.
const LATE_MS_MAX: u64 = 3_000;

/// No soft close: the end stays where it is.
const FIXED_END: &str = r#"{"window_s": 0, "extension_s": 0, "max_extensions": 0}"#;

#[tokio::test]
async fn the_end_is_the_servers_whatever_the_client_believes() -> Result<()> {
    let world = World::start().await?;
    let fixed: Value = serde_json::from_str(FIXED_END)?;
    let auction = world.live_auction(json!({"duration_s": 5, "soft_close": fixed})).await?;
    let path = format!("/v1/auctions/{auction}/bids");
    let offer = async |amount: u64, date: &str| {
        let request = world.edge.request(Method::POST, &path).bearer_auth(&world.bidders[0].token);
        send(request.header("date", date).json(&json!({"amount": amount}))).await
    };
    // Clients whose clocks are far off, by their `Date`; the body may not carry a time at all.
    let (slow, fast) = ("Mon, 23 Nov 2020 00:00:00 GMT", "Mon, 23 Nov 2099 00:00:00 GMT");
    assert_eq!(offer(100, slow).await?.status, 201);
    assert_eq!(offer(110, fast).await?.status, 201);
    let timed = json!({"amount": 120, "placed_at": "2020-11-23T00:00:00Z"});
    let timed = world.edge.post(&path, &world.bidders[0].token, "", &timed).await?;
    assert_eq!((timed.status, timed.fields()), (422, vec!["placed_at"]));

    let state = world.state(&auction).await?;
    let (ends_at, server_time) = (millis(&state["ends_at"]), millis(&state["server_time"]));
    let since = Instant::now();
    let before_end = Duration::from_millis(ends_at.saturating_sub(server_time + 400));
    tokio::time::sleep(before_end).await;
    assert_eq!(offer(200, slow).await?.status, 201, "shortly before the end");
    world.until(&auction, Duration::from_secs(3), |state| state["status"] == "closed").await?;
    assert!(since.elapsed().as_millis() + 50 >= u128::from(ends_at - server_time), "not early");
    for date in [slow, fast] {
        let late = offer(300, date).await?;
        assert_eq!((late.status, late.code()), (409, "auction-closed"), "{late:?}");
    }
    let rows = evidence::whole_history(&world.stack, &auction, 3).await?;
    assert!(rows.iter().all(|row| row.placed_at < ends_at), "{rows:?}");
    let result = evidence::result(&world.stack, &auction, Duration::from_secs(5)).await?;
    assert_eq!(result.winner.as_deref(), Some(world.bidders[0].subject.as_str()));
    assert_eq!((result.hammer_price, result.bid_count), (Some(100), 3), "raising oneself is free");
    world.stack.stop().await
}

#[tokio::test]
async fn an_auction_never_closes_before_the_end_its_last_bid_moved() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    let soft_close = json!({"window_s": 2, "extension_s": 1, "max_extensions": 4});
    let auction = world.live_auction(json!({"duration_s": 5, "soft_close": soft_close})).await?;
    // Two people outbid each other as fast as they can, right through every end.
    let duel = async |bidder: usize| -> Result<Vec<Value>> {
        let mut receipts = Vec::new();
        loop {
            let state = world.state(&auction).await?;
            if state["status"] == "closed" {
                return Ok(receipts);
            }
            let offered = state["minimum_next"].as_u64().unwrap_or(100);
            let reply = world.bid(&auction, &world.bidders[bidder], offered).await?;
            match reply.status {
                201 => receipts.push(reply.body),
                409 => {}
                _ => anyhow::bail!("unexpected: {reply:?}"),
            }
        }
    };
    let (mut receipts, others) = tokio::try_join!(duel(0), duel(1))?;
    receipts.extend(others);
    receipts.sort_by_key(|receipt| receipt["seq"].as_u64());
    let rows = evidence::whole_history(&world.stack, &auction, receipts.len()).await?;
    let mut end = u64::MAX;
    for (receipt, row) in receipts.iter().zip(&rows) {
        assert_eq!(receipt["seq"].as_u64(), Some(row.seq));
        assert!(row.placed_at < end, "bid {} came after the end {end}", row.seq);
        end = millis(&receipt["ends_at"]);
    }
    let extended = receipts.iter().filter(|receipt| receipt["extended"] == true).count();
    assert_eq!(extended, 4, "the cap was reached, and held");
    let result = evidence::result(&world.stack, &auction, Duration::from_secs(5)).await?;
    // A bid that only ties the leader's maximum is accepted as outbid: it raises the price at most.
    let lead = rows.iter().rfind(|row| row.status == "leading").map(|row| &row.user_id);
    assert_eq!(result.winner.as_ref(), lead, "the last lead won");
    assert_eq!(result.hammer_price, rows.last().and_then(|row| i64::try_from(row.price).ok()));
    assert_eq!(usize::try_from(result.bid_count)?, rows.len());
    world.stack.stop().await
}

#[tokio::test]
async fn a_refused_bid_in_the_window_does_not_move_the_end() -> Result<()> {
    let world = World::start().await?;
    // All of the auction is inside the window, so that any accepted bid would move the end.
    let soft_close = json!({"window_s": 30, "extension_s": 30, "max_extensions": 5});
    let auction = world.live_auction(json!({"duration_s": 20, "soft_close": soft_close})).await?;
    assert_eq!(world.bid(&auction, &world.bidders[0], 100).await?.body["extended"], true);
    let before = world.state(&auction).await?;
    let seller_bid = world.bid(&auction, &world.seller, 500).await?;
    assert_eq!((seller_bid.status, seller_bid.code()), (403, "seller-cannot-bid"));
    for amount in [1, 100, 109] {
        let refused = world.bid(&auction, &world.bidders[1], amount).await?;
        assert_eq!((refused.status, refused.code()), (409, "bid-too-low"), "{refused:?}");
        assert_eq!(refused.body["minimum"], 110);
    }
    let after = world.state(&auction).await?;
    for field in ["ends_at", "extensions", "price", "leader", "seq"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn auctions_close_on_time_and_once_with_two_timers() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    let mut auctions = Vec::new();
    for _ in 0..5 {
        let auction = world
            .live_auction(json!({"duration_s": 5, "soft_close":
            {"window_s": 0, "extension_s": 0, "max_extensions": 0}}))
            .await?;
        let receipt = world.bid(&auction, &world.bidders[0], 100).await?;
        auctions.push((auction, millis(&receipt.body["ends_at"])));
    }
    for (auction, ends_at) in &auctions {
        let result = evidence::result(&world.stack, auction, Duration::from_secs(8)).await?;
        assert_eq!(result.outcome.as_deref(), Some("sold"));
        assert_eq!((result.hammer_price, result.bid_count), (Some(100), 1));
        let state = world.state(auction).await?;
        assert_eq!(state["outcome"], "sold");
        let shown = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?.body;
        assert_eq!(shown["status"], "closed", "{shown}");
        assert_eq!(shown["hammer_price"], 100);
        let closed_at = millis(&shown["ends_at"]);
        let late_ms = closed_at.checked_sub(*ends_at);
        assert!(late_ms.is_some_and(|ms| ms <= LATE_MS_MAX), "{ends_at} closed at {closed_at}");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn only_the_seller_or_an_admin_drives_an_auction() -> Result<()> {
    let world = World::start().await?;
    let auction = world.auction(json!({"reserve_price": 5_000})).await?;
    let act = async |what: &str, token: &str| {
        world.edge.act(&format!("/v1/auctions/{auction}/{what}"), token).await
    };
    let early = world.bid(&auction, &world.bidders[0], 100).await?;
    assert_eq!((early.status, early.code()), (409, "auction-not-live"));
    for what in ["open", "close", "cancel"] {
        let refused = act(what, &world.bidders[0].token).await?;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{what}");
    }
    assert_eq!(act("open", &world.seller.token).await?.body["status"], "live");
    assert_eq!(act("open", &world.seller.token).await?.status, 200, "opening again is harmless");
    let path = format!("/v1/auctions/{auction}");
    assert_eq!(world.edge.get(&path, &world.seller.token).await?.body["reserve_price"], 5_000);
    for token in ["", &world.bidders[0].token] {
        assert!(world.edge.get(&path, token).await?.body["reserve_price"].is_null());
    }
    world.bid(&auction, &world.bidders[0], 100).await?;
    let admin = world.stack.sign_in("admin").await?.access;
    assert_eq!(act("close", &admin).await?.body["status"], "closed");
    assert_eq!(act("close", &admin).await?.status, 200, "closing again is harmless");
    let result = evidence::result(&world.stack, &auction, Duration::from_secs(5)).await?;
    assert_eq!((result.outcome.as_deref(), result.winner), (Some("unsold"), None));
    world.stack.stop().await
}

#[tokio::test]
async fn creating_an_auction_twice_under_one_key_makes_one() -> Result<()> {
    let world = World::start().await?;
    let body = json!({"title": "A vase", "starting_price": 100, "duration_s": 60});
    let create = async |edge: &Client, key: &str, body: &Value| {
        edge.post("/v1/auctions", &world.seller.token, key, body).await
    };
    let key = key();
    let first = create(&world.edge, &key, &body).await?;
    assert_eq!(first.status, 201, "{first:?}");
    let again = create(&world.edge, &key, &body).await?;
    assert_eq!((again.status, &again.body["id"]), (200, &first.body["id"]));
    let other = json!({"title": "A jug", "starting_price": 100, "duration_s": 60});
    let conflict = create(&world.edge, &key, &other).await?;
    assert_eq!((conflict.status, conflict.code()), (409, "idempotency-conflict"));
    let listed = world.edge.get("/v1/auctions?status=scheduled", "").await?;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1), "{listed:?}");
    world.stack.stop().await
}

#[tokio::test]
async fn lists_show_the_end_that_a_bid_moved() -> Result<()> {
    let world = World::start().await?;
    let soft_close = json!({"window_s": 60, "extension_s": 300, "max_extensions": 1});
    let auction = world.live_auction(json!({"soft_close": soft_close})).await?;
    let receipt = world.bid(&auction, &world.bidders[0], 100).await?;
    assert_eq!(receipt.body["extended"], true, "{receipt:?}");
    let listed = world.edge.get("/v1/auctions?status=live", "").await?.body;
    assert_eq!(listed["items"][0]["ends_at"], receipt.body["ends_at"], "{listed}");
    world.stack.stop().await
}

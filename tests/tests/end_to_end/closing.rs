//! The end of an auction: whose clock counts, what moves it, and who won.

use anyhow::{Result, ensure};
use gavel_local::WorkerOptions;
use gavel_tests::client::{millis, now_ms, send};
use gavel_tests::wait::{Tried, WITHIN, eventually, seen};
use gavel_tests::world::key;
use gavel_tests::{Client, World, evidence};
use reqwest::Method;
use serde_json::{Value, json};

/// How late a close may be that nothing holds up, in milliseconds. On an idle machine it is 250, which
/// `make smoke` shows. A busy one makes some closes later, and Gavel's fault would make them all so.
const LATE_MS_MAX: u64 = 3_000;

/// No soft close: the end stays where it is.
const FIXED_END: &str = r#"{"window_s": 0, "extension_s": 0, "max_extensions": 0}"#;

#[tokio::test]
async fn the_end_is_the_servers_whatever_the_client_believes() -> Result<()> {
    let world = World::start().await?;
    seen("bids before and after an end", |leisure| bid_around_the_end(&world, leisure)).await?;
    world.stack.stop().await
}

/// Bids with clocks that are far off until the auction is over. Says so when it was over too soon.
async fn bid_around_the_end(world: &World, leisure: u32) -> Result<Tried> {
    let fixed: Value = serde_json::from_str(FIXED_END)?;
    let auction =
        world.live_auction(json!({"duration_s": 5 * leisure, "soft_close": fixed})).await?;
    let path = format!("/v1/auctions/{auction}/bids");
    let offer = async |amount: u64, date: &str| {
        let request = world.edge.request(Method::POST, &path).bearer_auth(&world.bidders[0].token);
        send(request.header("date", date).json(&json!({"amount": amount}))).await
    };
    // Clients whose clocks are far off, by their `Date`; the body may not carry a time at all.
    let (slow, fast) = ("Mon, 23 Nov 2020 00:00:00 GMT", "Mon, 23 Nov 2099 00:00:00 GMT");
    let timed = json!({"amount": 120, "placed_at": "2020-11-23T00:00:00Z"});
    let timed = world.edge.post(&path, &world.bidders[0].token, "", &timed).await?;
    assert_eq!((timed.status, timed.fields()), (422, vec!["placed_at"]));

    let ends_at = millis(&world.state(&auction).await?["ends_at"]);
    if ends_at == 0 {
        return Ok(Err("it was over before anybody bid".to_owned()));
    }
    // Right up to the end, and past it.
    let (mut accepted, mut amount) = (0_usize, 100);
    loop {
        let date = if accepted.is_multiple_of(2) { slow } else { fast };
        let reply = offer(amount, date).await?;
        match (reply.status, reply.code()) {
            (201, _) => accepted += 1,
            (409, "auction-closed") => break,
            _ => return Ok(Err(format!("not served: {reply:?}"))),
        }
        amount += 10;
    }
    assert!(now_ms() >= ends_at, "closed {} ms early", ends_at - now_ms());
    for date in [slow, fast] {
        let late = offer(amount, date).await?;
        assert_eq!((late.status, late.code()), (409, "auction-closed"), "{late:?}");
    }
    if accepted < 3 {
        return Ok(Err(format!("it was over after {accepted} bids")));
    }
    let rows = evidence::whole_history(&world.stack, &auction, accepted).await?;
    assert!(rows.iter().all(|row| row.placed_at < ends_at), "{rows:?}");
    let result = evidence::result(&world.stack, &auction).await?;
    assert_eq!(result.winner.as_deref(), Some(world.bidders[0].subject.as_str()));
    assert_eq!(result.hammer_price, Some(100), "raising oneself is free");
    assert_eq!(usize::try_from(result.bid_count)?, accepted);
    Ok(Ok(()))
}

#[tokio::test]
async fn an_auction_never_closes_before_the_end_its_last_bid_moved() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    seen("an end moved as often as may be", |leisure| duel_past_the_ends(&world, leisure)).await?;
    world.stack.stop().await
}

/// Two people bid until they cannot. Says so when the machine was too slow for them to move every end.
async fn duel_past_the_ends(world: &World, leisure: u32) -> Result<Tried> {
    let soft_close = json!({"window_s": 2 * leisure, "extension_s": leisure, "max_extensions": 4});
    let terms = json!({"duration_s": 5 * leisure, "soft_close": soft_close});
    let auction = world.live_auction(terms).await?;
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
    assert!(extended <= 4, "the cap holds: {extended}");
    if extended < 4 {
        return Ok(Err(format!("moved {extended} times by {} bids", receipts.len())));
    }
    let result = evidence::result(&world.stack, &auction).await?;
    // A bid that only ties the leader's maximum is accepted as outbid: it raises the price at most.
    let lead = rows.iter().rfind(|row| row.status == "leading").map(|row| &row.user_id);
    assert_eq!(result.winner.as_ref(), lead, "the last lead won");
    assert_eq!(result.hammer_price, rows.last().and_then(|row| i64::try_from(row.price).ok()));
    assert_eq!(usize::try_from(result.bid_count)?, rows.len());
    Ok(Ok(()))
}

#[tokio::test]
async fn a_refused_bid_in_the_window_does_not_move_the_end() -> Result<()> {
    let world = World::start().await?;
    // All of the auction is inside the window, so that any accepted bid would move the end.
    let soft_close = json!({"window_s": 3_600, "extension_s": 3_600, "max_extensions": 5});
    let auction = world.live_auction(json!({"duration_s": 600, "soft_close": soft_close})).await?;
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
    seen("closes on time", |leisure| close_on_time(&world, leisure)).await?;
    world.stack.stop().await
}

/// Five auctions end. Says so when one was over before it was bid for, or all were closed late.
async fn close_on_time(world: &World, leisure: u32) -> Result<Tried> {
    let fixed: Value = serde_json::from_str(FIXED_END)?;
    let mut auctions = Vec::new();
    for _ in 0..5 {
        let terms = json!({"duration_s": 5 * leisure, "soft_close": fixed});
        let auction = world.live_auction(terms).await?;
        let receipt = world.bid(&auction, &world.bidders[0], 100).await?;
        if receipt.code() == "auction-closed" {
            return Ok(Err("it was over before the bid".to_owned()));
        }
        auctions.push((auction, millis(&receipt.body["ends_at"])));
    }
    let mut least_late_ms = u64::MAX;
    for (auction, ends_at) in &auctions {
        let look = || evidence::catalogue(&world.stack, auction);
        let closed = |row: &evidence::CatalogueRow| row.status == "closed";
        let result = eventually("result", WITHIN * 3, look, closed).await?;
        assert_eq!(result.outcome.as_deref(), Some("sold"));
        assert_eq!((result.hammer_price, result.bid_count), (Some(100), 1));
        let state = world.state(auction).await?;
        assert_eq!(state["outcome"], "sold");
        let shown = world.edge.get(&format!("/v1/auctions/{auction}"), "").await?.body;
        assert_eq!(shown["status"], "closed", "{shown}");
        assert_eq!(shown["hammer_price"], 100);
        let closed_at = millis(&shown["ends_at"]);
        ensure!(closed_at >= *ends_at, "{ends_at} closed at {closed_at}");
        least_late_ms = least_late_ms.min(closed_at - ends_at);
    }
    let on_time = least_late_ms <= LATE_MS_MAX;
    Ok(on_time.then_some(()).ok_or_else(|| format!("at least {least_late_ms} ms late")))
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
    let result = evidence::result(&world.stack, &auction).await?;
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
    let soft_close = json!({"window_s": 3_600, "extension_s": 3_600, "max_extensions": 1});
    let auction = world.live_auction(json!({"duration_s": 600, "soft_close": soft_close})).await?;
    let receipt = world.bid(&auction, &world.bidders[0], 100).await?;
    assert_eq!(receipt.body["extended"], true, "{receipt:?}");
    let listed = world.edge.get("/v1/auctions?status=live", "").await?.body;
    assert_eq!(listed["items"][0]["ends_at"], receipt.body["ends_at"], "{listed}");
    world.stack.stop().await
}

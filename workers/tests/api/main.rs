//! A worker's API as the edge sees it.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod chat;
mod names;
mod opening;
mod people;
mod restored;
mod settled;
mod sparing;
mod world;

use std::time::{Duration, Instant};

use gavel_core::wire::routes::{Query, ROUTES, Route};
use reqwest::Method;
use serde_json::{Value, json};

use self::world::{Ask, BIDDER, NOBODY, SELLER, WITHIN, World, world, world_with};

/// Every route, with a path of it: that of `auction`, and of bids and messages that are not there.
fn routes(auction: &str) -> impl Iterator<Item = (&'static Route, String)> {
    let id = auction.strip_prefix("/v1/auctions/").unwrap().to_owned();
    let part = format!("{id}_{}", "0".repeat(32));
    ROUTES.iter().map(move |route| {
        let path = route.path.replace("{id}", &id).replace("{bid_id}", &part);
        (route, path.replace("{message_id}", &part))
    })
}

#[tokio::test]
async fn nothing_is_served_without_the_edge() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    for (route, path) in routes(&auction).filter(|(_, path)| path.starts_with("/v1/")) {
        let method: Method = route.method.as_str().parse().unwrap();
        let request = world.client.request(method, world.url(&path));
        let response = request.header("x-user", "the-seller").send().await.unwrap();
        assert_eq!(response.status(), 401, "{:?}", route.name);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers().contains_key("www-authenticate"));
    }
    assert_eq!(world.get(NOBODY, &auction).await.1["status"], "scheduled", "nothing happened");
    let (status, body) = world.get(NOBODY, "/v1/nonsense").await;
    assert_eq!((status, &body["code"]), (404, &json!("not-found")));
    let (status, body) = world.send(NOBODY, "DELETE", &auction, &Value::Null).await;
    assert_eq!((status, &body["code"]), (405, &json!("method-not-allowed")));
    let metrics = world.client.get(world.url("/metrics")).send().await.unwrap();
    let text = metrics.text().await.unwrap();
    assert!(text.contains("gavel_api_requests_total{"), "{text}");
    assert!(text.contains("status=\"401\""), "{text}");
}

#[tokio::test]
async fn every_route_is_served_to_whom_the_table_says_and_asks_for_the_key_it_says() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    for (route, path) in routes(&auction) {
        let (method, name) = (route.method.as_str(), route.name);
        let path = if route.query == Query::Token { format!("{path}?token=a.b") } else { path };
        let answer = |ask| world.answer(ask, method, &path, &Value::Null);
        let (status, body) = answer(NOBODY).await;
        assert_eq!(status == 401, route.needs_user(), "{name:?} to nobody: {status} {body}");
        let (status, body) = answer(Ask { user: Some(name.as_str()), ..NOBODY }).await;
        assert!(![401, 405, 500].contains(&status), "{name:?}: {status} {body}");
        let wants_key = status == 422 && body.contains("Idempotency-Key");
        assert_eq!(wants_key, route.takes_idempotency_key(), "{name:?}: {status} {body}");
    }
}

#[tokio::test]
async fn an_auction_is_driven_by_its_seller_from_scheduled_to_sold() {
    let world = world().await;
    let auction = world.auction(&json!({ "reserve_price": 1500 })).await;
    let show = |ask| world.get(ask, &auction);
    assert_eq!(show(SELLER).await.1["reserve_price"], 1500);
    assert_eq!(show(BIDDER).await.1.get("reserve_price"), None);
    let (_, state) = world.get(NOBODY, &format!("{auction}/state")).await;
    assert_eq!((&state["status"], &state["price"]), (&json!("scheduled"), &Value::Null));

    let (status, problem) = world.bid(BIDDER.key("early"), &auction, 1_000).await;
    assert_eq!((status, &problem["code"]), (409, &json!("auction-not-live")));
    let (status, problem) = world.drive(BIDDER, &auction, "open").await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    for (what, shown) in [
        ("open", "live"),
        ("open", "live"),
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "live"),
        ("resume", "live"),
    ] {
        let (status, view) = world.drive(SELLER, &auction, what).await;
        assert_eq!((status, &view["status"]), (200, &json!(shown)), "{what}: {view}");
        assert_eq!(show(NOBODY).await.1["status"], shown, "{what}");
        let listed = world.get(NOBODY, &format!("/v1/auctions?status={shown}")).await.1;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{what}: {listed}");
    }

    // A request that is replayed changes nothing, not even what was changed back since.
    let captured = Ask { replayed: Some("captured"), ..SELLER };
    assert_eq!(world.drive(captured, &auction, "pause").await.1["status"], "paused");
    assert_eq!(world.drive(SELLER, &auction, "resume").await.1["status"], "live");
    let (status, view) = world.drive(captured, &auction, "pause").await;
    assert_eq!((status, &view["status"]), (200, &json!("live")), "{view}");

    let (status, problem) = world.bid(SELLER.key("own"), &auction, 1_000).await;
    assert_eq!((status, &problem["code"]), (403, &json!("seller-cannot-bid")));
    let (status, receipt) = world.bid(BIDDER.key("first"), &auction, 1_600).await;
    assert_eq!((status, &receipt["status"]), (201, &json!("leading")), "{receipt}");
    let (status, problem) = world.bid(BIDDER.key("low"), &auction, 1_600).await;
    assert_eq!((status, &problem["minimum"]), (409, &json!(1_700)), "{problem}");
    let (status, problem) = world.bid(BIDDER, &auction, 1_700).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("Idempotency-Key")));

    let admin = Ask { user: Some("somebody"), groups: &["admin"], ..NOBODY };
    let (status, view) = world.drive(admin, &auction, "close").await;
    assert_eq!((status, &view["outcome"]), (200, &json!("sold")), "{view}");
    assert_eq!(view["hammer_price"], 1_600);
    assert!(view["winner_id"].as_str().is_some_and(|name| name.starts_with("bidder-")), "{view}");
    assert_eq!(world.drive(SELLER, &auction, "close").await, (200, show(SELLER).await.1));
    for what in ["open", "pause", "resume", "cancel"] {
        let (status, problem) = world.drive(SELLER, &auction, what).await;
        assert_eq!((status, &problem["code"]), (409, &json!("auction-closed")), "{what}");
    }
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_even_when_the_live_state_is_gone() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    world.drive(SELLER, &auction, "open").await;
    let (status, receipt) = world.bid(BIDDER.key("key"), &auction, 1_000).await;
    assert_eq!(status, 201, "{receipt}");
    assert_eq!(world.bid(BIDDER.key("key"), &auction, 1_000).await, (200, receipt.clone()));
    let (status, problem) = world.bid(BIDDER.key("key"), &auction, 1_100).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency-conflict")));

    let path = format!("/v1/bids/{}", receipt["bid_id"].as_str().unwrap());
    assert_eq!(world.get(BIDDER, &path).await.1["seq"], 1);
    assert_eq!(world.get(SELLER, &path).await.0, 404, "somebody else's bid");
    world.until(BIDDER, "/v1/me/bids", |_, page| page["items"][0]["max"] == 1_000).await;
    let history = format!("{auction}/bids");
    let page = world.until(NOBODY, &history, |_, page| page["items"][0]["seq"] == 1).await;
    assert_eq!(page["items"][0]["bid_id"], receipt["bid_id"]);

    world.drive(SELLER, &auction, "close").await;
    assert_eq!(world.bid(BIDDER.key("key"), &auction, 1_000).await, (200, receipt.clone()));
    let redis = redis::Client::open(world.stack.settings.redis_url.as_str()).unwrap();
    let mut redis = redis.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    // The sequencer's cache outlives the state for a moment; what it answers is the same.
    let deadline = Instant::now() + WITHIN;
    loop {
        let (status, repeated) = world.bid(BIDDER.key("key"), &auction, 1_000).await;
        assert!(status == 200 || status == 503, "{status} {repeated}");
        if status == 200 {
            assert_eq!(repeated, receipt);
            let (status, problem) = world.bid(BIDDER.key("new"), &auction, 9_000).await;
            if status == 409 && world.get(BIDDER, &path).await.1["acknowledged"] == "queue" {
                assert_eq!(problem["code"], "auction-closed");
                break;
            }
        }
        assert!(Instant::now() < deadline, "{status} {repeated}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, problem) = world.bid(BIDDER.key("key"), &auction, 1_100).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency-conflict")));
    assert_eq!(world.get(NOBODY, &format!("{auction}/state")).await.1["outcome"], "sold");
}

#[tokio::test]
async fn creating_is_repeatable_and_an_unopened_auction_can_be_cancelled() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let body = json!({ "title": "A watch", "starting_price": 1000, "duration_s": 600 });
    let (status, again) = world.post(SELLER.key("create"), "/v1/auctions", &body).await;
    assert_eq!((status, again["id"].as_str()), (200, auction.strip_prefix("/v1/auctions/")));
    let other = json!({ "title": "Another", "starting_price": 1000, "duration_s": 600 });
    let (status, problem) = world.post(SELLER.key("create"), "/v1/auctions", &other).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency-conflict")));
    let (status, problem) = world.post(SELLER.key("k"), "/v1/auctions", &json!({ "x": 1 })).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(world.post(NOBODY, "/v1/auctions", &body).await.0, 401);

    let (status, problem) = world.drive(SELLER, &auction, "pause").await;
    assert_eq!((status, &problem["code"]), (409, &json!("auction-not-live")));
    for _ in 0..2 {
        let (status, view) = world.drive(SELLER, &auction, "cancel").await;
        assert_eq!((status, &view["outcome"]), (200, &json!("cancelled")), "{view}");
    }
    let (status, problem) = world.drive(SELLER, &auction, "open").await;
    assert_eq!((status, &problem["code"]), (409, &json!("auction-closed")));
    let (status, problem) = world.bid(BIDDER.key("key"), &auction, 1_000).await;
    assert_eq!((status, &problem["code"]), (409, &json!("auction-closed")));

    let unknown = "/v1/auctions/use1_01928e2c-7f3e-7abc-8def-0123456789ab";
    assert_eq!(world.get(NOBODY, unknown).await.0, 404);
    assert_eq!(world.get(NOBODY, &format!("{unknown}/state")).await.0, 404);
    assert_eq!(world.get(NOBODY, &format!("{unknown}/bids")).await.0, 404);
    assert_eq!(world.bid(BIDDER.key("key"), unknown, 1_000).await.0, 404);
    assert_eq!(world.drive(SELLER, unknown, "open").await.0, 404);
    assert_eq!(world.get(NOBODY, "/v1/auctions/nonsense").await.0, 404);
    assert_eq!(world.get(NOBODY, "/v1/auctions?limit=0").await.0, 422);
    assert_eq!(world.get(NOBODY, "/v1/auctions?cursor=nonsense").await.0, 422);
}

#[tokio::test]
async fn an_open_auction_without_its_live_state_is_never_begun_anew() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    world.drive(SELLER, &auction, "open").await;
    let redis = redis::Client::open(world.stack.settings.redis_url.as_str()).unwrap();
    let mut redis = redis.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    world.until(NOBODY, &format!("{auction}/state"), |status, _| status == 503).await;
    let deadline = Instant::now() + WITHIN;
    loop {
        // A sequencer that still holds the state may answer at first, but can write nothing.
        let (open, _) = world.drive(SELLER, &auction, "open").await;
        let (bid, answer) = world.bid(BIDDER.key("key"), &auction, 1_000).await;
        assert_ne!(bid, 201, "{answer}");
        if (open, bid) == (503, 503) {
            break;
        }
        assert!(Instant::now() < deadline, "open {open}, bid {bid} {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_deployment_may_demand_the_group_seller() {
    let world = world_with(&[("GAVEL_REQUIRE_SELLER_GROUP", "true")]).await;
    let body = json!({ "title": "A watch", "starting_price": 1000, "duration_s": 600 });
    let (status, problem) = world.post(SELLER.key("k"), "/v1/auctions", &body).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    let member = Ask { groups: &["seller"], ..SELLER };
    assert_eq!(world.post(member.key("k"), "/v1/auctions", &body).await.0, 201);
}

#[tokio::test]
async fn readiness_names_what_does_not_answer_and_requests_fail_in_time() {
    let mut world = world().await;
    let auction = world.auction(&Value::Null).await;
    world.drive(SELLER, &auction, "open").await;
    let ready = async |world: &World| {
        let response = world.client.get(world.url("/readyz")).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let expected = json!({ "status": "ready", "postgresql": "ok", "redis": "ok" });
    let without = |service: &str| {
        let mut expected = expected.clone();
        expected[service] = json!("unavailable");
        expected
    };
    // Whoever does not answer within a second is named, and a busy machine may take as long.
    let until_ready = async |world: &World, expected: &(u16, Value)| {
        let deadline = Instant::now() + WITHIN;
        loop {
            let found = ready(world).await;
            if found == *expected {
                return;
            }
            assert!(Instant::now() < deadline, "still {found:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (all, no_catalogue) = ((200, expected.clone()), (200, without("postgresql")));
    until_ready(&world, &all).await;

    world.stack.postgres.pause().unwrap();
    until_ready(&world, &no_catalogue).await;
    assert_eq!(
        world.bid(BIDDER.key("key"), &auction, 1_000).await.0,
        201,
        "bids need no catalogue"
    );
    // Who waited for what is frozen would wait for ever.
    let shown = tokio::time::timeout(WITHIN, world.get(NOBODY, &auction));
    let (status, problem) = shown.await.expect("an answer");
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
    world.stack.postgres.resume().unwrap();

    world.stack.redis.pause().unwrap();
    let (status, body) = ready(&world).await;
    assert_eq!((status, &body["redis"]), (503, &json!("unavailable")), "{body}");
    let bid = tokio::time::timeout(WITHIN, world.bid(BIDDER.key("key-2"), &auction, 2_000));
    assert_eq!(bid.await.expect("an answer").0, 503);
    let alive = world.client.get(world.url("/healthz")).send().await.unwrap();
    assert_eq!(alive.status(), 200);
    world.stack.redis.resume().unwrap();

    until_ready(&world, &all).await;
}

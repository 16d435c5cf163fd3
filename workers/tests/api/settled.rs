//! What a bidder can find out about a bid, whatever the answer to it was.

use std::time::Instant;

use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use serde_json::{Value, json};

use super::world::{BIDDER, SELLER, WITHIN, World, world};

const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";
const NOT_YET: &str = "2999-01-01T00:00:00.000Z";

/// The id of what `BIDDER` offers under `key`, as anybody can derive it.
fn bid_id(auction: &str, key: &str) -> String {
    let auction = AuctionId::parse(auction.strip_prefix("/v1/auctions/").unwrap()).unwrap();
    let bidder = UserId::parse(BIDDER.user.unwrap()).unwrap();
    BidId::derive(&auction, &bidder, &IdempotencyKey::parse(key).unwrap()).to_string()
}

/// Places a bid, and checks that head and body of the answer name it.
async fn place(world: &World, auction: &str, key: &str, body: Value) -> (u16, Value) {
    let path = format!("{auction}/bids");
    let response = world.response(BIDDER.key(key), "POST", &path, &body).await;
    let header = response.headers().get("gavel-bid-id").map(|id| id.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let told: Value = response.json().await.unwrap();
    let expected = bid_id(auction, key);
    assert_eq!(header.as_ref(), Some(&expected), "{status} {told}");
    assert_eq!(told["bid_id"], expected, "{status} {told}");
    (status, told)
}

async fn look_up(world: &World, auction: &str, key: &str, settled_at: &str) -> (u16, Value) {
    let path = format!("/v1/bids/{}?settled_at={settled_at}", bid_id(auction, key));
    world.get(BIDDER, &path).await
}

#[tokio::test]
async fn every_answer_to_a_bid_names_it_and_a_look_up_says_no_for_good_only() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let bid = async |key: &str, amount: u64| {
        place(&world, &auction, key, json!({ "amount": amount })).await.0
    };
    assert_eq!(bid("early", 1_000).await, 409);
    world.drive(SELLER, &auction, "open").await;
    assert_eq!(bid("a", 1_000).await, 201);
    assert_eq!(bid("a", 1_000).await, 200, "a repeat");
    assert_eq!(bid("a", 1_100).await, 409, "another offer");
    let (status, told) = place(&world, &auction, "low", json!({ "amount": 1_000 })).await;
    assert_eq!((status, &told["code"]), (409, &json!("bid-too-low")));
    assert_eq!(told.get("settled_at"), None, "it is refused: {told}");
    let invalid = json!({ "amount": "much" });
    assert_eq!(place(&world, &auction, "wrong", invalid).await.0, 422);

    for at in [LONG_AGO, NOT_YET] {
        let (status, receipt) = look_up(&world, &auction, "a", at).await;
        assert_eq!((status, &receipt["seq"]), (200, &json!(1)), "{at}");
    }
    let (status, told) = look_up(&world, &auction, "low", NOT_YET).await;
    assert_eq!((status, &told["code"]), (503, &json!("bid-unsettled")));
    assert_eq!(told["bid_id"], bid_id(&auction, "low"));
    assert_eq!(told["settled_at"], NOT_YET);
    let (status, told) = look_up(&world, &auction, "low", LONG_AGO).await;
    assert_eq!((status, &told["code"]), (404, &json!("not-found")));
    assert_eq!(look_up(&world, &auction, "low", "soon").await.0, 422);
}

#[tokio::test]
async fn a_bid_that_redis_did_not_answer_is_settled_at_the_moment_that_was_told() {
    let mut world = world().await;
    let auction = world.auction(&Value::Null).await;
    world.drive(SELLER, &auction, "open").await;
    world.stack.redis.pause().unwrap();
    let offer = json!({ "amount": 2_000 });
    let asked = tokio::time::timeout(WITHIN, place(&world, &auction, "k", offer));
    let (status, told) = asked.await.expect("an answer");
    world.stack.redis.resume().unwrap();
    assert_eq!((status, &told["code"]), (503, &json!("unavailable")), "{told}");
    let settled_at = told["settled_at"].as_str().expect("when it is settled");
    let deadline = Instant::now() + WITHIN;
    let (status, told) = loop {
        let (status, told) = look_up(&world, &auction, "k", settled_at).await;
        // A connection that was lost meanwhile costs one look.
        if status != 503 {
            break (status, told);
        }
        assert!(Instant::now() < deadline, "still {told}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!(status, 404, "held back for longer than a decision is good for: {told}");
    assert_eq!(look_up(&world, &auction, "k", settled_at).await.0, 404);
    assert_eq!(place(&world, &auction, "k", json!({ "amount": 2_000 })).await.0, 201);
}

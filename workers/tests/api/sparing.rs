//! What a worker does without PostgreSQL, and how seldom it asks it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use gavel_local::WorkerOptions;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::world::{Ask, BIDDER, NOBODY, SELLER, WITHIN, world};

/// Bids that come too early, at the same time.
const EARLY: usize = 2_000;
/// Looks at the auction that they may cause: four a second for as long as they can come too early.
const LOOKS_MAX: usize = 48;

#[tokio::test]
async fn a_seller_drives_an_open_auction_while_postgresql_is_away() {
    let mut world = world().await;
    let (closed, cancelled) = (world.auction(&Value::Null).await, {
        let body = json!({ "title": "A clock", "starting_price": 1000, "duration_s": 600 });
        let (_, auction) = world.post(SELLER.key("second"), "/v1/auctions", &body).await;
        format!("/v1/auctions/{}", auction["id"].as_str().unwrap())
    });
    for auction in [&closed, &cancelled] {
        assert_eq!(world.drive(SELLER, auction, "open").await.0, 200);
    }
    world.stack.postgres.stop().await.unwrap();
    for (what, phase) in [("pause", "paused"), ("resume", "live"), ("close", "closed")] {
        let (status, refused) = world.drive(BIDDER, &closed, what).await;
        assert_eq!((status, &refused["code"]), (403, &json!("forbidden")), "{what}: {refused}");
        let (status, state) = world.drive(SELLER, &closed, what).await;
        assert_eq!((status, &state["status"]), (202, &json!(phase)), "{what}: {state}");
        let (_, state) = world.get(NOBODY, &format!("{closed}/state")).await;
        assert_eq!(state["status"], phase, "{what}: {state}");
    }
    let (status, state) = world.drive(SELLER, &cancelled, "cancel").await;
    assert_eq!((status, &state["status"]), (202, &json!("closed")), "{state}");
    world.stack.postgres.start().await.unwrap();
    for (auction, outcome) in [(&closed, "unsold"), (&cancelled, "cancelled")] {
        let recorded = |status, auction: &Value| status == 200 && auction["outcome"] == outcome;
        world.until(NOBODY, auction, recorded).await;
    }
}

#[tokio::test]
async fn a_crowd_that_comes_too_early_asks_postgresql_seldom_and_the_auction_opens_on_time() {
    let world = world().await;
    let opens_in = Duration::from_secs(12);
    let due = Instant::now() + opens_in;
    let opens_at = (OffsetDateTime::now_utc() + opens_in).format(&Rfc3339).unwrap();
    let auction = world.auction(&json!({ "opens_at": opens_at })).await;
    let catalogue = PgPool::connect(&world.stack.settings.database_url).await.unwrap();
    for statement in ["alter system set log_statement = 'all'", "select pg_reload_conf()"] {
        sqlx::query(statement).execute(&catalogue).await.unwrap();
    }
    let bids = (0..EARLY).map(async |n| {
        let (user, key) = (format!("bidder-{}", n % 50), Uuid::now_v7().to_string());
        world.bid(Ask { user: Some(&user), ..NOBODY }.key(&key), &auction, 1_000).await
    });
    for (status, answer) in join_all(bids).await {
        assert_eq!((status, &answer["code"]), (409, &json!("auction-not-live")), "{answer}");
    }
    assert!(Instant::now() < due, "the bids came too early");
    let log = std::fs::read_to_string(world.stack.logs().join("postgres.log")).unwrap();
    let looks = log.matches("and not channels.private and not auctions.private").count();
    assert!((1..=LOOKS_MAX).contains(&looks), "{looks} looks at the auction");
    loop {
        let (_, state) = world.get(NOBODY, &format!("{auction}/state")).await;
        if state["status"] == "live" {
            break;
        }
        assert!(Instant::now() < due + Duration::from_secs(5), "{state}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(Instant::now() < due + WITHIN);
}

#[tokio::test]
async fn a_worker_that_spreads_auctions_otherwise_does_not_start() {
    let mut world = world().await;
    let env = vec![("GAVEL_SHARDS".to_owned(), "16".to_owned())];
    let other = WorkerOptions { env, ..WorkerOptions::named("other") };
    let refused = world.stack.add_worker(&other).await.unwrap_err();
    let told = format!("{refused:?}");
    assert!(told.contains("GAVEL_SHARDS must be the same for all workers"), "{told}");
    assert!(told.contains("in 8 shards, and GAVEL_SHARDS is 16"), "{told}");
}

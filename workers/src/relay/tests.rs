//! Relaying without wake-ups, without a lease at rest, and after a relay that died; on real Redis, with a
//! queue that takes everything.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::Json;
use axum::routing::post;
use gavel_core::auction::{Auction, OpenCause, PlaceBid};
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use gavel_core::money::Amount;
use gavel_core::wire::{CreateAuction, Level};
use gavel_local::{Port, Service};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::ledger::Ledger;
use crate::limits::RELAY_LEASE;
use crate::redis::connect;

/// A shard whose bids are relayed by somebody who hears of no commit.
struct Bench {
    service: Service,
    ledger: Ledger,
    auction: Auction,
    _tasks: JoinSet<()>,
    dir: PathBuf,
}

impl Bench {
    async fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("gavel-relay-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut service = gavel_local::redis::service(&dir, &dir, Port::free().unwrap()).unwrap();
        service.start().await.unwrap();
        let redis = connect(&gavel_local::redis::url(&service), false, 1).await.unwrap();
        let wakes = Wakes::new(&redis);
        wakes.pretend_heard();
        let ledger = Ledger::new(&redis, wakes.clone(), Level::Queue);
        let mut tasks = JoinSet::new();
        let (queue, stop) = (queue(&mut tasks).await, CancellationToken::new());
        let (to, until) = (queue, stop.clone());
        tasks.spawn(run(redis.clone(), wakes.clone(), Outlet::Bids, to, until));
        tasks.spawn(watch(redis, wakes, stop));

        let request = br#"{"title":"A watch","starting_price":100,"duration_s":60}"#;
        let terms = CreateAuction::parse(request).unwrap().terms;
        let id = AuctionId::parse(&format!("use1_{}", Uuid::now_v7())).unwrap();
        let auction = Auction::scheduled(id, UserId::parse("seller").unwrap(), terms);
        let auction = ledger.open(auction, OpenCause::Seller).await.unwrap();
        Self { service, ledger, auction, _tasks: tasks, dir }
    }

    /// Bids, and waits until the queue has it; gives how long that took.
    async fn bid(&self, offered: u64) -> Duration {
        let bidder = UserId::parse(&format!("bidder-{offered}")).unwrap();
        let key = IdempotencyKey::parse("a-key").unwrap();
        let amount = Amount::new(offered).unwrap();
        let bid = PlaceBid {
            bid_id: BidId::derive(&self.auction.id, &bidder, &key),
            bidder,
            amount,
            max: amount,
            currency: None,
            arrived_at: None,
        };
        let since = Instant::now();
        self.ledger.bid(&self.auction.id, bid).await.unwrap();
        since.elapsed()
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        gavel_local::redis::ask(&self.service, command).await.unwrap()
    }

    /// Waits until nobody holds the shard.
    async fn at_rest(&self) {
        let (lease, since) = (outbox::lease(0, Outlet::Bids), Instant::now());
        while self.ask::<bool>(&["EXISTS", &lease]).await {
            assert!(since.elapsed() < Duration::from_secs(20), "the lease is held at rest");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.dir);
    }
}

async fn queue(tasks: &mut JoinSet<()>) -> EventQueue {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/", post(take));
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("k", "s", None, None, "test"))
        .endpoint_url(&url)
        .build();
    EventQueue::new(aws_sdk_sqs::Client::from_conf(config), url)
}

async fn take(body: axum::body::Bytes) -> Json<Value> {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let taken = body["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "" }));
    Json(json!({ "Successful": taken.collect::<Vec<_>>(), "Failed": [] }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bid_is_acknowledged_although_every_wake_up_is_lost_and_at_rest_nobody_holds_the_shard() {
    let bench = Bench::start().await;
    for offered in [100, 900] {
        bench.bid(offered).await;
        bench.at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_whose_relay_died_is_taken_over_when_its_lease_is_over() {
    let bench = Bench::start().await;
    bench.bid(100).await;
    bench.at_rest().await;
    // Somebody else takes it on, and is heard of no more.
    let (lease, life) = (outbox::lease(0, Outlet::Bids), RELAY_LEASE.as_millis().to_string());
    bench.ask::<()>(&["SET", &lease, "somebody", "PX", &life]).await;
    let took = bench.bid(900).await;
    assert!(took > RELAY_LEASE / 2, "the lease was somebody else's: {took:?}");
}

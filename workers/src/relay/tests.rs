//! Relaying on real Redis, with a queue that does as it is told. Here: without wake-ups, without a lease
//! at rest, and after a relay that died.

mod full;
mod lease;
mod queue;
mod trouble;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gavel_core::auction::{Auction, OpenCause, PlaceBid};
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, UserId};
use gavel_core::money::Amount;
use gavel_core::wire::{CreateAuction, Level};
use gavel_local::{Port, Service};
use uuid::Uuid;

use self::queue::Taker;
use super::*;
use crate::ledger::keys::Keys;
use crate::ledger::{Ledger, LedgerError, listen};
use crate::limits::{RELAY_LEASE, WAKE_SILENCE_MAX};
use crate::redis::connect;

/// One shard, its auctions, and a queue that nobody relays to yet.
struct Bench {
    service: Service,
    redis: Redis,
    wakes: Wakes,
    ledger: Ledger,
    taker: Taker,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    dir: PathBuf,
}

impl Bench {
    /// A bench whose bids are answered at this level.
    async fn start(level: Level) -> Self {
        let dir = std::env::temp_dir().join(format!("gavel-relay-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut service = gavel_local::redis::service(&dir, &dir, Port::free().unwrap()).unwrap();
        service.start().await.unwrap();
        let redis = connect(&gavel_local::redis::url(&service), false, 1).await.unwrap();
        let wakes = Wakes::new(&redis);
        let ledger = Ledger::new(&redis, wakes.clone(), level);
        let mut tasks = JoinSet::new();
        let taker = Taker::start(&mut tasks).await;
        let stop = CancellationToken::new();
        Self { service, redis, wakes, ledger, taker, tasks, stop, dir }
    }

    /// One whose bids are relayed by somebody who hears of no commit.
    async fn deaf() -> (Self, Auction) {
        let mut bench = Self::start(Level::Queue).await;
        bench.wakes.pretend_heard();
        bench.relay_with(bench.redis.clone(), bench.wakes.clone());
        let auction = bench.open().await;
        (bench, auction)
    }

    /// Starts one more relay of bids, a process of its own as far as Redis can tell.
    async fn relay(&mut self) {
        let redis = connect(&gavel_local::redis::url(&self.service), false, 1).await.unwrap();
        let wakes = Wakes::new(&redis);
        let until = self.stop.clone();
        self.tasks.spawn(listen(redis.clone(), wakes.clone(), WAKE_SILENCE_MAX, until));
        self.relay_with(redis, wakes);
    }

    fn relay_with(&mut self, redis: Redis, wakes: Wakes) {
        let (queue, until) = (self.taker.queue(), self.stop.clone());
        self.tasks.spawn(run(redis.clone(), wakes.clone(), Outlet::Bids, queue, until));
        self.tasks.spawn(watch(redis, wakes, self.stop.clone()));
    }

    async fn open(&self) -> Auction {
        let request = br#"{"title":"A watch","starting_price":100,"duration_s":600}"#;
        let terms = CreateAuction::parse(request).unwrap().terms;
        let id = AuctionId::parse(&format!("use1_{}", Uuid::now_v7())).unwrap();
        let auction = Auction::scheduled(id, UserId::parse("seller").unwrap(), terms);
        self.ledger.open(auction, OpenCause::Seller).await.unwrap()
    }

    /// Bids, and waits for the answer; gives how long that took.
    async fn bid(&self, auction: &Auction, offered: u64) -> Duration {
        let since = Instant::now();
        self.try_bid(auction, offered).await.unwrap();
        since.elapsed()
    }

    async fn try_bid(&self, auction: &Auction, offered: u64) -> Result<(), LedgerError> {
        let bidder = UserId::parse(&format!("bidder-{offered}")).unwrap();
        let key = IdempotencyKey::parse("a-key").unwrap();
        let amount = Amount::new(offered).unwrap();
        let bid = PlaceBid {
            bid_id: BidId::derive(&auction.id, &bidder, &key),
            bidder,
            amount,
            max: amount,
            currency: None,
            arrived_at: None,
        };
        self.ledger.bid(&auction.id, bid).await.map(drop)
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        gavel_local::redis::ask(&self.service, command).await.unwrap()
    }

    /// How many entries wait.
    async fn waiting(&self) -> u64 {
        self.ask(&["XLEN", &Keys::outbox(0, Outlet::Bids)]).await
    }

    /// Waits until nothing waits any more.
    async fn drained(&self) {
        let since = Instant::now();
        while self.waiting().await > 0 {
            let left = self.waiting().await;
            assert!(since.elapsed() < Duration::from_secs(20), "{left} entries still wait");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nobody holds the shard.
    async fn at_rest(&self) {
        let (lease, since) = (outbox::lease(0, Outlet::Bids), Instant::now());
        while self.ask::<bool>(&["EXISTS", &lease]).await {
            assert!(since.elapsed() < Duration::from_secs(20), "the lease is held at rest");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Has somebody else hold the shard for so long.
    async fn taken(&self, life: Duration) {
        let (lease, life) = (outbox::lease(0, Outlet::Bids), life.as_millis().to_string());
        self.ask::<()>(&["SET", &lease, "somebody", "PX", &life]).await;
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.dir);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bid_is_acknowledged_although_every_wake_up_is_lost_and_at_rest_nobody_holds_the_shard() {
    let (bench, auction) = Bench::deaf().await;
    for offered in [100, 900] {
        bench.bid(&auction, offered).await;
        bench.at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_whose_relay_died_is_taken_over_when_its_lease_is_over() {
    let (bench, auction) = Bench::deaf().await;
    bench.bid(&auction, 100).await;
    bench.at_rest().await;
    // Somebody else takes it on, and is heard of no more.
    bench.taken(RELAY_LEASE).await;
    let took = bench.bid(&auction, 900).await;
    assert!(took > RELAY_LEASE / 2, "the lease was somebody else's: {took:?}");
}

//! Channels with a real PostgreSQL and the fake IVS: a death between any two steps, and whatever else
//! goes wrong on the way. The engine that dies is dropped; another one goes on from what is there.

mod dying;
mod refusing;
mod telling;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_ivs::config::{BehaviorVersion, Credentials, Region};
use gavel_core::ids::{AuctionId, IdempotencyKey, RegionCode, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::CreateAuction;
use gavel_local::Port;
use gavel_local::ivs::FakeIvs;
use gavel_local::postgres::Postgres;
use jwt_simple::prelude::ES384KeyPair;
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::stock::Stock;
use super::*;
use crate::catalog::NewAuction;
use crate::catalog::channels::Stage;

/// How long anything here may take to come true.
const WITHIN: Duration = Duration::from_secs(60);
const DEPLOYMENT: &str = "test";

/// A PostgreSQL and a fake IVS of the test's own.
struct Bench {
    fake: FakeIvs,
    url: String,
    catalog: Catalog,
    pool: PgPool,
    _postgres: Postgres,
    _serving: JoinSet<()>,
    _dir: Dir,
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// A pace at which a test need not wait.
fn hurried() -> Pace {
    Pace {
        tick: Duration::from_millis(50),
        lease: Duration::from_secs(20),
        pause_min: Duration::from_millis(20),
        pause_max: Duration::from_millis(200),
        farewell: Duration::ZERO,
        sweep_every: Duration::from_millis(500),
    }
}

impl Bench {
    async fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("gavel-video-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let port = Port::free().unwrap();
        let postgres = Postgres::start(&dir, &dir, port, false).await.unwrap();
        postgres.create_database("gavel").await.unwrap();
        let url = postgres.url("gavel");
        let catalog = Catalog::new(&url, 5).unwrap();
        catalog.migrate().await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        let (fake, mut serving) = (FakeIvs::new(), JoinSet::new());
        let url = fake.start(&mut serving).await.unwrap();
        let (_postgres, _serving, _dir) = (postgres, serving, Dir(dir));
        Self { fake, url, catalog, pool, _postgres, _serving, _dir }
    }

    fn client(&self) -> aws_sdk_ivs::Client {
        let config = aws_sdk_ivs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .endpoint_url(&self.url)
            .retry_config(aws_sdk_ivs::config::retry::RetryConfig::disabled())
            .build();
        aws_sdk_ivs::Client::from_conf(config)
    }

    /// What the API has.
    fn video(&self) -> Video {
        let pem = ES384KeyPair::generate().to_pem().unwrap();
        let key = PlaybackKey::parse(&SecretString::from(pem));
        Video::new(&self.catalog, self.client(), DEPLOYMENT.to_owned(), key)
    }

    /// A fresh engine, as a worker starts with.
    fn stock(&self, public: u32, private: u32) -> Stock {
        let Video { channels, ivs, .. } = self.video();
        let saga = Saga { channels, ivs, pace: hurried() };
        Stock { saga, spare: Spare { public, private } }
    }

    async fn auction(&self, private: bool) -> AuctionRecord {
        let body = format!(
            r#"{{"title": "A watch", "starting_price": 1000, "duration_s": 60, "private": {private}}}"#
        );
        let request = CreateAuction::parse(body.as_bytes()).unwrap();
        let seller = UserId::parse("seller").unwrap();
        let key = IdempotencyKey::parse(&Uuid::now_v7().to_string()).unwrap();
        let created = self.catalog.create(NewAuction {
            id: AuctionId::new(&RegionCode::parse("use1").unwrap(), Uuid::now_v7()),
            seller: &seller,
            request: &request,
            idempotency_key: &key,
            request_sha256: "digest",
        });
        created.await.unwrap().record
    }

    async fn cancel(&self, auction: &AuctionRecord) {
        assert!(self.catalog.cancel_scheduled(&auction.id).await.unwrap());
    }

    /// The channel of an auction, once it has one, by rounds of a fresh engine.
    async fn channel_of(&self, auction: &AuctionRecord) -> Channel {
        let stock = self.stock(0, 0);
        let since = Instant::now();
        loop {
            stock.restock().await.unwrap();
            if let Some(channel) = self.catalog.channels().of(&auction.id).await.unwrap() {
                return channel;
            }
            stock.saga.step().await.unwrap();
            assert!(since.elapsed() < WITHIN, "no channel: {:?}", self.rows().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Has a fresh engine work until `good` says so of the rows and the ARNs that exist.
    async fn work_until(&self, what: &str, good: impl Fn(&[Channel], &[String]) -> bool) {
        let stock = self.stock(0, 0);
        let since = Instant::now();
        loop {
            stock.restock().await.unwrap();
            while stock.saga.step().await.unwrap() {}
            let swept = stock.saga.sweep().await;
            let (rows, arns) = (self.rows().await, self.arns());
            if swept.is_ok() && good(&rows, &arns) {
                return;
            }
            assert!(since.elapsed() < WITHIN, "{what}: {rows:?} {arns:?} {swept:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn rows(&self) -> Vec<Channel> {
        self.catalog.channels().all().await.unwrap()
    }

    fn arns(&self) -> Vec<String> {
        self.fake.channels().into_iter().map(|(arn, _)| arn).collect()
    }

    /// The leases of workers that died are over.
    async fn leases_end(&self) {
        sqlx::query("update channels set due_at = now()").execute(&self.pool).await.unwrap();
    }

    /// How many calls of an operation there were, and what they came to.
    fn calls(&self, operation: &str) -> Vec<String> {
        let calls = self.fake.calls().into_iter().filter(|call| call.operation == operation);
        calls.map(|call| call.code).collect()
    }
}

fn arn(channel: &Channel) -> String {
    channel.made.clone().unwrap().arn
}

#[tokio::test]
async fn an_auction_gets_a_channel_that_was_kept_ready_and_another_takes_its_place() {
    let bench = Bench::start().await;
    let stock = bench.stock(1, 1);
    let spare = async || {
        let rows = bench.rows().await;
        rows.into_iter().filter(|row| row.stage == Stage::Ready).map(|row| row.private)
    };
    let since = Instant::now();
    while spare().await.count() < 2 {
        assert!(since.elapsed() < WITHIN);
        stock.restock().await.unwrap();
        while stock.saga.step().await.unwrap() {}
    }
    let (video, auction) = (bench.video(), bench.auction(false).await);
    let before = bench.fake.calls().len();
    let url = video.assign(&auction.id).await.expect("one was ready");
    assert_eq!(bench.fake.calls().len(), before, "the video service was not asked");
    let shown = bench.catalog.get(&auction.id).await.unwrap();
    assert_eq!(shown.playback_url.as_deref(), Some(url.as_str()));
    assert_eq!(video.assign(&auction.id).await, None, "once");

    let private = bench.auction(true).await;
    assert_eq!(video.assign(&private.id).await, None, "not for everybody");
    assert_eq!(bench.catalog.get(&private.id).await.unwrap().playback_url, None);
    assert!(bench.catalog.channels().of(&private.id).await.unwrap().unwrap().private);
    let since = Instant::now();
    while spare().await.count() < 2 {
        assert!(since.elapsed() < WITHIN);
        stock.restock().await.unwrap();
        while stock.saga.step().await.unwrap() {}
    }
    assert_eq!(bench.arns().len(), 4);
    let authorized = bench.fake.channels().into_iter().filter(|(_, one)| one["authorized"] == true);
    assert_eq!(authorized.count(), 2);
}

#[tokio::test]
async fn channels_that_nobody_needs_any_more_are_taken_down() {
    let bench = Bench::start().await;
    let ready = |rows: &[Channel]| rows.iter().all(|row| row.stage == Stage::Ready);
    let stock = bench.stock(2, 0);
    let since = Instant::now();
    while bench.arns().len() < 2 || !ready(&bench.rows().await) {
        assert!(since.elapsed() < WITHIN);
        stock.restock().await.unwrap();
        while stock.saga.step().await.unwrap() {}
    }
    stock.restock().await.unwrap();
    assert!(ready(&bench.rows().await), "what is wanted stays");
    // The deployment keeps fewer from now on; or auctions that waited were cancelled.
    bench.work_until("they are gone", |rows, arns| rows.is_empty() && arns.is_empty()).await;
}

#[tokio::test]
async fn nobody_takes_all_channels_with_auctions_of_their_own() {
    let bench = Bench::start().await;
    let most = usize::try_from(crate::limits::VIDEO_OF_A_SELLER_MAX).unwrap();
    let mut auctions = Vec::new();
    for _ in 0..=most {
        auctions.push(bench.auction(false).await);
    }
    let channels = bench.catalog.channels();
    let waiting = async || channels.waiting(1_000).await.unwrap();
    let ids = |auctions: &[AuctionRecord]| -> Vec<AuctionId> {
        auctions.iter().map(|auction| auction.id.clone()).collect()
    };
    assert_eq!(waiting().await, ids(&auctions[..most]));
    let minted = channels.mint(false, 0, 1_000).await.unwrap();
    assert_eq!(usize::try_from(minted).unwrap(), most);
    let stock = bench.stock(0, 0);
    stock.saga.step().await.unwrap();
    assert_eq!(channels.assign(&auctions[most].id).await.unwrap(), None, "not its turn");
    let (video, now) = (bench.video(), Timestamp::from_ms(1_795_411_020_000));
    let refused = video.playback(&auctions[most], None, now).await;
    assert!(matches!(refused, Err(VideoError::NotItsTurn)), "{refused:?}");
    let soon = video.playback(&auctions[most - 1], None, now).await;
    assert!(matches!(soon, Err(VideoError::BeingMade)), "{soon:?}");
    bench.cancel(&auctions[0]).await;
    assert_eq!(waiting().await, ids(&auctions[1..]), "one is over, the next may have one");
    assert!(channels.assign(&auctions[most].id).await.unwrap().is_some());
}

#[tokio::test]
async fn an_auction_that_becomes_private_never_shows_its_public_channel_again() {
    let bench = Bench::start().await;
    let auction = bench.auction(false).await;
    let public = bench.channel_of(&auction).await;
    let body =
        br#"{"title": "A watch", "starting_price": 1000, "duration_s": 60, "private": true}"#;
    let edited = CreateAuction::parse(body).unwrap();
    assert!(bench.catalog.edit(&auction, &edited).await.unwrap());
    let auction = bench.catalog.get(&auction.id).await.unwrap();
    let (video, viewer) = (bench.video(), UserId::parse("viewer").unwrap());
    let now = Timestamp::from_ms(1_795_411_020_000);
    let refused = video.playback(&auction, Some(&viewer), now).await;
    assert!(matches!(refused, Err(VideoError::BeingMade)), "{refused:?}");
    let private = bench.channel_of(&auction).await;
    assert!(private.private && private.slot != public.slot);
    bench.work_until("the old one goes", |rows, arns| (rows.len(), arns.len()) == (1, 1)).await;
    assert_eq!(bench.arns(), [arn(&private)]);
}

//! Closing on time on real Redis: woken, deaf, and with every wake-up lost; and how seldom it looks.

use gavel_core::auction::{Auction, Command, OpenCause, Phase};
use gavel_core::ids::{AuctionId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{CreateAuction, Level};
use gavel_local::{Port, Service};
use std::path::PathBuf;
use uuid::Uuid;

use super::closing::Closer;
use super::*;
use crate::ledger::keys::Keys;
use crate::ledger::{Wakes, listen};
use crate::limits::{DUE_AUCTIONS_MAX, TIMER_NET, TIMER_TICK, WAKE_SILENCE_MAX};
use crate::redis::{Redis, connect};

/// How late a close may be here, in milliseconds: more than a tick, as these tests share busy cores, and
/// less than what is left of a [`TIMER_NET`] when a look has just been.
const LATE_MS_MAX: i64 = 350;
/// Tries of which one has to be in time, so that a pause of this machine is not taken for ours.
const TRIES: u32 = 5;

/// A shard with a timer.
struct Bench {
    service: Service,
    redis: Redis,
    ledger: Ledger,
    tasks: JoinSet<()>,
    dir: PathBuf,
}

impl Bench {
    async fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("gavel-timer-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut service = gavel_local::redis::service(&dir, &dir, Port::free().unwrap()).unwrap();
        service.start().await.unwrap();
        let redis = connect(&gavel_local::redis::url(&service), false, 1).await.unwrap();
        let ledger = Ledger::new(&redis, Wakes::new(&redis), Level::Memory);
        let closer = Closer {
            shard: 0,
            ledger: ledger.clone(),
            lateness: Arc::new(Lateness::new()),
            skipped: Arc::new(Skipped::new(TIMER_TICK, CLOSE_PAUSE_MAX)),
            began: tokio::time::Instant::now(),
            unrecorded: Arc::default(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(closer.run(CancellationToken::new()));
        Self { service, redis, ledger, tasks, dir }
    }

    /// From now on wake-ups come.
    async fn listening(&mut self) {
        let (redis, wakes) = (self.redis.clone(), self.ledger.wakes().clone());
        self.tasks.spawn(listen(redis, wakes, WAKE_SILENCE_MAX, CancellationToken::new()));
        until("wake-ups are heard", async || self.ledger.wakes().heard()).await;
    }

    /// How often the timer has looked.
    async fn looks(&self) -> u64 {
        let stats: String =
            gavel_local::redis::ask(&self.service, &["INFO", "commandstats"]).await.unwrap();
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_exists:calls="));
        line.and_then(|rest| rest.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
    }

    /// Waits until the timer has just looked, so that the next look of the net is far away.
    async fn looked(&self) {
        // Two: the first may be one that an earlier wake-up had left to be done.
        let before = self.looks().await;
        until("it looks", async || self.looks().await > before + 1).await;
    }

    async fn opened(&self, duration_ms: u64) -> Auction {
        let request = br#"{"title":"A watch","starting_price":100,"duration_s":60}"#;
        let mut terms = CreateAuction::parse(request).unwrap().terms;
        terms.duration_ms = duration_ms;
        let id = AuctionId::parse(&format!("use1_{}", Uuid::now_v7())).unwrap();
        let auction = Auction::scheduled(id, UserId::parse("seller").unwrap(), terms);
        self.ledger.open(auction, OpenCause::Seller).await.unwrap()
    }

    /// How late an auction that is live is closed, in milliseconds.
    async fn late_ms(&self, live: &Auction) -> i64 {
        let ends_at: Timestamp = live.closes_at().unwrap();
        let closed = async || match self.ledger.state(&live.id).await.unwrap().unwrap().phase {
            Phase::Closed { at, .. } => Some(at),
            _ => None,
        };
        until("it is closed", async || closed().await.is_some()).await;
        closed().await.unwrap().as_ms() - ends_at.as_ms()
    }

    /// Checks that an auction which is resumed with a moment left closes at its end.
    async fn resumes_on_time(&self) {
        let mut lates = Vec::new();
        for _ in 0..TRIES {
            let auction = self.opened(30_000).await;
            self.ledger.drive(&auction.id, Command::Pause).await.unwrap();
            self.leave(&auction.id, 40).await;
            self.looked().await;
            // By another worker, which has no older state of it in memory.
            let other = Ledger::new(&self.redis, self.ledger.wakes().clone(), Level::Memory);
            let resumed = other.drive(&auction.id, Command::Resume).await.unwrap();
            let late_ms = self.late_ms(&resumed).await;
            assert!(late_ms >= 0, "early by {late_ms} ms");
            if late_ms <= LATE_MS_MAX {
                return;
            }
            lates.push(late_ms);
        }
        panic!("late by {lates:?} ms");
    }

    /// Leaves a paused auction only so much of its time.
    async fn leave(&self, auction: &AuctionId, remaining_ms: u64) {
        let mut state = self.ledger.state(auction).await.unwrap().unwrap();
        state.phase = Phase::Paused { remaining_ms };
        let mut command = redis::cmd("HSET");
        command.arg(Keys(self.redis.shards).state(auction)).arg("s");
        command.arg(serde_json::to_string(&state).unwrap());
        self.redis.connection.query::<()>(0, &command).await.unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.dir);
    }
}

async fn until(what: &str, good: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !good().await {
        assert!(since.elapsed() < Duration::from_secs(20), "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auction_resumed_with_a_moment_left_closes_at_its_end() {
    let mut bench = Bench::start().await;
    bench.listening().await;
    bench.resumes_on_time().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auction_resumed_while_no_wake_ups_are_heard_closes_at_its_end() {
    let bench = Bench::start().await;
    assert!(!bench.ledger.wakes().heard());
    bench.resumes_on_time().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auctions_close_at_their_end_although_every_wake_up_is_lost() {
    let bench = Bench::start().await;
    bench.ledger.wakes().pretend_heard();
    let mut lates = Vec::new();
    for _ in 0..TRIES {
        bench.looked().await;
        // It ends in the middle between two looks of the net.
        let duration = TIMER_NET + TIMER_NET / 2;
        let auction = bench.opened(u64::try_from(duration.as_millis()).unwrap()).await;
        let late_ms = bench.late_ms(&auction).await;
        assert!(late_ms >= 0, "early by {late_ms} ms");
        if late_ms <= LATE_MS_MAX {
            return;
        }
        lates.push(late_ms);
    }
    panic!("late by {lates:?} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auction_closes_although_many_before_it_cannot_be_closed() {
    let mut bench = Bench::start().await;
    bench.listening().await;
    let mut command = redis::cmd("ZADD");
    command.arg(Keys::deadlines(0));
    for _ in 0..=DUE_AUCTIONS_MAX {
        // They are nowhere else.
        command.arg(1).arg(format!("use1_{}", Uuid::now_v7()));
    }
    bench.redis.connection.query::<()>(0, &command).await.unwrap();
    let auction = bench.opened(2_000).await;
    bench.late_ms(&auction).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_shard_is_not_looked_at_oftener_than_a_tick() {
    let mut bench = Bench::start().await;
    bench.listening().await;
    let (since, before) = (Instant::now(), bench.looks().await);
    while since.elapsed() < Duration::from_millis(1_500) {
        gavel_local::redis::ask::<u64>(&bench.service, &["PUBLISH", "gavel:wake", "o:0"])
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let looks = u128::from(bench.looks().await - before);
    let ticks = since.elapsed().as_millis() / TIMER_TICK.as_millis();
    assert!(looks > 2, "it was woken: {looks}");
    assert!(looks <= ticks + 2, "{looks} looks in {ticks} ticks");
}

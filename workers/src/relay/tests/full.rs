//! When Redis is full.

use gavel_core::auction::{CloseCause, Command};

use super::*;

/// What Redis may still take, in bytes.
const ROOM_BYTES: u64 = 1 << 20;

/// The memory that Redis uses, in bytes.
async fn used(bench: &Bench) -> u64 {
    let memory: String = bench.ask(&["INFO", "memory"]).await;
    let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    used.trim().parse().unwrap()
}

/// Lets Redis take little more than it has.
async fn narrow(bench: &Bench) {
    let max = used(bench).await + ROOM_BYTES;
    bench.ask::<()>(&["CONFIG", "SET", "maxmemory", &max.to_string()]).await;
}

/// Bids at a pace until a bid is refused, and gives why.
async fn fill(bench: &Bench, auction: &Auction, pace: Duration) -> LedgerError {
    for number in 1..=20_000 {
        if let Err(error) = bench.try_bid(auction, 100 * number).await {
            return error;
        }
        tokio::time::sleep(pace).await;
    }
    panic!("Redis is not full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_heals_once_the_queue_is_back_and_its_auctions_close() {
    let mut bench = Bench::start(Level::Memory).await;
    let (auction, other) = (bench.open().await, bench.open().await);
    bench.taker.now().away = true;
    bench.relay().await;
    narrow(&bench).await;
    assert_eq!(fill(&bench, &auction, Duration::ZERO).await, LedgerError::Suspended);
    let waited = bench.waiting().await;
    assert!(waited > 100, "{waited} events wait");

    // Nothing that is not a bid needs room: not even the request to do it.
    let late = bench.open().await;
    for (auction, request) in [(&auction, "first"), (&other, "second"), (&late, "third")] {
        assert!(bench.ledger.first_use(&auction.id, request).await.unwrap());
        let hammer = Command::Close(CloseCause::Hammer);
        bench.ledger.drive(&auction.id, hammer).await.unwrap();
    }
    bench.taker.now().away = false;
    bench.drained().await;
    let (state, _) = bench.ledger.state_and_time(&auction.id).await.unwrap().unwrap();
    let all: Vec<u64> = (1..=state.position).collect();
    assert_eq!(bench.taker.positions(&auction.id), all, "all were sent, once and in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_bids_are_refused_before_redis_must_refuse_them_and_are_taken_again_when_there_is_room()
{
    let mut bench = Bench::start(Level::Memory).await;
    let auction = bench.open().await;
    let (room, redis) = (bench.ledger.room(), bench.redis.clone());
    bench.tasks.spawn(room.watch(redis, 90, bench.stop.clone()));
    // Large, so that a tenth of it is far more than is bid for between two looks.
    bench.ask::<u64>(&["SETRANGE", "filler", "100000000", "x"]).await;
    let max = used(&bench).await * 100 / 89;
    bench.ask::<()>(&["CONFIG", "SET", "maxmemory", &max.to_string()]).await;

    assert_eq!(fill(&bench, &auction, Duration::from_millis(5)).await, LedgerError::Suspended);
    bench.ask::<()>(&["SET", "another", "x"]).await;
    assert_eq!(bench.try_bid(&auction, 100).await, Ok(()), "an accepted one is known as ever");
    bench.ask::<()>(&["DEL", "filler"]).await;
    let since = Instant::now();
    while let Err(error) = bench.try_bid(&auction, 100_000_000).await {
        assert_eq!(error, LedgerError::Suspended);
        assert!(since.elapsed() < Duration::from_secs(10), "there is room again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! One auction's trouble, which must not become its shard's.

use gavel_core::auction::Event;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auction_whose_messages_are_refused_delays_no_other_one() {
    let mut bench = Bench::start(Level::Queue).await;
    let (refused, other) = (bench.open().await, bench.open().await);
    bench.relay().await;
    bench.drained().await;
    bench.taker.now().refused.insert(refused.id.to_string());
    let lost = bench.try_bid(&refused, 100);
    let bids = async {
        // Until the pause after a refusal has grown to its longest.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut slowest = Duration::ZERO;
        for number in 1..=40 {
            slowest = slowest.max(bench.bid(&other, 100 * number).await);
        }
        slowest
    };
    let (lost, slowest) = tokio::join!(lost, bids);
    assert_eq!(lost, Err(LedgerError::Unconfirmed { seq: 1 }));
    // The pause is 2 s by then: that is what waiting for the other one looks like, on any machine.
    assert!(slowest < Duration::from_secs(1), "waited {slowest:?} for another one's trouble");
    bench.taker.now().refused.clear();
    bench.drained().await;
    assert_eq!(bench.taker.positions(&refused.id), [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_one_auction_hides_no_other_one() {
    let mut bench = Bench::start(Level::Memory).await;
    let (hot, other) = (bench.open().await, bench.open().await);
    bench.taker.now().refused.insert(hot.id.to_string());
    for number in 1..=2_500 {
        bench.bid(&hot, 100 * number).await;
    }
    bench.bid(&other, 100).await;
    bench.relay().await;
    let since = Instant::now();
    while bench.taker.positions(&other.id) != [1, 2] {
        assert!(since.elapsed() < Duration::from_secs(5), "hidden behind another one's backlog");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bench.taker.now().refused.clear();
    bench.drained().await;
    let all: Vec<u64> = (1..=2_501).collect();
    assert_eq!(bench.taker.positions(&hot.id), all, "all were sent, once and in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_cannot_be_read_is_set_aside_and_stops_nothing() {
    let mut bench = Bench::start(Level::Memory).await;
    let auction = bench.open().await;
    bench.bid(&auction, 100).await;
    let (outbox, aside) = (Keys::outbox(0, Outlet::Bids), outbox::aside(0, Outlet::Bids));
    let unreadable: [[&[u8]; 2]; 3] = [[b"e", b"{\"kind\":"], [b"e", b"\xff"], [b"x", b"y"]];
    for fields in unreadable {
        let mut add = redis::cmd("XADD");
        add.arg(&outbox).arg("*").arg(fields[0]).arg(fields[1]);
        bench.redis.connection.query::<()>(0, &add).await.unwrap();
    }
    bench.bid(&auction, 200).await;
    bench.relay().await;
    bench.drained().await;
    assert_eq!(bench.taker.positions(&auction.id), [1, 2, 3]);
    let kept: Vec<(String, Vec<Vec<u8>>)> = bench.ask(&["XRANGE", &aside, "-", "+"]).await;
    let kept: Vec<Vec<Vec<u8>>> = kept.into_iter().map(|(_, fields)| fields).collect();
    assert_eq!(kept, unreadable, "as they were");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_leaves_redis_as_it_was_written() {
    let mut bench = Bench::start(Level::Memory).await;
    let auction = bench.open().await;
    let log: Vec<(String, Vec<String>)> =
        bench.ask(&["XRANGE", &Keys(bench.redis.shards).log(&auction.id), "-", "+"]).await;
    let written = log[0].1[1].replacen('{', "{\"of_a_later_release\":[1, 2],", 1);
    serde_json::from_str::<Event>(&written).unwrap();
    bench.ask::<String>(&["XADD", &Keys::outbox(0, Outlet::Bids), "*", "e", &written]).await;
    bench.relay().await;
    bench.drained().await;
    let taken = bench.taker.now().taken.clone();
    assert!(taken.iter().any(|(_, body)| body.contains(&written)), "{taken:?}");
}

//! Several relays at one shard.

use super::*;

/// How often Redis was asked to run a script.
async fn scripts_run(bench: &Bench) -> u64 {
    let stats: String = bench.ask(&["INFO", "commandstats"]).await;
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_do_not_own_a_shard_are_not_woken_by_its_commits() {
    let mut bench = Bench::start(Level::Memory).await;
    let auction = bench.open().await;
    bench.relay().await;
    bench.relay().await;
    bench.drained().await;
    bench.at_rest().await;
    // A third one has the shard.
    bench.taken(Duration::from_secs(600)).await;
    let (before, since) = (scripts_run(&bench).await, Instant::now());
    for number in 1..=1_000 {
        bench.bid(&auction, 100 * number).await;
    }
    let run = scripts_run(&bench).await.saturating_sub(before);
    // One for each commit; both relays look whether the third one is still there, four times a second.
    let looks = u64::try_from(since.elapsed().as_millis() / 250 + 1).unwrap() * 2;
    assert!(run <= 1_000 + looks + 20, "{run} scripts for 1,000 commits, {looks} looks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_waits_for_a_slow_queue_keeps_its_shard() {
    let mut bench = Bench::start(Level::Queue).await;
    let auction = bench.open().await;
    // Longer than a lease, and shorter than a call may take.
    bench.taker.now().takes = RELAY_LEASE * 2;
    bench.relay().await;
    bench.relay().await;
    bench.drained().await;
    assert_eq!(bench.taker.positions(&auction.id), [1]);
    assert_eq!(bench.taker.now().asked, 1, "nobody else sends it meanwhile");
}

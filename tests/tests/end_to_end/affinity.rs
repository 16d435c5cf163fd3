//! Two workers behind the edge: each auction has one, and the other one only while that is gone.

use anyhow::Result;
use gavel_local::{Options, Service, WorkerOptions};
use gavel_tests::{World, evidence};
use serde_json::json;

/// Auctions of the test: with so many, one worker has all of them once in five hundred runs.
const AUCTIONS: usize = 10;

#[tokio::test]
async fn an_auctions_bids_go_to_one_worker_and_to_the_other_one_once_that_is_dead() -> Result<()> {
    let workers = ["workers", "second"].map(WorkerOptions::named).to_vec();
    let mut world = World::start_with(Options { workers, ..Options::for_tests()? }).await?;
    let mut homes = Vec::new();
    for _ in 0..AUCTIONS {
        let auction = world.live_auction(json!({})).await?;
        let before = bids_of_each(&world.stack.workers).await?;
        for (bidder, amount) in [(0, 100), (1, 200), (0, 300)] {
            assert_eq!(world.bid(&auction, &world.bidders[bidder], amount).await?.status, 201);
        }
        let after = bids_of_each(&world.stack.workers).await?;
        let came: Vec<u64> =
            after.iter().zip(before).map(|(after, before)| after - before).collect();
        let home = came.iter().position(|came| *came == 3);
        homes.push((auction, home.unwrap_or_else(|| panic!("both were asked: {came:?}"))));
    }
    let (auction, home) = homes.iter().find(|(_, home)| *home != homes[0].1).unwrap_or(&homes[0]);
    assert!(homes.iter().any(|(_, other)| other != home), "one worker has all of {AUCTIONS}");

    world.stack.workers[*home].kill().await?;
    for (bidder, amount) in [(1, 400), (0, 500), (1, 600)] {
        let placed = world.bid(auction, &world.bidders[bidder], amount).await?;
        assert_eq!(placed.status, 201, "{placed:?}");
    }
    evidence::whole_history(&world.stack, auction, 6).await?;
    world.stack.stop().await
}

/// The bids that each worker was asked to place.
async fn bids_of_each(workers: &[Service]) -> Result<Vec<u64>> {
    let mut bids = Vec::new();
    for worker in workers {
        let text = reqwest::get(format!("{}/metrics", worker.url())).await?.text().await?;
        let mut count = 0;
        for line in text.lines().filter(|line| {
            line.starts_with("gavel_api_requests_total")
                && line.contains("method=\"POST\"")
                && line.contains("route=\"/v1/auctions/{id}/bids\"")
        }) {
            count += line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        bids.push(count);
    }
    Ok(bids)
}

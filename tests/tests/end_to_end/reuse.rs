//! The same component, whether each instance serves one request or many.

use anyhow::Result;
use futures::future::try_join_all;
use gavel_local::Options;
use gavel_tests::{World, evidence};
use serde_json::json;

#[tokio::test]
async fn an_instance_may_serve_one_request_or_many() -> Result<()> {
    for (instances, reuse, counts_in) in [
        ("spin", "1", "key-value"),
        ("spin", "128", "key-value"),
        ("per-core", "16", "memory"),
        ("per-core", "1000000", "memory"),
    ] {
        let mut options = Options::for_tests()?;
        let args = ["--instances", instances, "--max-instance-reuse-count", reuse];
        options.edge_args = args.map(str::to_owned).to_vec();
        options.edge_variables = vec![("counts_in".to_owned(), counts_in.to_owned())];
        let world = World::start_with(options).await?;
        let auction = world.live_auction(json!({})).await?;
        let bids = (0..60_u64).map(|n| {
            let bidder = &world.bidders[usize::from(n.is_multiple_of(2))];
            world.bid(&auction, bidder, 100 + n * 10)
        });
        let replies = try_join_all(bids).await?;
        let accepted = replies.iter().filter(|reply| reply.status == 201).count();
        assert!(accepted >= 1, "{instances}, reuse {reuse}");
        // Who has raised their own maximum meanwhile is told that it holds.
        let refused = |reply: &&gavel_tests::Reply| {
            matches!(reply.code(), "bid-too-low" | "maximum-not-raised")
        };
        assert_eq!(
            replies.iter().filter(refused).count(),
            60 - accepted,
            "{instances}, reuse {reuse}"
        );
        evidence::whole_history(&world.stack, &auction, accepted).await?;
        world.stack.stop().await?;
    }
    Ok(())
}

#[test]
fn the_component_is_small() {
    let path =
        gavel_local::paths::checkout().join("target/wasm32-wasip2/release/gavel_gateway.wasm");
    let size = std::fs::metadata(&path).expect("the component is built").len();
    assert!(size < 1_000_000, "{size} bytes");
}
